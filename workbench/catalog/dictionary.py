"""One dictionary of all tables, sources and pipelines alike: what they and their columns mean, who answers, who reads them."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import json
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.catalog.contract import FILE as CONTRACT
from workbench.catalog.contract import from_yaml
from workbench.catalog.privacy import PERSONAL
from workbench.catalog.remembered import Remembered, remembered
from workbench.catalog.version import MANIFEST, versions
from workbench.config import Workspace, parse_duration
from workbench.errors import WorkbenchError
from workbench.model import NAME, top_column

Types = Mapping[str, Mapping[str, str]]  # source -> column -> Ibis type


@dataclass(frozen=True, slots=True)
class Described:
    """A column, as the dictionary knows it; ``type`` is an Ibis type, or empty where nobody has looked yet."""

    name: str
    type: str = ""
    doc: str = ""
    unit: str = ""
    classification: str = ""
    key: bool = False
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaving:
    """That readers should leave a version: the last day (ISO 8601) on which it may be read, what to read instead, and why."""

    until: str
    use: str
    why: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A table. ``reads`` and ``readers`` are names of tables; only live pipelines count as readers.

    Of pipelines: ``versions`` are all on disk, ``version`` is the one described (the live one, else the newest), ``live`` what
    readers see; ``deprecated`` is said of the one described, and ``demoted`` is why nothing runs the pipeline any more.
    ``confirmed`` is when its data was last brought up to date, and ``promised`` in how many seconds it should be.
    """

    name: str
    kind: Literal["source", "pipeline"]
    doc: str = ""
    owner: str = ""
    columns: tuple[Described, ...] = ()
    key: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    version: int | None = None
    live: int | None = None
    semver: str = ""
    confirmed: dt.datetime | None = None
    promised: int | None = None
    deprecated: Leaving | None = None
    demoted: str = ""

    def stale(self, now: dt.datetime) -> bool:
        """Whether readers were promised newer data than they have."""
        if self.confirmed is None or self.promised is None:
            return False
        return now - self.confirmed > dt.timedelta(seconds=self.promised)


def dictionary(workspace: Workspace, types: Types | None = None, words: Sequence[str] = ()) -> tuple[Entry, ...]:
    """Every source and pipeline of a workspace, by name; with ``words``, only those pipelines that have each of them somewhere.

    ``types`` are the columns of sources, where a sandbox has looked; else those that a promoted version reads are known. A
    version whose files don't parse is left out of what it would say; ``workbench doctor`` names it.
    """
    with remembered(workspace.state / "catalog" / "state.json") as kept:
        live = _live(workspace, kept)
        stored = _stored(workspace, kept, live)
    with remembered(workspace.state / "catalog" / "versions.json") as kept:
        found = [_read(workspace, folder, live.get(folder.name), kept) for folder in _folders(workspace)]
    told = [each for each in found if each is not None]
    reading = _readers(each for each in told if each["live"])
    seen = _seen(told, types or {})
    # To make what is not looked at takes longer than to look for the words first.
    entries = [_pipeline(each, reading, stored) for each in told if not words or _has(each, words)]
    entries += [_source(workspace, name, seen.get(name, {}), reading) for name in workspace.settings.sources]
    return tuple(sorted(entries, key=lambda each: (each.name, each.kind)))


def _has(said: Mapping[str, Any], words: Sequence[str]) -> bool:
    """Whether each word is in something that is said of a pipeline or of its columns."""
    fields = [said["name"], "pipeline", said["doc"], said["owner"], *itertools.chain.from_iterable(said["columns"])]
    text = "\n".join(fields).casefold()
    return all(word in text for word in words)


_Readers = Mapping[str, Mapping[str, tuple[str, ...]]]  # table -> column -> pipelines; the column "" stands for the table


def _folders(workspace: Workspace) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(workspace.promoted) as found:
            return sorted((each for each in found if NAME.fullmatch(each.name) and each.is_dir()), key=lambda each: each.name)
    except FileNotFoundError:
        return []


def _live(workspace: Workspace, kept: Remembered) -> dict[str, tuple[int, str]]:
    """What readers see: pipeline to version and operation."""

    def read(_: str) -> dict[str, tuple[int, str]]:
        from workbench.runtime.views import read_current

        return {name: (view.version, view.operation) for name, view in read_current(workspace.warehouse).views.items()}

    return dict(kept.of(str(workspace.warehouse / "current.duckdb"), read) or {})


def _stored(workspace: Workspace, kept: Remembered, live: Mapping[str, tuple[int, str]]) -> dict[str, dict[str, Any]]:
    """When data was confirmed, what is deprecated (``PIPELINE@N`` to the fields of ``Leaving``) and why what was demoted."""

    def read(_: str) -> dict[str, dict[str, Any]]:
        from workbench.store import Store, endings
        from workbench.store.freshness import confirmed

        with Store.open(workspace, read_only=True) as store:
            left = {
                str(version): [each.until.isoformat(), each.instead, each.why]
                for version, each in endings.deprecations(store).items()
            }
            gone = {name: each.why for name, each in endings.demotions(store).items()}
            return {"confirmed": confirmed(store, live), "deprecated": left, "demoted": gone}

    store = workspace.root / workspace.settings.store.removeprefix("sqlite:")
    shown = [[name, *at] for name, at in sorted(live.items())]
    return dict(kept.of(str(store), read, shown) or {})


