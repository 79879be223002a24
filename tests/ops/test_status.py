"""``mlops status`` and ``mlops machines list``: what waits, what was refused, what is late and who is silent."""

import gzip
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from handlers.stores import FeatureRow, MachineStates, checkpoint_object
from handlers.stores.known_machines import freshness
from mlops_core.condition import Freshness
from mlops_core.errors import QuarantineReason
from mlops_core.lake import Checkpoint, QuarantineRecord, raw_key
from mlops_core.simulation import new_machine
from mlops_core.telemetry import CHANNELS, Reading
from ops.arrivals import arrivals, messages
from ops.cli import app
from tests.ops.conftest import Deployed, envelope, keep

HOUR = timedelta(hours=1)
LENGTHS = [HOUR, 6 * HOUR, 24 * HOUR]


def hear(deployed: Deployed, machine_id: str, channel: str, at: datetime) -> None:
    reading = Reading(machine_id=machine_id, channel=channel, event_timestamp=at, value=1.0, received_at=at)
    keep(deployed.stack, [reading])


def offer(deployed: Deployed, machine_id: str, window_end: datetime, features: dict[str, float | None]) -> None:
    deployed.stack.online_features.offer(FeatureRow(machine_id, window_end, 1, features), updated_at=window_end)


def test_an_empty_stack_is_reported_as_such(deployed: Deployed) -> None:
    report = deployed.json("status")
    assert report["queues"] == {
        name: {"waiting": 0, "in_flight": 0} for name in ("readings", "failures", "dead letters")
    }
    assert (report["processing"], report["quarantined_today"], report["machines"]) == (None, {}, [])
    assert "no scheduled run has ended yet" in deployed.run("status").stdout


def test_queues_dead_letters_lag_and_refusals_are_counted(deployed: Deployed) -> None:
    now = datetime.now(UTC)
    deployed.send("ingestion_queue_url", envelope("t", b""))
    deployed.send("dead_letter_queue_url", {})
    deployed.received("dead_letter_queue_url")
    until = now - 7 * HOUR
    checkpoint_object(deployed.stack.lake).save(
        Checkpoint(
            version=1, processed_from=until - HOUR, processed_until=until, hours={}, due={"2026-11-21T10": None}
        ),
        after=None,
    )
    for number in range(2):
        deployed.refuse(
            QuarantineRecord(
                reason=QuarantineReason.BAD_JSON,
                detail="",
                topic="t",
                payload=b"{",
                received_at=now,
                message_id=str(number),
            )
        )
    report = deployed.json("status")
    assert report["queues"]["readings"] == {"waiting": 1, "in_flight": 0}
    assert report["queues"]["dead letters"] == {"waiting": 0, "in_flight": 1}
    assert report["processing"]["lag_hours"] == pytest.approx(7, abs=0.1)
    assert report["processing"]["partitions_due"] == 1
    assert report["quarantined_today"] == {"BAD_JSON": 2}
    shown = deployed.run("status").stdout
    assert "7.0 h ago" in shown
    assert "BAD_JSON 2" in shown


def test_each_channel_of_each_machine_has_its_own_silence(deployed: Deployed) -> None:
    now = datetime.now(UTC)
    hear(deployed, "PUMP-1", "temperature", now - timedelta(minutes=1))
    hear(deployed, "PUMP-1", "temperature", now - timedelta(minutes=2))
    offer(
        deployed,
        "PUMP-1",
        now - HOUR,
        {"vibration_count_1h": 0.0, "vibration_count_6h": 3.0, "temperature_count_1h": 60.0},
    )
    (machine,) = deployed.json("status")["machines"]
    by_channel = {channel["channel"]: channel for channel in machine["channels"]}
    assert by_channel["temperature"]["silent"] is False
    assert datetime.fromisoformat(by_channel["temperature"]["last_seen"]) == now - timedelta(minutes=1)
    assert by_channel["vibration"]["silent"] is True
    assert by_channel["vibration"]["last_seen"] is None
    assert datetime.fromisoformat(by_channel["vibration"]["not_after"]) == now - 2 * HOUR
    (patient,) = deployed.json("status", "--silent-after", "3h")["machines"]
    assert [channel["silent"] for channel in patient["channels"]] == [False, False]


