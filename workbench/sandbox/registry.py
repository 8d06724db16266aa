"""The sandboxes of a workspace: which there are, which one notebooks read, and which are over.

Each is a folder ``.workbench/sandboxes/<id>/`` with the data (``<id>.duckdb``) and what is known of it (``sandbox.json``).
The newest one that has not expired is active, unless ``.workbench/sandbox`` names another.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workbench.config import Workspace
from workbench.errors import UnknownName, UsageError
from workbench.moments import planned
from workbench.runtime import files

FORMAT = 4
CREATE = "workbench sandbox create"
INFO = "sandbox.json"


@dataclass(frozen=True, slots=True)
class OrphanCount:
    """Rows of production, and of the sandbox, whose reference names a row that production itself does not have."""

    columns: tuple[str, ...]
    source: str
    production: int
    sandbox: int
    nulls: int = 0


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table of a sandbox.

    ``production`` are the rows of the source when it was read, ``core`` those chosen by the hash (or all, in a table taken
    whole), ``support`` those pulled in so that joins keep matching. ``role`` is anchor, follow, parent or whole, and
    ``masked`` maps columns to the rule that was applied.
    """

    production: int
    core: int
    support: int
    role: str
    via: str = ""
    masked: dict[str, str] = field(default_factory=dict)
    orphans: tuple[OrphanCount, ...] = ()

    @property
    def rows(self) -> int:
        return self.core + self.support


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """What is known of one sandbox. Times are UTC; ``snapshot`` maps each source to the digest of what was read.

    ``copied`` are the tables that a refresh took from the sandbox before.
    """

    id: str
    path: Path
    sample: str
    share: float
    seed: int
    created: dt.datetime
    expires: dt.datetime
    who: str
    anchors: tuple[str, ...]
    where: str
    strata: tuple[str, ...]
    floor: int
    snapshot: dict[str, str]
    tables: dict[str, TableInfo]
    notes: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()

    def expired(self, now: dt.datetime) -> bool:
        return self.expires <= now

    @property
    def snapshot_id(self) -> str:
        """A short name for the state of production that was read."""
        return hashlib.sha256(json.dumps(self.snapshot, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; ``from_json`` reads them back."""
        plain = asdict(self) | {
            "format": FORMAT,
            "path": self.path.name,
            "created": self.created.isoformat(),
            "expires": self.expires.isoformat(),
        }
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any], folder: Path) -> SandboxInfo:
        tables = {
            name: TableInfo(
                **{
                    **table,
                    "orphans": tuple(OrphanCount(**{**each, "columns": tuple(each["columns"])}) for each in table["orphans"]),
                }
            )
            for name, table in plain["tables"].items()
        }
        lists = {name: tuple(plain[name]) for name in ("anchors", "strata", "notes", "copied")}
        times = {name: dt.datetime.fromisoformat(plain[name]) for name in ("created", "expires")}
        rest = {name: value for name, value in plain.items() if name != "format"}
        return cls(**{**rest, **lists, **times, "tables": tables, "path": folder / plain["path"]})


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def ls(workspace: Workspace) -> tuple[SandboxInfo, ...]:
    """All sandboxes, newest first; also those that have expired and are not yet removed."""
    if not workspace.sandboxes.is_dir():
        return ()
    found = [info for folder in sorted(workspace.sandboxes.iterdir()) if (info := read(folder)) is not None]
    return tuple(sorted(found, key=lambda info: (info.created, info.id), reverse=True))


def read(folder: Path) -> SandboxInfo | None:
    """What is known of the sandbox in a folder; None where there is none, or one of another format."""
    if folder.name.startswith(files.TEMPORARY):
        return None
    try:
        plain = json.loads((folder / INFO).read_text(encoding="utf-8"))
        if plain.get("format") != FORMAT:
            return None
        info = SandboxInfo.from_json(plain, folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return info if info.path.is_file() else None


def write(info: SandboxInfo) -> None:
    """Put ``sandbox.json`` beside the data, wholly or not at all."""
    files.write_atomic(info.path.parent / INFO, json.dumps(info.to_json(), indent=2, ensure_ascii=False) + "\n")


def find(workspace: Workspace, identity: str) -> SandboxInfo:
    """The sandbox whose id starts so."""
    known = ls(workspace)
    hits = [info for info in known if info.id.startswith(identity)] if identity else []
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise UsageError(f"{identity!r} begins the ids of {len(hits)} sandboxes", hint="workbench sandbox ls")
    raise UnknownName.of("sandbox", identity, [info.id for info in known], hint="workbench sandbox ls")


def active(workspace: Workspace, now: dt.datetime | None = None) -> SandboxInfo:
    """The sandbox that notebooks read; ``UsageError`` with the next command when there is none or it is over."""
    now = now or utc_now()
    known = ls(workspace)
    pinned = pin(workspace)
    if pinned:
        chosen = next((info for info in known if info.id == pinned), None)
        if chosen is None:
            raise UsageError(
                f"sandbox {pinned}, which this workspace is set to use, is gone", hint="workbench sandbox use --newest"
            )
    elif not known:
        old = workspace.sandboxes.is_dir() and any(map(_of_old_format, workspace.sandboxes.iterdir()))
        said = "the sandboxes here were made by an earlier workbench" if old else "this workspace has no sandbox yet"
        raise UsageError(said, hint=CREATE)
    else:
        chosen = next((info for info in known if not info.expired(now)), known[0])
    if chosen.expired(now):
        raise UsageError(f"sandbox {chosen.id} expired on {planned(chosen.expires)}", hint=CREATE)
    return chosen


def check_alive(path: Path, now: dt.datetime | None = None) -> None:
    """Raise when the sandbox at a path is missing or has expired."""
    if not path.is_file():
        raise UsageError(f"there is no sandbox at {path}", hint=CREATE)
    info = read(path.parent)
    if info is not None and info.expired(now or utc_now()):
        raise UsageError(f"sandbox {info.id} expired on {planned(info.expires)}", hint=CREATE)


def pin(workspace: Workspace) -> str | None:
    """The id that ``.workbench/sandbox`` names, if any."""
    try:
        return (workspace.state / "sandbox").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def use(workspace: Workspace, identity: str | None) -> None:
    """Make one sandbox the active one; None goes back to the newest."""
    file = workspace.state / "sandbox"
    if identity is None:
        file.unlink(missing_ok=True)
        return
    files.write_atomic(file, find(workspace, identity).id + "\n")


def remove(workspace: Workspace, info: SandboxInfo) -> None:
    """Delete a sandbox; nothing reads it half-deleted, for its folder is renamed first."""
    with files.working_folder(workspace.sandboxes) as bin_:
        info.path.parent.rename(bin_ / info.id)
    if pin(workspace) == info.id:
        use(workspace, None)


def gc(workspace: Workspace, now: dt.datetime | None = None, *, everything: bool = False) -> tuple[str, ...]:
    """Remove what has expired, is of a format that is read no more, or was left by a killed creation; the names removed."""
    now = now or utc_now()
    gone = [info.id for info in ls(workspace) if everything or info.expired(now)]
    for identity in gone:
        remove(workspace, find(workspace, identity))
    if not workspace.sandboxes.is_dir():
        return ()
    old = [folder for folder in sorted(workspace.sandboxes.iterdir()) if _of_old_format(folder)]
    for folder in old:
        with files.working_folder(workspace.sandboxes) as bin_:
            folder.rename(bin_ / folder.name)
        gone.append(folder.name)
    left = files.sweep(workspace.sandboxes)
    return (*gone, *(folder.name for folder in left))


def _of_old_format(folder: Path) -> bool:
    """Whether an earlier version of this program made the sandbox in a folder."""
    try:
        found = json.loads((folder / INFO).read_text(encoding="utf-8"))["format"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return isinstance(found, int) and found < FORMAT
