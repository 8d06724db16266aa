"""The contract card: what it says of an output, of the version that readers see, and of what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir
import marimo as mo
import pytest

from workbench.catalog.contract import Contract, complete, to_yaml
from workbench.config import find_workspace
from workbench.errors import UnknownName, UsageError
from workbench.model import Input, OutputMark, Parameter
from workbench.promote.module import load_module
from workbench.render import card
from workbench.render.card import OutputTable, model, output
from workbench.render.card_facts import gather
from workbench.render.card_html import card_html
from workbench.runtime import checks
from workbench.runtime.warehouse import Warehouse
from workbench.sandbox import session
from workbench.sandbox.support import Unreliable
from workbench.sandbox.widgets import param

SQL = """
CREATE TABLE flights AS SELECT * FROM (VALUES
    ('EWR', DATE '2013-01-01', 20), ('EWR', DATE '2013-01-01', 5), ('EWR', DATE '2013-01-02', NULL),
    ('JFK', DATE '2013-01-01', 90), ('JFK', DATE '2013-01-02', 0)) t(origin, day, delay)
"""
LIVE = '''
import ibis


def late(flights: ibis.Table, *, min_delay: int = 15) -> ibis.Table:
    """Late ones."""
    return flights.group_by("day", "origin").agg(late=(flights.delay > min_delay).sum().fill_null(0))
'''


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace whose one source is also in an open sandbox."""
    (tmp_path / "raw").mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.workbench.sources.flights]\nread = "raw/flights.parquet"\n')
    for file in (tmp_path / "sandbox.duckdb", ":memory:"):
        with duckdb.connect(file) as con:
            con.execute(SQL)
            if file == ":memory:":
                con.execute(f"COPY flights TO '{tmp_path / 'raw' / 'flights.parquet'}' (FORMAT parquet)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_SANDBOX", raising=False)
    monkeypatch.setenv("WORKBENCH_WORKSPACE", str(tmp_path))
    session.activate(tmp_path / "sandbox.duckdb")
    yield tmp_path
    session.deactivate()


@pytest.fixture
def live(workspace: Path) -> Callable[..., None]:
    """Publishes a module as late@1."""

    def publish(text: str = LIVE, *more: Parameter) -> None:
        opened = find_workspace(workspace)
        folder = workspace / "promoted" / "late" / "v1"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(text)
        warehouse = Warehouse.open(opened)
        con = warehouse.connect()
        table = load_module(folder / "__init__.py", "late")(warehouse.source(con, "flights"))
        contract = Contract(
            "late",
            1,
            (),
            key=("day", "origin"),
            parameters=(Parameter("min_delay", "int", 15, ge=0, le=240), *more),
            inputs=(Input("flights", "flights", "source"),),
        )
        contract = complete(contract, {name: str(kind) for name, kind in table.schema().items()}, {})
        (folder / "contract.yaml").write_text(to_yaml(contract))
        warehouse.swap("op-1", {"late": warehouse.write(table, pipeline="late", version=1, key=("day", "origin"))})
        con.disconnect()

    return publish


def late(min_delay: int = 15) -> ir.Table:
    flights = session.source("flights")
    return flights.group_by("day", "origin").agg(late=(flights.delay > min_delay).sum().fill_null(0))


def shown(table: OutputTable) -> str:
    """The HTML that marimo would show."""
    displayed = table._display_()
    assert isinstance(displayed, mo.Html)
    return displayed.text


def test_an_output_is_the_table_that_was_marked_and_the_session_knows_it(workspace: Path) -> None:
    table = late()
    marked = output("late", table, key="day", doc=" Late ones. ", columns={"late": "flights"}, partition_by="day")
    assert isinstance(marked, ir.Table)
    assert marked.equals(table) or marked.op() == table.op()
    assert marked.filter(marked.late > 0).count().to_pyarrow().as_py() == 2
    mark, recorded = session.current().outputs["late"]
    assert recorded is marked
    assert (mark.key, mark.doc, mark.partition_by) == (("day",), "Late ones.", "day")


