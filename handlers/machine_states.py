"""The states of machines as functions see them: by their newest features, the tables, and when they were last seen."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from contract.environment import ServingSettings
from handlers import runtime
from handlers.stores import UNKNOWN, Alarms, FeatureRow, Known, MachineKnowledge, Machines, clients
from mlops_core.alerting import MachineLastSeen
from mlops_core.condition import StateSince, is_silent, operating_state


def machine_knowledge(chosen: ServingSettings) -> MachineKnowledge:
    """Return what the tables that these settings name say of machines."""
    client = clients.dynamodb()
    return MachineKnowledge(
        Alarms(client, chosen.alarms_table),
        runtime.label_history(chosen),
        Machines(client, chosen.machines_table),
    )


def state_of(
    row: FeatureRow, known: Known, seen: MachineLastSeen | None, *, at: datetime, silent_after: timedelta
) -> StateSince:
    """Return the state of a machine at `at`.

    seen: by the last check of silence; None before the first, and of a machine that was silent for so long that it is
        listened to no more: then its newest features tell.
    """
    if seen is None:
        seen = MachineLastSeen(row.window_end, is_silent(row.window_end, until=at, after=silent_after))
    facts = known.facts(row.machine_id, row, last_seen_by=seen.last, is_silent=seen.is_silent)
    return operating_state(facts, at=at)


def states_of(
    rows: Iterable[FeatureRow],
    known: Mapping[str, Known],
    seen: Mapping[str, MachineLastSeen],
    *,
    at: datetime,
    silent_after: timedelta,
) -> dict[str, StateSince]:
    """Return the states of several machines at `at`, by machine."""
    return {
        row.machine_id: state_of(
            row,
            known.get(row.machine_id, UNKNOWN),
            seen.get(row.machine_id),
            at=at,
            silent_after=silent_after,
        )
        for row in rows
    }
