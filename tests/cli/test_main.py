"""The entry of the command line: exit codes, errors as text and as JSON, and a start that stays fast."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from tests.conftest import Ran
from workbench.cli.main import COMMANDS, main, workbench
from workbench.cli.main import run as entry_point
from workbench.errors import GuardRefused, InfrastructureError, LockHeld, NotAWorkspace, UsageError, Waiting, WorkbenchError

HEAVY = {
    "alembic",
    "duckdb",
    "ibis",
    "marimo",
    "nbformat",
    "numpy",
    "pandas",
    "papermill",
    "pyarrow",
    "pydantic",
    "rich",
    "sqlalchemy",
}


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*arguments: str) -> Ran:
        code = main(list(arguments))
        captured = capfd.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make ``workbench status`` end with this error."""

    def arrange(error: BaseException) -> None:
        @click.command()
        @click.option("--json", "as_json", is_flag=True)
        def status(as_json: bool) -> None:
            raise error

        found = workbench.get_command
        monkeypatch.setattr(workbench, "get_command", lambda ctx, name: status if name == "status" else found(ctx, name))

    return arrange


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh process has loaded after ``code``."""
    ending = "import sys, atexit; atexit.register(lambda: print('loaded', *{m.partition('.')[0] for m in sys.modules}))\n"
    done = subprocess.run([sys.executable, "-c", ending + code], capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(f"from workbench.cli.main import main\nmain({arguments!r})")
    assert "click" in loaded
    assert not loaded & HEAVY


OF_EACH_VERB = """
import json, os, sys
import workbench.config  # with pydantic, which any verb may load
from workbench.cli.main import COMMANDS, main
loaded = {}
for verb in COMMANDS:
    read, write = os.pipe()
    if os.fork() == 0:  # as new as this process is, so no verb sees what another one has loaded
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        try:
            main([verb, "--help"])
            sys.stdout.flush()
            os.write(write, " ".join({name.partition(".")[0] for name in sys.modules}).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as stream:
        loaded[verb] = stream.read().split()
    os.wait()
print(json.dumps(loaded))
"""


@pytest.fixture(scope="module")
def loaded_by_help() -> dict[str, list[str]]:
    """The top-level modules that are loaded after the help of each verb, each in a process of its own."""
    done = subprocess.run([sys.executable, "-c", OF_EACH_VERB], capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("verb", COMMANDS)
def test_the_help_of_a_verb_loads_the_settings_at_most(verb: str, loaded_by_help: dict[str, list[str]]) -> None:
    assert "click" in loaded_by_help[verb]
    assert HEAVY & {*loaded_by_help[verb]} <= {"pydantic"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import workbench; dir(workbench)") & HEAVY


def test_help_lists_every_verb_and_the_exit_codes(run: Callable[..., Ran]) -> None:
    shown = run("--help")
    assert shown.code == 0
    assert all(f"  {verb} " in shown.out for verb in COMMANDS)
    assert "3 waiting for a person" in shown.out


def test_the_version_is_the_distributions(run: Callable[..., Ran]) -> None:
    import workbench

    assert run("--version").out == f"workbench {version('ibis-workbench')}\n"
    assert workbench.__version__ == version("ibis-workbench")


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_has_help_with_examples_and_json(verb: str) -> None:
    context = click.Context(workbench)
    command = workbench.get_command(context, verb)
    leaves = list(command.commands.values()) if isinstance(command, click.Group) else [command]
    for leaf in leaves:
        assert leaf is not None
        assert "Examples:" in (leaf.help or ""), leaf.name
        assert "--json" in {name for option in leaf.params for name in option.opts}, leaf.name
        for option in leaf.params:
            assert not getattr(option, "prompt", None), "no command requires an answer"


def test_no_arguments_show_help_and_are_a_usage_error(run: Callable[..., Ran]) -> None:
    shown = run()
    assert shown.code == 2
    assert "Commands:" in shown.out + shown.err


def test_an_unknown_command_offers_the_nearest(run: Callable[..., Ran]) -> None:
    ran = run("promot")
    assert ran.code == 2
    assert ran.err == "error: there is no command 'promot'; did you mean 'promote'?\n next: workbench --help\n"


def test_an_unknown_option_names_the_help_of_its_command(run: Callable[..., Ran]) -> None:
    ran = run("status", "--jsn")
    assert ran.code == 2
    assert "--jsn" in ran.err
    assert ran.err.endswith(" next: workbench status --help\n")


def test_an_option_without_its_value_names_the_help_of_its_command(run: Callable[..., Ran]) -> None:
    assert run("promote", "n.py", "--why").err.endswith(" next: workbench promote --help\n")
    assert run("sandbox", "create", "--seed").err.endswith(" next: workbench sandbox create --help\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkbenchError("no"), 1),
        (UsageError("wrong"), 2),
        (NotAWorkspace("nowhere"), 2),
        (Waiting("a person decides"), 3),
        (GuardRefused("too dear"), 4),
        (InfrastructureError("later"), 5),
        (LockHeld("busy"), 5),
        (OSError(errno.ENOSPC, "No space left on device"), 5),
        (PermissionError(errno.EACCES, "Permission denied", "warehouse"), 5),
        (KeyboardInterrupt(), 130),
        (click.exceptions.Abort(), 130),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(
    run: Callable[..., Ran], raising: Callable[[BaseException], None], error: BaseException, code: int
) -> None:
    raising(error)
    ran = run("status")
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.lstrip().startswith("error: ")  # click ends the line of an interrupted answer first
    assert "Traceback" not in ran.err


def test_an_error_ends_with_the_next_command(run: Callable[..., Ran], raising: Callable[[BaseException], None]) -> None:
    raising(Waiting("P-1 waits for approval", hint="workbench approve P-1"))
    assert run("status").err == "error: P-1 waits for approval\n next: workbench approve P-1\n"


def test_with_json_an_error_is_one_document_on_stdout_too(
    run: Callable[..., Ran], raising: Callable[[BaseException], None]
) -> None:
    raising(GuardRefused("it would read 4 GB", hint="workbench sandbox create --sample 1%"))
    ran = run("status", "--json")
    assert ran.code == 4
    assert json.loads(ran.out) == {
        "schema_version": 1,
        "error": {"exit_code": 4, "message": "it would read 4 GB", "hint": "workbench sandbox create --sample 1%"},
    }
    assert ran.err.startswith("error: it would read 4 GB")


def test_a_full_disk_is_found_below_what_libraries_wrapped_around_it(
    run: Callable[..., Ran], raising: Callable[[BaseException], None]
) -> None:
    wrapped = RuntimeError("could not write")
    wrapped.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    raising(wrapped)
    ran = run("status")
    assert ran.code == 5
    assert "the disk is full" in ran.err


def test_an_error_of_ours_that_nobody_foresaw_is_not_hidden(raising: Callable[[BaseException], None]) -> None:
    raising(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        main(["status"])


def test_an_error_of_ours_is_no_answer_to_a_script(
    raising: Callable[[BaseException], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(ZeroDivisionError("a bug"))
    monkeypatch.setattr(sys, "argv", ["workbench", "status", "--json"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        entry_point()
    out, err = capsys.readouterr()
    assert ended.value.code == json.loads(out)["error"]["exit_code"] == 70
    assert "Traceback" in err
    assert "error: a defect of workbench: ZeroDivisionError: a bug" in err


def test_a_terminal_without_the_letters_gets_their_numbers() -> None:
    code = "from workbench.cli import common, main; main.main = lambda: common.console().print('grün') or 0; main.run()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, b"gr\\xfcn"), done.stderr
    code = "from workbench.cli.common import emit_json; emit_json({'name': 'grün'})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert json.loads(done.stdout.decode("ascii"))["name"] == "grün"


def test_ctrl_c_while_the_command_is_imported_is_answered() -> None:
    code = """
import sys

class Struck:
    def find_spec(self, name, path=None, target=None):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Struck())
from workbench.__main__ import run
run()
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=False, text=True)
    assert (done.returncode, done.stderr) == (130, "error: interrupted; nothing was begun\n")


def test_outside_a_workspace_the_next_command_is_init(run: Callable[..., Ran]) -> None:
    ran = run("status")
    assert ran.code == 2
    assert "workbench init" in ran.err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unwinds_and_exits_as_interrupted(sent: signal.Signals) -> None:
    code = (
        "import click, time\nfrom workbench.cli import main as m\n"
        "@click.command()\ndef status():\n    try:\n        print('ready', flush=True); time.sleep(60)\n"
        "    finally:\n        print('cleaned', flush=True)\n"
        "m.workbench.get_command = lambda *_: status\nimport sys; sys.argv[1:] = ['status']\nm.run()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "cleaned\n")
    assert "Traceback" not in err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "--help"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
