from __future__ import annotations

import hashlib
import hmac
import random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sandbox.conftest import Place
from workbench.config import Reference, Source
from workbench.errors import ConfigError, GuardRefused
from workbench.sandbox import mask
from workbench.sandbox.graph import links

KEY = "a key of at least sixteen bytes"


def clear_values(place: Place, table: str, column: str) -> list[str]:
    return [
        str(row[0])
        for row in duckdb.sql(
            f"SELECT DISTINCT {column} FROM '{place.root}/raw/{table}.parquet' WHERE {column} IS NOT NULL"
        ).fetchall()
    ]


def test_tokens_join_across_sources(place: Place) -> None:
    info = place.make("20%", anchors=("customers",))
    expected = duckdb.sql(
        f"SELECT count(*) FROM '{place.root}/raw/orders.parquet' JOIN '{place.root}/raw/customers.parquet' c ON customer = c.id"
    ).fetchone()
    assert expected == (19100,)
    joined = place.one(info, "SELECT count(*) FROM orders o JOIN customers c ON o.customer = c.id")
    recorded = info.tables["orders"].orphans[0]
    assert joined == info.tables["orders"].rows - recorded.sandbox - place.one(
        info, "SELECT count(*) FROM orders WHERE customer IS NULL"
    )
    assert info.notes[0] == "the token of customers.id also masks orders.customer, so that they still join"


def test_no_clear_value_of_a_masked_column_is_in_any_file(place: Place) -> None:
    place.table(
        "customers",
        "SELECT 'customer-' || i AS id, 'Person ' || i AS name, 'p' || i || '@example.org' AS email, "
        "i % 4 AS region, DATE '1950-06-07' AS born FROM range(4000) r(i)",
    )
    place.table(
        "orders",
        "SELECT i AS id, 'customer-' || (i % 4000) AS customer, i % 12 + 1 AS month, 1.5 AS amount FROM range(20000) r(i)",
    )
    info = place.make("20%", anchors=("customers",))
    content = b"".join(file.read_bytes() for file in (place.root / ".workbench").rglob("*") if file.is_file())
    for column in ("id", "name", "email"):
        clear = clear_values(place, "customers", column)
        assert not [value for value in clear if value.encode() in content]
        assert not set(clear) & {str(row[0]) for row in place.query(info, f"SELECT {column} FROM customers")}
    assert not set(clear_values(place, "customers", "id")) & {
        row[0] for row in place.query(info, "SELECT customer FROM orders")
    }
    assert b"customer-" not in content
    assert place.query(info, "SELECT DISTINCT name, born::VARCHAR FROM customers") == [("redacted", "1950-01-01")]


def test_integers_stay_integers_and_keys_stay_unique(place: Place) -> None:
    info = place.make("50%", anchors=("customers",))
    assert place.query(
        info, "SELECT typeof(id), count(*) = count(DISTINCT id), min(id) >= 0, max(id) < 2**52 FROM customers GROUP BY 1"
    ) == [("BIGINT", True, True, True)]


def test_a_token_is_the_hmac_of_the_value_in_its_domain(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    info = place.make("50%", anchors=("customers",))
    expected = {
        "t" + hmac.new(KEY.encode(), f"customers.email\0{value}".encode(), hashlib.sha256).hexdigest()[:20]
        for value in clear_values(place, "customers", "email")
    }
    assert {row[0] for row in place.query(info, "SELECT email FROM customers")} < expected
    assert not [note for note in info.notes if "WORKBENCH_MASK_KEY" in note]


def test_without_a_lasting_key_tokens_differ_every_time(place: Place) -> None:
    first, second = place.make(), place.make()
    emails = "SELECT email FROM customers"
    assert not set(place.query(first, emails)) & set(place.query(second, emails))
    assert "tokens differ in every sandbox; set WORKBENCH_MASK_KEY to keep them the same" in first.notes


def test_a_short_key_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", "secret")
    with pytest.raises(GuardRefused, match="6 bytes"):
        place.make()


def test_the_key_is_written_nowhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
    place.make()
    inner, outer = mask.Key(KEY.encode(), lasting=True).pads("")
    content = b"".join(file.read_bytes() for file in place.root.rglob("*") if file.is_file())
    assert KEY.encode() not in content
    assert inner[:20] not in content
    assert outer[:20] not in content
    assert repr(mask.Key.from_environment()) == "Key(…)"


def test_keeping_one_side_of_a_masked_join_is_refused_with_the_line(place: Place) -> None:
    place.change('read = "raw/orders.parquet"', 'read = "raw/orders.parquet"\nmask = { customer = "keep" }')
    with pytest.raises(
        ConfigError, match=r"customers\.id is masked by token, but orders\.customer, which joins it, is kept clear"
    ) as caught:
        place.make()
    assert caught.value.hint == 'write customer = "token" in mask of [tool.workbench.sources.orders]'


def test_redacting_a_join_is_refused(place: Place) -> None:
    place.change('id = "token", ', 'id = "redact", ')
    with pytest.raises(ConfigError, match=r"'redact' on id breaks its joins with orders\.customer"):
        place.make()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("sha256", "without a key is undone"),
        ("tokn", "'tokn' is no mask"),
        ("generalise", "not complete"),
        ("noise:0%", "not complete"),
        ("shift_dates:x", "not complete"),
    ],
)
def test_rules_that_are_none_are_refused(place: Place, rule: str, message: str) -> None:
    place.change('name = "redact"', f'name = "{rule}"')
    with pytest.raises(ConfigError, match=message):
        place.make()


