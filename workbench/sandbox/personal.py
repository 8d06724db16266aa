"""Columns that look personal, by their name or by their values, and for which nobody has decided anything yet."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.config import Source
from workbench.errors import GuardRefused
from workbench.runtime.duck import identifier, literal
from workbench.sandbox.mask import INTEGER_BITS, WIDE, is_number, is_text, is_time

# Words of a column's name -> what it probably holds and the mask that suits it.
_WORDS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("email", "mail", "emailaddress"), ("an e-mail address", "token")),
    **dict.fromkeys(("phone", "telephone", "mobile", "cellphone", "fax", "msisdn"), ("a phone number", "token")),
    **dict.fromkeys(
        ("ssn", "nino", "passport", "nationalid", "taxid", "licence", "license", "cpf", "aadhaar"),
        ("an official number", "token"),
    ),
    **dict.fromkeys(("iban", "creditcard", "cardnumber", "accountnumber", "bic"), ("a bank account or card", "token")),
    **dict.fromkeys(
        ("firstname", "lastname", "surname", "fullname", "forename", "maidenname", "nickname", "username"), ("a name", "redact")
    ),
    **dict.fromkeys(("address", "street", "addr", "postcode", "zip", "zipcode", "postalcode"), ("an address", "redact")),
    **dict.fromkeys(("birth", "birthday", "birthdate", "dob", "dateofbirth"), ("a date of birth", "generalise:year")),
    **dict.fromkeys(("password", "passwd", "secret", "pin"), ("a secret", "redact")),
    **dict.fromkeys(("gender", "religion", "ethnicity", "nationality", "diagnosis"), ("a sensitive trait", "redact")),
    **dict.fromkeys(("ip", "ipaddress", "macaddress", "deviceid", "imei"), ("a device", "token")),
    **dict.fromkeys(("salary", "wage", "income"), ("an income", "generalise:1000")),
}
# The same in the languages around, without accents: words that mean nothing else in a table.
_ABROAD: dict[str, str] = {
    "email": "courriel correo epost emailadresse mailadresse",
    "phone": "telefon telefono telefone telefoon tel telefonnummer telefoonnummer rufnummer handy handynummer mobil "
    "mobilnummer celular cellulare movil",
    "ssn": "steuernummer steuerid ausweisnummer reisepass pasaporte passeport passaporte passaporto paspoort dni nif curp bsn "
    "codicefiscale pesel personnummer",
    "iban": "kontonummer bankverbindung kreditkarte rekeningnummer",
    "surname": "vorname nachname familienname geburtsname kundenname mitarbeitername benutzername ansprechpartner prenom "
    "patronyme apellido apellidos sobrenome apelido cognome voornaam achternaam klantnaam imie nazwisko fornamn efternamn "
    "fornavn etternavn efternavn",
    "address": "adresse anschrift strasse hausnummer plz postleitzahl codepostal direccion calle domicilio codigopostal "
    "endereco indirizzo adres straat huisnummer adress",
    "birth": "geburtsdatum geburtstag naissance nacimiento nascimento nascita geboortedatum fodelsedatum fodselsdato urodzenia",
    "password": "passwort kennwort motdepasse contrasena wachtwoord senha",
    "gender": "sex geschlecht sexe sexo sesso geslacht staatsangehorigkeit",
    "salary": "gehalt lohn einkommen salaire salario sueldo stipendio salaris inkomen",
}
_WORDS |= {word: _WORDS[known] for known, listed in _ABROAD.items() for word in listed.split()}
_ALONE = {"name", "nom", "nombre", "nome", "naam", "namn", "navn"}  # a person's where nothing says whose
_WHOSE = "first last full sur middle maiden user customer contact person patient employee client".split()
_NAME = ("a name", "redact")
_JOINED = (
    "e mail,credit card,card number,account number,national id,tax id,postal code,zip code,post code,ip address,mac address,"
    "device id,date of birth,code postal,codigo postal,codice fiscale,mot de passe"
)
_TOGETHER: dict[tuple[str, ...], tuple[str, str]] = {
    tuple(words.split()): _WORDS["".join(words.split())] for words in _JOINED.split(",")
}
_TOGETHER |= {(whose, "name"): _NAME for whose in _WHOSE}
_PERSONS = "nom client,nom famille,nombre cliente,nome cliente,naam klant,kunden name,mitarbeiter name,benutzer name"
_TOGETHER |= {tuple(words.split()): _NAME for words in _PERSONS.split(",")}
_TOGETHER[("social", "security")] = _WORDS["ssn"]

# What values of a text column may look like: SQL regular expressions that match a whole value, or a part where it says so.
PATTERNS: dict[str, tuple[str, str]] = {
    "an e-mail address": (r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", "token"),
    "an IBAN": (r"(^|\W)[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?($|\W)", "token"),
    "a social security number": (r"(^|[^0-9A-Za-z-])[0-9]{3}-[0-9]{2}-[0-9]{4}($|[^0-9A-Za-z-])", "token"),
    "a card number": (
        r"(^|[^0-9A-Za-z])(4[0-9]{3}|5[1-5][0-9]{2}|3[47][0-9]{2})([ -]?[0-9]{4}){2}[ -]?[0-9]{3,4}($|[^0-9A-Za-z])",
        "token",
    ),
    "a phone number": (r"^\s*(\+[0-9]{1,3}[ ./-]?)(\(?[0-9]{1,4}\)?[ ./-]?){2,5}[0-9]{2,4}\s*$", "token"),
}

SIFT = "@|[0-9]{2}"  # a part of every value that any of them matches; most values have none, and are done with


@dataclass(frozen=True, slots=True)
class Finding:
    """A column that looks personal: why, how many values do, and the mask that suits it."""

    source: str
    column: str
    reason: str
    suggestion: str
    values: int = 0


def by_name(column: str) -> tuple[str, str] | None:
    """What a column's name says it holds, and the mask for it; accents count for nothing.

    >>> by_name("customerEmail"), by_name("name"), by_name("file_name"), by_name("distance")
    (('an e-mail address', 'token'), ('a name', 'redact'), None, None)
    >>> by_name("PRÉNOM"), by_name("straße"), by_name("nom_produit")
    (('a name', 'redact'), ('an address', 'redact'), None)
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", folded(column))
    parts = [word.lower() for word in words]
    if len(parts) == 1 and parts[0] in _ALONE:
        return _NAME
    for size in (3, 2):
        for start in range(len(parts) - size + 1):
            window = tuple(parts[start : start + size])
            if window in _TOGETHER:
                return _TOGETHER[window]
    return next((_WORDS[word] for word in parts if word in _WORDS), None)


