"""A machine that is switched off is OFF: neither silent nor normal, and nothing of it is learned or alarmed."""

import json
from datetime import UTC, datetime, timedelta

from mlops_core.features import is_off
from mlops_core.lake import encode_readings
from mlops_core.telemetry import Reading, reading_message
from tests.handlers import stores
from tests.handlers.processed_lake import rows
from tests.handlers.test_limits import AT

CLASSES = json.dumps({"pumps": {"machines": ["PUMP-*"], "running": {"channel": "vibration", "above": 0.5}}})
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def put(aws, *measured: tuple[str, datetime, float]) -> None:
    """Store readings of PUMP-1: channel, moment, value."""
    aws.put_all(encode_readings(Reading("PUMP-1", channel, at, value, at) for channel, at, value in measured))


def hours(first: int, last: int, vibration: float) -> list[tuple[str, datetime, float]]:
    """Both channels, a quarter of an hour apart, in hours from noon."""
    moments = [NOON + 15 * MINUTE * quarter for quarter in range(4 * first, 4 * last)]
    return [row for at in moments for row in (("vibration", at, vibration), ("temperature", at + MINUTE, 40.0))]


def newest(deploy, until: int):
    event = {"start": (NOON - 6 * HOUR).isoformat(), "end": (NOON + until * HOUR).isoformat()}
    deploy("processing", MACHINE_CLASSES=CLASSES)(event)
    return stores.online().load("PUMP-1")


def test_a_machine_that_is_off_has_no_window_of_it_and_says_so(aws, deploy):
    put(aws, *hours(0, 2, 5.0), *hours(2, 4, 0.0))
    features = newest(deploy, until=4).features
    assert (features.get("vibration_count_1h"), features["vibration_mean_6h"]) == (0, 5.0)
    assert (features["running_last_1h"], features["running_mean_6h"]) == (0, 0.5)
    assert is_off(features)


def test_a_state_that_arrives_late_moves_readings_out_of_the_windows(aws, deploy):
    put(aws, *hours(0, 1, 5.0), *(row for row in hours(1, 2, 0.0) if row[0] == "temperature"))
    assert newest(deploy, until=2).features["temperature_count_1h"] == 4, "no state was known of that hour"
    put(aws, ("vibration", NOON + HOUR, 0.0))
    row = newest(deploy, until=2)
    assert (row.features.get("temperature_count_1h"), row.features["running_last_1h"]) == (0, 0)


def test_another_rule_builds_the_watched_hours_again(aws, deploy):
    put(aws, *hours(0, 2, 5.0))
    at = {"at": (NOON + 2 * HOUR).isoformat()}
    found = []
    for above in (0.5, 6.0, 6.0):
        classes = {"pumps": {"machines": ["PUMP-*"], "running": {"channel": "vibration", "above": above}}}
        answer = deploy("processing", MACHINE_CLASSES=json.dumps(classes))(at)
        table = rows(aws)
        found.append((table["vibration_count_6h"].max(), table["running_last_1h"][-1], answer["hours_changed"] > 0))
    assert found == [(8, 1, True), (0, 0, True), (0, 0, False)]


def test_a_machine_that_is_given_a_class_of_another_rule_has_its_watched_hours_built_again(aws, deploy):
    running = {"channel": "vibration", "above": 6.0}
    classes = {"pumps": {"machines": ["PUMP-*"]}, "presses": {"machines": [], "running": running}}
    put(aws, *hours(0, 2, 5.0))
    at = {"at": (NOON + 2 * HOUR).isoformat()}
    table, found = stores.machines(), []
    for given in (None, "presses", "presses", "pumps"):
        if given:
            table.change("PUMP-1", lambda record, given=given: record.model_copy(update={"machine_class": given}))
        answer = deploy("processing", MACHINE_CLASSES=json.dumps(classes))(at)
        found.append((rows(aws)["vibration_count_6h"].max(), answer["hours_changed"] > 0))
    assert found == [(8, True), (0, True), (0, False), (8, True)]


def test_no_limit_alarms_while_a_machine_is_off(aws, deploy, deliver):
    classes = {
        "pumps": {
            "machines": ["PUMP-*"],
            "running": {"channel": "vibration", "above": 0.5},
            "limits": {"temperature": {"act": 30, "isUpper": False, "hold": 0}},
        }
    }
    invoke = deploy("ingestion", MACHINE_CLASSES=json.dumps(classes))

    def ingest(start: datetime, vibration: float) -> None:
        measured = [("vibration", start, vibration), ("temperature", start + MINUTE, 20.0)]
        messages = [tuple(reading_message("PUMP-1", channel, at, value)) for channel, at, value in measured]
        invoke(deliver(*messages, received_at_ms=int((start + MINUTE).timestamp() * 1000)))

    ingest(AT, 0.0)
    assert aws.headlines() == []
    ingest(AT + HOUR, 5.0)
    assert aws.headlines() == ["ACT: PUMP-1 temperature is beyond its limit."]
