"""The demo's story as plain data: chapters of narration, commands, and what the world does between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workbench.cli.demo_data import load_new_days, load_raw

NOTEBOOK = "notebooks/departure_delays.py"
REVIEWER = "WORKBENCH_USER=grace@example.org"


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a user types it, and the exit code that the story expects of it.

    Variables may be set before it, as in a shell: the reviewer is somebody else than the author.
    """

    text: str
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens outside workbench. ``happens`` gets the demo's folder and says what it did."""

    happens: Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One step of the story; ``told`` stands above what it does."""

    title: str
    told: str
    steps: tuple[Command | Event, ...]


def asset(name: str) -> str:
    """The text of one of the demo's files."""
    return (Path(__file__).parent / "demo_files" / name).read_text(encoding="utf-8")


def _raw_data(folder: Path) -> str:
    rows = load_raw(folder / "raw")
    tables = ", ".join(f"{name} ({count:,} rows)" for name, count in rows.items())
    return f"production's raw tables are in raw/, flights up to 30 June 2013: {tables}"


def _declared(folder: Path) -> str:
    project = folder / "pyproject.toml"
    project.write_text(project.read_text(encoding="utf-8").rstrip("\n") + "\n" + asset("sources.toml"), encoding="utf-8")
    return "pyproject.toml declares the five sources: keys, references, units, and that tail numbers are masked"


def _first_notebook(folder: Path) -> str:
    (folder / NOTEBOOK).write_text(asset("first.py.txt"), encoding="utf-8")
    return f"the analyst's notebook is {NOTEBOOK}"


# What the correction calls otherwise at first; what follows the name in the notebook goes along.
RENAMED = (
    ("late=is_late", "delayed=is_late"),
    (
        'rate=ibis._.late / ibis._.departures.nullif(0)),\n        key=["day"',
        'rate=ibis._.delayed / ibis._.departures.nullif(0)),\n        key=["day"',
    ),
    ('"late": "flights that left more', '"delayed": "flights that left more'),
    ("late / departures, 0..1; NULL on a day", "delayed / departures, 0..1; NULL on a day"),
    ('"cancelled": "flights", "late": "flights"', '"cancelled": "flights", "delayed": "flights"'),
    ('"late:Q"', '"delayed:Q"'),
    ("late=ibis._.late.sum())\n    )\n    monthly", "late=ibis._.delayed.sum())\n    )\n    monthly"),
)


def renaming() -> str:
    """The corrected notebook, with its column ``late`` under another name."""
    text = asset("corrected.py.txt")
    for old, new in RENAMED:
        text = text.replace(old, new)
    return text


def _renaming_notebook(folder: Path) -> str:
    (folder / NOTEBOOK).write_text(renaming(), encoding="utf-8")
    return f"the analyst corrects {NOTEBOOK}, adds a column, cancelled, and calls late delayed"


def _corrected_notebook(folder: Path) -> str:
    (folder / NOTEBOOK).write_text(asset("corrected.py.txt"), encoding="utf-8")
    return "the column is called late again"


def _new_days(folder: Path) -> str:
    return f"1 to 8 July arrive in raw/flights/: {load_new_days(folder / 'raw'):,} flights"


CHAPTERS = (
    Chapter(
        "A workspace, and production's raw tables",
        "Every flight that was to leave New York City in 2013, with planes, airlines, airports and weather.",
        (Command("workbench init"), Event(_raw_data), Event(_declared)),
    ),
    Chapter(
        "A sandbox",
        "An analyst works on 2% of the planes and all that belongs to them: every join still matches, tail numbers are tokens.",
        (Command("workbench sandbox create --sample 2% --seed 7"),),
    ),
    Chapter(
        "What a notebook would become",
        "Two cells are marked with wb.output. Nothing is run for this: the notebook is read.",
        (Event(_first_notebook), Command(f"workbench check {NOTEBOOK}")),
    ),
    Chapter(
        "From notebook to production",
        "The marked cells are cut out, proved equal to the notebook, tried on production data, and wait for a second person.",
        (
            Command(f'workbench promote {NOTEBOOK} --why "first version"', exit_code=3),
            Command(f"{REVIEWER} workbench approve P-1"),
            Command("workbench publish P-1"),
        ),
    ),
    Chapter(
        "A column that somebody reads",
        "The analyst has a better name for a column. Its reader is named before anything is proved or computed.",
        (
            Event(_renaming_notebook),
            Command(f'workbench promote {NOTEBOOK} late_departures --why "cancelled flights are no departures"', exit_code=1),
        ),
    ),
    Chapter(
        "A correction",
        "The first version counts cancelled flights as departures that were on time. The correction moves more rows than a\n"
        "gate lets pass unseen. What the code changes is shown apart from what the data has changed. A second person, who\n"
        "knows that it is meant, waives the gate: with a reason, on the record.",
        (
            Event(_corrected_notebook),
            Command(f'workbench promote {NOTEBOOK} --why "cancelled flights are no departures"', exit_code=1),
            Command(f'{REVIEWER} workbench waive P-3 changed --why "the old rates were too low"'),
            Command(f"{REVIEWER} workbench approve P-3"),
            Command("workbench publish P-3"),
            Command("workbench rollback late_departures"),
            Command("workbench publish P-3"),
        ),
    ),
    Chapter(
        "New days",
        "A run computes only its interval, and replaces only those partitions. Doing it twice changes nothing.",
        (
            Event(_new_days),
            Command("workbench run late_departures --interval 2013-07-01..2013-07-08"),
            Command("workbench run late_departures --interval 2013-07-01..2013-07-08"),
        ),
    ),
    Chapter("Do readers see good data?", "", (Command("workbench status"),)),
)

NEXT = (
    (f"workbench edit {NOTEBOOK}", "change something and watch the contract cards"),
    ("workbench explain late_departures --for 2013-02-08", "what readers were told of a day of snow, and who stands for it"),
    ("workbench run monthly_lateness", "bring the months up to the new days"),
)