def folded(name: str) -> str:
    """A name without its accents.

    >>> folded("Straße"), folded("Mémbers")
    ('Strasse', 'Members')
    """
    apart = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o"))
    return "".join(each for each in apart if not unicodedata.combining(each))


def undecided_names(source: str, columns: Iterable[str], decided: Iterable[str]) -> list[Finding]:
    """Columns without a rule whose name looks personal."""
    known = set(decided)
    found = [(column, by_name(column)) for column in columns if column not in known]
    return [Finding(source, column, f"its name says {hit[0]}", hit[1]) for column, hit in found if hit is not None]


@dataclass(frozen=True, slots=True)
class Look:
    """Values of a column that look personal: as what, how many of how many that are not NULL."""

    column: str
    kind: str
    hits: int
    values: int

    @property
    def share(self) -> float:
        return self.hits / self.values


def looks(
    ask: Callable[[str], list[tuple[Any, ...]]], relation: str, types: Mapping[str, str], among: Iterable[str] | None = None
) -> list[Look]:
    """Which columns of text, also within lists and structs, hold values that look personal; one pass over them.

    ``ask`` runs a query in DuckDB's dialect wherever the table is. Each column is listed once, as what most of its hits are.
    """
    chosen = set(types) if among is None else set(among)
    columns = [column for column, kind in types.items() if column in chosen and ("VARCHAR" in kind or kind.startswith("ENUM"))]
    if not columns:
        return []
    texts = [f"CAST(s.{identifier(column)} AS VARCHAR)" for column in columns]
    sifted = [
        f"{text} AS t{number}, CASE WHEN regexp_matches({text}, {literal(SIFT)}) THEN {text} END AS s{number}"
        for number, text in enumerate(texts)
    ]
    counted = [
        ", ".join(
            [f"count(t{number})"]
            + [f"count(CASE WHEN regexp_matches(s{number}, {literal(pattern)}) THEN 1 END)" for pattern, _ in PATTERNS.values()]
        )
        for number in range(len(texts))
    ]
    (row,) = ask(f"SELECT {', '.join(counted)} FROM (SELECT {', '.join(sifted)} FROM {relation} s) t")
    found = []
    for number, column in enumerate(columns):
        values, *hits = row[number * (len(PATTERNS) + 1) : (number + 1) * (len(PATTERNS) + 1)]
        by_kind = dict(zip(PATTERNS, hits, strict=True))
        kind = max(by_kind, key=lambda each: by_kind[each])
        if by_kind[kind]:
            found.append(Look(column, kind, by_kind[kind], values))
    return found