def test_a_malformed_line_of_the_lake_hides_no_machine(deployed: Deployed) -> None:
    now = datetime.now(UTC)
    hear(deployed, "PUMP-1", "temperature", now)
    deployed.stack.lake.create(raw_key(now, "0" * 64), gzip.compress(b"{broken\n"))
    assert [machine["machine_id"] for machine in deployed.json("status")["machines"]] == ["PUMP-1"]


@pytest.mark.parametrize(
    ("counts", "silent_hours"),
    [
        ({"1h": 5, "6h": 5, "24h": 5}, 0),
        ({"1h": 0, "6h": 5, "24h": 5}, 1),
        ({"1h": 0, "6h": 0, "24h": 5}, 6),
        ({"1h": 0, "6h": 0, "24h": 0}, 24),
        ({}, 24),
    ],
)
def test_windows_that_hold_nothing_bound_the_last_reading(counts: dict[str, int], silent_hours: int) -> None:
    """Windows end here ------------------------------------> |
    24h [.................................................)
                                          6h [.............)
                                                      1h [.)   empty: the last reading came before this one began
    """
    end = datetime(2025, 1, 2, tzinfo=UTC)
    row = FeatureRow("M", end, 1, {f"vibration_count_{length}": float(count) for length, count in counts.items()})
    found = {fresh.channel: fresh for fresh in freshness("M", row, {}, LENGTHS, CHANNELS)}
    assert found["vibration"] == Freshness("vibration", None, end - silent_hours * HOUR)


def test_a_channel_never_heard_of_is_silent() -> None:
    never = Freshness("vibration", None, None)
    assert never.is_silent(datetime(2025, 1, 1, tzinfo=UTC), timedelta(days=365))
    assert freshness("M", None, {}, LENGTHS, CHANNELS)[1] == never


def test_machines_are_those_of_any_table_and_of_the_newest_readings(deployed: Deployed) -> None:
    now = datetime.now(UTC)
    states = MachineStates(deployed.stack.dynamodb, deployed.stack.outputs.machine_state_table_name)
    states.create(new_machine("SIMULATED", seed=1, at=now))
    offer(
        deployed,
        "SEEN-ONLINE",
        now - HOUR,
        {"vibration_rms_1h": None, "vibration_rms_6h": 8.0, "vibration_count_6h": 9.0},
    )
    hear(deployed, "JUST-HEARD", "vibration", now)
    machines = {machine["machine_id"]: machine for machine in deployed.json("machines", "list")["machines"]}
    assert list(machines) == ["JUST-HEARD", "SEEN-ONLINE", "SIMULATED"]
    assert [machine["status"] for machine in machines.values()] == [None, None, "healthy"]
    assert [machine["zone"] for machine in machines.values()] == [None, "C", None]
    shown = deployed.run("machines", "list").stdout
    assert "SIMULATED" in shown
    assert "8.00" in shown


def test_the_truth_about_a_simulated_machine_is_not_shown(deployed: Deployed) -> None:
    states = MachineStates(deployed.stack.dynamodb, deployed.stack.outputs.machine_state_table_name)
    states.create(new_machine("SIMULATED", seed=1, at=datetime.now(UTC)))
    assert "health_index" not in deployed.run("machines", "list", "--json").stdout


def test_a_length_that_cannot_be_read_names_its_option(deployed: Deployed) -> None:
    assert "--silent-after" in deployed.run("status", "--silent-after", "soon").stderr


