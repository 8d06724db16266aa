from __future__ import annotations

import pytest

from tests.sandbox.conftest import Place
from workbench.errors import GuardRefused
from workbench.sandbox.personal import by_name


@pytest.mark.parametrize(
    "column",
    "email e_mail customerEmail EMAIL mail_address phone mobile_no ssn first_name lastName surname name "
    "full_name address zip_code "
    "birth_date dob date_of_birth iban credit_card_no passportNumber ip_address "
    "user_name social_security_no password gender "
    "Vorname nachname telefon Straße geburtsdatum kundenName correo apellido teléfono date_naissance prénom nom "
    "code_postal geboortedatum cognome".split(),
)
def test_names_that_look_personal(column: str) -> None:
    assert by_name(column) is not None


@pytest.mark.parametrize(
    "column",
    "id tailnum carrier origin file_name hostname table_name distance model engine mailbox_size rate "
    "shipping time_hour pinned nom_produit nombre_articulo telefonkosten_eur".split(),
)
def test_names_that_do_not(column: str) -> None:
    assert by_name(column) is None


def test_an_undecided_name_stops_the_creation_with_the_line_to_add(place: Place) -> None:
    place.change(', name = "redact"', "")
    with pytest.raises(GuardRefused, match=r"customers\.name: its name says a name") as caught:
        place.make()
    assert 'mask = { id = "token", email = "token", born = "generalise:year", name = "redact" }' in caught.value.hint
    assert "[tool.workbench.sources.customers]" in caught.value.hint
    assert caught.value.exit_code == 4
    assert place.files() == []


def test_the_line_that_is_shown_is_enough(place: Place) -> None:
    place.change('mask = { id = "token", name = "redact", email = "token", born = "generalise:year" }', "")
    with pytest.raises(GuardRefused) as caught:
        place.make()
    line = caught.value.hint.splitlines()[-1].strip()
    place.change('read = "raw/customers.parquet"', f'read = "raw/customers.parquet"\n{line}')
    assert place.make().tables["customers"].masked == {"name": "redact", "email": "token"}


def test_all_that_is_undecided_is_told_at_once_with_masks_that_the_columns_can_have(place: Place) -> None:
    place.change('mask = { id = "token", name = "redact", email = "token", born = "generalise:year" }', "")
    place.table("orders", "SELECT i AS id, i AS customer, 1 AS month, 'a' || i || '@b.org' AS remark FROM range(20000) r(i)")
    place.table("products", "SELECT i AS id, i AS part_of, 1960 + i % 9 AS birth, 0.5 AS phone FROM range(3000) r(i)")
    with pytest.raises(GuardRefused) as caught:
        place.make()
    for line in caught.value.hint.splitlines():
        name = line.strip().removeprefix("[tool.workbench.sources.").removesuffix("]")
        if name != line.strip():
            header = line.strip()
        elif name.startswith("mask"):
            place.change(header, f"{header}\n{name}")
    made = place.make()
    assert made.tables["customers"].masked == {"name": "redact", "email": "token"}
    assert made.tables["orders"].masked == {"remark": "token"}
    assert made.tables["products"].masked == {"birth": "generalise:10", "phone": "redact"}


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("'write to ada' || i || '@example.org, please'", "an e-mail address"),
        ("'DE44 5001 0517 5407 3249 ' || (10 + i % 90)", "an IBAN"),
        ("'123-45-' || (1000 + i % 9000)", "a social security number"),
        ("'4111 1111 1111 ' || (1000 + i % 9000)", "a card number"),
        ("'+49 30 123' || (1000 + i % 9000)", "a phone number"),
    ],
)
def test_values_that_look_personal_stop_it_too(place: Place, value: str, kind: str) -> None:
    place.table("orders", f"SELECT i AS id, i AS customer, 1 AS month, 1.5 AS amount, {value} AS remark FROM range(20000) r(i)")
    with pytest.raises(GuardRefused, match=rf"orders\.remark: [\d,]+ of its values look like {kind}"):
        place.make()
    assert place.files() == []
    place.change('read = "raw/orders.parquet"', 'read = "raw/orders.parquet"\nmask = { remark = "keep" }')
    assert place.make().tables["orders"].rows > 0
