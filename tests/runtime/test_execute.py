"""Executing a notebook: the record tells the truth, however the run ends, and both engines leave the same one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from workbench.errors import UsageError
from workbench.runtime.execute import Execution, execute

ENGINES = ("workbench", "workbench-kernel")


def notebook(place: Path, cells: Sequence[str]) -> Path:
    made = v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})
    made.cells = [v4.new_code_cell(cell) for cell in cells]
    for number, cell in enumerate(made.cells):
        cell["id"] = f"c{number}"
    made.cells[0].metadata["tags"] = ["parameters"]
    place.write_text(nbformat.writes(made))
    return place


def run(
    folder: Path, *cells: str, engine: str = "workbench", **options: object
) -> tuple[Execution, list[nbformat.NotebookNode]]:
    source = notebook(folder / "n.ipynb", ["x = 1", *cells])
    done = execute(source, folder / f"{engine}.ipynb", {}, folder=folder / "work", engine=engine, **options)
    return done, [cell for cell in nbformat.read(folder / f"{engine}.ipynb", 4).cells if cell.cell_type == "code"]


def statuses(cells: Sequence[nbformat.NotebookNode]) -> list[str]:
    return [cell.metadata.papermill.status for cell in cells]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_works_leaves_its_outputs(tmp_path, engine):
    done, cells = run(tmp_path, "print('hi')\nx + 1", engine=engine)
    assert (done.outcome, done.cell, done.error) == ("completed", "", "")
    assert statuses(cells) == ["completed"] * 2
    assert [output.get("text") or output.data["text/plain"] for output in cells[1].outputs] == ["hi\n", "2"]
    assert done.steps.keys() == {"c0", "c1"}
    assert done.memory > 10_000_000


def test_parameters_are_injected_as_papermill_does(tmp_path):
    from papermill.parameterize import parameterize_notebook

    from workbench.runtime.execute import _read, _with_parameters

    place = notebook(tmp_path / "n.ipynb", ["x = 1", "x + 1"])
    values = {"x": 2.5, "day": "2024-01-01", "names": ["a", None], "flag": True, "more": {"k": 1}, "nan": float("nan")}
    expected = parameterize_notebook(_read(place), values, engine_name="workbench")
    found = _with_parameters(_read(place), values, "workbench")
    assert expected.cells[1].id != found.cells[1].id == "injected-parameters"
    expected.cells[1]["id"] = found.cells[1].id  # drawn, and set again by the engine
    assert nbformat.writes(found) == nbformat.writes(expected)
    # One that has such a cell already is papermill's to change.
    assert [cell.source for cell in _with_parameters(found, {"x": 3}, "workbench").cells][1] == "# Parameters\nx = 3\n"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_failing_cell_is_marked_and_later_ones_are_pending(tmp_path, engine):
    done, cells = run(tmp_path, "1 / 0", "x", engine=engine)
    assert (done.outcome, done.cell, done.error) == ("failed", "c1", "ZeroDivisionError: division by zero")
    assert statuses(cells) == ["completed", "failed", "pending"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("death", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL (out of memory?)"),
        ("import os; os._exit(3)", "exited with status 3"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV"),
    ],
)
def test_a_killed_process_is_told_by_its_signal(tmp_path, engine, death, said):
    done, cells = run(tmp_path, f"print('before', flush=True)\n{death}", "x", engine=engine)
    assert done.outcome == "killed"
    assert done.error.endswith(said)
    assert statuses(cells) == ["completed", "failed", "pending"]
    assert cells[1].outputs[-1].ename == "KernelDied"
    if "SEGV" in said:
        assert "Segmentation fault" in (tmp_path / "work" / "kernel.log").read_text()


@pytest.mark.parametrize("engine", ENGINES)
def test_the_time_limit_interrupts_with_a_traceback(tmp_path, engine):
    limit = 1.5 if engine == "workbench" else 6.0  # a kernel of its own takes a while to start
    done, cells = run(tmp_path, "import time\ntime.sleep(60)", "x", engine=engine, time_limit=limit)
    assert (done.outcome, done.cell, done.error) == ("timed out", "c1", f"TimeLimit: the run took longer than {limit:g} s")
    assert done.seconds < 50
    assert statuses(cells) == ["completed", "failed", "pending"]
    assert cells[1].outputs[-1].ename == "KeyboardInterrupt"
    assert "time.sleep" in re.sub(r"\x1b\[[0-9;]*m", "", "".join(cells[1].outputs[-1].traceback))


def test_a_cell_that_ignores_the_interrupt_is_killed_after_the_grace(tmp_path):
    stubborn = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except KeyboardInterrupt:\n        pass"
    done, cells = run(tmp_path, stubborn, time_limit=0.5)
    assert done.outcome == "timed out"
    assert done.error == "TimeLimit: the run took longer than 0.5 s; its process was killed by SIGKILL"
    assert statuses(cells) == ["completed", "failed"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_memory_limit_is_a_clean_error(tmp_path, engine):
    done, _ = run(tmp_path, "bytearray(3_000_000_000)", "x", engine=engine, memory_limit=2_000_000_000)
    assert (done.outcome, done.cell, done.error) == ("failed", "c1", "MemoryError:")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_that_the_shell_can_t_show_is_told(tmp_path, engine):
    """It could not where memory had run out."""
    hidden = "get_ipython().showtraceback = lambda *_, **__: None\nraise MemoryError('Out of Memory Error: 1')"
    done, cells = run(tmp_path, hidden, engine=engine, memory_limit=2_000_000_000)
    assert (done.outcome, done.cell) == ("failed", "c1")
    said = "MemoryError: the run needed more than its memory limit of 2,000,000,000 bytes; MemoryError: Out of Memory Error: 1"
    assert done.error == said
    assert [(output.output_type, output.ename) for output in cells[1].outputs] == [("error", "MemoryError")]


def test_a_kernel_that_never_started_fails_the_first_cell(tmp_path):
    source = notebook(tmp_path / "n.ipynb", ["x = 1"])
    titled = nbformat.read(source, 4)
    titled.cells.insert(0, v4.new_markdown_cell("# Title"))
    nbformat.write(titled, source)
    done = execute(source, tmp_path / "out.ipynb", {}, folder=tmp_path, engine="workbench-kernel", memory_limit=10_000_000)
    assert (done.outcome, done.cell) == ("killed", "c0")
    assert done.error.startswith("KernelDied: its process ")


def commands() -> list[bytes]:
    """The command line of every process there is."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found.append(place.read_bytes())
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_no_grandchild_is_left(tmp_path, engine):
    mark = f"31{os.getpid()}"
    run(tmp_path, f"import subprocess; subprocess.Popen(['sleep', '{mark}'])\n1 / 0", engine=engine)
    time.sleep(0.2)
    assert not [command for command in commands() if mark.encode() in command]


