from __future__ import annotations

import hashlib
import hmac
import json
import random
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import keyring
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyring.backend import KeyringBackend

from tests.sandbox.conftest import TABLES, Place
from workbench.cli.main import main
from workbench.config import Reference, Source
from workbench.errors import ConfigError, GuardRefused, UsageError
from workbench.runtime import duck, secret
from workbench.sandbox import create as creation
from workbench.sandbox import mask, tokens
from workbench.sandbox.environment import analyst_environment
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


def test_no_clear_value_of_a_masked_column_is_in_any_file(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written without compression, every byte of a value stands in the file as it is, also in blocks that were given up."""
    open_session = duck.raw_session

    def uncompressed(spill: Path) -> duckdb.DuckDBPyConnection:
        con: duckdb.DuckDBPyConnection = open_session(spill)
        con.execute("SET force_compression = 'uncompressed'")
        return con

    monkeypatch.setattr(duck, "raw_session", uncompressed)
    place.table(
        "customers",
        "SELECT 17592187654321 + i * 62710561 AS id, 'Person ' || md5(i::VARCHAR) AS name, 'p' || i || '@example.org' AS email,"
        " 'Kept ' || md5('k' || i) AS region, TIMESTAMP '1950-06-07' + to_microseconds(i * 86400000000 + i * 977) AS born, "
        "(i * 104729 % 999983 / 7 + 0.123)::DOUBLE AS income FROM range(200) r(i)",
    )
    place.table(
        "orders",
        "SELECT i AS id, 17592187654321 + (i % 200) * 62710561 AS customer, i % 12 + 1 AS month, 1.5 AS amount "
        "FROM range(900) r(i)",
    )
    place.change('born = "generalise:year"', 'born = "shift_dates:30", income = "noise:10%", region = "keep"')
    place.table("lines", f"SELECT * FROM '{place.root}/raw/lines.parquet' WHERE order_id < 900")
    info = place.make("50%", anchors=("customers",))
    files = [file for file in (place.root / ".workbench").rglob("*") if file.is_file()]
    assert {file.name for file in files} == {info.path.name, "sandbox.json", "proved.json"}
    content = b"".join(file.read_bytes() for file in files)
    rows = duckdb.sql(
        f"SELECT id, name, email, region, epoch_us(born), income FROM '{place.root}/raw/customers.parquet'"
    ).fetchall()
    found = {"id": 0, "name": 0, "email": 0, "region": 0, "born": 0, "income": 0}
    for number, name, email, region, born, income in rows:
        texts = {"name": name.encode(), "email": email.encode() + b"p", "region": region.encode()}
        numbers = {"id": struct.pack("<q", number), "born": struct.pack("<q", born), "income": struct.pack("<d", income)}
        for column, value in (texts | numbers).items():
            found[column] += value in content
    # What is kept is found, so what is not found is not there.
    assert found.pop("region") == info.tables["customers"].rows > 70
    assert set(found.values()) == {0}
    assert b"@example.org" not in content
    assert b"Person " not in content
    for table, column in (("customers", "id"), ("customers", "email"), ("orders", "customer"), ("customers", "income")):
        clear = {
            str(row[0]) for row in duckdb.sql(f"SELECT DISTINCT {column} FROM '{place.root}/raw/{table}.parquet'").fetchall()
        }
        assert not clear & {
            str(row[0]) for row in place.query(info, f"SELECT DISTINCT {column} FROM {table}") if row[0] is not None
        }


def test_no_clear_value_is_left_while_tables_are_written(place: Place) -> None:
    """Also a creation that is killed leaves no clear value where a sandbox would be; what it spilled goes with it."""
    seen: list[bytes] = []

    def look(step: str) -> None:
        if step.startswith("writing"):
            seen.extend(file.read_bytes() for file in place.workspace.sandboxes.rglob("*.duckdb*"))

    creation.create(place.workspace, creation.Request(sample="20%"), tell=look)
    assert len(seen) >= len(TABLES) - 1
    assert not any(b"@example.org" in content or b"Person " in content for content in seen)


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


def traces(key: str) -> list[bytes]:
    """What would give a key away: the key, its text, and what is derived from it to mask with."""
    held = mask.Key(key.encode(), lasting=True)
    inner, outer = held.pads("")
    return [key.encode(), key.encode().hex().encode(), inner[:20], outer[:20], held.derived("round|customers.id")]


def test_the_key_is_written_nowhere(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    canary = "canary-5d1c7f0e9b3a-that-nobody-else-has"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("WORKBENCH_MASK_KEY", canary)
    for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(elsewhere))
    info = place.make("20%")
    assert main(["sandbox", "create", "--sample", "10%"]) == 0
    assert main(["sandbox", "ls", "--json"]) == 0
    printed = capfd.readouterr()
    files = [file for folder in (place.root, elsewhere) for file in folder.rglob("*") if file.is_file()]
    assert info.path in files
    content = b"".join([file.read_bytes() for file in files] + [printed.out.encode(), printed.err.encode()])
    assert not [trace for trace in traces(canary) if trace in content]
    assert repr(mask.Key.find()) == "Key(…)"
    assert canary not in json.dumps(analyst_environment(place.root, info.path))


class Held(KeyringBackend):
    """A keyring in memory."""

    priority = 1.0

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError

    def get_password(self, service: str, username: str) -> str | None:
        return {("shop", "mask"): KEY, ("workbench", "short"): "too short"}.get((service, username))


def test_a_key_may_be_in_the_keyring(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(Held())
    try:
        settings = (place.root / "pyproject.toml").read_text()
        emails = "SELECT email FROM customers ORDER BY ALL"
        tokens = {}
        for name, value in (("keyring", 'keyring:shop/mask"'), ("variable", 'keyring:workbench/short"')):
            place.settings(f'sandbox.mask_key = "{value}\n' + settings.removeprefix("[tool.workbench]\n"))
            if name == "variable":
                with pytest.raises(GuardRefused, match="keyring:workbench/short has 9 bytes"):
                    place.make()
                monkeypatch.setenv("WORKBENCH_MASK_KEY", KEY)
            info = place.make()
            tokens[name] = place.query(info, emails)
        assert tokens["keyring"] == tokens["variable"]
        monkeypatch.delenv("WORKBENCH_MASK_KEY")
        place.change("workbench/short", "workbench/nothing")
        with pytest.raises(UsageError, match="keyring:workbench/nothing: there is no such secret"):
            place.make()
    finally:
        keyring.set_keyring(before)
        secret._found.clear()


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


def tokens_of(values: Iterable[int], kind: str, **options: Any) -> dict[int, int]:
    with duckdb.connect() as con:
        con.execute("CREATE TABLE given AS SELECT CAST(unnest(?) AS HUGEINT) AS v", [[str(value) for value in values]])
        key, slots = mask.Key(b"k" * 16, lasting=True), {"x": "d"}
        if "lists" in options:
            most = {name: most for name, most in options.items() if name == "most"}
            mask.run(con, f"CREATE TABLE lists AS {tokens.lists_sql(kind, 'x', **most)}", key, slots)
        query = tokens.token_sql("SELECT v FROM given", kind, "x", **options)
        mask.run(con, f"CREATE TABLE found AS {query}", key, slots)
        return dict(con.execute("FROM found").fetchall())


BITS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32}


@settings(max_examples=10, deadline=None)
@given(st.sampled_from(list(BITS)), st.integers(0, 2**32))
def test_integer_tokens_are_a_permutation(kind: str, seed: int) -> None:
    bits, rng = BITS[kind], random.Random(seed)
    low = 0 if kind.startswith("U") else -(2**bits)
    values = {rng.randint(low, 2**bits - 1) for _ in range(100)} | {rng.randint(0, 2 ** min(bits, 40) - 1) for _ in range(100)}
    values |= {low, 2**bits - 1, 0, 1}
    found = tokens_of(values, kind)
    assert len(set(found.values())) == len(values)
    assert all((value < 0) == (token < 0) for value, token in found.items())
    assert all(low <= token < 2**bits for token in found.values())
    assert found == tokens_of(values, kind, lists="lists")


@pytest.mark.parametrize("kind", ["TINYINT", "UTINYINT", "SMALLINT"])
def test_every_number_of_a_narrow_type_is_the_token_of_one_other(kind: str) -> None:
    numbers = range(2 ** BITS[kind])
    found = tokens_of(numbers, kind, lists="lists", most=len(numbers) - 1)
    assert sorted(found.values()) == list(numbers)
    assert sum(value == token for value, token in found.items()) < 10


def test_where_there_are_no_files_in_memory_tokens_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tokens_of(range(50), "BIGINT", most=49)
    monkeypatch.delattr("os.memfd_create")
    assert tokens_of(range(50), "BIGINT", most=49) == known


def test_integer_tokens_stay_exact_in_javascript_and_apart_from_those_of_other_sizes() -> None:
    values = [1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**52 - 1, 2**52, 2**63 - 1]
    for kind, narrow in (("INTEGER", 31), ("BIGINT", 32)):
        found = tokens_of(values, kind)
        assert [token.bit_length() <= narrow for token in found.values()] == [value < 2**narrow for value in values]
        assert [token < 2**53 for token in found.values()] == [value < 2**52 for value in values]
        assert len(set(found.values())) == len(values)
    small = values[:4]
    assert tokens_of(small, "BIGINT", most=small[-1]) == {value: found[value] for value in small}


@pytest.mark.parametrize("place", [0, 12, 13, 25, 26, 38, 39, 51])
def test_any_bit_of_a_wide_integer_changes_all_of_its_token(place: int) -> None:
    rng = random.Random(place)
    values = [rng.randint(2**33, 2**52 - 1) & ~(1 << place) | 2**40 for _ in range(300)]
    found = tokens_of({*values, *(value | 1 << place for value in values)}, "BIGINT", most=2**52 - 1)
    assert {token >> 52 for token in found.values()} == {1}  # none is the token of a smaller or a larger number
    changed = [found[value] ^ found[value | 1 << place] for value in values]
    # Of 300 fair coins fewer than 110 or more than 190 fall heads in one of 300,000 cases.
    assert all(110 < sum(each >> bit & 1 for each in changed) < 190 for bit in range(52))


def test_a_reference_wider_than_its_key_joins_what_it_did_and_nothing_else(empty: Place) -> None:
    empty.table("people", "SELECT i::INTEGER AS id FROM range(300) r(i)")
    empty.table("visits", f"SELECT i + CASE WHEN i % 3 = 0 THEN {2**31} ELSE 0 END AS person FROM range(300) r(i)")
    empty.settings(
        '[tool.workbench.sources.people]\nread = "raw/people.parquet"\nkey = ["id"]\nmask = { id = "token" }\n'
        '[tool.workbench.sources.visits]\nread = "raw/visits.parquet"\nsample = "whole"\n'
        'references = [{ columns = ["person"], source = "people" }]\n'
    )
    info = empty.make("100%")
    assert empty.one(info, "SELECT count(*) FROM visits JOIN people ON person = id") == 200


def test_key_domains_hold_all_that_refers_to_each_other() -> None:
    sources = {
        "a": Source(read="a", key=["x"], mask={"x": "token"}),
        "b": Source(read="b", key=["y"], references=[Reference(columns=["ax"], source="a")]),
        "c": Source(read="c", references=[Reference(columns=["bax"], source="b", to=["ax"])], mask={"z": "token"}),
    }
    rules = mask.decide(sources, links(sources))
    assert rules.tokens() == {"a.x": [("a", "x"), ("b", "ax"), ("c", "bax")], "c.z": [("c", "z")]}
