"""A function whose SDK fails now and then: runs in a Lambda worker, from a layer, in place of the function's handler.

FAULTS_HANDLER names the handler that is called, FAULTS_RATE is the part of calls that fail, FAULTS_KINDS the weight of
each kind, as JSON, and FAULTS_LOG a file that takes a line for each fault and each batch. Handlers know nothing of it:
the faults are event hooks of botocore. Standard library and botocore only, since a worker has no more of its own.
"""

import importlib
import json
import os
import random
import threading
from typing import Any

import botocore.handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError

UNAVAILABLE = "unavailable (503) for all retries"
UNAVAILABLE_ONCE = "unavailable (503) once"
LOST = "answer lost"
SENT_AGAIN = "answer lost, sent again by the SDK"
KILLED_BEFORE = "process killed before a call"
KILLED_AFTER = "process killed after a call"
DELIVERED = "delivered"
# A killed worker takes a whole batch with it, and retries in vain take seconds: fewer of these.
MIXED = {UNAVAILABLE: 2, UNAVAILABLE_ONCE: 6, LOST: 4, SENT_AGAIN: 4, KILLED_BEFORE: 1, KILLED_AFTER: 1}

_RATE = float(os.environ.get("FAULTS_RATE", "0"))
_KINDS: dict[str, int] = json.loads(os.environ.get("FAULTS_KINDS", "{}"))
_HANDLER = os.environ.get("FAULTS_HANDLER")
_random = random.Random(int.from_bytes(os.urandom(8)))  # noqa: S311 - not for secrets
_calls = threading.local()  # a call stays on its thread


def _note(what: str, number: int = 1) -> None:
    log = os.open(os.environ["FAULTS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, f"{number}\t{what}\n".encode())  # lines of several processes, each written at once
    os.close(log)


def _die(fault: str) -> None:
    _note(fault)
    os._exit(1)


def _before_call(**_: object) -> None:
    _calls.fault = _random.choices(list(_KINDS), list(_KINDS.values()))[0] if _random.random() < _RATE else None
    _calls.sent = 0
    if _calls.fault == KILLED_BEFORE:
        _die(KILLED_BEFORE)


class _NoBody:
    def stream(self) -> tuple[bytes, ...]:
        return ()


def _before_send(request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
    """Answer in the service's place."""
    _calls.sent += 1
    first = _calls.sent == 1
    if _calls.fault not in (UNAVAILABLE, UNAVAILABLE_ONCE) or (_calls.fault == UNAVAILABLE_ONCE and not first):
        return None
    if first:
        _note(_calls.fault)
    return AWSResponse(request.url, 503, HTTPHeaders(), _NoBody())


def _needs_retry(response: tuple[AWSResponse, object] | None, **_: object) -> int | None:
    """Say that a call which succeeded has to be sent again, at once."""
    if _calls.fault == SENT_AGAIN and _calls.sent == 1 and response is not None and response[0].status_code < 300:
        _note(SENT_AGAIN)
        return 0
    return None


def _after_call(http_response: AWSResponse, **_: object) -> None:
    if http_response.status_code >= 300:
        return
    if _calls.fault == KILLED_AFTER:
        _die(KILLED_AFTER)
    if _calls.fault == LOST:
        _note(LOST)
        raise ReadTimeoutError(endpoint_url="the answer was lost")


if _HANDLER is not None:
    botocore.handlers.BUILTIN_HANDLERS.extend(
        [
            ("before-call", _before_call),
            ("before-send", _before_send),
            ("needs-retry", _needs_retry),
            ("after-call", _after_call),
        ]
    )
    _module, _, _name = _HANDLER.rpartition(".")
    _handler = getattr(importlib.import_module(_module), _name)


def handler(event: Any, context: Any) -> Any:  # noqa: ANN401 - whatever the function's own takes and returns
    """Call the function's own handler."""
    _note(DELIVERED, len(event.get("Records", ())))
    return _handler(event, context)
