"""Parameters of a run: typed by the contract, and secrets that nothing keeps."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.operate.conftest import DAILY_CONTRACT, Production
from workbench.catalog.contract import Column
from workbench.errors import UsageError
from workbench.parameter import Parameter
from workbench.store import Store

CANARY = "canary-7f3a'91\"x"
ECHO = """
from __future__ import annotations

import datetime
import decimal
import ibis
from ibis import _


def daily_sales(orders: ibis.Table, *, code="", at=None, moment=None, price=None, days=(), flag=True) -> ibis.Table:
    said = repr((code, at, moment, price, list(days), flag))
    return orders.group_by("day").agg(orders=_.count()).mutate(said=ibis.literal(said))
"""
LEAK = """
from __future__ import annotations

import ibis
from ibis import _


def daily_sales(orders: ibis.Table, *, salt: str = "none", fail: bool = False) -> ibis.Table:
    import os, sys

    print("salt is", salt, "and", {"salt": salt}, [n for n in os.environ if "CANARY" in n])
    print("salt is", salt, file=sys.stderr)
    if fail:
        raise RuntimeError(f"can't use {salt}")
    return orders.group_by("day").agg(orders=_.count()).mutate(length=ibis.literal(len(salt)))
"""


def typed(production: Production, code: str, columns: dict[str, str], *parameters: Parameter) -> None:
    contract = replace(
        DAILY_CONTRACT,
        columns=(Column("day", "date", True), Column("orders", "int64"), *(Column(*each) for each in columns.items())),
        checks=(),
        parameters=parameters,
    )
    production.version(contract, code)


def test_values_arrive_in_the_function_as_the_types_of_the_contract(production):
    typed(
        production,
        ECHO,
        {"said": "string"},
        Parameter("code", "str", ""),
        Parameter("at", "time", dt.time(6)),
        Parameter("moment", "datetime", dt.datetime(2024, 1, 1)),
        Parameter("price", "decimal", Decimal("1.0")),
        Parameter("days", "list[date]", []),
        Parameter("flag", "bool", True),
    )
    given = {"code": "007", "at": "12:30:00", "price": "1.10", "days": "2024-01-01,2024-01-02", "flag": "false"}
    run = production.go(parameters=given)
    assert run.status == "succeeded", run.error
    said = production.read("daily_sales")[0][-1]
    assert said == repr((
        "007", dt.time(12, 30), dt.datetime(2024, 1, 1), Decimal("1.10"), [dt.date(2024, 1, 1), dt.date(2024, 1, 2)], False,
    ))  # fmt: skip
    assert run.parameters["at"] == "12:30:00"
    again = production.go(parameters=run.parameters)
    assert (again.parameters, again.snapshot) == (run.parameters, run.snapshot)


@pytest.mark.parametrize(("engine", "fail"), [("workbench", "false"), ("workbench", "true"), ("workbench-kernel", "true")])
def test_a_secret_is_looked_up_by_the_run_alone_and_written_nowhere(production, monkeypatch, engine, fail):
    typed(production, LEAK, {"length": "int8"}, Parameter("salt", "str", "none"), Parameter("fail", "bool", False))
    monkeypatch.setenv("CANARY_SALT", CANARY)
    run = production.go(parameters={"salt": "env:CANARY_SALT", "fail": fail}, engine=engine)
    assert run.status == ("failed" if fail == "true" else "succeeded"), run.error
    assert run.parameters["salt"] == "env:CANARY_SALT"
    if fail == "false":
        assert production.read("daily_sales")[0][-1] == len(CANARY)
    record = (production.root / run.notebook).read_text()
    assert "salt is [secret] and" in record
    assert "CANARY_SALT']" not in record
    needles = {CANARY.encode(), b"canary-7f3a"}
    found = [place for place in production.root.rglob("*") if place.is_file() and any(n in place.read_bytes() for n in needles)]
    assert found == []
    with Store.open(production.workspace, read_only=True) as store:
        assert CANARY not in repr([*store.runs(), *store.ledger(), *store.operations()])


def test_a_secret_that_does_not_fit_is_not_told(production, monkeypatch):
    monkeypatch.setenv("CANARY_SALT", CANARY)
    run = production.go(parameters={"min_amount": "env:CANARY_SALT"})
    assert run.status == "failed"
    assert "parameter min_amount: env:CANARY_SALT does not hold an int from 0 to 100" in run.error
    assert "canary" not in (production.root / run.notebook).read_text()


def test_a_secret_that_is_not_there_stops_the_run_before_it_begins(production):
    with pytest.raises(UsageError, match="the variable NO_SUCH is not set"):
        production.go(parameters={"min_amount": "env:NO_SUCH"})
    with Store.open(production.workspace, read_only=True) as store:
        assert store.runs() == ()


def test_a_secret_of_a_keyring_is_looked_up_by_the_run(production, monkeypatch, tmp_path):
    pytest.importorskip("keyring")
    backend = tmp_path / "lib" / "fake_keyring.py"
    backend.parent.mkdir()
    backend.write_text(
        "from keyring.backend import KeyringBackend\n\n\nclass Fake(KeyringBackend):\n    priority = 1\n\n"
        f"    def get_password(self, service, username):\n        return {CANARY!r} if service == 'team' else None\n\n"
        "    def set_password(self, service, username, password):\n        raise NotImplementedError\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(backend.parent))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "fake_keyring.Fake")
    typed(production, LEAK, {"length": "int8"}, Parameter("salt", "str", "none"), Parameter("fail", "bool", False))
    run = production.go(parameters={"salt": "keyring:team/salt"}, engine="workbench-kernel")
    assert run.status == "succeeded", run.error
    assert "salt is [secret] and" in (production.root / run.notebook).read_text()
    missing = production.go(parameters={"salt": "keyring:salt"}, engine="workbench-kernel")
    assert "keyring:salt: there is no such secret" in missing.error


@pytest.mark.parametrize("name", ["x\nimport os", "x y", "__import__('os')", "é"])
def test_a_name_that_could_be_code_is_no_parameter(production, name):
    with pytest.raises(UsageError, match="there is no parameter"):
        production.go(parameters={name: "1"})