@pytest.mark.parametrize(
    ("column", "rule"),
    [("amount", "token"), ("amount", "shift_dates:3"), ("amount", "generalise:month"), ("month", "generalise:day")],
)
def test_rules_that_do_not_fit_the_type_are_refused(place: Place, column: str, rule: str) -> None:
    place.change('read = "raw/orders.parquet"', f'read = "raw/orders.parquet"\nmask = {{ {column} = "{rule}" }}')
    with pytest.raises(ConfigError):
        place.make()
    assert place.files() == []


def test_dates_of_one_entity_move_together(place: Place) -> None:
    place.table(
        "visits",
        "SELECT i % 500 AS person, i AS id, "
        "TIMESTAMP '2020-01-01' + to_days(CAST(i // 500 AS INTEGER)) AS at FROM range(5000) r(i)",
    )
    place.table("people", "SELECT i AS id FROM range(500) r(i)")
    place.settings(
        '[tool.workbench.sources.people]\nread = "raw/people.parquet"\nkey = ["id"]\nsample = "anchor"\n'
        '[tool.workbench.sources.visits]\nread = "raw/visits.parquet"\nkey = ["id"]\n'
        'references = [{ columns = ["person"], source = "people" }]\nmask = { at = "shift_dates:20" }\n'
    )
    info = place.make("50%")
    moved = place.query(
        info, "SELECT DISTINCT person, \"at\" - (TIMESTAMP '2020-01-01' + to_days(CAST(id // 500 AS INTEGER))) FROM visits"
    )
    assert len(moved) == len({person for person, _ in moved}) > 100
    assert len({shift for _, shift in moved}) > 20
    assert max(abs(shift.days) for _, shift in moved) <= 20


def test_noise_stays_within_its_bound_and_bins_hold_what_they_bin(place: Place) -> None:
    place.change(
        'read = "raw/orders.parquet"', 'read = "raw/orders.parquet"\nmask = { amount = "noise:10%", month = "generalise:3" }'
    )
    info = place.make("100%")
    low, high, same, months = place.query(
        info, "SELECT min(amount / (id * 7 % 100)), max(amount / (id * 7 % 100)), "
        "count(*) FILTER (amount = id * 7 % 100), list_sort(list(DISTINCT month)) FROM orders WHERE id * 7 % 100 > 0"
    )[0]  # fmt: skip
    assert 0.9 <= low < 0.91
    assert 1.09 < high <= 1.1
    assert same < 10
    assert months == [0, 3, 6, 9, 12]


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"]), st.integers(0, 2**32)
)
def test_integer_tokens_are_a_permutation(kind: str, seed: int) -> None:
    bits = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32}[kind]
    rng = random.Random(seed)
    low = 0 if kind.startswith("U") else -(2**bits)
    values = {rng.randint(low, 2**bits - 1) for _ in range(200)} | {low, 2**bits - 1, 0, 1}
    with duckdb.connect() as con:
        con.execute("CREATE TABLE given (v HUGEINT)")
        con.executemany("INSERT INTO given VALUES (?)", [(value,) for value in values])
        query = mask.token_sql("SELECT v FROM given", kind, "x")
        found = con.execute(query, mask.bind(query, mask.Key(b"k" * 16, lasting=True), {"x": "d"})).fetchall()
    assert len({token for _, token in found}) == len(values)
    assert all((value < 0) == (token < 0) for value, token in found)


def test_key_domains_hold_all_that_refers_to_each_other() -> None:
    sources = {
        "a": Source(read="a", key=["x"], mask={"x": "token"}),
        "b": Source(read="b", key=["y"], references=[Reference(columns=["ax"], source="a")]),
        "c": Source(read="c", references=[Reference(columns=["bax"], source="b", to=["ax"])], mask={"z": "token"}),
    }
    rules = mask.decide(sources, links(sources))
    assert rules.tokens() == {"a.x": [("a", "x"), ("b", "ax"), ("c", "bax")], "c.z": [("c", "z")]}
