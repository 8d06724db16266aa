"""wb.param: the widget that fits, and the same parameter that a promotion reads from the notebook's text."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from workbench.errors import UsageError
from workbench.promote.widgets import from_param
from workbench.sandbox import session
from workbench.sandbox.widgets import current_value, declared, param


@pytest.fixture(autouse=True)
def _no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKBENCH_SANDBOX", raising=False)
    session.deactivate()
    yield
    session.deactivate()


def sandbox(tmp_path: Path) -> Path:
    file = tmp_path / "s.duckdb"
    duckdb.connect(file).close()
    return file


@pytest.mark.parametrize(
    ("default", "more", "widget"),
    [
        (15, {"ge": 0, "le": 240}, "slider"),
        (0.5, {"ge": 0, "le": 1}, "slider"),
        (15, {"ge": 0}, "number"),
        (0.5, {}, "number"),
        (3, {"ge": 3, "le": 3}, "number"),
        (True, {}, "switch"),
        ("EWR", {}, "text"),
        ("EWR", {"choices": ["EWR", "JFK"]}, "dropdown"),
        (dt.date(2013, 1, 1), {"ge": dt.date(2013, 1, 1), "le": dt.date(2013, 12, 31)}, "date"),
    ],
)
def test_the_widget_fits_the_type_and_the_domain_and_starts_at_the_default(
    default: Any, more: dict[str, Any], widget: str
) -> None:
    found = param("given", default, **more)
    assert type(found).__name__ == widget
    assert found.value == default
    assert type(found.value) is type(default)
    assert current_value("given") == default


def test_the_label_shows_name_and_doc_and_escapes_both() -> None:
    assert "min_delay" in param("min_delay", 15, doc="a <b>late</b> one").text
    assert "<b>late" not in param("min_delay", 15, doc="a <b>late</b> one").text


@pytest.mark.parametrize(
    "choices", [[1, 2, 3], [0.5, 1.5], [True, False], ["", "--", " "], [dt.date(2013, 1, 1), dt.date(2013, 2, 1)]]
)
def test_every_choice_of_a_dropdown_gives_back_the_choice_itself(choices: list[Any]) -> None:
    for choice in choices:
        found = param("given", choice, choices=choices)
        assert found.value == choice
        assert type(found.value) is type(choice)
        assert list(found.options.values()) == choices


def test_a_mapping_names_the_choices() -> None:
    found = param("airport", "EWR", choices={"Newark": "EWR", "Kennedy": "JFK"})
    assert list(found.options) == ["Newark", "Kennedy"]
    assert found.value == "EWR"


def test_the_value_of_the_session_goes_before_the_default(tmp_path: Path) -> None:
    session.activate(sandbox(tmp_path), {"min_delay": 60})
    assert param("min_delay", 15, ge=0, le=240).value == 60
    assert param("other", 15).value == 15


def test_a_value_of_the_session_that_is_out_of_range_is_refused(tmp_path: Path) -> None:
    session.activate(sandbox(tmp_path), {"min_delay": 500})
    with pytest.raises(UsageError, match="parameter min_delay is 500, above its highest value 240"):
        param("min_delay", 15, ge=0, le=240)


@pytest.mark.parametrize(
    ("name", "default", "more", "message"),
    [
        ("min_delay", 500, {"ge": 0, "le": 240}, "min_delay is 500, above"),
        ("min_delay", -1, {"ge": 0}, "min_delay is -1, below"),
        ("min_delay", 5, {"ge": 10, "le": 0}, "min_delay: nothing lies between"),
        ("min_delay", 5, {"ge": "0"}, "min_delay: its values are of type int, str"),
        ("min_delay", None, {}, "min_delay: its values are of type NoneType"),
        ("min_delay", b"x", {}, "min_delay: its values are of type bytes"),
        ("min_delay", 5, {"step": 0}, "min_delay: step=0 does not fit"),
        ("min_delay", 5, {"step": 0.5}, "min_delay: step=0.5 does not fit type int"),
        ("airport", "EWR", {"ge": "A"}, "airport: ge= and le= make no sense"),
        ("airport", "LGA", {"choices": ["EWR"]}, "airport is 'LGA', none of its choices"),
        ("airport", "EWR", {"choices": []}, "airport: choices= allows no value"),
        ("airport", "E", {"choices": "EWR"}, "airport: choices= allows no value"),
        ("airport", "EWR", {"choices": ["EWR", "EWR"]}, "airport: a choice is listed twice"),
        ("share", float("nan"), {}, "share is NaN"),
        ("../x", 5, {}, "parameter name '../x' is not allowed"),
        ("select", 5, {}, "keyword"),
        ("Min", 5, {}, "not allowed"),
    ],
)
def test_a_parameter_that_cannot_stand_is_refused_by_name(name: str, default: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")) as refused:
        param(name, default, **more)
    assert refused.value.hint


@pytest.mark.parametrize(
    "call",
    [
        'wb.param("min_delay", 15, ge=0, le=240, doc="minutes")',
        'wb.param("share", 1, ge=0.0, le=2)',
        'wb.param("share", 0.5, step=0.1)',
        'wb.param("flag", True)',
        'wb.param("airport", "EWR", choices=["EWR", "JFK"])',
        'wb.param("airport", "EWR", choices={"Newark": "EWR"})',
        'wb.param("level", 1, choices=[1, 2.5])',
    ],
)
def test_a_promotion_reads_the_same_parameter_from_the_text(call: str) -> None:
    node = ast.parse(call, mode="eval").body
    assert isinstance(node, ast.Call)
    read = from_param(node, lambda each: None)
    made = eval(call, {"wb": type("wb", (), {"param": staticmethod(declared)})})
    assert (made.name, made.type, made.default, made.choices, made.doc) == (
        read.name,
        read.type,
        read.default,
        read.choices,
        read.doc,
    )
    assert (made.ge, made.le, made.step) == (read.ge, read.le, read.step)


@pytest.mark.parametrize(
    ("default", "choices", "kind"),
    [
        (dt.time(6), [dt.time(6), dt.time(18)], "time"),
        (Decimal("1.10"), [Decimal("1.10"), Decimal(2)], "decimal"),
        (["a"], ["a", "b"], "list[str]"),
        ([], [1, 2], "list[int]"),
    ],
)
def test_times_decimals_and_lists_are_chosen_from(default, choices, kind):
    assert declared("p", default, choices=choices).type == kind
    assert param("p", default, choices=choices).value == default


@pytest.mark.parametrize("default", [dt.time(6), Decimal(1), ["a"]])
def test_a_type_without_a_field_of_its_own_needs_choices(default):
    with pytest.raises(UsageError, match="no field of its own"):
        declared("p", default)


def test_a_moment_has_a_field_of_its_own():
    moment = dt.datetime(2024, 1, 1, 12)
    assert declared("p", moment).type == "datetime"
    assert param("p", moment).value == moment
