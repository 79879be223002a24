"""Ask the emulator, and wait for what happens in it."""

import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from infra.local.engine.emulator import Endpoint

T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within: float, what: str) -> T:
    """The first truthy result of ``look``; fails the test where there is none in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {within:.0f} s: {what}")


def invoke(endpoint: Endpoint, function: str, event: dict[str, Any]) -> dict[str, Any]:
    """What a function answers, or its error document."""
    answer = endpoint.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())
