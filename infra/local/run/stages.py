"""The whole platform on a laptop, from nothing to features of live telemetry: what ``make local`` does, in order.

The emulator is up. The stack is deployed; machines run to failure are its history, whose features are computed; then
telemetry flows by the schedule, the simulator, MQTT rules, queues and ingestion, scheduled processing follows, and
every published message is found again.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.stores import ModelRegistry, read_fleet, read_page
from infra.local.engine.deploy import Deployment, deploy
from infra.local.engine.emulator import STACK_FILE, Emulator
from infra.local.run.live_telemetry import PATIENCE_SECONDS, LiveTelemetry, publish_and_drain
from infra.local.run.modelling import (
    predictions,
    promote_and_roll_back,
    record_repair,
    wait_until_scored,
)
from infra.local.run.reconciliation import Ledger, lived, reconcile
from infra.local.run.schedules import Schedules
from infra.local.run.screen import Screen
from infra.local.run.seeding import HistoryPlan, SeededHistory, seed
from infra.local.run.summary import MachineLine, Summary, report
from infra.packaging import LAYERS, Layer, Target, build
from mlops_core.page import FleetPage
from ops.ranges import HOUR, RangeProcessor, chunks, hour_of
from ops.stack import Stack, load_stack
from ops.training import Training, finished_training, start_training

STACK = "local"
BACKFILL_CHUNK = timedelta(days=1)
LIVE_HOURS = 1  # closed hours that are left to live telemetry; within what the simulator catches up in one run
TRAINING_SECONDS = 300.0


class LaptopRun:
    """One run against an emulator that is up. ``run`` raises what a stage raises; the screen knows which it was."""

    deployment: Deployment
    page: FleetPage
    """The fleet as it was at the end of the run."""

    def __init__(self, screen: Screen, emulator: Emulator, plan: HistoryPlan | None = None) -> None:
        self.screen, self.emulator = screen, emulator
        self.plan = plan or HistoryPlan()
        self.schedules = Schedules(emulator.endpoint)
        self.feature_rows: int = 0
        self.trained: dict[str, Any] | None = None
        self.predictions: list[dict[str, Any]] = []

    def run(self, began: float) -> Summary:
        """Go through all stages; ``began`` is the monotonic time at which the whole run began."""
        self.build_layers()
        deployment, stack = self.deploy()
        live_from = hour_of(datetime.now(UTC)) - LIVE_HOURS * HOUR
        history = self.seed(stack, deployment, live_from)
        self.backfill(stack, history)
        execution = start_training(stack)  # while telemetry flows
        live = self.live(stack, history)
        self.model(stack, execution)
        self.process(stack)
        self.predict(stack, history)
        interval = timedelta(seconds=int(deployment.settings["samplingIntervalSeconds"]))
        with self.screen.stage("Reconciliation") as stage:
            published = lived(history.states, live.states, interval, live.batched)
            ledger = reconcile(stack, published, live.refused, before=history.stored)
            stage.result = (
                f"{ledger.published:,} published = {ledger.lake_distinct:,} in the lake"
                f" + {ledger.quarantined} quarantined + {ledger.dead_lettered} dead letters"
            )
        if self.emulator.keep:
            self.schedules.set_enabled(stack.outputs.schedule_names["simulator"], enabled=True)
        return self.close(stack, deployment, history, live, ledger, began)

    def begin(self) -> Mapping[str, Any]:
        """Deploy a stack that is to last, give it a history and a model, and let it live on; returns its outputs."""
        self.build_layers()
        deployment, stack = self.deploy()
        history = self.seed(stack, deployment, hour_of(datetime.now(UTC)) - LIVE_HOURS * HOUR)
        self.backfill(stack, history)
        execution = start_training(stack)
        simulator = stack.outputs.schedule_names["simulator"]
        self.schedules.fire_once(simulator)
        self.schedules.set_enabled(simulator, enabled=True)
        self.model(stack, execution)
        self.process(stack)
        if self.trained is not None and self.trained["serving"] is not None:
            with self.screen.stage("Predictions") as stage:
                stage.result = (
                    f"{wait_until_scored(stack, history.predicted, timeout=PATIENCE_SECONDS)} machines scored"
                )
        return deployment.outputs

    def build_layers(self) -> None:
        """Build each layer whose lock has changed."""
        with self.screen.stage("Layers") as stage:
            built = [build(Layer.of(name, Target.of("host", "host"))) for name in LAYERS]
            stage.result = ", ".join(f"{path.name}, {path.stat().st_size / 1e6:.0f} MB" for path in built)

    def deploy(self) -> tuple[Deployment, Stack]:
        """Run the Pulumi program against the emulator."""
        with self.screen.stage("Deploy") as stage:
            deployment = self.deployment = deploy(self.emulator.endpoint, stack=STACK)
            self.emulator.describe(deployment.outputs)
            # Paused until the history is stored: then the scheduler fires it at once, not when a minute is over.
            self.schedules.set_enabled(deployment.outputs["schedule_names"]["simulator"], enabled=False)
            stage.result = f"{deployment.resources} resources of the stack {STACK}"
        return deployment, load_stack(STACK, local_file=self.emulator.folder / STACK_FILE)

    def seed(self, stack: Stack, deployment: Deployment, end: datetime) -> SeededHistory:
        """Write the history, up to where live telemetry begins."""
        with self.screen.stage("History") as stage:
            random_seed = int(deployment.settings["simulatorSeed"])
            history = seed(stack, self.plan, end=end, now=datetime.now(UTC), random_seed=random_seed)
            stage.result = (
                f"{history.stored.readings.height:,} readings and {history.failures.height} failures of"
                f" {len(history.states) + self.plan.companions} machines in {self.plan.days} days"
            )
        return history

    def backfill(self, stack: Stack, history: SeededHistory) -> None:
        """Have the processing function compute the history's features, day by day."""
        with self.screen.stage("Features of the history") as stage:
            processor = RangeProcessor.of(stack)
            for first, last in chunks(history.start, history.end, BACKFILL_CHUNK):
                stage.tell(f"{first:%d %b}")  # days, where an invocation counts hours
                self.feature_rows += processor.process(first, last, lambda _: None).feature_rows
            stage.result = f"{self.feature_rows:,} rows, offline and online"

    def live(self, stack: Stack, history: SeededHistory) -> LiveTelemetry:
        """Let telemetry flow, a gateway's batch and bad messages with it, and drain it."""
        with self.screen.stage("Live telemetry") as stage:
            live = publish_and_drain(stack, history, self.schedules)
            first = min(state.event_timestamp for state in live.states.values())
            stage.result = (
                f"{(first - history.end) // timedelta(minutes=1)} minutes of {len(live.states)} machines, a batch of"
                f" {live.batched.height} readings, and {len(live.refused) - 1} messages to be refused"
            )
        return live

    def process(self, stack: Stack) -> None:
        """Run processing as its schedule does."""
        with self.screen.stage("Scheduled processing") as stage:
            answer = self.schedules.invoke_target(stack.outputs.schedule_names["processing"])
            self.feature_rows += int(answer["feature_rows"])
            stage.result = f"{answer['feature_rows']:,} rows, features until {answer['window_end'][:16]} UTC"

    def model(self, stack: Stack, execution: str) -> None:
        """Wait for the model that the state machine trains."""
        with self.screen.stage("Model") as stage:
            training = _trained(stack, execution)
            stage.result = f"none: {training.reason}" if training.version is None else training.reason
            if training.version is not None:
                registry = ModelRegistry(stack.lake)
                champion = registry.champion()
                self.trained = {
                    "version": training.version,
                    "serving": champion.value.version if champion else None,
                    "reason": training.reason,
                    **training.outcome,
                }

    def predict(self, stack: Stack, history: SeededHistory) -> None:
        """Ask for each machine, see it scored, and go back and forth between two models."""
        machine_ids = sorted(history.states)
        if self.trained is None or self.trained["serving"] is None:
            return
        execution = start_training(stack)  # on what processing has added since
        with self.screen.stage("Predictions") as stage:
            scored = wait_until_scored(stack, history.predicted, timeout=PATIENCE_SECONDS)
            self.predictions = predictions(stack, machine_ids)
            record_repair(stack, machine_ids[0], at=datetime.now(UTC))
            stage.result = (
                f"{scored} machines scored; {len(self.predictions)} asked for over signed HTTP, unsigned: 403;"
                f" a repair of {machine_ids[0]} recorded"
            )
        with self.screen.stage("Rollback") as stage:
            challenger = _trained(stack, execution)
            if challenger.version in {None, self.trained["version"]}:
                stage.result = f"no second model: {challenger.reason}"
                return
            away, back = promote_and_roll_back(stack, str(challenger.version))
            self.trained["rollback"] = {"from": away, "to": back, "verdict": challenger.reason}
            stage.result = f"from {away} to {back}"

    def close(
        self,
        stack: Stack,
        deployment: Deployment,
        history: SeededHistory,
        live: LiveTelemetry,
        ledger: Ledger,
        began: float,
    ) -> Summary:
        """Write the summary, and the fleet's page as the report."""
        with self.screen.stage("Report") as stage:
            finished_at = datetime.now(UTC)
            self.page = read_page(stack.sources, finished_at)
            summary = Summary(
                resources=deployment.resources,
                deploy_seconds=self.screen.seconds["Deploy"],
                seeded_readings=history.stored.readings.height,
                seeded_failures=history.failures.height,
                **ledger.model_dump(),
                feature_rows=self.feature_rows,
                model=self.trained,
                predictions=tuple(self.predictions),
                alarms=self.page.alarms,
                announced_after_seconds=live.announced_after,
                machines=tuple(_machine_lines(stack, list(history.states), finished_at)),
                stages=dict(self.screen.seconds),
                elapsed_seconds=round(time.monotonic() - began, 2),
                finished_at=finished_at,
                outputs=deployment.outputs,
            )
            folder = self.emulator.folder
            (folder / "report.html").write_text(report(self.page, summary), encoding="utf-8")
            (folder / "summary.json").write_text(summary.model_dump_json(indent=2) + "\n", encoding="utf-8")
            stage.result = f"{folder / 'report.html'}, {folder / 'summary.json'}"
        return summary


def _trained(stack: Stack, execution: str) -> Training:
    return finished_training(stack, execution, patience_seconds=TRAINING_SECONDS, look_each=0.3)


def _machine_lines(stack: Stack, machine_ids: list[str], now: datetime) -> list[MachineLine]:
    rows = {row.machine_id: row for row in stack.fleet.load_fleet()}
    fleet = {machine.machine_id: machine for machine in read_fleet(stack.sources, now)}
    return [MachineLine.of(fleet[name], rows[name].features if name in rows else {}) for name in sorted(machine_ids)]
