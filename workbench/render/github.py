"""Comparisons and promotions as comments on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from workbench.model import GateResult, Verdict
from workbench.promote.diff.result import TableDiff
from workbench.render.diff import changed_names, moved, share, summary
from workbench.render.markdown import Block, code, details, fit, grid, words
from workbench.store.records import PromotionRecord

Section = tuple[str, str, TableDiff]
_WIDE = 8  # columns of an example table beyond its key
_MOST = 40  # columns of the table that differ, one line each
_SIGNS = {Verdict.PASS: "✅", Verdict.WARN: "⚠️", Verdict.FAIL: "❌", Verdict.WAITING: "⏳"}


def comment(title: str, sections: Sequence[Section], *, rows: int = 5) -> str:
    """One or several comparisons as Markdown of at most 65,000 characters; equal comparisons give equal text.

    Every value and name is encoded: it mentions nobody, links nowhere and ends no table.
    """
    blocks = [Block(f"### {code(title)}"), *difference_blocks(sections, rows=rows)]
    if not sections:
        blocks.append(Block("No version was live then: nothing to compare with."))
    return fit(blocks, elsewhere="`workbench diff … --html FILE` writes all of it.")


def promotion_comment(promotion: PromotionRecord, sections: Sequence[Section], *, rows: int = 5) -> str:
    """A promotion as Markdown: who and why, the gates of each version, and its comparisons."""
    versions = ", ".join(f"{each.pipeline}@{each.version}" for each in promotion.candidates if each.new)
    next_command = {"waiting": "approve", "approved": "publish", "refused": "gates"}.get(promotion.status)
    blocks = [
        Block(f"### {promotion.id}: {code(versions)} is {promotion.status}"),
        Block(f"{code(promotion.notebook)} by {words(promotion.who)}: {words(promotion.why)}"),
    ]
    for each in promotion.candidates:
        recomputed = "" if each.new else " (code unchanged, recomputed)"
        blocks.append(Block(f"#### {code(f'{each.pipeline}@{each.version}')}{recomputed}\n\n{gates_table(each.gates)}"))
    blocks += difference_blocks(sections, rows=rows)
    if next_command:
        blocks.append(Block(f"next: `workbench {next_command} {promotion.id}`"))
    return fit(blocks, elsewhere=f"`workbench diff {promotion.id} --html FILE` writes all of it.")


def gates_table(gates: Sequence[GateResult]) -> str:
    """One line a gate."""
    lines = [[f"{_SIGNS[gate.verdict]} {gate.verdict.value}", code(gate.gate), words(gate.summary)] for gate in gates]
    return grid(["", "gate", ""], lines)


def difference_blocks(sections: Sequence[Section], *, rows: int) -> Iterator[Block]:
    """Each comparison: what differs in a line, then schema and columns, then folded examples."""
    for heading, note, diff in sections:
        if heading:
            yield Block(f"#### {words(heading)}\n\n{words(note)}" if note else f"#### {words(heading)}")
        yield Block(f"**{_arrows(summary(diff))}**")
        if not diff.schema.identical:
            yield Block(_schema(diff), 1)
        if diff.columns:
            yield Block(_columns(diff), 1)
        for text in _examples(diff, rows):
            yield Block(text, 2)


def _schema(diff: TableDiff) -> str:
    schema = diff.schema
    new = {name: old for old, name in schema.renamed.items()}
    lines = [f"added {code(name)}" + (f", perhaps {code(new[name])} renamed" if name in new else "") for name in schema.added]
    lines += [f"**removed** {code(name)}" for name in schema.removed]
    for name, (old, now) in schema.type_changed.items():
        said = ", **not compared**" if name in schema.not_compared else ""
        lines.append(f"{code(name)} was {code(old)}, is {code(now)}{said}")
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "\n".join(f"- {line}" for line in [*lines[:_MOST], *more])


def _columns(diff: TableDiff) -> str:
    both = diff.rows.changed + diff.rows.unchanged
    found = sorted(diff.columns.items(), key=lambda item: -item[1].changed)
    lines = []
    for name, column in found[:_MOST]:
        how = _arrows(moved(diff.distributions.get(name, {})))
        lines.append([code(name), f"{column.changed:,}", words(share(column.changed, both)), words(how)])
    more = f"\n\nand {len(found) - _MOST} more columns" if len(found) > _MOST else ""
    return grid(["column", "rows changed", "share", "moved"], lines, right=(1, 2)) + more


def _examples(diff: TableDiff, rows: int) -> Iterator[str]:
    changed = diff.samples.changed[:rows]
    if changed:
        names = changed_names(changed)[:_WIDE]
        lines = []
        for row in changed:
            for sign, values in (("−", row.base), ("+", row.candidate)):
                keys = [code(value) if sign == "−" else "" for value in row.key.values()]
                lines.append([sign, *keys, *(_marked(values[name], name in row.columns) for name in names)])
        header = ["", *map(code, diff.key), *map(code, names)]
        yield details(f"changed rows, {len(changed)} of {diff.rows.changed:,}", grid(header, lines))
    for kind, sign, examples, total in (
        ("added", "+", diff.samples.added, diff.rows.added),
        ("removed", "−", diff.samples.removed, diff.rows.removed),
    ):
        shown = examples[:rows]
        if shown:
            names = [*diff.key, *[name for name in shown[0] if name not in diff.key][:_WIDE]]
            lines = [[sign, *(code(row[name]) for name in names)] for row in shown]
            yield details(f"{kind} rows, {len(shown)} of {total:,}", grid(["", *map(code, names)], lines))


def _arrows(text: str) -> str:
    return text.replace("->", "→")


def _marked(value: Any, differs: bool) -> str:
    return f"<strong>{code(value)}</strong>" if differs else code(value)