def test_the_report_of_a_large_fleet_fits_one_screen_worst_first_and_breaks_no_name(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for number in range(30):
        hear(deployed, f"COMPRESSOR-H{number:03d}", "temperature", now - timedelta(minutes=1))
        offer(deployed, f"COMPRESSOR-H{number:03d}", now - HOUR, {"temperature_count_1h": 1.0})
    offer(deployed, "SILENT-PUMP-1", now - 40 * HOUR, {"vibration_count_1h": 1.0})
    shown = deployed.run("status").stdout.splitlines()
    assert len(shown) <= 24
    rows = [line for line in shown if line.startswith("│")]
    assert "SILENT-PUMP-1" in rows[0]
    assert "21 more: mlops status --all --stack dev" in shown[-1]
    whole = deployed.run("status", "--all").stdout
    assert all(f"COMPRESSOR-H{number:03d}" in whole for number in range(30))
    assert whole.index("SILENT-PUMP-1") < whole.index("COMPRESSOR-H000")
    monkeypatch.setenv("COLUMNS", "40")
    assert "SILENT-PUMP-1" in deployed.run("status").stdout
    as_csv = CliRunner().invoke(app, ["--csv", "status", "--stack", "dev", "--outputs", str(deployed.outputs_file)])
    assert as_csv.stdout.splitlines()[0] == "machine,state,zone,silent channels,last heard (UTC)"


def test_what_arrived_is_shown_beside_what_an_estimate_assumes(deployed: Deployed) -> None:
    now = datetime.now(UTC)
    assert deployed.json("status")["arrived"] is None
    for machine_id, count, at in [("A", 1440, now), ("B", 720, now), ("OLD", 9, now - 25 * HOUR), ("MUTE", 0, now)]:
        offer(deployed, machine_id, at, {"temperature_count_24h": count, "vibration_count_24h": count})
    assert deployed.json("status")["arrived"] == {
        "machines": 2,
        "readings_a_machine_day": 2160.0,
        "assumed_machines": None,
        "assumed_readings_a_machine_day": 2880.0,
    }
    assert "Readings a machine and day: 2,160 of 2; estimated 2,880." in deployed.run("status").stdout


def test_messages_of_a_day_are_shown_as_the_queue_counts_them(deployed: Deployed) -> None:
    now = datetime.now(UTC)
    for machine_id in ("A", "B"):
        offer(deployed, machine_id, now, {"temperature_count_24h": 1440, "vibration_count_24h": 1440})
    assert deployed.json("status")["messages_in_a_day"] is None
    assert "Messages" not in deployed.run("status").stdout
    queue = deployed.stack.outputs.ingestion_queue_url.rpartition("/")[2]
    counted = [(queue, 400.0, now - HOUR), (queue, 176.0, now - 2 * HOUR), (queue, 9.0, now - 30 * HOUR)]
    for name, count, at in [*counted, ("another", 5.0, now - HOUR)]:
        deployed.stack.metrics.put_metric_data(
            Namespace="AWS/SQS",
            MetricData=[
                {
                    "MetricName": "NumberOfMessagesSent",
                    "Dimensions": [{"Name": "QueueName", "Value": name}],
                    "Timestamp": at,
                    "Value": count,
                }
            ],
        )
    assert deployed.json("status")["messages_in_a_day"] == 576
    assert "Messages a machine and day: 288; 10.0 readings each" in deployed.run("status").stdout


def test_a_count_that_may_not_be_read_is_none() -> None:
    class Denied:
        def get_metric_statistics(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetMetricStatistics")

    assert messages(Denied(), "https://sqs/1/queue", datetime(2026, 11, 21, tzinfo=UTC)) is None


def test_counts_of_other_lengths_than_a_day_are_scaled_to_one() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    row = FeatureRow("A", now, 1, {"temperature_count_6h": 360, "temperature_count_1h": 7})
    arrived = arrivals([row], ["temperature"], lengths=LENGTHS[:2], now=now, fleet_size=1000)
    assert (arrived.readings_a_machine_day, arrived.assumed_machines) == (1440.0, 1000)
