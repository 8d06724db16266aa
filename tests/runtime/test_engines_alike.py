"""What notebooks do, run by both engines: records that are equal to the letter, and each difference that docs/runs.md lists.

A kernel of its own takes seconds to start: in the suite a few notebooks are compared, as a drill all.
"""

from __future__ import annotations

import json
import re

import pytest

from tests.runtime.test_execute import PIXEL, plain, run

IMAGES = [
    "import base64\n"
    "from IPython.display import SVG, HTML, JSON, Code, Image, Javascript, Latex, Math, Pretty\n"
    f"pixel = base64.b64decode('{PIXEL}')\nImage(data=pixel, width=3, height=4)",
    'SVG(\'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>\')',
    "class P:\n    def _repr_png_(self): return pixel\nP()",
    "class J:\n    def _repr_jpeg_(self): return b'\\xff\\xd8\\xff'\nJ()",
    "class M:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
    "        return {'text/plain': 'm', 'application/x-own+json': {'a': [1, None]}}, {'application/x-own+json': {'w': 1}}\nM()",
    "display(Latex('$x$'), Math('x^2'), JSON({'a': [1]}), Javascript('1'), Code('x=1', language='python'))",
    "Image(url='http://example.org/a.png')",
    "Image(data=pixel, format='png', embed=True, metadata={'a': 1})",
    "display(Pretty('p'), metadata={'text/plain': {'a': 1}})",
    "display(HTML('<b>ü</b>'), exclude=['text/plain'])",
]
SHOWN = [
    "list(range(2000))", "{'k%d' % i: i for i in range(300)}", "'x' * 3000", "b'\\x00\\xff'", "float('nan'), float('inf')",
    "set('ba')", "print", "type('T', (), {})",
    "import numpy as np; np.arange(2000)", "import pandas as pd; pd.Series([1, None])",
    "pd.DataFrame({'a': range(100)})", "import ibis; ibis.memtable({'a': [1]})", "import pyarrow as pa; pa.table({'a': [1]})",
    "import datetime as dt; dt.date(2024, 1, 1)", "1;2", "_, __, ___", "Out[3]",
]  # fmt: skip
STREAMS = [
    "print('a', end='\\r'); print('b', end=''); print('\\x1b[31mred\\x1b[0m')",
    "print('ü€𝄞')",
    "import logging; logging.warning('w'); logging.getLogger('x').error('e')",
    "print('x' * 100000)",
    "for i in range(2000): print(i)",
    "print('1'); display('d'); print('2')",
    "import threading\ndef f(): raise ValueError('t')\nt = threading.Thread(target=f, name='T'); t.start(); t.join()",
    "class X:\n    def __del__(self): raise ValueError('d')\nx = X(); del x",
    "%%bash\necho hi; echo err >&2; exit 0",
    "%%html\n<b>x</b>",
    "%%writefile /dev/null\nabc",
    "%env NOPE=1",
    "%precision 3\n1.23456",
    "!exit 3",
    "_exit_code",
    "a = !echo x y\na",
    "import sys; print(sys.stdout.encoding, sys.stdout.errors, sys.stdout.isatty(), type(sys.stdout).__name__)",
    "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as s: print('in')\ns.getvalue()",
    "help(len)",
    "len??",
    "get_ipython().run_cell('%precision 2\\n1.2345').success, get_ipython().transform_cell('!x')",
    "sys.stdin.read()",
]
PROCESS = [
    "import inspect\ndef g():\n    return 1\ninspect.getsource(g)",
    "import pickle\nclass K: pass\npickle.loads(pickle.dumps(K())).__class__.__module__",
    "import __main__; hasattr(__main__, '__file__'), '__file__' in globals()",
    "type(get_ipython()).__name__",
    "import multiprocessing; multiprocessing.current_process().name",
    "import threading; threading.current_thread().name",
    "import signal; signal.getsignal(signal.SIGINT) is signal.default_int_handler",
    "import sys; sys.dont_write_bytecode, sys.executable, sys.path[:3]",
    "[name for name in sorted(globals()) if name.startswith('__')]",
    "__doc__, __spec__, __package__, __builtins__.__name__",
]
AWAIT = [
    "import asyncio\nasync def agen():\n    for i in range(3):\n        yield i\n[i async for i in agen()]",
    "async with asyncio.timeout(5): x = 1\nx",
    "async def w():\n    print('in task'); return 2\nt = asyncio.create_task(w())\nawait t",
    "await asyncio.sleep(0, 'v')",
    "async for i in agen(): print(i)",
    "loop = asyncio.get_event_loop(); loop.is_running()",
    "f = loop.create_future(); loop.call_soon(f.set_result, 3); await f",
    "await asyncio.to_thread(lambda: 5)",
]
HTML_ERROR = ["class C:\n    def __repr__(self): return 'C'\n    def _repr_html_(self): raise ValueError('bad html')\nC()", "1"]
ERRORS = {
    "own traceback": ["class E(Exception):\n    def _render_traceback_(self): return ['mine']\nraise E('x')"],
    "bad text": ["class E(Exception):\n    def __str__(self): raise ValueError('in str')\nraise E()"],
    "bad repr": ["class B:\n    def __repr__(self): raise ValueError('bad repr')\nB()", "1"],
    "bad display": [HTML_ERROR[0].removesuffix("C()") + "display(C())", "1"],
    "invalid html": ["class D:\n    def _repr_html_(self): return 7\n    def __repr__(self): return 'D'\nD()", "1"],
    "no buffer": ["import sys\nsys.stdout.buffer"],
    "recursion": ["def f(): f()\nf()"],
    "assertion": ["x = 2\nassert x == 1, 'no'"],
    "from none": ["try:\n    1/0\nexcept ZeroDivisionError:\n    raise ValueError('v') from None"],
    "context": ["try:\n    1/0\nexcept ZeroDivisionError:\n    {}['k']"],
    "notes": ["e = ValueError('v'); e.add_note('note 1'); raise e"],
    "group in group": ["raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [TypeError(2), KeyError('k')])])"],
    "library": ["import json\njson.loads('{')"],
    "ibis": ["import ibis\nt = ibis.table({'a': 'int64'}, name='t')\nt.nope"],
    "duckdb": ["import duckdb\nduckdb.sql('SELECT nope')"],
    "comprehension": ["[1 / x for x in (1, 0)]"],
    "lambda": ["f = lambda: 1 / 0\ng = lambda: f()\ng()"],
    "decorator": ["import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(*a): return f(*a)\n    return w\n@d\n"
                  "def f(): raise OSError(2, 'no', 'file')\nf()"],
    "class body": ["class A:\n    x = undefined"],
    "indentation": ["if 1:\nx = 1"],
    "open string": ["x = '"],
    "await in def": ["def f():\n    await g()"],
    "async nested": ["import asyncio\nasync def a():\n    await asyncio.sleep(0)\n    raise KeyError('a')\nasync def b():\n"
                     "    await a()\nawait b()"],
    "task group": ["import asyncio\nasync def a():\n    raise KeyError('a')\nasync with asyncio.TaskGroup() as tg:\n"
                   "    tg.create_task(a())"],
    "gather": ["import asyncio\nasync def a():\n    raise KeyError('a')\nawait asyncio.gather(a(), a())"],
    "interrupt": ["raise KeyboardInterrupt"],
    "base": ["raise BaseException('b')"],
    "system exit": ["raise SystemExit"],
    "quit": ["quit()", "print('on')"],
    "after display": ["display(1); print('x'); 1/0"],
    "magic": ["%nope"],
    "cell magic": ["%%nope\nx"],
    "bash": ["%%bash\nexit 3"],
    "warning": ["import warnings\nwarnings.simplefilter('error'); warnings.warn('w')"],
    "stop iteration": ["next(iter([]))"],
    "surrogate": ["raise ValueError('ü \\udc80')"],
    "lines": ["raise ValueError('a\\nb\\nc')"],
    "exec": ["exec('1/0')"],
    "eval": ["eval('1 +')"],
    "import": ["import nope_such"],
    "module": ["open('m_x.py','w').write('def f():\\n    return 1 / 0\\n')\nimport sys; sys.path.insert(0, '.')\n"
               "import m_x\nm_x.f()"],
    "breakpoint": ["breakpoint()"],
}  # fmt: skip
CORPUS = {
    "images": IMAGES,
    "shown": SHOWN,
    "streams": STREAMS,
    "process": PROCESS,
    "await": AWAIT,
    "bad html": HTML_ERROR,
    **ERRORS,
}
SHORT = ("images", "streams", "bad html")


