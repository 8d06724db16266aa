"""Finding tables in the dictionary by words: names count more than what is said about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.catalog.dictionary import Described, Entry

# The name of the table is the word, begins with it, or has it; the same of a column; what is said of either; the owner.
_NAME, _BEGINS, _WITHIN = 100, 70, 50
_COLUMN, _COLUMN_BEGINS, _COLUMN_WITHIN = 60, 45, 35
_DOC, _COLUMN_DOC, _OWNER = 15, 10, 5


@dataclass(frozen=True, slots=True)
class Hit:
    """A table that every word was found in, and the columns by which it was; the higher the score, the nearer."""

    entry: Entry
    score: int
    columns: tuple[Described, ...] = ()


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The words to look for; a table and its column may be written as one.

    >>> words_of(["late_departures.Rate", "per day"])
    ('late_departures', 'rate', 'per', 'day')
    """
    return tuple(word for text in texts for word in re.split(r"[\s.@,]+", text.casefold()) if word)


def search(entries: Iterable[Entry], words: Sequence[str]) -> tuple[Hit, ...]:
    """The tables that have every word somewhere, the best first; all of them by name where there are no words."""
    found = [hit for entry in entries if (hit := _hit(entry, words)) is not None]
    return tuple(sorted(found, key=lambda hit: (-hit.score, hit.entry.name, hit.entry.kind)))


def nearest(entries: Iterable[Entry], words: Sequence[str]) -> tuple[str, ...]:
    """Up to three names, of tables or columns, that are most like the words."""
    from difflib import get_close_matches

    known = {name for entry in entries for name in (entry.name, *(column.name for column in entry.columns))}
    near = dict.fromkeys(name for word in words for name in get_close_matches(word, sorted(known), n=3))
    return tuple(near)[:3]


def _hit(entry: Entry, words: Sequence[str]) -> Hit | None:
    score = 0
    columns: dict[str, Described] = {}
    for word in words:
        best, by = _table(entry, word), []
        for column in entry.columns:
            found = _column(column, word)
            if found:
                by.append(column)
                best = max(best, found)
        if not best:
            return None
        score += best
        columns |= {column.name: column for column in by}
    return Hit(entry, score, tuple(columns.values()))


def _table(entry: Entry, word: str) -> int:
    if word in entry.name:
        return _NAME if entry.name == word else _BEGINS if entry.name.startswith(word) else _WITHIN
    if word in entry.doc.casefold():
        return _DOC
    return _OWNER if word in entry.owner.casefold() or word == entry.kind else 0


def _column(column: Described, word: str) -> int:
    name = column.name.casefold()
    if word in name:
        return _COLUMN if name == word else _COLUMN_BEGINS if name.startswith(word) else _COLUMN_WITHIN
    said = column.doc or column.unit or column.classification
    return _COLUMN_DOC if said and word in f"{column.doc} {column.unit} {column.classification}".casefold() else 0
