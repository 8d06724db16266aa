"""A small sandbox of flights and planes, and notebooks and their modules run on it."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from workbench.promote.module import Module, build_module, load_module, with_values
from workbench.promote.notebook import Notebook, read_notebook
from workbench.promote.slice import Slice, Slicing, slice_notebook

SOURCES = ("airports", "flights", "planes")
CORPUS = Path(__file__).parents[1] / "corpus"
IMPORTS = "import ibis\nimport marimo as mo\nimport workbench as wb"


def notebook_text(*cells: str, imports: str | None = IMPORTS) -> str:
    """A marimo file of these cells, after one with the usual imports."""
    every = [*([imports] if imports else []), *cells]
    bodies = [
        "@app.cell\ndef _():\n" + "\n".join(f"    {line}" if line else "" for line in cell.strip("\n").split("\n"))
        for cell in every
    ]
    return (
        "\n\n\n".join(
            ['import marimo\n\n__generated_with = "0.25.2"\napp = marimo.App()', *(f"{body}\n    return" for body in bodies)]
        )
        + "\n"
    )


@pytest.fixture
def cut(tmp_path: Path) -> Callable[..., Slicing]:
    """Slices a notebook of the given cells."""

    def slice_cells(*cells: str, imports: str | None = IMPORTS) -> Slicing:
        file = tmp_path / "notebooks" / "cells.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(notebook_text(*cells, imports=imports), encoding="utf-8")
        return slice_notebook(read_notebook(file), SOURCES)

    return slice_cells


@pytest.fixture
def module(cut: Callable[..., Slicing]) -> Callable[..., Module]:
    """The module of the only output, or the last one, of the given cells."""

    def build(*cells: str, imports: str | None = IMPORTS) -> Module:
        slicing = cut(*cells, imports=imports)
        assert slicing.refusals == ()
        return build_module(slicing.slices[-1], slicing.notebook)

    return build


@pytest.fixture(scope="session")
def sandbox_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DuckDB file with 400 flights, 30 planes and 3 airports."""
    import duckdb

    file = tmp_path_factory.mktemp("sandbox") / "sandbox.duckdb"
    with duckdb.connect(file) as con:
        con.execute(
            """
            CREATE TABLE flights AS SELECT
                (1 + i % 12)::BIGINT AS month, DATE '2013-01-01' + (i % 40)::INTEGER AS day, 2013::BIGINT AS year,
                ['JFK', 'LGA', 'EWR'][1 + i % 3] AS origin, ['UA', 'AA', 'B6', 'DL'][1 + i % 4] AS carrier,
                CASE WHEN i % 7 = 0 THEN NULL ELSE ((i * 37) % 240 - 20)::BIGINT END AS dep_delay,
                CASE WHEN i % 11 = 0 THEN NULL ELSE ((i * 53) % 260 - 30)::BIGINT END AS arr_delay,
                CASE WHEN i % 13 = 0 THEN NULL ELSE 'N' || (i % 35) END AS tailnum
            FROM range(400) r(i)
            """
        )
        con.execute(
            "CREATE TABLE planes AS SELECT 'N' || i AS tailnum, (100 + (i * 13) % 300)::BIGINT AS seats FROM range(30) r(i)"
        )
        con.execute(
            "CREATE TABLE airports AS SELECT * FROM "
            "(VALUES ('JFK', 'Kennedy'), ('LGA', 'La Guardia'), ('EWR', 'Newark')) t(faa, name)"
        )
    return file


def _introduce_the_stack() -> None:
    """marimo asks where every frame is from at each start, and Python looks through all modules for files unknown to it."""
    frame = sys._getframe()
    while frame is not None:
        inspect.modulesbyfile.setdefault(frame.f_code.co_filename, frame.f_globals.get("__name__", ""))
        frame = frame.f_back
    for name in ("importlib._bootstrap", "importlib._bootstrap_external"):
        inspect.modulesbyfile.setdefault(f"<frozen {name}>", name)


class Twin:
    """Runs a notebook and its modules on one sandbox, for comparison."""

    def __init__(self, sandbox: Path, folder: Path) -> None:
        self.sandbox, self.folder, self.number = sandbox, folder, 0

    def notebook(self, notebook: Notebook, values: Mapping[str, Any], slicing: Slicing) -> dict[str, Any]:
        """The outputs of the notebook, run by marimo itself, as sorted rows."""
        from workbench.sandbox import session

        own = {each.name: values[each.name] for each in slicing.parameters if each.name in values}
        self.number += 1
        file = self.folder / f"notebook_{self.number}.py"
        file.write_text(with_values(notebook, own), encoding="utf-8")
        session.deactivate()
        active = session.activate(self.sandbox, own)
        spec = importlib.util.spec_from_file_location(f"notebook_{self.number}", file)
        assert spec is not None
        assert spec.loader is not None
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = loaded  # marimo reads the source of @app.class_definition through it
        sys.path.insert(0, str(notebook.path.parent))  # where marimo finds helper modules
        known = set(sys.modules)
        _introduce_the_stack()
        try:
            spec.loader.exec_module(loaded)
            loaded.app.run()
        finally:
            sys.path.remove(str(notebook.path.parent))
            for name in set(sys.modules) - known:
                if str(notebook.path.parent) in str(getattr(sys.modules[name], "__file__", "")):
                    del sys.modules[name]
            del sys.modules[spec.name]
        return {name: _rows(table) for name, (_, table) in active.outputs.items()}

    def module(self, cut: Slice, module: Module, values: Mapping[str, Any]) -> Any:
        """The rows of one module on the session of the notebook that ran last."""
        from workbench.sandbox import session

        active = session.current()
        self.number += 1
        folder = self.folder / f"module_{self.number}"
        folder.mkdir()
        (folder / "__init__.py").write_text(module.text, encoding="utf-8")
        for name, text in module.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        function = load_module(folder / "__init__.py", module.pipeline)
        inputs = {
            each.argument: active.source(each.name) if each.kind == "source" else active.outputs[each.name][1]
            for each in cut.inputs
        }
        return _rows(function(**inputs, **{each.name: values.get(each.name, each.default) for each in cut.parameters}))


def _rows(table: Any) -> Any:
    frame = table.to_pyarrow()
    return list(frame.column_names), sorted(map(repr, frame.to_pylist()))


@pytest.fixture
def twin(sandbox_file: Path, tmp_path: Path) -> Iterator[Twin]:
    from workbench.sandbox import session

    yield Twin(sandbox_file, tmp_path)
    session.deactivate()


@pytest.fixture(scope="session")
def twin_class() -> type[Twin]:
    """For tests that run many notebooks in one go."""
    return Twin