ESCAPES = {
    "its own session": "import subprocess; subprocess.Popen(['sleep', '{mark}'], start_new_session=True)",
    "a daemon": (
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execvp('sleep', ['sleep', '{mark}'])\n    os._exit(0)"
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose processes they are")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("escape", ESCAPES)
def test_what_leaves_the_process_group_is_found_too(tmp_path, engine, escape):
    mark = f"32{os.getpid()}"
    done, _ = run(tmp_path, ESCAPES[escape].format(mark=mark) + "\nimport time; time.sleep(0.2)", engine=engine)
    assert done.outcome == "completed"
    time.sleep(0.3)
    assert not [command for command in commands() if mark.encode() in command]


@pytest.mark.parametrize("engine", ENGINES)
def test_output_beyond_the_cap_is_cut_and_says_so(tmp_path, engine):
    _, cells = run(tmp_path, "print('x' * 10_000_000)\n'last'", engine=engine)
    assert len(cells[1].outputs[0].text) == 2_000_000
    assert "output cut" in cells[1].outputs[-1].text
    assert (tmp_path / f"{engine}.ipynb").stat().st_size < 3_000_000


@pytest.mark.parametrize("engine", ENGINES)
def test_a_secret_of_the_environment_reaches_neither_kernel_nor_record(tmp_path, monkeypatch, engine):
    monkeypatch.setenv("DATABASE_PASSWORD", "canary-1f3a")
    run(tmp_path, "import os; print(dict(os.environ))", engine=engine)
    written = [place for place in tmp_path.rglob("*") if place.is_file()]
    assert written
    assert not [place for place in written if "canary-1f3a" in place.read_text(errors="replace")]


def test_a_parameter_whose_name_is_code_is_refused(tmp_path):
    source = notebook(tmp_path / "n.ipynb", ["x = 1"])
    with pytest.raises(UsageError, match="not the name of a parameter"):
        execute(source, tmp_path / "r.ipynb", {"x\nimport os": 1}, folder=tmp_path)
    assert not (tmp_path / "r.ipynb").exists()


def test_parameters_arrive_as_what_they_are(tmp_path):
    import datetime as dt

    source = notebook(tmp_path / "n.ipynb", ["a = b = c = d = None", "print(repr([a, b, c, d]))"])
    values = {"a": "007", "b": False, "c": dt.date(2024, 2, 29), "d": 'quo"te\n'}
    execute(source, tmp_path / "r.ipynb", values, folder=tmp_path)
    printed = nbformat.read(tmp_path / "r.ipynb", 4).cells[-1].outputs[0].text
    assert printed == "['007', False, '2024-02-29', 'quo\"te\\n']\n"


def test_ctrl_c_leaves_a_record_and_no_process(tmp_path):
    source = notebook(tmp_path / "n.ipynb", ["x = 1", "print('begun', flush=True)\nimport time; time.sleep(61)", "x"])
    program = (
        "import sys; from pathlib import Path; from workbench.runtime.execute import execute\n"
        f"execute(Path({str(source)!r}), Path({str(tmp_path / 'r.ipynb')!r}), {{}}, folder=Path({str(tmp_path / 'work')!r}), "
        "engine=sys.argv[1], on_beat=lambda beat: print(beat.pid, flush=True))"
    )
    for engine in ENGINES:
        started = subprocess.Popen(
            [sys.executable, "-c", program, engine],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert started.stdout is not None
        pid = int(started.stdout.readline())
        for _ in range(3):  # a beat each second
            started.stdout.readline()
        started.send_signal(signal.SIGINT)
        _, said = started.communicate(timeout=20)
        assert "KeyboardInterrupt" in said
        assert not Path(f"/proc/{pid}").exists() or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        cells = [cell for cell in nbformat.read(tmp_path / "r.ipynb", 4).cells if cell.cell_type == "code"]
        assert statuses(cells) == ["completed", "failed", "pending"], engine
        assert cells[1].outputs[-1].ename == "KeyboardInterrupt"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_parent_takes_the_kernel_along(tmp_path, engine):
    source = notebook(tmp_path / "n.ipynb", ["import time; time.sleep(62)"])
    program = (
        "from pathlib import Path; from workbench.runtime.execute import execute\n"
        f"execute(Path({str(source)!r}), Path({str(tmp_path / 'r.ipynb')!r}), {{}}, folder=Path({str(tmp_path / 'work')!r}), "
        f"engine={engine!r}, on_beat=lambda beat: print(beat.pid, flush=True))"
    )
    started = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    pid = int(started.stdout.readline())
    started.stdout.readline()
    started.kill()
    started.wait()
    started.stdout.close()
    for _ in range(50):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SAME = {
    "values": ["1 + 1", "'a'", "None", "x;", "_", "len(In), Out[2]", "__name__"],
    "streams": [
        "import sys, os, subprocess, time\nsys.stdout.write('x' * 3)",
        # The kernel reads what goes past Python in a thread of its own, which needs a moment.
        "code = subprocess.run(['echo', 'hi']).returncode; time.sleep(0.5); code",
        "!echo shell",
        "count = os.write(1, b'raw\\n'); time.sleep(0.5); count",
        "sys.stdout.isatty()",
        "import warnings; warnings.warn('careful')",
        "import threading\nt = threading.Thread(target=lambda: print('thread')); t.start(); t.join()",
        "pid = os.fork()\nif pid == 0:\n    print('child', flush=True); os._exit(0)\n"
        "status = os.waitpid(pid, 0)[1]; time.sleep(0.5); status",
        "print('\\udc80 lone')",
    ],
    "rich": [
        "class H:\n    def _repr_html_(self): return '<b>x</b>'\nH()",
        "from IPython.display import HTML, Image, Markdown, clear_output, display\ndisplay(H(), 1); Markdown('*m*')",
        "shown = display('one', display_id='d')",
        "shown.update('two')",
        "print('gone'); clear_output(); print('kept')",
        "print('a'); clear_output(wait=True); print('b')",
        "import pandas as pd; pd.DataFrame({'a': [1]})",
        f"import base64; Image(data=base64.b64decode('{PIXEL}'))",
        "display({'application/json': {'a': {1, 2}}, 'text/plain': 'set'}, raw=True)",
    ],
    "await": [
        "import asyncio\nasync def g():\n    await asyncio.sleep(0.01); return 7\nawait g()",
        "r = await asyncio.gather(g(), g()); r",
        "asyncio.get_running_loop().is_running()",
    ],
    "magics": ["%%capture c\nprint('z')", "c.stdout", "x?", "exit", "print('after exit')"],
    "deep error": ["def f(n):\n    if n == 0:\n        raise ValueError('deep ü')\n    f(n - 1)", "f(3)"],
    "chained error": ["try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e"],
    "error group": ["raise ExceptionGroup('g', [ValueError(1), TypeError(2)])"],
    "async error": ["import asyncio\nawait asyncio.sleep(0)\nraise RuntimeError('async')"],
    "nested loop": ["import asyncio\nasync def g(): return 1\nasyncio.run(g())"],
    "syntax error": ["x = = 1"],
    "exit status": ["import sys; sys.exit(2)"],
}


def plain(cells: Sequence[nbformat.NotebookNode]) -> str:
    """A record without what differs from run to run: times, process numbers, addresses."""
    told = [[cell.id, cell.metadata.papermill.status, cell.execution_count, cell.outputs] for cell in cells]
    text = json.dumps(told, indent=1)
    return re.sub(r"ipykernel_\d+|0x[0-9a-f]{6,}", "…", text)


@pytest.mark.parametrize("name", SAME)
def test_both_engines_leave_the_same_record(tmp_path, name):
    forked = run(tmp_path, *SAME[name])
    kernel = run(tmp_path, *SAME[name], engine="workbench-kernel")
    assert plain(forked[1]) == plain(kernel[1])
    assert (forked[0].outcome, forked[0].error) == (kernel[0].outcome, kernel[0].error)


def test_streams_keep_their_order_in_the_forked_engine(tmp_path):
    """A kernel collects stdout and stderr apart for a while; here they stand as they were written."""
    _, cells = run(tmp_path, "import sys\nprint('a'); print('b', file=sys.stderr); print('c')")
    assert [(output.name, output.text) for output in cells[1].outputs] == [
        ("stdout", "a\n"),
        ("stderr", "b\n"),
        ("stdout", "c\n"),
    ]


def test_a_thousand_cells_are_saved_now_and_then_while_they_run(tmp_path, monkeypatch):
    from types import SimpleNamespace

    import papermill.engines  # noqa: F401  # it loads our engines, which need the record

    from workbench.runtime import record

    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(record, "time", SimpleNamespace(monotonic=lambda: clock.now))
    made = nbformat.read(notebook(tmp_path / "n.ipynb", ["x"] * 1000), 4)
    for cell in made.cells:
        cell.metadata["papermill"] = {}
    made.metadata["papermill"] = {}
    place, saved = tmp_path / "r.ipynb", []
    recorder = record.Recorder(made, place)
    recorder.notebook_start()
    for number, cell in enumerate(made.cells[:1000]):
        recorder.cell_start(cell, number)
        clock.now += 0.01
        recorder.cell_complete(cell, number)
        if place.exists() and (written := place.stat().st_mtime_ns) not in [at for at, _ in saved]:
            saved.append((written, round(clock.now - 100, 2)))
    assert [moment for _, moment in saved] == [0.5, 2.5, 4.5, 6.5, 8.5]


@pytest.mark.parametrize("engine", ENGINES)
def test_papermill_itself_can_choose_the_engine_by_name(tmp_path, engine):
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import execute_notebook

    run(tmp_path, "x")  # registers both, as the entry points of an installed package do
    source = notebook(tmp_path / "n.ipynb", ["x = 1", "x + 1", "1 / 0", "x"])
    with pytest.raises(PapermillExecutionError, match="division by zero"):
        execute_notebook(source, tmp_path / "out.ipynb", {"x": 5}, engine_name=engine, progress_bar=False)
    cells = [cell for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells if cell.cell_type == "code"]
    assert statuses(cells) == ["completed", "completed", "completed", "failed", "pending"]
    assert cells[2].outputs[0].data["text/plain"] == "6"
