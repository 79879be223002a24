"""Snapshot: the fleet's page as one file, kept in the lake on a schedule: for `mlops report`, and for links to it.

A run that ends anywhere leaves the snapshot before; the next one takes its place.
"""

from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from contract.environment import SnapshotSettings
from handlers import runtime
from handlers.logs import logger
from handlers.stores import (
    Alarms,
    FleetSources,
    FleetStore,
    Machines,
    PageSnapshots,
    SimulatedMachines,
    clients,
    read_page,
)
from mlops_core.page import snapshot

_settings = runtime.settings(SnapshotSettings)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda passes them
    """Keep the page as it is now; returns its size in bytes and how many machines it shows."""
    document = read_page(_sources(_settings()), datetime.now(UTC))
    page = snapshot(document).encode()
    PageSnapshots(clients.s3(), _settings().data_lake_bucket).put(page)
    outcome = {"bytes": len(page), "machines": len(document.machines)}
    logger.info("Page kept", extra=outcome)
    return outcome


def _sources(chosen: SnapshotSettings) -> FleetSources:
    lake, tables = runtime.lake(chosen), clients.dynamodb()
    return FleetSources(
        stack=chosen.stack_name,
        lake=lake,
        fleet=FleetStore(lake, tables, features=chosen.dynamodb_table_name, predictions=chosen.predictions_table),
        alarms=Alarms(tables, chosen.alarms_table),
        labels=runtime.label_history(chosen),
        machines=Machines(tables, chosen.machines_table),
        simulated=SimulatedMachines(tables, chosen.machine_state_table),
        channels=runtime.channels(chosen),
        feature_lengths=chosen.feature_lengths,
        silent_after=chosen.silent_after,
        time_zone=chosen.time_zone,
    )
