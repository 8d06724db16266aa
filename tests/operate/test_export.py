"""Exports for other schedulers: held against golden files, schemas, and what they promise."""

from __future__ import annotations

import ast
import datetime as dt
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
import yaml
from jsonschema import Draft202012Validator

from workbench.operate.export import Clock, Job, Place, clocks, plain
from workbench.operate.export.airflow import dags, spelled
from workbench.operate.export.crontab import lines
from workbench.operate.export.github import in_utc, workflow
from workbench.operate.export.kubernetes import manifests
from workbench.operate.plan import Definition, inherit
from workbench.operate.schedule import PipelineConfig

GOLDEN = Path(__file__).parent / "golden"
SINCE = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
PLACE = Place("/srv/shop")


def made() -> tuple[Clock, ...]:
    """A small shop: two clocks, an edge within one and an edge between both, a pool, and one without a schedule."""
    settings = {
        "daily_sales": PipelineConfig(schedule="30 2 * * *", timezone="Europe/Berlin", catch_up="all", memory_limit="4GB"),
        "region_totals": PipelineConfig(schedule="after inputs", pool="heavy", priority=5, retries=1),
        "weekly_report": PipelineConfig(schedule="@weekly", time_limit="2h"),
        "by_hand": PipelineConfig(schedule="never"),
    }
    reads = {"region_totals": ("daily_sales",), "weekly_report": ("region_totals", "by_hand")}
    cut = {"daily_sales": "date", "weekly_report": "timestamp"}
    found = {name: Definition(name, config, SINCE, reads.get(name, ()), cut.get(name)) for name, config in settings.items()}
    return clocks(inherit(found), dict.fromkeys(found, 3))


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("airflow.txt", dags),
        ("airflow-papermill.txt", dags),
        ("crontab.txt", lines),
        ("github.yml", workflow),
        ("kubernetes.yaml", manifests),
    ],
)
def test_what_is_written_is_as_the_golden_file(file, write):
    """Write them again with WORKBENCH_WRITE_GOLDEN=1, and read what changed."""
    text = write(made(), replace(PLACE, operator="papermill" if "papermill" in file else "command"))
    if os.environ.get("WORKBENCH_WRITE_GOLDEN"):
        (GOLDEN / file).write_text(text)
    assert (GOLDEN / file).read_text() == text


def test_cron_jobs_are_what_the_schema_of_kubernetes_says():
    schema = json.loads((GOLDEN / "cronjob.schema.json").read_text())
    documents = list(yaml.safe_load_all(manifests(made(), PLACE)))
    assert len(documents) == 3
    for document in documents:
        found = [
            f"{'/'.join(map(str, each.path))}: {each.message}" for each in Draft202012Validator(schema).iter_errors(document)
        ]
        assert not found
        assert document["spec"]["concurrencyPolicy"] == "Forbid"
        assert len(document["metadata"]["name"]) <= 52
    assert [each["spec"]["timeZone"] for each in documents] == ["Etc/UTC", "Europe/Berlin", "Etc/UTC"]
    assert len({each["metadata"]["name"] for each in documents}) == 3


def test_the_schema_of_kubernetes_refuses_what_is_wrong():
    schema = Draft202012Validator(json.loads((GOLDEN / "cronjob.schema.json").read_text()))
    (document, *_) = yaml.safe_load_all(manifests(made(), PLACE))
    for path, value in ((("concurrencyPolicy",), 3), (("schedul",), "0 6 * * *"), (("jobTemplate", "spec", "backofLimit"), 0)):
        wrong = json.loads(json.dumps(document))
        at = wrong["spec"]
        for name in path[:-1]:
            at = at[name]
        at[path[-1]] = value
        assert list(schema.iter_errors(wrong)), path


def test_a_long_schedule_still_has_a_name_of_its_own():
    jobs = made()[0].jobs
    many = [
        Clock(f"{','.join(map(str, range(0, 60, 5)))} {hour} * * *", "America/Argentina/Buenos_Aires", jobs) for hour in (1, 2)
    ]
    found = [each["metadata"]["name"] for each in yaml.safe_load_all(manifests(many, PLACE))]
    assert len(set(found)) == 3
    assert max(map(len, found)) <= 52