@pytest.mark.parametrize("name", [each if each in SHORT else pytest.param(each, marks=pytest.mark.drill) for each in CORPUS])
def test_both_engines_leave_the_same_record(tmp_path, name):
    forked = run(tmp_path, *CORPUS[name])
    kernel = run(tmp_path, *CORPUS[name], engine="workbench-kernel")
    assert plain(forked[1]) == plain(kernel[1])
    assert (forked[0].outcome, forked[0].error) == (kernel[0].outcome, kernel[0].error)


def told(tmp_path, engine, *cells):
    """The outputs of each cell without colours and addresses, as text."""
    _, ran = run(tmp_path, *cells, engine=engine)
    return [re.sub(r"\\u001b\[[0-9;]*m", "", json.dumps(cell.outputs)) for cell in ran[1:]]


# Each difference that docs/runs.md lists.


@pytest.mark.drill
def test_streams_of_one_cell_keep_their_order_in_ours_alone(tmp_path):
    cell = "import sys\nprint('a'); print('b', file=sys.stderr); print('c')"
    forked, kernel = (run(tmp_path, cell, engine=each)[1][1].outputs for each in ("workbench", "workbench-kernel"))
    assert [each.text for each in forked] == ["a\n", "b\n", "c\n"]
    assert sorted(each.text for each in kernel) == ["a\nc\n", "b\n"]


