"""The documentation against the program: it says what is so."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.conftest import Ran, Shop

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", *DOCS.rglob("*.md")])


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_generate", DOCS / "reference" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def schemas() -> dict[str, Any]:
    """The schemas, closed: here a field that no schema mentions is an error, so that none goes undocumented."""
    return {
        file.name.removesuffix(".schema.json"): _closed(json.loads(file.read_text()))
        for file in (DOCS / "json-schema").glob("*")
    }


def _closed(schema: Any) -> Any:
    if isinstance(schema, dict):
        closed = {name: _closed(value) for name, value in schema.items()}
        return closed if "properties" not in schema else {"additionalProperties": False, **closed}
    return [_closed(item) for item in schema] if isinstance(schema, list) else schema


def hold(name: str, ran: Ran) -> None:
    """What was printed is what the schema says."""
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas().values()]
    registry: Registry[Any] = Registry().with_resources(resources)
    validator = Draft202012Validator(schemas()[name], registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
    found = [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(ran.json)]
    assert not found, f"{name} (exit code {ran.code})"


def test_the_command_reference_is_what_the_commands_say() -> None:
    assert (DOCS / "reference" / "cli.md").read_text() == _reference().page(), "type: make docs"


def test_every_command_has_a_schema_and_every_schema_a_command() -> None:
    commands = {name.replace(" ", "-") for name, _ in _reference().commands()}
    assert schemas().keys() == commands | {"error", "shared"}
    for schema in schemas().values():
        Draft202012Validator.check_schema(schema)


def test_what_the_commands_print_is_what_the_schemas_say(sandboxed: Shop) -> None:
    """One working life, from init to rollback, each document held against its schema."""

    def typed(schema: str, line: str, code: int = 0) -> Ran:
        ran = sandboxed.run(*line.split(), "--json")
        assert ran.code == code, (line, ran.err)
        hold(schema, ran)
        # One form of time, but for a schedule's own clock and for what stands in the ledger since it was written.
        others = set(re.findall(r'"(\w+)": "\d{4}-\d\d-\d\dT[^"]*[+-]\d\d:\d\d"', ran.out))
        assert others <= {"schedule-next": {"local"}, "audit-log": {"expires"}}.get(schema, set()), (line, others)
        return ran

    notebook = "notebooks/sales.py"
    typed("init", "init")
    sandbox = typed("sandbox-ls", "sandbox ls").json["sandboxes"][0]["id"]
    typed("sandbox-use", f"sandbox use {sandbox}")
    typed("sandbox-reset", "sandbox reset")
    typed("sandbox-create", "sandbox create --sample 50% --ttl 1d")
    typed("sandbox-create", "sandbox create --sample 100%")
    typed("sandbox-gc", "sandbox gc")
    typed("check", f"check {notebook}")
    typed("check", f"check {notebook} --map")
    typed("check", "check --explain")
    typed("check", "check --explain clock")
    typed("check", "check --explain output-key")
    typed("sweep", f"sweep {notebook} daily_sales -p min_amount=5,15")
    typed("promote", f"promote {notebook} --dry-run")
    typed("promote", f"promote {notebook} --why because", 3)
    typed("gates", "gates P-1", 3)
    typed("show", "show")
    typed("show", "show P-1")
    typed("show", "show P-1 --map")
    typed("approve", "approve P-1")
    typed("publish", "publish P-1 --dry-run")
    typed("publish", "publish P-1")
    typed("promote", f"promote {notebook} --why because")
    sandboxed.edit("amount >= min_amount.value", "amount > min_amount.value + 5")
    typed("promote", f"promote {notebook} --why because", 1)
    typed("gates", "gates P-2", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_USER", "bo@example.org")
        typed("waive", "waive P-2 changed --why agreed")
    typed("reject", "reject P-2 --why later")
    typed("promote", f"promote {notebook} --why because --allow-change 100%", 3)
    typed("diff", "diff P-3")
    typed("approve", "approve P-3")
    typed("publish", "publish P-3")
    typed("diff", "diff daily_sales@1 daily_sales --exit-code", 1)
    typed("run", "run daily_sales")
    typed("run", "run daily_sales --interval 2024-01-02..2024-01-03")
    typed("runs-ls", "runs ls")
    typed("runs-show", "runs show R-1")
    typed("reproduce", "reproduce R-1")
    typed("contract-check", "contract check")
    typed("contract-check", "contract check --sandbox")
    typed("contract-export", "contract export daily_sales")
    typed("explain", "explain daily_sales --for 2024-01-02")
    typed("status", "status")
    typed("lineage", "lineage daily_sales")
    typed("lineage", "lineage region_totals.revenue")
    typed("impact", "impact orders.amount")
    typed("impact", "impact orders.amount --html impact.html")
    typed("catalog", "catalog daily revenue")
    typed("catalog", "catalog dialy")
    typed("docs-build", "docs build")
    typed("schema-compat", "schema compat daily_sales@1 daily_sales@2")
    typed("audit-log", "audit log")
    typed("audit-verify", "audit verify")
    typed("audit-export", "audit export ledger.zip")
    typed("schedule-ls", "schedule ls")
    typed("schedule-next", "schedule next --count 3")
    typed("scheduler-run", "scheduler run --once")
    for form in ("airflow", "cron", "github", "kubernetes"):
        typed(f"export-{form}", f"export {form}")
    typed("rollback", "rollback daily_sales --dry-run")
    typed("rollback", "rollback daily_sales")
    typed("deprecate", "deprecate daily_sales@2 --until 2999-12-31 --use daily_sales@1 --why wrong")
    typed("run", "run daily_sales")
    typed("show", "show P-3")
    typed("catalog", "catalog daily_sales")
    typed("status", "status")
    typed("deprecate", "deprecate daily_sales@2 --undo --why right")
    typed("demote", "demote region_totals --withdraw --why ended")
    typed("status", "status")
    typed("demote", "demote region_totals --undo --why needed")
    typed("changelog", "changelog daily_sales")
    typed("gc", "gc --dry-run")
    typed("gc", "gc --grace 0s")
    typed("history", "history daily_sales")
    typed("doctor", "doctor")
    typed("demo", "demo --data-only elsewhere")
    typed("error", "publish P-9", 2)
    sandboxed.edit("amount > min_amount.value + 5", "amount > min_amount.value + 6")
    typed("promote", f"promote {notebook} --why because --allow-change 100%", 3)
    typed("reject", "reject P-4 --why no")
    sandboxed.cells('wb.output("t", orders.mutate(x=__import__("random").random()))')
    typed("check", f"check {notebook}", 1)
    typed("promote", f"promote {notebook} --why because", 1)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, target


def test_the_index_leads_to_every_page() -> None:
    reached, ahead = set(), [DOCS / "index.md"]
    while ahead:
        page = ahead.pop()
        if page in reached:
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
            linked = (page.parent / target).resolve()
            if linked.is_dir():
                ahead += linked.glob("*.md")
            elif linked.suffix == ".md" and linked.is_relative_to(DOCS):
                ahead.append(linked)
    assert set(DOCS.rglob("*.md")) - reached == set()


def test_the_commands_that_the_pages_show_exist() -> None:
    known = {name.split()[0] for name, _ in _reference().commands()}
    for page in PAGES:
        typed = re.findall(r"^(?:\$ |    )workbench ([a-z][a-z-]*)|`workbench ([a-z][a-z-]*)", page.read_text(), re.MULTILINE)
        shown = {first or second for first, second in typed}
        assert shown <= known, page.name


def test_the_table_of_findings_and_the_overview_of_refusals_and_the_installed_package_have_them_all() -> None:
    from hatchling.builders.wheel import WheelBuilder

    from workbench.promote.finding import Rule, said_of_rules
    from workbench.promote.refusal import Reason, summaries

    assert list(said_of_rules()) == list(Rule)
    assert {each.value for each in Rule}.isdisjoint(Reason)
    names = [reason.value for reason in Reason]
    assert list(summaries()) == sorted(names) == [page.stem for page in sorted((DOCS / "refusals").glob("[a-z]*.md"))]
    files = {each.distribution_path: Path(each.path) for each in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert files["workbench/__main__.py"] == ROOT / "workbench" / "__main__.py"
    for name in [*names, "README"]:
        assert files[f"workbench/promote/refusals/{name}.md"] == DOCS / "refusals" / f"{name}.md"
    assert files["workbench/promote/check.md"] == DOCS / "check.md"
    shown = {path for path in files if not path.startswith("workbench/")}
    assert shown == set()


def test_every_library_that_is_asked_for_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    libraries = project["dependencies"] + project["optional-dependencies"]["demo"]
    text = (DOCS / "decisions" / "README.md").read_text()
    names = {re.split(r"[\[<>=!~ ]", item)[0].removesuffix("-framework") for item in libraries}
    assert {name for name in names if not re.search(rf"^\|[^|]*\b{name}\b[^|]*\|", text, re.MULTILINE | re.IGNORECASE)} == set()


def test_the_exit_codes_page_has_every_code_of_the_errors() -> None:
    from workbench import errors

    codes = {
        each.exit_code for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.WorkbenchError)
    }
    text = (DOCS / "exit-codes.md").read_text()
    assert {code for code in codes if f"\n| {code} |" not in text} == set()
