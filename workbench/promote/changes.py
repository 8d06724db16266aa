"""What a branch changed, as git says it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import UsageError


@dataclass(frozen=True, slots=True)
class Changes:
    """Files of a folder that differ from ``commit``, where a branch left its base: also those not committed yet.

    ``changed`` are there, ``removed`` are not any more; both relative to ``root``, with ``/``.
    """

    root: Path
    base: str
    commit: str
    changed: tuple[str, ...]
    removed: tuple[str, ...]

    def before(self, path: str) -> str | None:
        """The text of a file as it was at ``commit``, or None where it was not there."""
        found = _run(self.root, "show", f"{self.commit}:./{path}")
        return found.stdout.decode("utf-8", "replace") if found.returncode == 0 else None

    def listed_before(self, folder: str) -> tuple[str, ...]:
        """The files that a folder held at ``commit``."""
        return _names(_git(self.root, "ls-tree", "-r", "-z", "--name-only", self.commit, "--", f"./{folder}/"))


def changes(root: Path, base: str) -> Changes:
    """What differs below ``root`` from where this branch left ``base``, a branch, tag or commit.

    Raises ``UsageError`` where git, the repository, the base or a common ancestor is missing, with the command that helps.
    """
    _git(root, "rev-parse", "--show-toplevel")
    shallow = _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true"
    deepen = "git fetch --unshallow (in GitHub Actions: actions/checkout with fetch-depth: 0), then try again"
    if base.startswith("-") or _run(root, "rev-parse", "--verify", "--quiet", f"{base}^{{commit}}").returncode:
        remote, _, branch = base.partition("/")
        fetch = f"git fetch {remote} {branch}" if branch and not base.startswith("-") else "git branch --all"
        raise UsageError(f"git knows no commit {base!r} here", hint=deepen if shallow else f"{fetch}, then try again")
    if _run(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").returncode:
        raise UsageError("this branch has no commit yet", hint="git commit")
    found = _run(root, "merge-base", base, "HEAD")
    if found.returncode:
        why = "this clone is shallow: it lacks the commits that lead there" if shallow else "they have no history in common"
        raise UsageError(
            f"where HEAD left {base!r} is not known: {why}", hint=deepen if shallow else f"git log {base} HEAD --oneline"
        )
    commit = found.stdout.decode().strip()
    diff = ("diff", "-z", "--name-only", "--no-renames", "--relative", "--no-ext-diff")
    removed = _names(_git(root, *diff, "--diff-filter=D", commit, "--", "."))
    changed = {*_names(_git(root, *diff, "--diff-filter=d", commit, "--", "."))}
    changed |= {*_names(_git(root, "ls-files", "-z", "--others", "--exclude-standard", "--", "."))}
    return Changes(root, base, commit, tuple(sorted(changed)), tuple(sorted(removed)))


def _names(listed: bytes) -> tuple[str, ...]:
    return tuple(os.fsdecode(name) for name in listed.split(b"\0") if name)


def _git(root: Path, *arguments: str) -> bytes:
    found = _run(root, *arguments)
    if found.returncode:
        said = (found.stderr.decode("utf-8", "replace").strip().splitlines() or ["git failed"])[0]
        raise UsageError(said.removeprefix("fatal: "), hint=f"git -C {root} status")
    return found.stdout


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(["git", *arguments], cwd=root, env=quiet, capture_output=True, check=False)
    except FileNotFoundError:
        raise UsageError("git is not installed", hint="install git, then try again") from None