def _read(workspace: Workspace, folder: os.DirEntry[str], live: Any, kept: Remembered) -> dict[str, Any] | None:
    """What the files of one pipeline say; None where no version can be read."""
    numbers = kept.of(folder.path, lambda _: list(versions(workspace, folder.name)))
    shown = live[0] if live and live[0] in numbers else max(numbers, default=None)
    if shown is None:
        return None
    version = f"{folder.path}/v{shown}"
    places = (f"{version}/{CONTRACT}", f"{version}/{MANIFEST}")
    said: dict[str, Any] | None = kept.of_all(version, places, lambda: _said(*places))
    if said is None:
        return None
    operation = kept.of(f"{folder.path}/pipeline.toml", _operation) or {}
    here = {"name": folder.name, "versions": numbers, "version": shown, "live": live[0] if live else None}
    return {"owner": "", "freshness": None, **said, **operation, **here}


def _said(contract: str, manifest: str) -> dict[str, Any] | None:
    """What the two files of a version say together; None where its contract can't be read."""
    promised = _contract(contract)
    if promised is None:
        return None
    return {"semver": "", "reads": {}, "types": {}, **promised, **(_manifest(manifest) or {})}


def _contract(path: str) -> dict[str, Any] | None:
    try:
        found = from_yaml(Path(path).read_text(encoding="utf-8"), where=path)
    except (WorkbenchError, OSError, UnicodeDecodeError):
        return None
    columns = [[each.name, each.type, each.doc, each.unit, each.classification] for each in found.columns]
    return {"doc": found.doc, "key": found.key, "columns": columns, "inputs": [each.name for each in found.inputs]}


def _manifest(path: str) -> dict[str, Any] | None:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        lineage = found["lineage"]
        reads: dict[str, set[str]] = {}
        for edge in lineage.get("columns", ()):
            reads.setdefault(edge["input"], set()).add(top_column(edge["input_column"]))
        types = {each["name"]: dict(each.get("types", {})) for each in lineage["inputs"] if each["kind"] == "source"}
        named = {name: sorted(columns) for name, columns in sorted(reads.items())}
        return {"semver": str(found.get("semver", "")), "reads": named, "types": types}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _operation(path: str) -> dict[str, Any] | None:
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    said = {name: found.get(name) for name in ("owner", "freshness")}
    return {name: value for name, value in said.items() if isinstance(value, str)}


def _readers(live: Iterable[Mapping[str, Any]]) -> _Readers:
    found: dict[str, dict[str, list[str]]] = {}
    for each in live:
        for table in each["inputs"]:
            found.setdefault(table, {}).setdefault("", []).append(each["name"])
            for column in each["reads"].get(table, ()):
                found[table].setdefault(column, []).append(each["name"])
    return {table: {column: tuple(names) for column, names in columns.items()} for table, columns in found.items()}


def _seen(told: Iterable[Mapping[str, Any]], types: Types) -> dict[str, dict[str, str]]:
    """The columns of sources: what a sandbox saw goes before what was seen at a promotion."""
    found: dict[str, dict[str, str]] = {name: dict(columns) for name, columns in types.items()}
    for each in told:
        for source, columns in each["types"].items():
            here = found.setdefault(source, {})
            for column, type_ in columns.items():
                here.setdefault(column, type_)
    return found


def _pipeline(said: Mapping[str, Any], reading: _Readers, stored: Mapping[str, Mapping[str, Any]]) -> Entry:
    name, readers = said["name"], reading.get(said["name"], {})
    confirmed: str | None = stored.get("confirmed", {}).get(name)
    leaving = stored.get("deprecated", {}).get(f"{name}@{said['version']}")
    demoted = stored.get("demoted", {}).get(name, "")
    promised = None
    if said["freshness"] and not demoted:
        with contextlib.suppress(WorkbenchError):  # status says what is wrong with it
            promised = parse_duration(said["freshness"])
    return Entry(
        name,
        "pipeline",
        said["doc"],
        said["owner"],
        tuple(
            Described(column, type_, doc, unit, class_, column in said["key"], readers.get(column, ()))
            for column, type_, doc, unit, class_ in said["columns"]
        ),
        tuple(said["key"]),
        tuple(sorted({*said["inputs"]})),
        readers.get("", ()),
        tuple(said["versions"]),
        said["version"],
        said["live"],
        said["semver"],
        None if confirmed is None or said["live"] is None else dt.datetime.fromisoformat(confirmed),
        promised,
        None if leaving is None else Leaving(*leaving),
        demoted,
    )


def _source(workspace: Workspace, name: str, types: Mapping[str, str], reading: _Readers) -> Entry:
    source, readers = workspace.settings.sources[name], reading.get(name, {})
    named = {*source.key, *source.units, *source.mask, *(each for ref in source.references for each in ref.columns)}
    # In the order of the table where that is known; what else is declared comes after.
    names = dict.fromkeys([*types, *sorted(named - {*types})])
    columns = (
        Described(
            column,
            types.get(column, ""),
            "",
            source.units.get(column, ""),
            PERSONAL if source.mask.get(column, "keep") != "keep" else "",
            column in source.key,
            readers.get(column, ()),
        )
        for column in names
    )
    return Entry(name, "source", source.doc, source.owner, tuple(columns), tuple(source.key), readers=readers.get("", ()))
