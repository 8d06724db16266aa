"""Contracts: what a version promises to its readers, stored as ``contract.yaml`` in the Open Data Contract Standard 3.1.

What the standard has no field for (units, parameters, inputs, how often a share of rows may change) stands under
``customProperties``. ``from_yaml(to_yaml(contract)) == contract`` holds for every contract.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from workbench.errors import ConfigError, UnknownName
from workbench.model import Check, Input
from workbench.parameter import Parameter, encode

FILE = "contract.yaml"
API_VERSION = "v3.1.0"
# Ibis type (without its parameters) -> logical type of the standard
_LOGICAL = {
    "string": "string",
    "date": "date",
    "timestamp": "timestamp",
    "time": "time",
    "boolean": "boolean",
    "decimal": "number",
    "float16": "number",
    "float32": "number",
    "float64": "number",
    "array": "array",
    "struct": "object",
    "map": "object",
    "json": "object",
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the output; ``type`` is an Ibis type such as ``int64`` or ``decimal(10, 2)``, ``unit`` what it counts.

    ``classification`` is "personal" where its values may tell of a person, else empty.
    """

    name: str
    type: str
    required: bool = False
    doc: str = ""
    unit: str = ""
    classification: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """The promise of one version: schema, key, checks, and what it reads and may be given."""

    pipeline: str
    version: int
    columns: tuple[Column, ...]
    doc: str = ""
    key: tuple[str, ...] = ()
    partition_by: str | None = None
    checks: tuple[Check, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[Input, ...] = ()
    strategy: str = "replace"
    allowed_lateness: str | None = None

    @property
    def schema(self) -> dict[str, str]:
        """Column name to Ibis type."""
        return {column.name: column.type for column in self.columns}


def complete(
    contract: Contract, schema: Mapping[str, str], docs: Mapping[str, str], units: Mapping[str, str] | None = None
) -> Contract:
    """The contract with the columns of a result: name to Ibis type, described by ``docs`` and counted in ``units``.

    Raises ``UnknownName`` when the key, the partition, a description or a unit names a column that the result lacks.

    >>> complete(Contract("p", 1, ()), {"id": "int64", "wait": "float64"}, {"wait": "in line"}, {"wait": "min"}).columns[1]
    Column(name='wait', type='float64', required=False, doc='in line', unit='min', classification='')
    """
    units = units or {}
    partition = [] if contract.partition_by is None else [contract.partition_by]
    for what, names in (
        ("key=", contract.key),
        ("partition_by=", partition),
        ("columns=", list(docs)),
        ("units=", list(units)),
    ):
        for name in names:
            if name not in schema:
                hint = f"correct {what} of output {contract.pipeline}, then: workbench check"
                raise UnknownName.of(f"column of output {contract.pipeline}", name, schema, hint=hint)
    required = {*contract.key} | {name for check in contract.checks if check.rule == "not_null" for name in check.columns}
    columns = tuple(
        Column(name, kind, name in required, docs.get(name, ""), units.get(name, "")) for name, kind in schema.items()
    )
    return replace(contract, columns=columns)


def to_yaml(contract: Contract) -> str:
    """The contract as a YAML document of the standard; equal contracts give equal text."""
    custom = {
        "parameters": [_drop_empty(_texts(asdict(parameter))) for parameter in contract.parameters],
        "inputs": [_drop_empty(asdict(source)) for source in contract.inputs],
    } | _writing(contract)
    document = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"{contract.pipeline}@{contract.version}",
        "name": contract.pipeline,
        "version": str(contract.version),
        "status": "active",
        "description": {"purpose": contract.doc},
        "schema": [
            {
                "name": contract.pipeline,
                "logicalType": "object",
                "physicalType": "view",
                "properties": [_property(column, contract) for column in contract.columns],
                "quality": [_quality(check) for check in contract.checks],
            }
        ],
        "customProperties": [{"property": name, "value": value} for name, value in custom.items()],
    }
    return as_text(document)


def as_text(document: Mapping[str, Any]) -> str:
    """A document of the standard as YAML; equal documents give equal text."""
    import yaml

    text: str = yaml.dump(_plain(document), Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=120)
    return text


def from_yaml(text: str, *, where: str = FILE) -> Contract:
    """The contract that a YAML document holds; ``ConfigError`` naming ``where`` when it is none of ours."""
    import yaml

    try:
        # Written in C where PyYAML was built with it, and as safe: every run reads its contract.
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are safe
        (schema,) = document["schema"]
        custom = {entry["property"]: entry["value"] for entry in document["customProperties"]}
        properties = schema["properties"]
        keyed = sorted((p for p in properties if p.get("primaryKey")), key=lambda p: int(p["primaryKeyPosition"]))
        return Contract(
            pipeline=document["name"],
            version=int(document["version"]),
            columns=tuple(
                Column(
                    p["name"],
                    p["physicalType"],
                    bool(p.get("required", False)),
                    p.get("description", ""),
                    _unit(p),
                    p.get("classification", ""),
                )
                for p in properties
            ),
            doc=document["description"]["purpose"],
            key=tuple(p["name"] for p in keyed),
            partition_by=next((p["name"] for p in properties if p.get("partitioned")), None),
            checks=tuple(_check(entry) for entry in schema["quality"]),
            parameters=tuple(_parameter(entry) for entry in custom["parameters"]),
            strategy=custom.get("strategy", "replace"),
            allowed_lateness=custom.get("allowedLateness"),
            inputs=tuple(Input(**{**entry, "columns": tuple(entry.get("columns", ()))}) for entry in custom["inputs"]),
        )
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f": line {mark.line + 1} does not parse" if mark is not None else ""
        raise ConfigError(f"{where} is not a contract that workbench wrote{place}", hint="workbench doctor") from None