def test_a_headless_notebook_computes_no_card(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "_display", lambda *_: pytest.fail("the card was computed"))
    app = mo.App()

    @app.cell
    def _() -> Any:
        import workbench as wb

        flights = wb.source("flights")
        flown = wb.output("flown", flights)
        flown  # noqa: B018  what the cell shows
        return (flown,)

    app.run()
    assert "flown" in session.current().outputs


def test_the_card_says_what_the_contract_promises_and_how_the_sandbox_keeps_it(workspace: Path) -> None:
    marked = output(
        "late",
        late(),
        key=["day", "origin"],
        doc="Late ones.",
        columns={"late": "flights later than min_delay"},
        checks=[checks.between("late", 0, 100)],
        partition_by="day",
    )
    html = shown(marked)
    for said in (
        "Late ones.",
        "4 rows in sandbox sandbox",
        "key day, origin: unique, never NULL",
        "1 check holds",
        "2 partitions by day",
        "flights later than min_delay",
        "int64",
        "Nothing is published under this name yet",
        "not live yet",
    ):
        assert said in html


def test_broken_promises_are_counted_with_an_example(workspace: Path) -> None:
    flights = session.source("flights")
    html = shown(output("flown", flights, key=["day"], checks=[checks.not_null("delay"), checks.between("delay", 0, 60)]))
    assert "3 promises broken" in html
    assert "key day: 3 rows repeat a key" in html
    assert "2 of 2 checks broken" in html
    assert "broken by 1 row" in html
    assert "delay = 90" in html
    assert "<details open>" in html


def test_the_card_compares_with_the_live_version_on_the_same_sandbox(workspace: Path, live: Callable[..., None]) -> None:
    live()
    assert "same as live @1" in shown(output("late", late(), key=["day", "origin"]))
    assert "4 rows compared." in shown(output("late", late(), key=["day", "origin"]))
    changed = late(0).mutate(more=ibis.literal(1)).filter(ibis._.day < ibis.date(2013, 1, 2))
    html = shown(output("late", changed, key=["day", "origin"]))
    assert "differs from live @1" in html
    assert "Against late@1, which readers see" in html
    assert "rows: 0 added, 2 removed, 1 changed, 1 unchanged" in html
    assert "new column" in html
    assert '<span class="wb-hidden">was </span>1</del>' in html
    assert '<span class="wb-hidden">is now </span>2</ins>' in html


def test_the_live_version_is_computed_at_what_the_widgets_show(workspace: Path, live: Callable[..., None]) -> None:
    live()
    min_delay = param("min_delay", 60, ge=0, le=240)
    html = shown(output("late", late(min_delay.value), key=["day", "origin"]))
    assert "min_delay = 60" in html
    assert "same as live @1" in html


