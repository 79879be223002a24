"""The page as a file: what the stack's tables and lake say, kept under one key whatever was there before."""

from datetime import UTC, datetime, timedelta

from handlers.stores import FeatureRow
from mlops_core.telemetry import Reading
from tests.handlers import stores
from tests.handlers.model_bundles import serve
from tests.handlers.processed_lake import put
from tests.page_file import document_of

NOW = datetime.now(UTC)


def shown(aws):
    [(key, page)] = aws.objects("pages/").items()
    assert key == "pages/fleet.html"
    return document_of(page.decode())


def test_a_run_keeps_the_page_of_the_stack_in_the_place_of_the_one_before(deploy, aws):
    invoke = deploy("snapshot", TIME_ZONE="Europe/Berlin")
    assert invoke({})["machines"] == 0
    reading = Reading(machine_id="A", channel="vibration", event_timestamp=NOW, value=1.0, received_at=NOW)
    put(aws, [reading])
    row = FeatureRow("B", NOW - timedelta(hours=1), 1, {"vibration_count_1h": 60.0, "vibration_rms_1h": 12.0})
    stores.online().offer(row, updated_at=NOW)
    assert invoke({})["machines"] == 2
    page = shown(aws)
    assert {machine["id"]: machine.get("zone") for machine in page["machines"]} == {"A": None, "B": "D"}
    assert (page["site"], page["actions"]) == ("Stack dev", [])
    assert page["time_zone"] in {"CET", "CEST"}


def test_the_page_names_the_model_that_serves(deploy, aws):
    champion = serve(stores.models()).value
    deploy("snapshot")({})
    assert shown(aws)["models"]["champion"]["version"] == champion.version
