"""The run notebook of a version: what papermill executes, and what a person reads as the record of a run.

Built with nbformat from the contract alone. Equal contracts give equal bytes: the cells have fixed ids and nothing tells the
time or a place.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from workbench.catalog.contract import Contract
from workbench.catalog.job import variable
from workbench.parameter import encode

if TYPE_CHECKING:
    from workbench.parameter import Parameter


def build(contract: Contract) -> str:
    """The text of ``run.ipynb`` for a version with this contract.

    >>> from workbench.model import Input, Parameter
    >>> text = build(Contract("orders_daily", 3, (), inputs=(Input("orders", "orders", "source"),)))
    >>> "from promoted.orders_daily.v3 import orders_daily" in text
    True
    """
    import nbformat
    from nbformat import v4

    def cell(kind: str, name: str, source: str, **metadata: Any) -> Any:
        make: Any = v4.new_code_cell if kind == "code" else v4.new_markdown_cell
        made = make(source, metadata=metadata)
        made["id"] = name
        return made

    notebook = v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
            "workbench": {"pipeline": contract.pipeline, "version": contract.version},
        }
    )
    notebook.cells = [
        cell("markdown", "title", _title(contract)),
        cell("code", "parameters", _parameters(contract), tags=["parameters"]),
        cell("markdown", "about-inputs", "## Inputs"),
        cell("code", "inputs", _inputs(contract)),
        cell("markdown", "about-compute", "## Compute\n\nThe result is written where no reader looks."),
        cell("code", "compute", _compute(contract)),
        cell("markdown", "about-checks", "## Checks\n\nIf one fails, this run ends here and readers keep what they have."),
        cell("code", "checks", "job.check()"),
        cell("markdown", "about-profile", "## Profile"),
        cell("code", "profile", "job.profile()"),
        cell("code", "finish", "job.finish()"),
    ]
    nbformat.validate(notebook)
    text: str = nbformat.writes(notebook)
    return text if text.endswith("\n") else text + "\n"


def _title(contract: Contract) -> str:
    reads = ", ".join(f"{source.kind} `{source.name}`" for source in contract.inputs) or "nothing"
    facts = [("reads", reads)]
    if contract.key:
        facts.append(("one row per", ", ".join(f"`{name}`" for name in contract.key)))
    if contract.partition_by is not None:
        facts.append(("partitioned by", f"`{contract.partition_by}`"))
    if contract.checks:
        facts.append(("checks", ", ".join(f"`{check}`" for check in contract.checks)))
    table = ["| | |", "|---|---|", *(f"| {name} | {value.replace('|', chr(92) + '|')} |" for name, value in facts)]
    return "\n\n".join(
        [
            f"# {contract.pipeline}@{contract.version}",
            *([contract.doc.strip()] if contract.doc.strip() else []),
            "\n".join(table),
        ]
    )


def _parameters(contract: Contract) -> str:
    lines = [
        'workspace: str = "."  # the folder of the workspace, or one below it',
        'run_id: str = ""  # empty: nobody records this run',
        'interval_start: str = ""  # the run computes [interval_start, interval_end); both empty: all data',
        'interval_end: str = ""',
    ]
    lines.extend(_parameter(parameter) for parameter in contract.parameters)
    return "\n".join(lines)


def _parameter(parameter: Parameter) -> str:
    told = parameter.domain() + (f". {parameter.doc}" if parameter.doc.strip() else "")
    about = " ".join("".join(letter if letter.isprintable() else " " for letter in told).split())
    kind = parameter.type if parameter.type in ("int", "float", "bool", "str") else "list" if parameter.item else "str"
    return f"{variable(parameter.name)}: {kind} = {literal(parameter.default)}  # {about}"


def literal(value: Any) -> str:
    """A parameter's value as Python source that papermill can replace: moments and decimals are text.

    >>> import datetime as dt
    >>> literal(dt.date(2013, 1, 1)), literal(15), literal(float("inf"))
    ("'2013-01-01'", '15', "float('inf')")
    """
    value = encode(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    return repr(value)


def _inputs(contract: Contract) -> str:
    return (
        "from workbench.catalog.job import Job\n\n"
        f'job = Job.begin(workspace, "{contract.pipeline}", {contract.version}, run_id, interval_start, interval_end)\n'
        "inputs = job.inputs()\n"
        "inputs"
    )


def _compute(contract: Contract) -> str:
    name = contract.pipeline
    arguments = [f'inputs["{source.argument}"]' for source in contract.inputs]
    for parameter in contract.parameters:
        arguments.append(f'{parameter.name}=job.value("{parameter.name}", {variable(parameter.name)})')
    call = f"table = {name}({', '.join(arguments)})"
    if len(call) > 100:
        call = f"table = {name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
    return "\n".join([f"from promoted.{name}.v{contract.version} import {name}\n", call, "job.write(table)"])
