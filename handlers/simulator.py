"""Simulator: lives each machine through the time that passed since its last run and publishes what its sensors say.

A machine's state is read, advanced, published and only then saved, under optimistic concurrency: a run that was
overtaken saves nothing.
A long pause is made up for in strides, each saved before the next, so that a run that is slow to publish still gets on.
What a machine says depends on its state alone, so a run that is retried, or that overlaps another, repeats the same
messages and changes nothing.

No sensor says when a machine has returned to service, so the simulator plays the technician of its machines too:
without a record of the return, nothing would be learned from any run but a machine's first.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel

from contract.environment import SimulatorSettings
from handlers import runtime
from handlers.deadline import Deadline
from handlers.logs import count, logger, metrics
from handlers.stores import MachineStates, MaintenanceConflictError, Publisher, SavedState, clients
from mlops_core.errors import MlopsError
from mlops_core.simulation import Advance, advance, new_machine
from mlops_core.telemetry import MaintenanceKind, MaintenanceRecord, Message, failure_message, reading_message

_settings = runtime.settings(SimulatorSettings)

STRIDE = timedelta(minutes=10)


class SimulatorEvent(BaseModel):
    """What a schedule sends (nothing), or a test (the moment to take for now)."""

    at: AwareDatetime | None = None


class MachinesFailedError(MlopsError):
    """Some machines could not be advanced; the others were, and their states are saved."""

    def __init__(self, failures: dict[str, BaseException], machines: int) -> None:
        each = "; ".join(f"{machine_id}: {type(error).__name__}" for machine_id, error in failures.items())
        super().__init__(
            f"{len(failures)} of {machines} machines were not advanced: {each}",
            "The next run takes them on from their saved states; the log says why each failed",
        )
        self.machine_ids = tuple(failures)


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Advance every machine. Raises MachinesFailedError after all were tried, if any failed."""
    now = SimulatorEvent.model_validate(event).at or datetime.now(UTC)
    machine_ids = _settings().machine_ids
    fleet = Fleet(_settings())
    with ThreadPoolExecutor(clients.THREADS) as pool:
        runs = {machine_id: pool.submit(fleet.step, machine_id, now, Deadline(context)) for machine_id in machine_ids}
    failures = {machine_id: error for machine_id, run in runs.items() if (error := run.exception())}
    steps = [run.result() for machine_id, run in runs.items() if machine_id not in failures]
    outcome = {
        "machines": len(steps),
        "published": sum(published for published, _ in steps),
        "overtaken": sum(not is_saved for _, is_saved in steps),
    }
    count(MessagesPublished=outcome["published"], StepsOvertaken=outcome["overtaken"], MachinesFailed=len(failures))
    for machine_id, error in failures.items():
        logger.error("Machine not advanced", exc_info=error, extra={"machine_id": machine_id})
    if failures:
        raise MachinesFailedError(failures, len(machine_ids))
    logger.info("Fleet advanced", extra=outcome)
    return outcome


class Fleet:
    """The simulated machines: where their states are, where they publish, and where their repairs are recorded."""

    def __init__(self, chosen: SimulatorSettings) -> None:
        self._settings = chosen
        self._states = MachineStates(clients.dynamodb(), chosen.machine_state_table)
        self._publisher = Publisher(clients.iot_data(chosen.iot_endpoint))
        self._history = runtime.label_history(chosen)

    def step(self, machine_id: str, now: datetime, deadline: Deadline) -> tuple[int, bool]:
        """Advance one machine to `now`, or as far towards it as one run goes, and publish in the order of time.

        Returns how many messages were published, and whether the machine is saved: False where another run was first.
        """
        saved = self._state(machine_id, now)
        until = min(now, saved.state.event_timestamp + self._settings.max_catch_up)
        stride = max(STRIDE, self._settings.sampling_interval)
        published = 0
        while saved.state.event_timestamp < until and deadline.allows_another():
            stride_end = min(until, saved.state.event_timestamp + stride)
            advanced = advance(saved.state, stride_end, interval=self._settings.sampling_interval)
            for message in _messages(
                advanced, self._settings.mqtt_topic_prefix, history_before=now - self._settings.max_catch_up
            ):
                self._publisher.publish(message)
                published += 1
            for returned_at in advanced.returns_to_service:
                self._record_return(machine_id, returned_at, now)
            if not self._states.save(advanced.state, after=saved.revision):
                return published, False
            saved = SavedState(advanced.state, saved.revision + 1)
        return published, True

    def _record_return(self, machine_id: str, at: datetime, now: datetime) -> None:
        """Record a repair that is over at `at`, when the machine ran again; the same record again changes nothing.

        After a failure it gives the return that the sensors' record lacks. After a planned service it ends the run at
        the return, not at its beginning, which the machine does not report.
        """
        repair = MaintenanceRecord(
            machine_id=machine_id,
            kind=MaintenanceKind.REPAIR,
            at=at,
            note="Simulated repair",
            recorded_by="simulator",
        )
        try:
            self._history.record_maintenance(repair, recorded_at=now)
        except MaintenanceConflictError as conflict:
            # What a person recorded of that moment, or corrected before a run was tried again, stays: it says as well
            # that the machine was repaired, and the machine must not stay off until somebody withdraws it.
            logger.warning("Repair not recorded", extra={"machine_id": machine_id, "reason": conflict.message})

    def _state(self, machine_id: str, now: datetime) -> SavedState:
        """Return a machine's state. The first is saved before it speaks, so that two first runs give one life."""
        while (saved := self._states.load(machine_id)) is None:
            commissioned = now - self._settings.sampling_interval
            self._states.create(new_machine(machine_id, seed=self._settings.simulator_seed, at=commissioned))
        return saved


def _messages(advanced: Advance, topic_prefix: str, *, history_before: datetime) -> list[Message]:
    """Return a machine's messages in the order of time; those from before `history_before` are marked as replayed."""
    messages = [
        (
            at,
            reading_message(
                advanced.state.machine_id,
                channel,
                at,
                value,
                topic_prefix=topic_prefix,
                replayed=at < history_before,
            ),
        )
        for channel, at, value in advanced.readings
    ] + [
        (
            failure.event_timestamp,
            failure_message(*failure, topic_prefix=topic_prefix, replayed=failure.event_timestamp < history_before),
        )
        for failure in advanced.failures
    ]
    return [message for _, message in sorted(messages, key=lambda moment: moment[0])]
