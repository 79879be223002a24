"""One emulator and one laptop run for all tests of this folder, which run in one process."""

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from handlers.stores.machine_state import MachineStates
from infra.local.engine.deploy import Deployment, deploy
from infra.local.engine.emulator import STACK_FILE, Emulator, Endpoint
from infra.local.run.screen import Screen
from infra.local.run.seeding import HistoryPlan
from infra.local.run.stages import LaptopRun
from infra.local.run.summary import Summary
from mlops_core.simulation import MachineStatus, new_machine
from ops.cli import app
from ops.stack import Stack, load_stack

HERE = Path(__file__).parent


class Laptop(NamedTuple):
    """The local stack after a laptop run; its simulator's schedule is paused."""

    endpoint: Endpoint
    stack: Stack
    deployment: Deployment
    summary: Summary
    folder: Path
    screen: str

    def run(self, *arguments: str) -> Result:
        """Run ``mlops`` on this stack."""
        outputs = str(self.folder / STACK_FILE)
        return CliRunner().invoke(app, [*arguments, "--stack", "local", "--outputs", outputs])

    def json(self, *arguments: str) -> dict[str, Any]:
        """What ``mlops ... --json`` prints; it must succeed."""
        ran = self.run(*arguments, "--json")
        assert ran.exit_code == 0, ran.output
        return json.loads(ran.stdout)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.emulator)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture(scope="session")
def endpoint(emulator: Emulator) -> Endpoint:
    return emulator.endpoint


@pytest.fixture(scope="session")
def sample(endpoint: Endpoint) -> Deployment:
    """The sample program, which has one resource of every type."""
    return deploy(endpoint, stack="dev", root=HERE / "sample_program", overrides={"sample:greeting": "good day"})


@pytest.fixture(scope="session")
def laptop(emulator: Emulator) -> Laptop:
    """The real program, deployed once, with a short history and live telemetry."""
    shown = io.StringIO()
    run = LaptopRun(Screen(Console(file=shown, width=120)), emulator, HistoryPlan(companions=2, days=2))
    summary = run.run(time.monotonic())
    stack = load_stack("local", local_file=emulator.folder / STACK_FILE)
    return Laptop(emulator.endpoint, stack, run.deployment, summary, emulator.folder, shown.getvalue())


def under_repair(laptop: Laptop, machine_id: str, *, until: datetime) -> None:
    """Let a configured machine have failed, and return to service at `until`."""
    states = MachineStates(laptop.stack.dynamodb, laptop.stack.outputs.machine_state_table_name)
    saved = states.load(machine_id)
    failed = {"status": MachineStatus.FAILED, "health_index": 0.0, "damage_at_hour": 1.0}
    repaired = saved.state.model_copy(update={**failed, "returned_to_service_at": until})
    assert states.save(repaired, after=saved.revision)


@pytest.fixture
def rested(laptop: Laptop) -> Laptop:
    """The stack with its configured machines ten minutes behind: a test can move them on without meeting the future."""
    table = laptop.stack.outputs.machine_state_table_name
    since = datetime.now(UTC) - timedelta(minutes=10)
    for machine_id in laptop.stack.outputs.machine_ids:
        laptop.stack.dynamodb.delete_item(TableName=table, Key={"machine_id": {"S": machine_id}})
        MachineStates(laptop.stack.dynamodb, table).create(new_machine(machine_id, seed=since.microsecond, at=since))
    return laptop
