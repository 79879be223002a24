"""``mlops grades`` says of each sensor whether a model should learn of it."""

from datetime import UTC, datetime, timedelta

from mlops_core.telemetry import Reading
from tests.ops.conftest import Deployed, keep

NOW = datetime.now(UTC).replace(second=0, microsecond=0)


def test_sensors_of_the_lake_are_graded_the_worst_first(deployed: Deployed) -> None:
    readings = [
        Reading(machine, "temperature", NOW - timedelta(minutes=minute), value(minute), NOW)
        for machine, value in {"A": lambda minute: 60 + minute * 7919 % 997 / 997, "B": lambda _: 60.0}.items()
        for minute in range(100)
    ]
    keep(deployed.stack, readings)
    graded = {row["machine_id"]: row for row in deployed.json("grades", "--days", "2")["grades"]}
    assert {machine: row["grade"] for machine, row in graded.items()} == {"A": "GOOD", "B": "UNUSABLE"}
    assert graded["B"]["findings"] == ["STUCK", "CONSTANT"]
    shown = deployed.run("grades", "--days", "2").stdout
    assert shown.index("UNUSABLE") < shown.index("GOOD")
    assert [row["machine_id"] for row in deployed.json("grades", "--machine", "A", "--days", "2")["grades"]] == ["A"]
    assert "No reading" in deployed.run("grades", "--machine", "C").stdout
