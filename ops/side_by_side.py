"""Having a range computed by many runs side by side: the state machine of backfills, started, followed, begun again.

An execution is named by its range, its job and its attempt, so that the same command finds the one that is under way,
or goes on with one that failed.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from contract.backfill import HOURS, PIECES
from mlops_core.time import utc_text
from ops.console import progress_bar
from ops.errors import BackfillFailedError
from ops.stack import Stack

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

_PHASES: Final = {HOURS: ("Building hours", "h"), PIECES: ("Computing features", "pieces")}
"""By the labels of the Distributed Maps, in their order."""


@dataclass(frozen=True)
class SideBySide:
    """What an execution did: hours built and pieces computed by it, rows of the range, newest rows taken online."""

    execution: str
    hours: int
    pieces: int
    feature_rows: int
    online_written: int


def process_side_by_side(stack: Stack, start: datetime, end: datetime, *, quiet: bool) -> SideBySide:
    """Compute the features of the closed hours [start, end), with progress bars. Raises BackfillFailedError."""
    machine = str(stack.outputs.backfill_state_machine_arn)
    execution = begun(stack.state_machines, machine, start, end)
    return followed(stack.state_machines, execution, quiet=quiet)


def begun(client: "SFNClient", machine: str, start: datetime, end: datetime) -> str:
    """Return the execution for a range: one that is under way, or a new one, which goes on where the last failed."""
    span = f"{start:%Y%m%dT%H}-{end:%Y%m%dT%H}"
    known = client.list_executions(stateMachineArn=machine, maxResults=1000)["executions"]
    last = next((each for each in known if each["name"].startswith(f"{span}-")), None)
    if last is not None and last["status"] == "RUNNING":
        return last["executionArn"]
    job, attempt = f"{span}-{secrets.token_hex(4)}", 1
    if last is not None and last["status"] != "SUCCEEDED":
        job, _, number = last["name"].rpartition("-")
        attempt = int(number) + 1
    given = json.dumps({"job": job, "start": utc_text(start), "end": utc_text(end)})
    return client.start_execution(stateMachineArn=machine, name=f"{job}-{attempt}", input=given)["executionArn"]


def followed(
    client: "SFNClient",
    execution: str,
    *,
    quiet: bool,
    look_each: float = 2.0,
    sleep: Callable[[float], None] = time.sleep,
) -> SideBySide:
    """Wait for an execution's end, and show how far it is. Raises BackfillFailedError."""
    done = dict.fromkeys(_PHASES, 0)
    for phase, (description, unit) in _PHASES.items():
        run = None
        while run is None and _is_running(client, execution):
            sleep(look_each)
            runs = _map_runs(client, execution)
            run = runs.get(phase)
            if run is None and PIECES in runs:
                break  # every hour was built before
        if run is None:
            continue
        with progress_bar(description, _counts(client, run)["total"], unit=unit, quiet=quiet) as advance:
            while True:
                counts = _counts(client, run)
                advance(counts["succeeded"] - done[phase])
                done[phase] = counts["succeeded"]
                if counts["succeeded"] >= counts["total"] or not _is_running(client, execution):
                    break
                sleep(look_each)
    while _is_running(client, execution):
        sleep(look_each)
    ended = client.describe_execution(executionArn=execution)
    if ended["status"] != "SUCCEEDED":
        raise BackfillFailedError(execution, ended["status"], ended.get("cause") or ended.get("error") or "")
    outcome: dict[str, Any] = json.loads(ended.get("output", "{}"))
    return SideBySide(execution, done[HOURS], done[PIECES], outcome["feature_rows"], outcome["online_written"])


def _is_running(client: "SFNClient", execution: str) -> bool:
    return client.describe_execution(executionArn=execution)["status"] == "RUNNING"


def _map_runs(client: "SFNClient", execution: str) -> Mapping[str, str]:
    """Return the Map Runs of an execution by their label, which their ARN names."""
    runs = client.list_map_runs(executionArn=execution)["mapRuns"]
    return {run["mapRunArn"].rpartition("/")[2].partition(":")[0]: run["mapRunArn"] for run in runs}


def _counts(client: "SFNClient", map_run: str) -> Mapping[str, int]:
    counts = client.describe_map_run(mapRunArn=map_run)["itemCounts"]
    return {"total": counts["total"], "succeeded": counts["succeeded"]}