def undecided_values(
    ask: Callable[[str], list[tuple[Any, ...]]], relation: str, source: str, types: Mapping[str, str], decided: Iterable[str]
) -> list[Finding]:
    """Columns of a table without a rule whose values look personal."""
    known = set(decided)
    return [
        Finding(source, each.column, f"{each.hits:,} of its values look like {each.kind}", PATTERNS[each.kind][1], each.hits)
        for each in looks(ask, relation, types, [column for column in types if column not in known])
    ]


def suited(rule: str, duckdb_type: str) -> str:
    """A suggested rule, or one that a column of this type can have.

    >>> suited("generalise:year", "DATE"), suited("generalise:year", "BIGINT"), suited("generalise:1000", "VARCHAR")
    ('generalise:year', 'generalise:10', 'redact')
    >>> suited("token", "BIGINT"), suited("token", "DOUBLE"), suited("token", "VARCHAR[]")
    ('token', 'redact', 'redact')
    """
    if rule == "token":
        whole = is_text(duckdb_type) or duckdb_type in ("UUID", *INTEGER_BITS, *WIDE)
        return rule if whole else "redact"
    if rule == "generalise:year" and is_number(duckdb_type):
        return "generalise:10"
    if rule.startswith("generalise"):
        return rule if (is_time if rule == "generalise:year" else is_number)(duckdb_type) else "redact"
    return rule


def refuse(findings: Iterable[Finding], sources: Mapping[str, Source]) -> None:
    """Raise ``GuardRefused`` with the line to add, when there is anything to decide."""
    ordered = list(findings)
    if not ordered:
        return
    by_source: dict[str, list[Finding]] = {}
    for finding in ordered:
        by_source.setdefault(finding.source, []).append(finding)
    listed = "\n".join(f"  {each.source}.{each.column}: {each.reason}" for each in ordered)
    lines = "\n".join(
        f"   [tool.workbench.sources.{name}]\n   {mask_line(sources[name].mask, each)}" for name, each in by_source.items()
    )
    raise GuardRefused(
        f"these columns look personal and nobody has decided about them yet:\n{listed}",
        hint=f'in pyproject.toml (or "keep" for what may be seen in clear), then the same command again:\n{lines}',
    )


def mask_line(mask: Mapping[str, str], findings: Iterable[Finding]) -> str:
    """The whole ``mask = ...`` line of a source with suggestions added.

    >>> mask_line({"id": "token"}, [Finding("people", "e mail", "", "token")])
    'mask = { id = "token", "e mail" = "token" }'
    """
    rules = dict(mask) | {each.column: each.suggestion for each in findings}
    bare = re.compile(r"[A-Za-z0-9_-]+")
    keys = {column: column if bare.fullmatch(column) else json.dumps(column, ensure_ascii=False) for column in rules}
    return "mask = { " + ", ".join(f"{keys[column]} = {json.dumps(rule)}" for column, rule in rules.items()) + " }"