def test_a_workflow_is_yaml_that_fires_whenever_the_clocks_do():
    found = yaml.safe_load(workflow(made(), PLACE))
    assert [each["cron"] for each in found[True]["schedule"]] == ["*/15 * * * *", "0 0 * * 0", "30 0 * * *", "30 1 * * *"]
    assert found["concurrency"] == {"group": "workbench", "cancel-in-progress": False}


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "0 0 * * *", "15 6 1 * *", "10 */3 * * *"])
def test_whenever_a_zone_s_clock_fires_its_crons_in_utc_do(cron, zone):
    from zoneinfo import ZoneInfo

    from workbench.operate.cron import following

    crons, at = in_utc(cron, zone), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    for _ in range(40):
        at = following(cron, ZoneInfo(zone), at)
        before = at - dt.timedelta(seconds=1)
        fires = min(following(each, ZoneInfo("UTC"), before) for each in crons)
        assert fires - at <= dt.timedelta(hours=1)  # where clocks were put forward past the moment; else at once


SHAPES = [
    "0 0 * * 7", "0 0 * * 5-7", "0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * MON#1,5#2", "0 0 * * 1,5#2", "5/15 0 1 * *",
    "0 0 15,L * *", "0 0 */2 * 1", "0 0 1 * */2", "0 0 1,15 * 5", "0 6 * JAN,FEB MON-FRI", "0 0 L * 5L", "*/7 */5 * 2 *",
]  # fmt: skip


@pytest.mark.parametrize("cron", SHAPES)
def test_other_crons_get_numbers_and_fire_whenever_a_schedule_does(cron):
    from cronsim import CronSim

    found = plain(cron)
    assert not set(found) - set("0123456789 */,-"), found
    assert not re.search(r"(^|[ ,])\d+/", found), found  # 5/15 is for a few of them an error
    assert "7" not in found.split()[4]
    start = dt.datetime(2026, 1, 1)
    ours, theirs = CronSim(cron, start), CronSim(found, start)
    late = start
    for at in islice(ours, 200):
        while late < at:
            late = next(theirs)
        assert late == at


@pytest.mark.parametrize("cron", SHAPES)
def test_airflow_s_parser_takes_a_schedule_as_we_do_or_does_not_get_it(cron):
    from croniter import croniter
    from cronsim import CronSim

    found, start = spelled(cron), dt.datetime(2026, 1, 1)
    if found is None:
        assert cron in ("0 0 LW * *", "0 0 * * 1,5#2", "0 0 */2 * 1", "0 0 1 * */2", "0 0 L * 5L")
        return
    theirs = croniter(found, start)
    assert [theirs.get_next(dt.datetime) for _ in range(60)] == list(islice(CronSim(cron, start), 60))


def test_no_two_zones_give_a_schedule_the_same_name():
    zones = available_timezones()
    assert len({Clock("0 6 * * *", zone, ()).name for zone in zones}) == len(zones)
    for cron in ("0 6 * * mon", "0 6  * * MON"):
        one = Definition("one", PipelineConfig(schedule=cron), SINCE)
        two = Definition("two", PipelineConfig(schedule="0 6 * * MON"), SINCE)
        assert len(clocks({"one": one, "two": two}, {"one": 1, "two": 1})) == 1