@pytest.mark.drill
def test_what_a_task_prints_between_two_cells_stands_in_the_next_one_in_ours_and_nowhere_in_a_kernel_s(tmp_path):
    late = "import asyncio\nasync def late():\n    await asyncio.sleep(0.05); print('late')\nt = asyncio.create_task(late())"
    forked, kernel = (
        told(tmp_path, each, late, "import time; time.sleep(0.3)", "await asyncio.sleep(0.2)")
        for each in ("workbench", "workbench-kernel")
    )
    assert [("late" in each) for each in forked] == [False, False, True]
    assert "late" not in "".join(kernel)


def test_the_frame_that_refuses_input_is_ours_or_the_kernel_s(tmp_path):
    forked, kernel = (told(tmp_path, each, "input('x')")[0] for each in ("workbench", "workbench-kernel"))
    assert "workbench/runtime/cells.py" in forked
    assert "ipykernel/kernelbase.py" in kernel
    assert re.sub(r'"File .*?(?=", ")', "", forked) == re.sub(r'"File .*?(?=", ")', "", kernel)


@pytest.mark.drill
def test_a_number_that_json_does_not_have_brings_a_warning_in_a_kernel_s(tmp_path):
    cell = "display({'application/json': {'a': float('nan')}, 'text/plain': 'n'}, raw=True)"
    forked, kernel = (run(tmp_path, cell, engine=each)[1][1].outputs for each in ("workbench", "workbench-kernel"))
    assert [each for each in kernel if each.output_type == "display_data"] == forked
    assert "JSON" in "".join(each.text for each in kernel if each.output_type == "stream")


def test_what_a_cell_sees_of_its_process_differs(tmp_path):
    cells = ["import sys; sys.argv", "import os; sorted(os.environ)", "sys.stdout.fileno()", "sorted(get_ipython().config)"]
    forked, kernel = (told(tmp_path, each, *cells) for each in ("workbench", "workbench-kernel"))
    assert "zygote.py" in forked[0]
    assert "kernel.py" in kernel[0]
    assert "JPY_PARENT_PID" not in forked[1]
    assert "JPY_PARENT_PID" in kernel[1]
    assert "'1'" in forked[2].replace('"', "'")
