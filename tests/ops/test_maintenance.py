"""``mlops maintenance``: what technicians know is recorded once, and listed beside what sensors measured."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.stores import FeatureRow
from mlops_core.time import utc_text
from tests.ops.conftest import Deployed
from tests.recorded_failures import failure_of

NOW = datetime.now(UTC).replace(microsecond=0)
AT = NOW - timedelta(days=2)
RECORD = ("maintenance", "record", "PUMP-1", "--kind", "repair", "--at", utc_text(AT), "--by", "Ana")


@pytest.fixture(autouse=True)
def _pump(deployed: Deployed) -> None:
    row = FeatureRow("PUMP-1", NOW, 1, {"vibration_rms_1h": 2.0})
    deployed.stack.online_features.offer(row, updated_at=NOW)


def test_a_repair_is_recorded_once_and_listed(deployed: Deployed) -> None:
    returned = utc_text(AT + timedelta(hours=3))
    recorded = deployed.json(*RECORD, "--returned", returned, "--note", "new bearing")
    assert (recorded["is_new"], recorded["machine_id"], recorded["kind"], recorded["recorded_by"]) == (
        True,
        "PUMP-1",
        "repair",
        "Ana",
    )
    assert deployed.json(*RECORD, "--returned", returned)["is_new"] is False
    (entry,) = deployed.json("maintenance", "list")["entries"]
    assert (entry["note"], entry["source"]) == ("new bearing", "Ana")
    assert entry["returned_to_service_at"] == (AT + timedelta(hours=3)).isoformat().replace("+00:00", "Z")
    shown = deployed.run("maintenance", "list").stdout
    assert "new bearing" in shown
    assert "Recorded already" in deployed.run(*RECORD).stdout


def test_what_sensors_said_stands_beside_it_the_newest_first(deployed: Deployed) -> None:
    deployed.json(*RECORD)
    for machine_id in ("PUMP-1", "FAN-1"):
        deployed.stack.label_history.record(failure_of(machine_id, NOW))
    deployed.json("maintenance", "record", "PUMP-1", "--kind", "failure", "--at", utc_text(NOW), "--by", "Rui")
    sources = [
        (entry["kind"], entry["source"])
        for entry in deployed.json("maintenance", "list", "--machine", "PUMP-1")["entries"]
    ]
    assert sources == [("failure", "sensors and Rui"), ("repair", "Ana")]
    assert len(deployed.json("maintenance", "list")["entries"]) == 3
    assert len(deployed.json("maintenance", "list", "--days", "1")["entries"]) == 2


def test_nothing_recorded_is_said_so(deployed: Deployed) -> None:
    assert "Nothing is recorded" in deployed.run("maintenance", "list").stdout


def test_a_contradiction_is_refused_with_the_way_out_and_a_correction_replaces(deployed: Deployed) -> None:
    deployed.json(*RECORD, "--note", "greased")
    assert "correction" in deployed.refused(*RECORD, "--note", "new bearing")
    assert deployed.json(*RECORD, "--note", "new bearing", "--correct")["is_new"] is True
    assert [entry.note for entry in deployed.stack.label_history.entries()] == ["new bearing"]


def test_what_people_alone_recorded_can_be_withdrawn_and_what_sensors_announced_cannot(deployed: Deployed) -> None:
    deployed.json(*RECORD)
    deployed.stack.label_history.record(failure_of("PUMP-1", AT, received_at=NOW))
    of_one_moment = ("PUMP-1", "--at", utc_text(AT), "--kind")
    deployed.json("maintenance", "record", *of_one_moment, "failure", "--note", "seized")
    assert deployed.json("maintenance", "withdraw", *of_one_moment, "repair")["withdrawn"]["kind"] == "repair"
    for kind in ("repair", "failure"):
        assert "by an operator alone" in deployed.refused("maintenance", "withdraw", *of_one_moment, kind)
    (left,) = deployed.stack.label_history.entries()
    assert (left.kind, left.measured_value, left.note) == ("failure", 12.0, "seized")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("PUMP-1", "--kind", "inspection", "--at", utc_text(AT)), "--kind: Input should be 'failure' or 'repair'"),
        (("PUMP-1", "--kind", "repair", "--at", "yesterday"), "--at: is no date and time"),
        (("PUMP-1", "--kind", "repair", "--at", "2026-01-31T09:30:00"), "--at: Input should have timezone"),
        (("PUMP-1", "--kind", "repair", "--at", "2200-01-31T09:30:00Z"), "--at has not come yet"),
        (
            ("PUMP-1", "--kind", "repair", "--at", utc_text(AT), "--returned", "2026-01-01T00:00:00Z"),
            "--returned: is before",
        ),
        (("NOBODY", "--kind", "repair", "--at", utc_text(AT)), "mlops machines list"),
        (("a/b", "--kind", "repair", "--at", utc_text(AT)), "MACHINE_ID"),
    ],
)  # fmt: skip
def test_what_is_no_record_is_one_readable_line(deployed: Deployed, arguments: tuple[str, ...], says: str) -> None:
    said = deployed.refused("maintenance", "record", *arguments)
    assert said.count("\n") == 1
    assert says in said
    assert list(deployed.stack.label_history.entries()) == []
