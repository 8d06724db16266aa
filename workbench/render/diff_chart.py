"""What the page of a comparison draws: distributions as paired bars, drift in words, the largest changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from workbench.promote.diff.result import Move
from workbench.render.diff import number, share
from workbench.render.grid import clean

# The usual bounds of the population stability index, and the rows below which it moves by chance.
_MOVED, _DRIFTED, _FEW = 0.1, 0.25, 1000
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """Rows of both sides in one place of a chart; ``heights`` are their shares in percent of the largest one."""

    label: str
    rows: tuple[int, int]
    shares: tuple[str, str]
    heights: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """One column. ``lying`` bars are for categories; others stand side by side above the three labels of ``axis``."""

    name: str
    new: bool
    lying: bool
    bars: tuple[Bar, ...]
    axis: tuple[str, ...]
    notes: tuple[str, ...]
    drift: str
    figures: tuple[tuple[str, str, str], ...]


def chart(name: str, found: dict[str, Any]) -> Chart:
    """A distribution as it is drawn."""
    places, axis, unit = _places(found)
    totals = [max((found[side] or {}).get("count", 0), 1) for side in ("base", "candidate")]
    widest = max([0.0, *(rows / totals[i] for _, *counts in places for i, rows in enumerate(counts))]) or 1.0
    bars = tuple(
        Bar(
            label,
            (base, candidate),
            (share(base, totals[0]), share(candidate, totals[1])),
            (round(100 * base / totals[0] / widest, 1), round(100 * candidate / totals[1] / widest, 1)),
        )
        for label, base, candidate in places
    )
    return Chart(
        name=name,
        new=found["base"] is None,
        lying="top" in found,
        bars=bars,
        axis=axis,
        notes=tuple(note for note in (unit, *_nulls(found)) if note),
        drift=_drift(found),
        figures=tuple(_figures(found)),
    )


def _places(found: dict[str, Any]) -> tuple[list[tuple[str, int, int]], tuple[str, ...], str]:
    """Labels with rows of both sides, the labels below, and what a bar is."""
    if "bins" in found:
        edges, bins = found["bins"]["edges"], found["bins"]
        names = [f"up to {number(edges[0])}"]
        names += [f"above {number(low)}, up to {number(high)}" for low, high in pairwise(edges)]
        names.append(f"above {number(edges[-1])}")
        none = [0] * len(names)
        whose = "base" if found["base"] and found["base"]["min"] is not None else "candidate"
        counts = list(zip(names, bins.get("base", none), bins.get("candidate", none), strict=True))
        if not any(counts[-1][1:]):
            del counts[-1]  # the largest value repeats: nothing is above it
        ends = [found[side] for side in ("base", "candidate") if found[side] and found[side]["min"] is not None]
        low, high = min((end["min"] for end in ends), key=float), max((end["max"] for end in ends), key=float)
        axis = (number(low), number(edges[len(edges) // 2]), number(high))
        more = "" if len(counts) == _TENTHS else "; some hold more, as values repeat"
        return counts, axis, f"ranges from low to high, cut to hold about a tenth of the {whose}'s values each{more}"
    if "top" in found:
        return (
            [(clean(each["value"], 60), each["base"], each["candidate"]) for each in found["top"]],
            (),
            "the most frequent values, in shares of all rows",
        )
    if found.get("counts"):
        starts = [each["start"].removesuffix(" 00:00:00") for each in found["counts"]]
        rows = [(start, each["base"], each["candidate"]) for start, each in zip(starts, found["counts"], strict=True)]
        return rows, (starts[0], starts[len(starts) // 2], starts[-1])[: len(starts)], f"a bar is a {found['period']}"
    return [], (), ""


def _nulls(found: dict[str, Any]) -> list[str]:
    shares = [found[side]["null_share"] for side in ("base", "candidate") if found[side]]
    if not any(shares):
        return []
    return ["NULL " + " → ".join(share(round(value * 1e6), 1_000_000) for value in shares)]


def _drift(found: dict[str, Any]) -> str:
    """The drift in a word and in numbers; nothing where it is not known."""
    if "psi" not in found:
        return ""
    word = "stable" if found["psi"] < _MOVED else "moved" if found["psi"] < _DRIFTED else "drifted"
    if min(found["base"]["count"], found["candidate"]["count"]) < _FEW:
        word = "few rows"
    return f"{word} · PSI {found['psi']:.3f} · KS {found['ks']:.3f}"


def _figures(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    sides = [found["base"] or {}, found["candidate"] or {}]
    labels = dict.fromkeys(label for side in sides for label in side if label != "quantiles")
    rows: list[tuple[str, Any, Any]] = [(label.replace("_", " "), *(side.get(label) for side in sides)) for label in labels]
    for quantile in next((side["quantiles"] for side in sides if "quantiles" in side), {}):
        rows.append((quantile, *(side.get("quantiles", {}).get(quantile) for side in sides)))
    said = [(label, ["" if value is None else number(value) for value in values]) for label, *values in rows]
    return [(label, base, candidate) for label, (base, candidate) in said]


@dataclass(frozen=True, slots=True)
class Step:
    """One of the largest changes: ``part`` is its size in percent of the largest one, ``up`` its direction."""

    key: tuple[Any, ...]
    base: Any
    candidate: Any
    delta: str
    relative: str
    up: bool
    part: float


def steps(moves: Sequence[Move]) -> tuple[Step, ...]:
    """The largest changes of one column as they are drawn.

    >>> [(step.delta, step.relative, step.part) for step in steps([Move({}, 10, 15, 5), Move({}, 0, "-0.10", "-0.10")])]
    [('+5', '+50%', 100.0), ('-0.10', '', 2.0)]
    >>> steps([Move({}, 3, 40, 37)])[0].relative
    '+1,233%'
    """
    sizes = [float(move.delta) for move in moves]
    widest = max((abs(size) for size in sizes), default=0.0) or 1.0
    found = []
    for move, size in zip(moves, sizes, strict=True):
        text = f"{size:+.6g}" if isinstance(move.delta, float) else f"{'+' if size > 0 else ''}{move.delta}"
        was = abs(float(move.base))
        percent = 100 * size / was if was and abs(size) < 1000 * was else 0.0
        relative = f"{percent:+,.{0 if abs(percent) >= 100 else 3}{'f' if abs(percent) >= 100 else 'g'}}%" if percent else ""
        part = round(100 * abs(size) / widest, 1) if abs(size) < float("inf") else 100.0
        found.append(Step(tuple(move.key.values()), move.base, move.candidate, text, relative, size > 0, part))
    return tuple(found)
