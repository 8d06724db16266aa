"""What the names of tables and columns say about references, times and units: pure, and never enough by itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

# Names of keys that say nothing about whose key it is.
_GENERIC = {"id", "key", "code", "name", "no", "nr", "number", "num", "uuid", "guid", "pk", "sk"}
_BOSS = {"parent", "manager", "boss", "supervisor", "reports", "reportsto", "leader", "superior"}
_KEYS = (
    *(_GENERIC - {"name"}),
    "date",
    "day",
    "hour",
    "time",
    "month",
    "year",
    "line",
    "seq",
    "sequence",
    "position",
    "version",
    "origin",
)
_NO_EVENT = {"birth", "born", "dob", "birthday", "birthdate", "updated", "modified", "deleted", "expires", "expiry", "end",
             "until", "valid", "loaded", "due"}  # fmt: skip
_EVENT = ("event", "occurred", "happened", "ordered", "order", "created", "time", "timestamp", "at", "date", "day")
_UNITS = {
    **dict.fromkeys(("ms", "millis", "milliseconds"), "milliseconds"),
    **dict.fromkeys(("sec", "secs", "seconds"), "seconds"),
    **dict.fromkeys(("mins", "minutes"), "minutes"),
    **dict.fromkeys(("hrs", "hours"), "hours"),
    **dict.fromkeys(("pct", "percent", "percentage"), "percent"),
    **dict.fromkeys(("meters", "metres"), "metres"),
    **dict.fromkeys(("kilograms", "kg"), "kg"),
    **{word: word for word in "days weeks km miles feet inches grams lbs kwh mw bytes kb mb gb cents celsius".split()},
    **{word: word.upper() for word in "eur usd gbp chf jpy cad aud sek nok dkk pln inr cny".split()},
}


def words(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case.

    >>> words("billingCustomerID"), words("order_no2")
    (('billing', 'customer', 'id'), ('order', 'no', '2'))
    """
    return tuple(each.lower() for each in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", name))


def prefix(columns: Sequence[str]) -> str:
    """The short prefix that at least three quarters of a table's columns have, as in TPC-H; some are often added by a loader.

    >>> prefix(["l_orderkey", "l_tax"]), prefix(["id", "name"]), prefix(["customer_id", "customer_name"])
    ('l_', '', '')
    >>> prefix(["C_CUSTKEY", "C_NAME", "C_PHONE", "loaded_at"])
    'c_'
    """
    heads = Counter(column.lower().partition("_")[0] if "_" in column else "" for column in columns)
    head, many = heads.most_common(1)[0] if len(columns) > 1 else ("", 0)
    return f"{head}_" if 0 < len(head) <= 3 and many * 4 >= len(columns) * 3 else ""


def bare(column: str, short: str) -> str:
    """A column's name without its table's prefix.

    >>> bare("C_NAME", "c_"), bare("loaded_at", "c_")
    ('NAME', 'loaded_at')
    """
    return column[len(short) :] if column.lower().startswith(short) else column


def singulars(table: str) -> set[str]:
    """A table's name, joined into one word, and how one of its rows may be called.

    >>> sorted(singulars("order_lines")), sorted(singulars("companies"))
    (['orderline', 'orderlines'], ['companie', 'companies', 'company'])
    """
    word = "".join(words(table))
    found = {word}
    if word.endswith("s") and not word.endswith("ss"):
        found.add(word[:-1])
    if word.endswith("ies"):
        found.add(word[:-3] + "y")
    if word.endswith(("ches", "shes", "xes", "sses")):
        found.add(word[:-2])
    return found


def suits(column: str, key: str, table: str, *, mine: str = "", theirs: str = "", own: bool = False) -> str:
    """Why a column's name lets one expect that it holds values of a key column of a table, "" when it does not.

    ``mine`` and ``theirs`` are prefixes that say nothing; ``own`` is set within one table.

    >>> suits("customer_id", "id", "customers"), suits("o_custkey", "c_custkey", "customer", mine="o_", theirs="c_")
    ('it is called as customers and its id', 'it has the name of c_custkey')
    >>> suits("id", "id", "customers"), suits("manager_id", "id", "staff", own=True), suits("origin", "faa", "airports")
    ('', 'it is called as a reference to another row', '')
    """
    plain, target = words(bare(column, mine)), words(bare(key, theirs))
    if own:
        return "it is called as a reference to another row" if plain[:1] and plain[0] in _BOSS else ""
    joined, names = "".join(plain), singulars(table)
    if plain == target and not set(target) <= _GENERIC:
        return f"it has the name of {key}"
    if joined in names:
        return f"it is called as {table}"
    tail = "".join(target)
    for name in names:
        if joined.endswith(name + tail) or (target[-1:] and joined.endswith(name + target[-1]) and target[-1] in _GENERIC):
            return f"it is called as {table} and its {key}"
    if len(plain) > len(target) > 0 and plain[-len(target) :] == target and not set(target) <= _GENERIC:
        return f"its name ends in {key}"
    return ""


def key_order(column: str, position: int, table: str) -> tuple[int, int]:
    """How likely a column is part of a key, less is likelier: by its name, then by its place."""
    parts = words(column)
    joined = "".join(parts)
    if joined in ("id", "uuid", *(name + tail for name in singulars(table) for tail in ("id", "key", "no", "code"))):
        return 0, position
    hinted = bool(parts) and (parts[-1] in _KEYS or joined.endswith(("key", "id", "code", "number", "line", "date")))
    return (1 if hinted else 2), position


def event_time(columns: Iterable[str]) -> str | None:
    """Which of the columns of dates and times says when a row happened.

    >>> event_time(["birth_date", "updated_at", "ordered_at"]), event_time(["l_shipdate", "l_receiptdate"]), event_time(["x"])
    ('ordered_at', None, 'x')
    """
    left = [column for column in columns if not set(words(column)) & _NO_EVENT]
    if len(left) == 1:
        return left[0]
    for word in _EVENT:
        hits = [column for column in left if word in words(column)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            return None
    return None


def unit(column: str) -> str | None:
    """The unit that a column's name ends in.

    >>> unit("distance_km"), unit("amountEUR"), unit("distance")
    ('km', 'EUR', None)
    """
    parts = words(column)
    return _UNITS.get(parts[-1]) if len(parts) > 1 else None
