"""The stack's model on a laptop: trained by its state machine, asked over signed HTTP, rolled back."""

import json
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from handlers.stores import ModelRegistry
from infra.local.run.signed_http import request
from ops.stack import Stack

PATIENCE_SECONDS = 300.0


class EndpointError(RuntimeError):
    """The prediction endpoint answered what it must not."""

    def __init__(self, path: str, status: int, body: object) -> None:
        super().__init__(f"{path} answered {status}: {body}")


class NotScoredError(RuntimeError):
    """Processing committed features, and no prediction was made from them."""

    def __init__(self, machine_ids: list[str]) -> None:
        super().__init__(f"{', '.join(machine_ids)} had no prediction in the table after processing.")


def predictions(stack: Stack, machine_ids: list[str]) -> list[dict[str, Any]]:
    """Ask for each machine, and see that an unsigned caller may not. Raises EndpointError."""
    answers: list[dict[str, Any]] = []
    for machine_id in machine_ids:
        status, _, document = request(stack, f"/machines/{machine_id}")
        if status != HTTPStatus.OK:
            raise EndpointError(f"/machines/{machine_id}", status, document)
        answers.append(document)
    status, _, document = request(stack, "/machines", signed=False)
    if status != HTTPStatus.FORBIDDEN:
        raise EndpointError("/machines without a signature", status, document)
    return answers


def record_repair(stack: Stack, machine_id: str, *, at: datetime) -> None:
    """Record over HTTP that a machine was made as good as new, as a technician does. Raises EndpointError."""
    path = f"/machines/{machine_id}/maintenance"
    body = json.dumps({"kind": "repair", "at": at.isoformat(), "note": "Bearing replaced", "recorded_by": "make local"})
    for signed, expected in ((False, HTTPStatus.FORBIDDEN), (True, HTTPStatus.CREATED)):
        status, _, document = request(stack, path, method="POST", body=body.encode(), signed=signed)
        if status != expected:
            raise EndpointError(path, status, document)


def wait_until_scored(stack: Stack, machine_ids: list[str], *, timeout: float) -> int:
    """Wait until the event of committed features has filled the table; returns its size. Raises NotScoredError."""
    deadline = time.monotonic() + timeout
    while missing := sorted(set(machine_ids) - (known := stack.fleet.load_predictions()).keys()):
        if time.monotonic() > deadline:
            raise NotScoredError(missing)
        time.sleep(0.3)
    return len(known)


def promote_and_roll_back(stack: Stack, version: str) -> tuple[str, str]:
    """Let `version` serve where it does not, then go back to what served before; returns both versions."""
    registry, now = ModelRegistry(stack.lake), datetime.now(UTC)
    stored = registry.champion()
    if stored is None or stored.value.version != version:
        stored = registry.promote(version, after=stored, at=now, reason="Promoted by hand, to be rolled back")
    back = registry.promote(stored.value.previous, after=stored, at=now, reason=f"Rolled back from {version}")
    return version, back.value.version
