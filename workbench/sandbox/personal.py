"""Columns that look personal, by their name or by their values, and for which nobody has decided anything yet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.config import Source
from workbench.errors import GuardRefused
from workbench.runtime.duck import identifier, literal
from workbench.sandbox.mask import is_text

# Words of a column's name -> what it probably holds and the mask that suits it.
_WORDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("email", "mail", "emailaddress"), ("an e-mail address", "token")),
    **dict.fromkeys(("phone", "telephone", "mobile", "cellphone", "fax", "msisdn"), ("a phone number", "token")),
    **dict.fromkeys(
        ("ssn", "nino", "passport", "nationalid", "taxid", "licence", "license", "cpf", "aadhaar"),
        ("an official number", "token"),
    ),
    **dict.fromkeys(("iban", "creditcard", "cardnumber", "accountnumber", "bic"), ("a bank account or card", "token")),
    **dict.fromkeys(
        ("firstname", "lastname", "surname", "fullname", "forename", "maidenname", "nickname", "username"), ("a name", "redact")
    ),
    **dict.fromkeys(("address", "street", "addr", "postcode", "zip", "zipcode", "postalcode"), ("an address", "redact")),
    **dict.fromkeys(("birth", "birthday", "birthdate", "dob", "dateofbirth"), ("a date of birth", "generalise:year")),
    **dict.fromkeys(("password", "passwd", "secret", "pin"), ("a secret", "redact")),
    **dict.fromkeys(("gender", "religion", "ethnicity", "nationality", "diagnosis"), ("a sensitive trait", "redact")),
    **dict.fromkeys(("ip", "ipaddress", "macaddress", "deviceid", "imei"), ("a device", "token")),
    **dict.fromkeys(("salary", "wage", "income"), ("an income", "generalise:1000")),
}
_WHOSE = "first last full sur middle maiden user customer contact person patient employee client".split()
_NAME = ("a name", "redact")
_JOINED = (
    "e mail,credit card,card number,account number,national id,tax id,postal code,zip code,post code,ip address,mac address,"
    "device id,date of birth"
)
_TOGETHER: dict[tuple[str, ...], tuple[str, str]] = {
    tuple(words.split()): _WORDS["".join(words.split())] for words in _JOINED.split(",")
}
_TOGETHER |= {(whose, "name"): _NAME for whose in _WHOSE}
_TOGETHER[("social", "security")] = _WORDS["ssn"]

# What values of a text column may look like: SQL regular expressions that match a whole value, or a part where it says so.
PATTERNS: dict[str, tuple[str, str]] = {
    "an e-mail address": (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", "token"),
    "an IBAN": (r"(^|\W)[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?($|\W)", "token"),
    "a social security number": (r"(^|[^0-9A-Za-z-])[0-9]{3}-[0-9]{2}-[0-9]{4}($|[^0-9A-Za-z-])", "token"),
    "a card number": (
        r"(^|[^0-9A-Za-z])(4[0-9]{3}|5[1-5][0-9]{2}|3[47][0-9]{2})([ -]?[0-9]{4}){2}[ -]?[0-9]{3,4}($|[^0-9A-Za-z])",
        "token",
    ),
    "a phone number": (r"^\s*(\+[0-9]{1,3}[ ./-]?)(\(?[0-9]{1,4}\)?[ ./-]?){2,5}[0-9]{2,4}\s*$", "token"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A column that looks personal: why, how many values do, and the mask that suits it."""

    source: str
    column: str
    reason: str
    suggestion: str
    values: int = 0


def by_name(column: str) -> tuple[str, str] | None:
    """What a column's name says it holds, and the mask for it.

    >>> by_name("customerEmail"), by_name("name"), by_name("file_name"), by_name("distance")
    (('an e-mail address', 'token'), ('a name', 'redact'), None, None)
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", column)
    parts = [word.lower() for word in words]
    if parts == ["name"]:
        return _NAME
    for size in (3, 2):
        for start in range(len(parts) - size + 1):
            window = tuple(parts[start : start + size])
            if window in _TOGETHER:
                return _TOGETHER[window]
    return next((_WORDS[word] for word in parts if word in _WORDS), None)


def undecided_names(source: str, columns: Iterable[str], decided: Iterable[str]) -> list[Finding]:
    """Columns without a rule whose name looks personal."""
    known = set(decided)
    found = [(column, by_name(column)) for column in columns if column not in known]
    return [Finding(source, column, f"its name says {hit[0]}", hit[1]) for column, hit in found if hit is not None]


def undecided_values(con: Any, relation: str, source: str, types: Mapping[str, str], decided: Iterable[str]) -> list[Finding]:
    """Columns of a table without a rule whose values look personal; one pass over its text columns."""
    known = set(decided)
    columns = [column for column, kind in types.items() if column not in known and is_text(kind)]
    if not columns:
        return []
    tests = [
        f"count(*) FILTER (regexp_matches(CAST({identifier(column)} AS VARCHAR), {literal(pattern)}))"
        for column in columns
        for pattern, _ in PATTERNS.values()
    ]
    counts = con.execute(f"SELECT {', '.join(tests)} FROM {relation}").fetchone()
    found = []
    for number, column in enumerate(columns):
        hits = dict(zip(PATTERNS, counts[number * len(PATTERNS) : (number + 1) * len(PATTERNS)], strict=True))
        kind = max(hits, key=lambda each: hits[each])
        if hits[kind]:
            found.append(
                Finding(source, column, f"{hits[kind]:,} of its values look like {kind}", PATTERNS[kind][1], hits[kind])
            )
    return found


def refuse(findings: Iterable[Finding], sources: Mapping[str, Source]) -> None:
    """Raise ``GuardRefused`` with the line to add, when there is anything to decide."""
    ordered = list(findings)
    if not ordered:
        return
    by_source: dict[str, list[Finding]] = {}
    for finding in ordered:
        by_source.setdefault(finding.source, []).append(finding)
    listed = "\n".join(f"  {each.source}.{each.column}: {each.reason}" for each in ordered)
    lines = "\n".join(
        f"   [tool.workbench.sources.{name}]\n   {mask_line(sources[name].mask, each)}" for name, each in by_source.items()
    )
    raise GuardRefused(
        f"these columns look personal and nobody has decided about them yet:\n{listed}",
        hint=f'in pyproject.toml (or "keep" for what may be seen in clear), then the same command again:\n{lines}',
    )


def mask_line(mask: Mapping[str, str], findings: Iterable[Finding]) -> str:
    """The whole ``mask = ...`` line of a source with suggestions added.

    >>> mask_line({"id": "token"}, [Finding("people", "e mail", "", "token")])
    'mask = { id = "token", "e mail" = "token" }'
    """
    rules = dict(mask) | {each.column: each.suggestion for each in findings}
    keys = {column: column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else json.dumps(column) for column in rules}
    return "mask = { " + ", ".join(f"{keys[column]} = {json.dumps(rule)}" for column, rule in rules.items()) + " }"
