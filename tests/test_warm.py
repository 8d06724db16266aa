"""What is forked from the warm process is a process like one that was started from nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")

SAID = """
import os, sys, json
stream = open("here.txt", "w"); stream.write("written")  # not closed: it ends up in the file all the same
print(json.dumps([sys.argv, os.getcwd(), sorted(os.environ), __name__, sys.path[0], os.getppid(), "ibis" in sys.modules]))
print("on stderr", file=sys.stderr)
sys.exit(7)
"""
PLAIN = {"PATH": os.environ["PATH"]} | {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}


def said(folder: Path, code: str = SAID, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=PLAIN, capture_output=True, text=True, check=False)


def test_a_forked_process_is_told_from_a_started_one_by_what_it_has_imported_alone(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    cold = said(tmp_path, SAID, "a", "b c")
    (tmp_path / "here.txt").unlink()
    request.getfixturevalue("warm")
    warm = said(tmp_path, SAID, "a", "b c")
    assert warm.stdout.replace("true]", "false]") == cold.stdout != warm.stdout
    assert (warm.stderr, warm.returncode) == (cold.stderr, cold.returncode) == ("on stderr\n", 7)
    assert (tmp_path / "here.txt").read_text() == "written"


def test_a_module_runs_as_the_program_and_an_error_is_a_traceback_and_1(warm: None, tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text("import sys\nassert __name__ == '__main__'\nprint(sys.argv[1:])\nraise OSError('broken')")
    done = subprocess.run(
        [sys.executable, "-m", "told", "x"], cwd=tmp_path, env=PLAIN, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "['x']\n")
    assert done.stderr.endswith("OSError: broken\n")


def test_signals_sessions_descriptors_and_standard_input_arrive(warm: None) -> None:
    code = (
        "import os, sys; print(os.getsid(0) == os.getpid(), flush=True); sys.stdin.readline(); os.write(int(sys.argv[1]), b'x')"
    )
    read, write = os.pipe()
    command = [sys.executable, "-c", code + "; import time; time.sleep(60)", str(write)]
    with subprocess.Popen(
        command, pass_fds=[write], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(write)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        assert process.poll() is None
        process.stdin.write("\n")
        process.stdin.flush()
        assert os.read(read, 1) == b"x"
        process.send_signal(signal.SIGINT)
        assert process.wait() == -signal.SIGINT
    os.close(read)


def test_another_hash_seed_or_a_function_before_the_start_needs_a_start_from_nothing(warm: None, tmp_path: Path) -> None:
    code = "import sys; print('ibis' in sys.modules)"
    assert said(tmp_path, code).stdout == "True\n"
    seeded = subprocess.run([sys.executable, "-c", code], env=PLAIN | {"PYTHONHASHSEED": "3"}, capture_output=True, check=True)
    before = subprocess.run([sys.executable, "-c", code], env=PLAIN, preexec_fn=os.getpid, capture_output=True, check=True)
    assert seeded.stdout == before.stdout == b"False\n"


def test_what_it_starts_is_forked_too_and_a_child_of_it(warm: None, tmp_path: Path) -> None:
    inner = "import os, sys; print('ibis' in sys.modules, os.getppid()); sys.exit(5)"
    code = f"""
import os, subprocess, sys
done = subprocess.run([sys.executable, "-c", {inner!r}], capture_output=True, text=True)
print(done.stdout == f"True {{os.getpid()}}\\n", done.returncode, done.stderr)
"""
    assert said(tmp_path, code).stdout == "True 5 \n"
