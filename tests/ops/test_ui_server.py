"""The page's server answers whoever holds its address, on this computer, and nobody else."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mlops_core.page import FleetPage, content_security_policy, live_page, snapshot
from ops.errors import OptionError
from ops.ui.server import Recent, application

HOST = "127.0.0.1:8400"
TOKEN = {"Authorization": "Bearer secret"}
ORIGIN = {"Origin": f"http://{HOST}"}
PLANT = Path(__file__).parents[1] / "browser" / "plant_north.json"


@pytest.fixture
def page() -> FleetPage:
    return FleetPage.model_validate_json(PLANT.read_bytes())


@pytest.fixture
def client(page: FleetPage) -> TestClient:
    def act(fields: Mapping[str, object]) -> str:
        if not fields:
            raise OptionError("Nothing was said.", "Say something.")
        return f"did it to {fields['machine_id']}"

    recent = Recent(lambda: page, lambda: page.made_at)
    return TestClient(application(recent, {"repair": act}, host=HOST, token="secret"), base_url=f"http://{HOST}")


def test_the_page_carries_no_data_and_runs_its_own_script_alone(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.text == live_page()
    assert "PUMP-A04" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy == content_security_policy()
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


def test_the_document_is_for_whoever_has_the_token(client: TestClient, page: FleetPage) -> None:
    assert client.get("/fleet.json").status_code == 401
    assert client.get("/fleet.json", headers={"Authorization": "Bearer guess"}).status_code == 401
    answer = client.get("/fleet.json", headers=TOKEN)
    assert FleetPage.model_validate_json(answer.content) == page
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example:8400", "localhost:8400", "127.0.0.1:80"])
def test_a_name_that_was_rebound_to_this_computer_is_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/fleet.json"):
        assert client.get(path, headers=TOKEN | {"Host": host}).status_code == 421


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_another_pages_request_changes_nothing(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/actions/repair", headers=TOKEN | headers, json={"machine_id": "A"})
    assert answer.status_code == 403


def test_an_action_says_what_it_did_or_why_not(client: TestClient) -> None:
    done = client.post("/actions/repair", headers=TOKEN | ORIGIN, json={"machine_id": "A"})
    assert (done.status_code, done.json()) == (200, {"message": "did it to A"})
    refused = client.post("/actions/repair", headers=TOKEN | ORIGIN, json={})
    assert (refused.status_code, refused.json()["message"]) == (409, "Nothing was said. Say something.")
    assert client.post("/actions/erase", headers=TOKEN | ORIGIN, json={}).status_code == 404
    assert client.post("/actions/repair", headers=TOKEN | ORIGIN, content=b"[]").status_code == 400
    assert client.post("/actions/repair", headers=TOKEN | ORIGIN, content=b"x" * 70_000).status_code == 413
    assert client.get("/actions/repair", headers=TOKEN).status_code == 405


def test_a_document_is_read_again_once_it_is_old_or_something_was_done(page: FleetPage) -> None:
    moment = [page.made_at]
    reads: list[datetime] = []

    def read() -> FleetPage:
        reads.append(moment[0])
        return page.model_copy(update={"made_at": moment[0]})

    recent = Recent(read, lambda: moment[0], keep=timedelta(seconds=10))
    recent.get()
    moment[0] += timedelta(seconds=10)
    recent.get()
    moment[0] += timedelta(seconds=1)
    recent.get()
    recent.expire()
    recent.get()
    assert len(reads) == 3


def test_a_snapshot_holds_its_data_and_lets_nothing_out_of_them(page: FleetPage) -> None:
    hostile = page.machines[0].model_copy(update={"note": "</script><script>alert(1)</script>"})
    html = snapshot(page.model_copy(update={"machines": (hostile,), "made_at": datetime(2026, 1, 1, tzinfo=UTC)}))
    assert "<script>alert" not in html
    assert html.count("<script") == 2
    assert "http://" not in html.replace("http://www.w3.org", "")
