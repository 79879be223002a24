"""What the page says of a stack: states and urgency from what the tables and the lake hold."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest

from handlers.stores import FeatureRow, PageSnapshots, encode_parquet, read_page
from handlers.stores.page_trends import rounded
from mlops_core.alerting.episodes import AlarmSource, Stage
from mlops_core.lake import PAGE_KEY, features_key
from mlops_core.page import FleetPage
from mlops_core.telemetry import Reading
from ops.errors import OptionError
from ops.ui.actions import plan_action
from tests.ops.conftest import Deployed, keep
from tests.page_file import document_of
from tests.raised_alarms import raised
from tests.recorded_failures import failure_of

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


def report(deployed: Deployed, machine_id: str, at: datetime, vibration: float) -> None:
    readings = [
        Reading(machine_id=machine_id, channel=channel, event_timestamp=at, value=1.0, received_at=at)
        for channel in ("temperature", "vibration")
    ]
    keep(deployed.stack, readings)
    features = {f"{channel}_count_1h": 60.0 for channel in ("temperature", "vibration")}
    row = FeatureRow(machine_id, at.replace(minute=0, second=0), 1, features | {"vibration_rms_1h": vibration})
    deployed.stack.online_features.offer(row, updated_at=NOW)


def raise_alarm(deployed: Deployed, machine_id: str, source: AlarmSource, stage: Stage, subject: str = "") -> None:
    opened = {"opened": NOW - HOUR, "now": NOW, "reasons": ("Because",)}
    alarm = raised(machine_id, source=source, subject=subject, stage=stage, **opened)
    assert deployed.stack.alarms.save(alarm, now=NOW)


def test_a_stack_without_machines_is_a_page_that_says_what_is_missing(deployed: Deployed) -> None:
    page = read_page(deployed.stack.sources, NOW)
    assert (page.machines, page.alarms, page.models.champion) == ((), (), None)
    assert not page.model.ready
    assert "recorded failures" in page.model.text


def test_machines_stand_in_order_of_what_is_to_be_done(deployed: Deployed) -> None:
    for machine_id in ("CALM", "FAILED", "LOUD", "WARM"):
        report(deployed, machine_id, NOW - timedelta(minutes=1), vibration=1.0)
    for machine_id in ("QUIET", "LOST"):
        report(deployed, machine_id, NOW - 30 * HOUR, vibration=1.0)
    raise_alarm(deployed, "LOST", AlarmSource.LIMIT, Stage.ACT, "vibration")
    raise_alarm(deployed, "LOUD", AlarmSource.LIMIT, Stage.ACT, "vibration")
    raise_alarm(deployed, "WARM", AlarmSource.FAILURE_MODEL, Stage.WATCH)
    raise_alarm(deployed, "FAILED", AlarmSource.FAILURE, Stage.ACT)
    page = read_page(deployed.stack.sources, NOW, actions=["repair"], principal="arn:aws:iam::1:user/ann")
    assert [(machine.id, machine.state, machine.stage) for machine in page.machines] == [
        ("LOST", "SILENT", "ACT"),
        ("LOUD", "RUNNING", "ACT"),
        ("FAILED", "FAILED", None),
        ("WARM", "RUNNING", "WATCH"),
        ("QUIET", "SILENT", None),
        ("CALM", "RUNNING", None),
    ]
    assert [reason.text for reason in page.machines[0].reasons] == ["Because"]
    assert {alarm.machine for alarm in page.alarms} == {"LOST", "LOUD", "WARM", "FAILED"}
    assert {sensor.machine for sensor in page.quality.sensors} == {"QUIET", "LOST"}
    assert FleetPage.model_validate_json(page.model_dump_json()) == page


def test_a_fortnight_of_each_channel_comes_from_the_offline_store(deployed: Deployed) -> None:
    report(deployed, "A", NOW - timedelta(minutes=1), vibration=1.0)
    axis = read_page(deployed.stack.sources, NOW).trend
    for step in (0, 1, 83):
        end = axis.start + step * 4 * HOUR
        columns = {
            "machine_id": ["A"],
            "window_end": [end],
            "vibration_rms_1h": [1.5 + step],
            "temperature_mean_1h": [40.0],
        }
        frame = pl.DataFrame(columns, schema_overrides={"window_end": pl.Datetime("us", "UTC")})
        deployed.stack.lake.create(features_key(end, 0), encode_parquet(frame))
    temperature, vibration = read_page(deployed.stack.sources, NOW).machines[0].channels
    assert (temperature.key, temperature.unit, vibration.unit) == ("temperature", "°C", "mm/s")
    assert len(vibration.values) == 84
    assert vibration.normal[0] == 0.0  # no velocity is below
    drawn = {step: value for step, value in enumerate(vibration.values) if value is not None}
    assert drawn == pytest.approx({0: 1.5, 1: 2.5, 83: 84.5}, abs=83 / 250)


def test_failures_and_repairs_are_a_machines_history(deployed: Deployed) -> None:
    report(deployed, "A", NOW - timedelta(minutes=1), vibration=1.0)
    deployed.stack.label_history.record(failure_of("A", NOW - HOUR, received_at=NOW))
    (happened,) = read_page(deployed.stack.sources, NOW).machines[0].events
    assert (happened.kind, happened.text) == ("failure", "WEAR")


def test_the_page_is_written_to_a_file(deployed: Deployed) -> None:
    report(deployed, "A", NOW - timedelta(minutes=1), vibration=1.0)
    output = deployed.outputs_file.parent / "fleet.html"
    result = deployed.run("report", "--output", str(output))
    assert result.exit_code == 0, result.output
    assert [machine["id"] for machine in document_of(output.read_text(encoding="utf-8"))["machines"]] == ["A"]


def test_the_verbs_show_what_the_page_shows(deployed: Deployed) -> None:
    for machine_id in ("CALM", "LOUD"):
        report(deployed, machine_id, NOW - timedelta(minutes=1), vibration=1.0)
    raise_alarm(deployed, "LOUD", AlarmSource.LIMIT, Stage.ACT, "vibration")
    shown = deployed.run("fleet").stdout
    assert "LOUD" in shown
    assert "CALM" not in shown
    assert "1 of 2 machines run as usual" in shown
    assert [machine["id"] for machine in deployed.json("fleet")["machines"]] == ["LOUD", "CALM"]
    assert "Because" in deployed.run("machine", "LOUD").stdout
    assert deployed.json("machine", "LOUD")["stage"] == "ACT"
    assert [alarm["machine"] for alarm in deployed.json("alarms")["alarms"]] == ["LOUD"]
    unknown = deployed.run("machine", "NONE")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "mlops fleet --all" in unknown.stderr


def test_maintenance_that_is_planned_from_the_page_is_a_state_of_the_machine_while_it_lasts(deployed: Deployed) -> None:
    report(deployed, "A", NOW - timedelta(minutes=1), vibration=1.0)
    plan = plan_action(deployed.stack, "arn:aws:iam::123456789012:user/hall")
    asked = {"machine_id": "A", "note": "new bearing", "stated_name": "Ann"}
    planned = plan({**asked, "starts_at": (NOW - HOUR).isoformat(), "ends_at": (NOW + HOUR).isoformat()})
    assert planned.startswith("Planned: A")
    assert read_page(deployed.stack.sources, NOW).machines[0].state == "IN MAINTENANCE"
    with pytest.raises(OptionError, match="must end after it begins"):
        plan({**asked, "starts_at": NOW.isoformat(), "ends_at": NOW.isoformat()})


def test_a_report_is_the_snapshot_that_is_kept_until_it_is_old_or_the_stack_is_to_be_read_now(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(deployed, "A", NOW - timedelta(minutes=1), vibration=1.0)
    output = deployed.outputs_file.parent / "fleet.html"
    kept = PageSnapshots(deployed.stack.s3, deployed.stack.outputs.data_lake_bucket)
    kept.put(b"as it was")

    def reported(*options: str) -> bool:
        deployed.json("report", "--output", str(output), *options)
        return output.read_bytes() == b"as it was"

    assert reported()
    assert not reported("--now")
    assert deployed.json("report", "--link")["bytes"] == len(b"as it was")
    monkeypatch.setattr("handlers.stores.STALE_AFTER", timedelta(0))
    assert not reported()


def test_a_link_shows_the_page_as_it_was_to_whoever_has_it_and_ends_within_a_day(deployed: Deployed) -> None:
    report(deployed, "PUMP-1", NOW - timedelta(minutes=1), vibration=1.0)
    link = deployed.json("report", "--link", "--hours", "2")
    asked = parse_qs(urlsplit(link["link"]).query)
    assert (asked["X-Amz-Algorithm"], asked["X-Amz-Expires"]) == (["AWS4-HMAC-SHA256"], ["7200"])
    assert "versionId" in asked
    stored = deployed.stack.s3.get_object(Bucket=deployed.stack.outputs.data_lake_bucket, Key=PAGE_KEY)
    assert stored["ContentType"] == "text/html; charset=utf-8"
    assert len(stored["Body"].read()) == link["bytes"]
    assert deployed.run("report", "--link", "--hours", "25").exit_code == 2


@pytest.mark.parametrize("values", [[0.0, 3.17159, None, 1.0], [293.151, 293.157], [-1e-6, 2.5e-6], [1.2e6, 7.7e5]])
def test_a_trend_is_as_fine_as_a_pixel_of_its_chart(values: list[float | None]) -> None:
    known = [value for value in values if value is not None]
    drawn = rounded(values)
    assert [value is None for value in drawn] == [value is None for value in values]
    for value, point in zip(values, drawn, strict=True):
        assert value is None or abs(point - value) <= (max(known) - min(known)) / 250


def test_a_trend_that_does_not_change_is_left_as_it_is() -> None:
    assert rounded([71.25, None, 71.25]) == (71.25, None, 71.25)
