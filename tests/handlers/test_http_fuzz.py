"""The functions behind the HTTP API take whatever is sent: no crash, and no answer that is not documented.

HTTP_FUZZ_EXAMPLES=20000 makes the run as long as one likes; without it, it takes some seconds.
"""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests import http_contract
from tests.handlers import stores
from tests.handlers.model_bundles import serve
from tests.handlers.offered_features import offer_each_status
from tests.http_requests import Request, arbitrary, documented

pytestmark = pytest.mark.verify


def function_of(route: str) -> str:
    if "/alarms" in route:
        return "alarm_answers"
    return "inference" if route.startswith("GET") else "maintenance"


FUNCTIONS = {route: function_of(route) for route in http_contract.ROUTES}
MACHINES = ["FRESH", "OLD", "SILENT", "EARLIER-SCHEMA"]
EXAMPLES = int(os.environ.get("HTTP_FUZZ_EXAMPLES", "100"))

UNSAID = {
    "returned_to_service_at is before at",
    "has not come yet",
    "is before 2001",
    "lies beyond the year 9999",
    "holds characters that cannot be printed",
    "String should have at least 1 character",
    "until belongs to shelve, which needs it",
    "verdict belongs to close, which needs it",
    "failure_mode belongs to the verdict FAULT_FOUND",
}

Send = Callable[[Request], tuple[int, Any]]
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    # The stack that a test gets is read by its examples, which therefore may share it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture
def fleet(aws) -> None:
    offer_each_status()


@pytest.fixture
def send(fleet, deploy, document) -> Send:
    """Send a request to the function behind its route; what it answers must be as documented, and no 500."""
    functions = {name: deploy(name) for name in set(FUNCTIONS.values())}
    template = document("http_api_request")

    def sent(request: Request) -> tuple[int, Any]:
        answer = functions[FUNCTIONS[request.route]](request.event(template))
        body = json.loads(answer["body"])
        http_contract.check(request.route, answer["statusCode"], answer["headers"]["Content-Type"], body)
        assert answer["statusCode"] < 500 or body["error"] == "NO_MODEL"
        return answer["statusCode"], body

    return sent


def of_any_route(requests: Callable[..., st.SearchStrategy[Request]]) -> st.SearchStrategy[Request]:
    return st.one_of([requests(route, machine_ids=MACHINES) for route in http_contract.ROUTES])


@pytest.fixture
def model(aws) -> None:
    serve(stores.models())


@fuzzed
@given(request=of_any_route(arbitrary))
def test_whatever_is_asked_is_answered_as_documented(model, send: Send, request: Request):
    send(request)


@fuzzed
@given(request=of_any_route(arbitrary))
def test_whatever_is_asked_without_a_model_is_answered_as_documented(send: Send, request: Request):
    status, _ = send(request)
    assert status >= 400 or not request.route.startswith("GET /machines")


@fuzzed
@given(request=of_any_route(documented))
def test_what_is_asked_as_documented_is_never_called_a_bad_request(model, send: Send, request: Request):
    status, body = send(request)
    if request.body is None:
        assert status in {200, 404}
    elif status == 400:  # what no schema can say: moments that follow each other and have come, text that is no blank
        assert body["faults"]
        assert {fault["reason"] for fault in body["faults"]} <= UNSAID