def read_contract(folder: Path) -> Contract:
    """The contract of a version's directory."""
    file = folder / FILE
    try:
        return _known(file.read_text(encoding="utf-8"), str(file))
    except FileNotFoundError:
        if not folder.is_dir():
            known = [f"{folder.parent.name}@{place.name[1:]}" for place in folder.parent.glob("v*")]
            raise UnknownName.of("version", f"{folder.parent.name}@{folder.name[1:]}", known, hint="workbench status") from None
        raise ConfigError(f"{file} is missing", hint="workbench doctor") from None


@functools.lru_cache(maxsize=1024)
def _known(text: str, where: str) -> Contract:
    """The contract of a text that is the same at each run: to parse it takes twenty times as long as to read it."""
    return from_yaml(text, where=where)


def _property(column: Column, contract: Contract) -> dict[str, Any]:
    base = column.type.removeprefix("!").partition("(")[0].partition("<")[0]
    logical = "integer" if base.lstrip("u").startswith("int") and base != "interval" else _LOGICAL.get(base, "string")
    entry: dict[str, Any] = {"name": column.name, "logicalType": logical, "physicalType": column.type}
    if column.required:
        entry["required"] = True
    if column.name in contract.key:
        entry |= {"primaryKey": True, "primaryKeyPosition": contract.key.index(column.name) + 1}
    if column.name == contract.partition_by:
        entry |= {"partitioned": True, "partitionKeyPosition": 1}
    if column.doc:
        entry["description"] = column.doc
    if column.unit:
        entry["customProperties"] = [{"property": "unit", "value": column.unit}]
    if column.classification:
        entry["classification"] = column.classification
    return entry


def _unit(entry: dict[str, Any]) -> str:
    return next((each["value"] for each in entry.get("customProperties", ()) if each["property"] == "unit"), "")


def _writing(contract: Contract) -> dict[str, Any]:
    """What of writing is not as usual."""
    said = {"strategy": contract.strategy if contract.strategy != "replace" else None}
    said["allowedLateness"] = contract.allowed_lateness
    return {name: value for name, value in said.items() if value is not None}


def _quality(check: Check) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": str(check)}
    if check.on_failure != "fail":
        entry["customProperties"] = [{"property": "onFailure", "value": check.on_failure}]
    match check.rule:
        case "not_null":
            return entry | {"metric": "nullValues", "mustBe": 0, "arguments": {"properties": list(check.columns)}}
        case "unique":
            return entry | {"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": list(check.columns)}}
        case "row_count":
            low, high = check.args["at_least"], check.args.get("at_most")
            bound = {"mustBeGreaterOrEqualTo": low} if high is None else {"mustBeBetween": [low, high]}
            return entry | {"metric": "rowCount"} | bound
    # The standard's library has no metric for these, so they are ours to evaluate.
    rule = {"rule": check.rule, "columns": list(check.columns), **check.args}
    return entry | {"type": "custom", "engine": "workbench", "implementation": rule}


def _check(entry: dict[str, Any]) -> Check:
    found = _rule(entry)
    said = {each["property"]: each["value"] for each in entry.get("customProperties", ())}
    return replace(found, on_failure=said.get("onFailure", "fail"))


def _rule(entry: dict[str, Any]) -> Check:
    match entry.get("metric"):
        case "nullValues":
            return Check("not_null", tuple(entry["arguments"]["properties"]))
        case "duplicateValues":
            return Check("unique", tuple(entry["arguments"]["properties"]))
        case "rowCount" if "mustBeBetween" in entry:
            low, high = entry["mustBeBetween"]
            return Check("row_count", (), {"at_least": low, "at_most": high})
        case "rowCount":
            return Check("row_count", (), {"at_least": entry["mustBeGreaterOrEqualTo"]})
    rule = dict(entry["implementation"])
    return Check(rule.pop("rule"), tuple(rule.pop("columns")), rule)


def _parameter(entry: dict[str, Any]) -> Parameter:
    read = Parameter(entry["name"], entry["type"], None)
    choices = entry.get("choices")
    typed: dict[str, Any] = {name: (read.item or read).decode(entry[name]) for name in ("ge", "le") if name in entry}
    typed["default"] = read.decode(entry["default"])
    typed["choices"] = None if choices is None else tuple((read.item or read).decode(each) for each in choices)
    return Parameter(**{**entry, **typed})


def _texts(entry: dict[str, Any]) -> dict[str, Any]:
    """With text in place of the values that YAML has no type for; a date it has."""

    def text(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [text(item) for item in value]
        plain = type(value) is dt.date
        return value if plain else encode(value)

    return {name: text(value) for name, value in entry.items()}


def _drop_empty(entry: dict[str, Any]) -> dict[str, Any]:
    """Without the fields that say nothing; a default stays, also when it is false, zero or empty."""
    return {name: value for name, value in entry.items() if name == "default" or value not in (None, "", ())}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _dumper() -> Any:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Never writes ``&id001`` references: a contract is read by people."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        # YAML folds these line breaks of other scripts into a space unless they are escaped.
        style = '"' if any(mark in value for mark in "\x85\u2028\u2029\ufeff") else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
