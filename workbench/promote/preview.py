"""What live versions compute on a sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract, read_contract
from workbench.catalog.version import version_dir
from workbench.config import Workspace
from workbench.errors import UsageError, WorkbenchError
from workbench.model import Parameter, VersionId
from workbench.promote.module import load_module

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from workbench.catalog.promises import Judged
    from workbench.sandbox.session import Session


def live_table(
    workspace: Workspace,
    live: Mapping[str, int],
    pipeline: str,
    source: Callable[[str], ir.Table],
    value: Callable[[Parameter], Any],
) -> ir.Table:
    """What the live version of a pipeline computes on other sources; pipelines that it reads are their live versions.

    ``live`` has version numbers by pipeline, ``value`` gives the value of a parameter.
    """
    if pipeline not in live:
        raise UsageError(f"the live version reads {pipeline}, of which nothing is published")
    folder = version_dir(workspace, VersionId(pipeline, live[pipeline]))
    contract: Contract = read_contract(folder)
    function = load_module(folder / "__init__.py", pipeline)
    inputs = {
        each.argument: source(each.name) if each.kind == "source" else live_table(workspace, live, each.name, source, value)
        for each in contract.inputs
    }
    return function(**inputs, **{each.name: value(each) for each in contract.parameters})


def _other(workspace: Workspace, live: Mapping[str, int], session: Session, name: str) -> ir.Table:
    """A table that a check refers to, on the sandbox."""
    if name in live and name not in session.sources:
        return live_table(workspace, live, name, session.source, lambda parameter: parameter.default)
    return session.source(name)


def in_sandbox(workspace: Workspace, live: Mapping[str, int], pipeline: str, session: Session) -> Judged:
    """What the live version of a pipeline computes on a sandbox, held against its contract."""
    from workbench.catalog.promises import judge

    version = VersionId(pipeline, live[pipeline])
    contract = read_contract(version_dir(workspace, version))
    try:
        table = live_table(workspace, live, pipeline, session.source, lambda parameter: parameter.default).cache()
        found = {name: str(kind).removeprefix("!") for name, kind in table.schema().items()}
        promised = {name: kind.removeprefix("!") for name, kind in contract.schema.items()}
        return judge(table, contract, promised, found, partial(_other, workspace, live, session))
    except WorkbenchError:
        raise
    except Exception as error:  # whatever promoted code makes of a sandbox's values is said, and is no traceback
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WorkbenchError(
            f"{version} can't be computed in the sandbox: {type(error).__name__}: {said}", hint="workbench sandbox create"
        ) from error