def test_a_command_with_a_space_stays_one_word():
    place = replace(PLACE, command="'/srv/my env/bin/workbench'")
    found = yaml.safe_load(workflow(made(), place))
    assert found["jobs"]["scheduler"]["steps"][0]["run"] == "'/srv/my env/bin/workbench' scheduler run --once --json\n"
    (first, *_) = yaml.safe_load_all(manifests(made(), place))
    container = first["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][:2] == ["/srv/my env/bin/workbench", "scheduler"]
    assert 'COMMAND = ["/srv/my env/bin/workbench"]' in dags(made(), place)


def test_dags_are_python_with_the_edges_of_the_production_graph():
    text = dags(made(), PLACE)
    tree = ast.parse(text)
    found = next(
        ast.literal_eval(each.value) for each in tree.body if isinstance(each, ast.Assign) and each.targets[0].id == "DAGS"
    )
    berlin, weekly = found["workbench_30_2_any_any_any_europe_berlin"], found["workbench_0_0_any_any_0_utc"]
    assert berlin["pipelines"]["region_totals"]["reads"] == ["daily_sales"]
    assert weekly["pipelines"]["weekly_report"]["waits_for"] == {"region_totals": "workbench_30_2_any_any_any_europe_berlin"}
    assert berlin["pipelines"]["region_totals"]["pool"] == "heavy"
    assert 'airflow pools set heavy 1 ""' in text


@pytest.mark.parametrize(
    ("ends", "how"), [("exit 0", ""), ("exit 1", "fail"), ("exit 5", "again"), ("exit 130", "again"), ("kill -9 $$", "again")]
)
def test_a_task_goes_by_how_the_command_ends(ends, how):
    class Again(Exception): ...

    class Fail(Exception): ...

    body = [each for each in ast.parse(dags(made(), PLACE)).body if isinstance(each, ast.FunctionDef)]
    moment = dt.datetime(2024, 1, 2, 6, tzinfo=dt.UTC)
    names = {
        "dt": dt, "json": json, "subprocess": subprocess, "ZoneInfo": ZoneInfo, "WORKSPACE": ".",
        "COMMAND": ["sh", "-c", f"""printf '{{"error": "%s"}}' "$*"; {ends}"""], "AirflowException": Again,
        "AirflowFailException": Fail,
        "get_current_context": lambda: {"data_interval_start": moment, "data_interval_end": moment + dt.timedelta(days=1)},
    }  # fmt: skip
    exec(compile(ast.Module(body, []), "exported", "exec"), names)
    if not how:
        assert names["run"]("p", "date", "UTC") == {"error": "p --interval 2024-01-02..2024-01-03 --json"}
        return
    with pytest.raises({"again": Again, "fail": Fail}[how], match=r"exit code -?\d+: p --interval 2024-01-02\.\.2024-01-03"):
        names["run"]("p", "date", "UTC")


def test_cron_lines_change_into_a_folder_with_a_space_and_a_percent_sign():
    text = lines(made(), Place("/srv/my shop 100%"))
    assert r"cd '/srv/my shop 100\%' && workbench scheduler run --once" in text


def test_the_commands_print_or_write_and_say_what_they_leave_out(published, monkeypatch):
    (published.root / "promoted/region_totals/pipeline.toml").write_text('schedule = "never"\n')
    (published.root / "my env").mkdir()
    (published.root / "my env/workbench").touch()
    monkeypatch.setattr("sys.executable", str(published.root / "my env/python"))
    ran = published.run("export", "cron")
    assert ran.code == 0
    assert "0 6 * * * cd " in ran.out
    assert (
        f" && '{published.root}/my env/workbench' scheduler run --once > /dev/null\n" in ran.out
    )  # cron's PATH has no environments
    assert " && workbench scheduler run --once" in published.run("export", "cron", "--workspace", "/srv/shop").out
    assert "region_totals is left out: it has no schedule" in ran.err
    ran = published.run("export", "airflow", "--output", "dags/workbench.py", "--workspace", "/srv/shop", "--json")
    assert ran.json["pipelines"] == ["daily_sales"]
    assert (published.root / "dags/workbench.py").read_text() == ran.json["text"]
    assert 'WORKSPACE = "/srv/shop"' in ran.json["text"]
    for form in ("github", "kubernetes"):
        assert published.run("export", form).code == 0
    (published.root / "promoted/daily_sales/pipeline.toml").write_text('schedule = "0 0 LW * *"\n')
    ran = published.run("export", "airflow")
    assert ran.code == 2
    assert "daily_sales: Airflow does not know the schedule '0 0 LW * *'; region_totals: it has no schedule" in ran.err
    assert "0 0 26-31 * * cd " in published.run("export", "cron").out


def test_outside_of_the_nights_in_which_clocks_change_they_fire_at_once():
    assert in_utc("0 6 * * *", "Europe/Berlin") == ["0 4 * * *", "0 5 * * *"]
    assert in_utc("30 6 * * *", "Asia/Kolkata") == ["0 1 * * *"]
    assert in_utc("0 6 * * *", "UTC") == ["0 6 * * *"]


def test_jobs_of_a_clock_stand_upstream_first():
    assert [job.name for job in made()[1].jobs] == ["daily_sales", "region_totals"]
    assert isinstance(made()[1].jobs[0], Job)


def test_the_dags_compile(tmp_path):
    file = tmp_path / "dags.py"
    file.write_text(dags(made(), PLACE))
    assert subprocess.run([sys.executable, "-m", "py_compile", str(file)], check=False).returncode == 0