def test_a_plain_widget_of_the_notebook_counts_as_well(
    workspace: Path, live: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    live()
    monkeypatch.setitem(globals(), "min_delay", mo.ui.slider(0, 240, value=30))
    assert "min_delay = 30" in shown(output("late", late(30), key=["day", "origin"]))


def test_a_value_that_the_live_version_does_not_take_is_said(
    workspace: Path, live: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    live()
    monkeypatch.setitem(globals(), "min_delay", mo.ui.slider(0, 900, value=500))
    assert "min_delay is 15 for the live version, which does not take 500" in shown(
        output("late", late(), key=["day", "origin"])
    )


def test_a_live_version_that_fails_leaves_the_rest_of_the_card_and_the_table(
    workspace: Path, live: Callable[..., None]
) -> None:
    live()
    file = workspace / "promoted" / "late" / "v1" / "__init__.py"
    file.write_text(file.read_text().replace("flights.delay", "flights.gone"))
    html = shown(output("late", late(), key=["day", "origin"]))
    assert "No comparison with the live version." in html
    assert "gone" in html
    assert "key day, origin: unique, never NULL" in html
    assert "marimo-table" in html
    assert "Traceback" not in html


def test_a_query_that_fails_shows_its_message_in_place_of_a_traceback(workspace: Path) -> None:
    flights = session.source("flights")
    html = shown(output("late", flights.mutate(n=flights.origin.cast("int64"))))
    assert "The table can&#39;t be computed." in html
    assert "EWR" in html
    assert "int64" in html
    assert "marimo-table" not in html
    assert "Traceback" not in html


EVIL = "</section><img src=x onerror=alert(1)>\"'&"


def is_harmless(html: str, times: int) -> None:
    """The card, without the table below it, holds the text so often and nothing of it as HTML."""
    html = html.partition("<marimo-")[0]
    assert "<img" not in html
    assert "</section>" not in html.rpartition("</section>")[0]
    assert "onerror" not in re.sub(r"&lt;img src=x onerror=alert\(1\)&gt;", "", html)
    assert html.count("&lt;img") >= times


def test_everything_that_comes_from_data_or_notebook_is_escaped(workspace: Path, live: Callable[..., None]) -> None:
    live()
    table = late().mutate(origin=ibis.literal(EVIL), **{EVIL: ibis.literal(EVIL)})
    marked = output(
        "late",
        table,
        key=["day", EVIL],
        doc=EVIL,
        columns={EVIL: EVIL},
        units={EVIL: EVIL},
        checks=[checks.one_of(EVIL, ["</section>"])],
        partition_by=EVIL,
    )
    # name in key, partition and schema; doc; unit; meaning; the check and its example; the new column; the values in rows
    is_harmless(shown(marked), 10)


def test_a_parameter_is_escaped_in_every_place(workspace: Path, live: Callable[..., None]) -> None:
    choices = [EVIL, "plain"]
    text = NOTEBOOK.replace('wb.param("min_delay", 15, ge=0, le=240, doc="<b>minutes</b> after schedule")', "MARK").replace(
        "MARK", f'wb.param("kind", {EVIL!r}, choices={choices!r}, doc={EVIL!r})'
    )
    is_harmless(in_notebook(workspace, text.replace("flights.delay > min_delay", "flights.origin != min_delay")), 5)
    live(LIVE.replace("min_delay: int = 15", "min_delay: int = 15, kind: str = ''"), Parameter("kind", "str", EVIL))
    is_harmless(shown(output("late", late(), key=["day", "origin"])), 1)


def test_a_message_is_escaped(workspace: Path) -> None:
    flights = session.source("flights").mutate(origin=ibis.literal(EVIL))
    is_harmless(shown(output("late", flights.mutate(n=flights.origin.cast("int64")))), 1)
    refused = NOTEBOOK.replace("flights.delay > min_delay.value", f"flights.origin != wb.source({EVIL!r}).count()")
    file = workspace / "notebook.py"
    file.write_text(refused)
    facts = gather(OutputMark("late"), flights, None, EVIL, {"__file__": str(file)})
    assert facts.refusals
    is_harmless(card_html(facts), 2)
    spoilt = replace(facts, unreliable=(Unreliable((EVIL,), EVIL),), problems={"live": EVIL, "support": EVIL, "checks": EVIL})
    is_harmless(card_html(spoilt), 6)


def test_a_sandbox_that_was_removed_meanwhile_is_said_on_the_card(workspace: Path) -> None:
    marked = output("late", late(), key=["day", "origin"])
    (workspace / "sandbox.duckdb").unlink()
    html = shown(marked)
    assert "These rows are old." in html
    assert "sandbox sandbox, on which this notebook was opened, is gone" in html
    assert "workbench edit NOTEBOOK" in html
    assert "4 rows in sandbox" in html


def test_an_empty_table_is_a_table(workspace: Path, live: Callable[..., None]) -> None:
    live()
    html = shown(output("late", late().filter(False), key=["day", "origin"]))
    assert "0 rows in sandbox" in html
    assert "4 removed" in html


def test_a_shape_that_shares_no_key_with_the_live_version_is_compared_as_rows(
    workspace: Path, live: Callable[..., None]
) -> None:
    live()
    html = shown(output("late", late().rename(airport="origin"), key=["day", "airport"]))
    assert "differs from live @1" in html


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("../x",), UsageError, "output name '../x' is not allowed"),
        (("select",), UsageError, "keyword"),
        ((5,), UsageError, "not a text"),
    ],
)
def test_a_name_that_cannot_name_a_pipeline_is_refused(
    workspace: Path, arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        output(*arguments, late())


@pytest.mark.parametrize(
    "more",
    [{"key": ["dya"]}, {"columns": {"dya": "x"}}, {"partition_by": "dya"}, {"checks": [checks.not_null("dya")]}],
)
def test_a_column_that_the_table_lacks_is_named_with_the_nearest_one(workspace: Path, more: dict[str, Any]) -> None:
    with pytest.raises(UnknownName, match="'dya'; did you mean 'day'"):
        output("late", late(), **more)


def test_what_is_no_table_is_refused(workspace: Path) -> None:
    with pytest.raises(UsageError, match="not an Ibis table"):
        output("late", late().to_pyarrow())


def test_a_marked_function_marks_what_it_returns(workspace: Path) -> None:
    @model(key=["day", "origin"])
    def late_ones(flights: ir.Table) -> ir.Table:
        """Late ones."""
        return flights.filter(flights.delay > 15).select("day", "origin")

    @model
    def bare(flights: ir.Table) -> ir.Table:
        return flights

    found = late_ones(session.source("flights"))
    bare(session.source("flights"))
    mark, recorded = session.current().outputs["late_ones"]
    assert recorded is found
    assert (mark.key, mark.doc) == (("day", "origin"), "Late ones.")
    assert "bare" in session.current().outputs
    assert "unique, never NULL" in shown(found)


def test_a_marked_function_may_be_a_marimo_function(workspace: Path) -> None:
    app = mo.App()

    @app.function
    @model("late", key=["day", "origin"])
    def late_ones(flights: ir.Table) -> ir.Table:
        return flights

    late_ones(session.source("flights"))
    assert "late" in session.current().outputs


def test_a_marked_function_with_a_bad_name_is_refused_at_once(workspace: Path) -> None:
    with pytest.raises(UsageError, match="not allowed"):
        model("../x")(late)


NOTEBOOK = """
import marimo

app = marimo.App()


@app.cell
def _():
    import workbench as wb
    return (wb,)


@app.cell
def _(wb):
    min_delay = wb.param("min_delay", 15, ge=0, le=240, doc="<b>minutes</b> after schedule")
    return (min_delay,)


@app.cell
def _(min_delay, wb):
    flights = wb.source("flights")
    rows = flights.filter(flights.delay > min_delay.value)
    late = wb.output("late", rows, key=["day"])
    return
"""


def in_notebook(workspace: Path, text: str = NOTEBOOK) -> str:
    """What the card of ``late`` shows after the last cell of a notebook has run."""
    file = workspace / "notebook.py"
    file.write_text(text)
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ") and "return" not in line]
    names = {"__file__": str(file), "__name__": "__main__"}
    exec("\n".join(lines), names)
    return shown(names["late"])


def test_the_card_lists_the_parameters_with_their_values_now(workspace: Path) -> None:
    session.current().parameters["min_delay"] = 60
    html = in_notebook(workspace).partition("<marimo-")[0]
    assert "min_delay = 60" in html
    for said in ('class="wb-moved">60<', "<td>15</td>", "<td>an int from 0 to 240</td>", "&lt;b&gt;minutes&lt;/b&gt;"):
        assert said in html
    assert "<b>minutes" not in html


def test_an_output_without_parameters_has_no_list_of_them(workspace: Path) -> None:
    assert "Parameters" not in shown(output("late", late(), key=["day", "origin"]))


def test_what_stands_in_the_way_of_a_promotion_is_on_the_card_until_it_is_mended(workspace: Path) -> None:
    refused = NOTEBOOK.replace("    rows =", "    import os; os.getcwd()\n    rows =").replace(
        "min_delay.value)", "min_delay.value + len(os.getcwd()))"
    )
    html = in_notebook(workspace, refused)
    assert "A promotion of the notebook as it is saved would be refused." in html
    assert "can&#39;t be promoted yet" in html
    assert "os.getcwd depends on the machine it runs on" in html
    assert "refused" not in in_notebook(workspace)


def test_units_stand_beside_what_columns_mean(workspace: Path) -> None:
    html = shown(output("late", late(), columns={"late": "departures"}, units={"late": "flights"}))
    assert '<td>flights</td><td class="wb-text">departures</td>' in html
    assert '<th scope="col">unit</th>' not in shown(output("late", late()))
    with pytest.raises(UnknownName, match="'lat'; did you mean 'late'"):
        output("late", late(), units={"lat": "flights"})
