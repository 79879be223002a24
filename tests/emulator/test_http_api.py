"""The running endpoint answers each documented path as docs/openapi.json says, and nobody whom IAM does not know."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from handlers.stores.model_registry import ModelRegistry
from infra.local.signed_http import request
from tests import http_contract
from tests.emulator.conftest import Told
from tests.emulator.waiting import eventually
from tests.handlers.model_bundles import small_bundle
from tests.http_requests import Request, arbitrary

LIST, GET = "GET /machines", "GET /machines/{machine_id}"

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(told: Told) -> Ask:
    """Send a signed request; what comes back must be as documented."""

    def send(route: str, path: str, **options: Any) -> tuple[int, Any]:
        answer = request(told.stack, path, method=route.split(" ")[0], **options)
        http_contract.check(route, *answer)
        return answer.status, answer.document

    return send


@pytest.fixture
def served(told: Told, ask: Ask) -> Iterator[str]:
    """The version of a model that serves, whether or not this run of the story came to have one."""
    registry, bundle = ModelRegistry(told.stack.lake), small_bundle()
    registry.store(bundle)
    before = registry.champion()
    registry.promote(bundle.version, after=before, at=datetime.now(UTC), reason="a test")

    def version() -> str | None:
        status, fleet = ask(LIST, "/machines")
        return bundle.version if status == 200 and fleet["model_version"] == bundle.version else None

    yield eventually(version, within=90, what="the promoted model's answers")
    if before is not None:
        registry.promote(before.champion.version, after=registry.champion(), at=datetime.now(UTC), reason="a test")


def test_each_documented_path_answers_as_documented(told: Told, ask: Ask, served: str):
    machine_ids = told.stack.output("machine_ids")
    status, fleet = ask(LIST, "/machines?limit=1000")
    assert status == 200
    assert {machine["machine_id"] for machine in fleet["machines"]} >= set(machine_ids)
    for machine_id in machine_ids:
        status, machine = ask(GET, f"/machines/{machine_id}")
        assert (status, machine["machine_id"], machine["model_version"]) == (200, machine_id, served)


def test_what_cannot_be_answered_is_a_documented_problem(ask: Ask, served: str):
    assert ask(GET, "/machines/NOBODY")[1]["error"] == "UNKNOWN_MACHINE"
    assert ask(LIST, "/machines?limit=0")[1]["error"] == "BAD_REQUEST"


def can_be_sent(request: Request) -> bool:
    """What is neither another path than the route's nor text that no URL holds."""
    return all(
        value.strip("./") and not {"/", "\\"} & set(value) and value.isprintable() for value in request.path.values()
    ) and all(text.isprintable() for pair in request.query.items() for text in pair)


# The answers of functions are fuzzed in tests/handlers; this is about what API Gateway makes of requests on their way.
@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(
    made_up=st.one_of(arbitrary(route, machine_ids=["PUMP-A01"]) for route in http_contract.ROUTES).filter(can_be_sent)
)
def test_whatever_is_asked_is_answered_as_documented(ask: Ask, made_up: Request):
    status, document = ask(made_up.route, made_up.target(), body=made_up.body)
    assert status < 500 or document["error"] == "NO_MODEL"


@pytest.mark.parametrize("route", http_contract.ROUTES)
def test_nobody_unsigned_is_let_in(ask: Ask, route: str):
    assert ask(route, route.split(" ")[1].format(machine_id="PUMP-A01"), signed=False)[0] == 403
