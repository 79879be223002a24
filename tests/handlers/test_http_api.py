"""The functions behind the HTTP API answer as docs/openapi.json says, whatever they are asked."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.handlers.model_bundles import serve
from tests.handlers.offered_features import offer_each_status

LIST, GET = "GET /machines", "GET /machines/{machine_id}"

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(api) -> Ask:
    return api("inference")


def test_a_machine_of_every_status_is_answered_as_documented(registry, ask: Ask):
    serve(registry)
    offer_each_status()
    expected = {"FRESH": "OK", "OLD": "STALE", "SILENT": "NO_READINGS", "EARLIER-SCHEMA": "INCOMPLETE"}
    answers = {machine: ask(GET, path={"machine_id": machine}) for machine in expected}
    assert {machine: document["status"] for machine, (_, document) in answers.items()} == expected
    assert answers["OLD"][1]["features_age_seconds"] > 12 * 3600
    status, fleet = ask(LIST)
    assert (status, fleet["total"]) == (200, 4)
    assert {machine["machine_id"]: machine["status"] for machine in fleet["machines"]} == expected


def test_a_fleet_without_machines_is_answered_as_documented(registry, ask: Ask):
    serve(registry)
    assert ask(LIST)[1]["machines"] == []


def test_an_unknown_machine_is_a_documented_problem(registry, ask: Ask):
    serve(registry)
    status, problem = ask(GET, path={"machine_id": "NOBODY"})
    assert (status, problem["error"]) == (404, "UNKNOWN_MACHINE")


@pytest.mark.parametrize("machine_id", [" ", "..", "%2e", "é", "\ud800", "A" * 65, "A" * 3000, "a/b", "A\n"])
def test_what_cannot_be_the_id_of_a_machine_is_not_looked_up(registry, faults, ask: Ask, machine_id):
    """The table takes no key of more than 2048 bytes: AWS would refuse it, which moto does not."""
    serve(registry)
    faults.clear()
    status, problem = ask(GET, path={"machine_id": machine_id})
    assert (status, problem["error"], faults.calls) == (404, "UNKNOWN_MACHINE", [])


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "1.5", "many", "1,2", "", "NaN", "9" * 5000])
def test_a_limit_that_is_no_limit_is_a_documented_problem(registry, ask: Ask, limit):
    serve(registry)
    status, problem = ask(LIST, query={"limit": limit})
    assert (status, problem["error"]) == (400, "BAD_REQUEST")
