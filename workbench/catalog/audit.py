"""The ledger for an auditor: a zip that is checked with nothing of ours."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

from workbench.catalog import standalone
from workbench.catalog.version import pipelines, version_dir, versions
from workbench.config import Workspace
from workbench.model import VersionId
from workbench.runtime.files import write_atomic
from workbench.store import Store, tables
from workbench.store.ledger import COLUMNS, HEAD

README = """\
The ledger of a workspace: every promotion, decision, waiver, publication, rollback and run that changed production.

ledger.jsonl   one entry a line; "hash" is HMAC-SHA256, under the workspace's key, over seq, at, kind, previous and payload,
               each followed by a zero byte but the last; "previous" is the hash of the entry before
LEDGER_HEAD    the newest entry's number and hash, as it stands in the repository's promoted/ folder
promoted/      what was published: every version's files, bound by the hashes in its manifest.json
SHA256SUMS     a hash for each file here; also read by `sha256sum -c SHA256SUMS`

Check it:      WORKBENCH_LEDGER_KEY=... python verify.py
The key is not in here. Without it the chain is checked, but not whether somebody wrote it anew from the first entry on.
"""
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that the format has, so that equal ledgers give equal files


def export(workspace: Workspace, to: Path) -> int:
    """Write the ledger with all versions and what checks them to a zip file, as a whole; the number of entries."""
    with Store.open(workspace, read_only=True) as store:
        entries = store.select(tables.ledger)
    lines = "".join(json.dumps({name: row[name] for name in COLUMNS}, ensure_ascii=False) + "\n" for row in entries)
    files = {
        "README.txt": README.encode(),
        "ledger.jsonl": lines.encode(),
        "verify.py": Path(standalone.__file__).read_bytes(),
    }
    if (workspace.promoted / HEAD).is_file():
        files[HEAD] = (workspace.promoted / HEAD).read_bytes()
    for pipeline in pipelines(workspace):
        for number in versions(workspace, pipeline):
            folder = version_dir(workspace, VersionId(pipeline, number))
            for file in sorted(folder.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    files[f"promoted/{file.relative_to(workspace.promoted).as_posix()}"] = file.read_bytes()
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in sorted({**files, "SHA256SUMS": sums.encode()}.items()):
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, compress_type=zipfile.ZIP_DEFLATED)
    write_atomic(to, buffer.getvalue())
    return len(entries)
