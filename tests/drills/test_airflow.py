"""A real Airflow 3 with its papermill provider, in a virtual environment of its own, runs the exported DAGs.

``WORKBENCH_AIRFLOW_PYTHON`` names the interpreter of one that is there already; else one is made, in about a minute.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.operate.conftest import TOTALS, TOTALS_CONTRACT, Production, production
from workbench.cli.main import main
from workbench.config import find_workspace
from workbench.operate.clock import Clock
from workbench.operate.scheduler import Scheduler
from workbench.store import Store

__all__ = ["production"]  # a fixture

MOMENT = dt.datetime(2024, 1, 5, 12, tzinfo=dt.UTC)
TEST = """
import datetime as dt, importlib.util, sys

spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
for name in module.DAGS:
    run = getattr(module, name).test(logical_date=dt.datetime.fromisoformat(sys.argv[2]))
    states = {each.task_id: str(each.state) for each in run.get_task_instances()}
    print("RAN", name, run.state, run.data_interval_start.isoformat(), run.data_interval_end.isoformat(), states)
"""


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> str:
    given = os.environ.get("WORKBENCH_AIRFLOW_PYTHON")
    if given:
        return given
    place = tmp_path_factory.mktemp("airflow")
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    wanted = ["apache-airflow==3.*", "apache-airflow-providers-papermill"]
    subprocess.run([str(place / "bin" / "pip"), "install", "--quiet", *wanted], check=True)
    return str(place / "bin" / "python")


def snapshots(root: Path) -> dict[str, str]:
    """What readers see, by the hash of its files."""
    from workbench.runtime.warehouse import Warehouse

    workspace = find_workspace(root)
    return {name: view.snapshot for name, view in Warehouse.open(workspace).current().views.items()}


def kernel(folder: Path) -> Path:
    """A kernel of this interpreter, which has workbench installed as Airflow's has not."""
    place = folder / "jupyter" / "kernels" / "python3"
    place.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    return folder / "jupyter"


@pytest.mark.drill
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("operator", ["command", "papermill"])
def test_airflow_publishes_what_our_scheduler_publishes(
    production: Production, airflow: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], operator: str
) -> None:
    production.publish(TOTALS_CONTRACT, TOTALS)
    production.orders(4)
    for name, schedule in (("daily_sales", "0 6 * * *"), ("sales_total", "after inputs")):
        (production.root / "promoted" / name / "pipeline.toml").write_text(f'schedule = "{schedule}"\nstart = 2024-01-04\n')
    other = tmp_path / "airflow"
    shutil.copytree(production.root, other)
    (other / ".workbench").mkdir(exist_ok=True)  # as in every workspace whose versions were promoted
    ours = replace(production, workspace=find_workspace(production.root))
    before = snapshots(production.root)
    Scheduler(ours.workspace, "ours", print, 2, Clock(wall=lambda: MOMENT, ticks=lambda: 0.0)).once()
    after = snapshots(production.root)
    assert before != after

    file = tmp_path / "home" / "dags" / "workbench.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(other)
        assert main(["doctor"]) == 0  # the folder was moved
        command = f"{sys.executable} -m workbench"
        assert main(["export", "airflow", "--operator", operator, "--command", command, "--output", str(file)]) == 0
    assert snapshots(other) == before
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "JUPYTER_PATH": str(kernel(tmp_path)),
    }
    subprocess.run([airflow, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    done = subprocess.run(
        [airflow, "-c", TEST, str(file), MOMENT.isoformat()],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    capfd.readouterr()
    ran = [line for line in done.stdout.splitlines() if line.startswith("RAN")]
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(ran) == 1
    assert " success " in ran[0], done.stdout[-6000:]
    assert "2024-01-04T06:00:00" in ran[0]
    assert "'daily_sales': 'success'" in ran[0]
    assert "'sales_total': 'success'" in ran[0]
    assert snapshots(other) == after
    with Store.open(find_workspace(other), read_only=True) as store:
        assert [str(run.interval) for run in reversed(store.runs())] == ["2024-01-04..2024-01-05", "None"]
        assert store.verify_ledger() == ()
