"""``mlops quarantine``: what was refused is counted, shown and let in after a fix, never lost or doubled on the way."""

import contextlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings, strategies as st

from handlers.stores import AT_ONCE, Refused, Unreadable
from mlops_core.errors import QuarantineReason
from mlops_core.lake import (
    EVENTS_PREFIX,
    QUARANTINE_PREFIX,
    RAW_PREFIX,
    QuarantineRecord,
    decode_failures,
    decode_readings,
)
from mlops_core.telemetry import Reading, failure_message, reading_message
from mlops_core.time import utc_text
from ops.dead_letters import envelope_of
from ops.quarantined import (
    Failed,
    Release,
    Retried,
    SecondChance,
    release_of,
    retry,
)
from tests.ops.conftest import Deployed, envelope

NOW = datetime.now(UTC).replace(microsecond=0)
LATE = NOW - timedelta(days=30)


def record(
    payload: bytes = b"{", reason: QuarantineReason = QuarantineReason.BAD_JSON, **fields: object
) -> QuarantineRecord:
    given = {
        "detail": "why",
        "topic": "industrial/machine/A/temperature",
        "received_at": NOW,
        "message_id": "1",
    } | fields
    return QuarantineRecord(reason=reason, payload=payload, **given)


def late(number: int, at: datetime = LATE) -> QuarantineRecord:
    """A valid reading that came 30 days after it was taken."""
    message = reading_message("A", "temperature", at + timedelta(minutes=number), float(number % 100))
    return record(message.payload, QuarantineReason.TOO_LATE, topic=message.topic, message_id=str(number))


def quarantined(deployed: Deployed) -> list[str]:
    return list(deployed.stack.lake.versions(QUARANTINE_PREFIX))


def readings(deployed: Deployed) -> list[tuple[object, ...]]:
    return decode_readings(deployed.stack.lake.read_all(deployed.stack.lake.versions(RAW_PREFIX))).rows()


def test_refusals_are_counted_by_day_and_reason_beside_the_dead_letters(deployed: Deployed) -> None:
    yesterday = NOW - timedelta(days=1)
    for number, received_at in enumerate([NOW, NOW, yesterday]):
        deployed.refuse(record(received_at=received_at, message_id=str(number)))
    deployed.refuse(late(1))
    deployed.send("dead_letter_queue_url", {})
    report = deployed.json("quarantine", "list", "--days", "2")
    assert report["quarantined"] == {
        f"{yesterday:%Y-%m-%d}": {"BAD_JSON": 1},
        f"{NOW:%Y-%m-%d}": {"BAD_JSON": 2, "TOO_LATE": 1},
    }
    assert report["dead_letters"] == 1
    one_day = deployed.json("quarantine", "list", "--date", f"{yesterday:%Y-%m-%d}")
    assert one_day["quarantined"] == {f"{yesterday:%Y-%m-%d}": {"BAD_JSON": 1}}
    assert "TOO_LATE" in deployed.run("quarantine", "list").stdout


def test_an_example_shows_its_bytes_as_text_or_as_what_they_are(deployed: Deployed) -> None:
    key = deployed.refuse(record('{"é": '.encode(), topic="t/1"))
    deployed.refuse(record(b"\xff\x00", QuarantineReason.BAD_ENCODING))
    (text,) = deployed.json("quarantine", "show", "--reason", "BAD_JSON")["examples"]
    assert (text["key"], text["payload_text"], text["topic"], text["detail"], text["payload_bytes"]) == (
        key,
        '{"é": ',
        "t/1",
        "why",
        7,
    )
    (raw,) = deployed.json("quarantine", "show", "--reason", "BAD_ENCODING")["examples"]
    assert raw["payload_hex"] == "ff 00"
    assert len(deployed.json("quarantine", "show", "--count", "5")["examples"]) == 2
    assert "ff 00" in deployed.run("quarantine", "show", "--reason", "BAD_ENCODING").stdout
    assert "Nothing like that" in deployed.run("quarantine", "show", "--reason", "EMPTY").stdout


@pytest.mark.parametrize(
    "arguments", [("show", "--reason", "UGLY"), ("list", "--date", "today"), ("replay", "--reason", "x")]
)
def test_a_reason_or_day_that_does_not_exist_is_an_error(deployed: Deployed, arguments: tuple[str, ...]) -> None:
    assert deployed.refused("quarantine", *arguments).count("\n") == 1


def test_what_is_valid_now_moves_into_the_lake_and_the_rest_stays(deployed: Deployed) -> None:
    """As after a fix: these were refused by rules that are no longer ours."""
    message = reading_message("A", "vibration", NOW, 3.0)
    deployed.refuse(record(message.payload, QuarantineReason.UNKNOWN_SENSOR, topic=message.topic))
    broken = deployed.refuse(record())
    report = deployed.json("quarantine", "replay")
    assert (report["accepted"], report["still_refused"]) == (1, {"BAD_JSON": 1})
    assert quarantined(deployed) == [broken]
    assert readings(deployed) == [("A", "vibration", NOW, 3.0)]
    assert deployed.json("quarantine", "replay")["accepted"] == 0


def test_a_failure_event_goes_to_the_events_and_the_label_history(deployed: Deployed) -> None:
    message = failure_message("A", NOW, "BEARING", 12.0, 11.2)
    deployed.refuse(record(message.payload, QuarantineReason.BAD_TOPIC, topic=message.topic))
    assert deployed.json("quarantine", "replay")["accepted"] == 1
    lake = deployed.stack.lake
    assert decode_failures(lake.read_all(lake.versions(EVENTS_PREFIX)))["event_code"].to_list() == ["BEARING"]
    (item,) = deployed.stack.dynamodb.scan(TableName=deployed.stack.outputs.label_history_table_name)["Items"]
    assert item["event_code"] == {"S": "BEARING"}
    assert quarantined(deployed) == []


def test_what_came_too_late_is_let_in_only_on_purpose_and_then_marked_as_replayed(deployed: Deployed) -> None:
    deployed.refuse(late(1))
    assert deployed.json("quarantine", "replay")["still_refused"] == {"TOO_LATE": 1}
    assert deployed.json("quarantine", "replay", "--accept-late")["accepted"] == 1
    chance = SecondChance("industrial/machine", timedelta(hours=48), accept_late=True)
    (judged,) = chance.judge(Refused("key", late(1))).accepted
    assert judged.replayed
    of_1970 = reading_message("A", "temperature", datetime(1970, 1, 1, tzinfo=UTC), 20.0)
    reset = record(of_1970.payload, QuarantineReason.TOO_LATE, topic=of_1970.topic)
    assert [one.reason for one in chance.judge(Refused("key", reset)).remainder] == ["TOO_LATE"]


def test_of_a_refused_element_what_is_valid_now_moves_and_the_rest_takes_its_place(deployed: Deployed) -> None:
    values = {"temperature": 20.0, "vibration": -1.0}
    payload = json.dumps([{"timestamp_utc": utc_text(LATE), "values": values}])
    whole = deployed.refuse(
        record(payload.encode(), QuarantineReason.TOO_LATE, topic="industrial/machine/A/readings", readings=2)
    )
    assert deployed.json("quarantine", "list", "--days", "1")["quarantined"] == {f"{NOW:%Y-%m-%d}": {"TOO_LATE": 2}}
    report = deployed.json("quarantine", "replay", "--accept-late")
    assert (report["accepted"], report["still_refused"]) == (1, {"OUT_OF_RANGE": 1})
    (rest,) = quarantined(deployed)
    assert rest != whole
    assert [row[1] for row in readings(deployed)] == ["temperature"]
    assert deployed.json("quarantine", "replay", "--accept-late")["accepted"] == 0
    assert quarantined(deployed) == [rest]


def test_what_was_let_in_names_the_hours_whose_features_to_compute(deployed: Deployed) -> None:
    at = LATE.replace(minute=30)
    deployed.refuse(late(0, at))
    shown = deployed.run("quarantine", "replay", "--accept-late").stdout
    end = at + timedelta(hours=24)
    assert f"mlops backfill --stack dev --start {at:%Y-%m-%dT%HZ} --end {end:%Y-%m-%dT%HZ}" in shown


def test_a_dry_run_says_what_would_be_let_in_and_changes_nothing(deployed: Deployed) -> None:
    key = deployed.refuse(late(1))
    assert deployed.json("quarantine", "replay", "--accept-late", "--dry-run")["accepted"] == 1
    assert quarantined(deployed) == [key]
    assert deployed.stack.lake.versions(RAW_PREFIX) == {}


def test_only_the_chosen_reason_is_judged(deployed: Deployed) -> None:
    deployed.refuse(late(1))
    deployed.refuse(record())
    report = deployed.json("quarantine", "replay", "--accept-late", "--reason", "TOO_LATE")
    assert (report["accepted"], report["still_refused"]) == (1, {})


def test_an_event_that_its_function_would_refuse_is_refused_again_and_blocks_no_other(deployed: Deployed) -> None:
    """No table holds 1e200: judged by other rules than the label function's, it kept the good event from moving."""
    body = failure_message("A", NOW, "X", 1.0, 0.5)
    huge = deployed.refuse(
        record(body.payload.replace(b'"measured_value":1.0', b'"measured_value":1e200'), topic=body.topic)
    )
    good = failure_message("B", NOW, "BEARING", 12.0, 11.2)
    deployed.refuse(record(good.payload, QuarantineReason.TOO_LATE, topic=good.topic, message_id="2"))
    report = deployed.json("quarantine", "replay")
    assert (report["accepted"], report["still_refused"], report["failed"]) == (1, {"OUT_OF_RANGE": 1}, [])
    assert quarantined(deployed) == [huge]
    events = decode_failures(deployed.stack.lake.read_all(deployed.stack.lake.versions(EVENTS_PREFIX)))
    assert events["machine_id"].to_list() == ["B"]


@pytest.mark.parametrize("broken", ["update_item", "delete_object"])
def test_a_message_that_cannot_be_moved_stays_alone_and_is_named(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    keys: dict[str, str] = {}
    for machine in ("A", "B", "C"):
        message = failure_message(machine, NOW, "BEARING", 12.0, 11.2)
        keys[machine] = deployed.refuse(record(message.payload, topic=message.topic))
    stack = deployed.stack
    client = stack.dynamodb if broken == "update_item" else stack.s3
    real = getattr(client, broken)

    def sometimes(**request: object) -> object:
        if keys["B"] in str(request) or "'S': 'B'" in str(request):
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, broken)
        return real(**request)

    monkeypatch.setattr(client, broken, sometimes)
    retried = retry(refused_in(deployed), SecondChance("industrial/machine", timedelta(hours=48)), release_of(stack))
    assert (retried.accepted, [failed.key for failed in retried.failed]) == (2, [keys["B"]])
    assert quarantined(deployed) == [keys["B"]]


def test_a_damaged_object_hides_no_refused_message(deployed: Deployed) -> None:
    deployed.refuse(record())
    damaged = f"{QUARANTINE_PREFIX}date={NOW:%Y-%m-%d}/zzz.json.gz"
    deployed.stack.s3.put_object(Bucket="lake", Key=damaged, Body=b"")
    assert deployed.json("quarantine", "list", "--days", "1")["quarantined"] == {
        f"{NOW:%Y-%m-%d}": {"BAD_JSON": 1, "UNREADABLE": 1}
    }
    assert len(deployed.json("quarantine", "show", "--count", "9")["examples"]) == 1
    report = deployed.json("quarantine", "replay")
    assert report["still_refused"] == {"BAD_JSON": 1}
    assert [one["key"] for one in report["unreadable"]] == [damaged]
    assert damaged in deployed.run("quarantine", "replay").stderr
    assert deployed.run("status").exit_code == 0


def test_the_newest_refused_message_is_the_one_received_last(deployed: Deployed) -> None:
    midday = datetime.combine(NOW.date(), time(12), UTC)
    for minute in (3, 59, 17, 41):
        deployed.refuse(record(received_at=midday + timedelta(minutes=minute), message_id=str(minute)))
    deployed.refuse(record(received_at=midday - timedelta(days=1), message_id="yesterday"))
    shown = deployed.json("quarantine", "show", "--count", "9")["examples"]
    assert [example["message_id"] for example in shown] == ["59", "41", "17", "3", "yesterday"]


def test_the_messages_of_one_machine_can_be_chosen(deployed: Deployed) -> None:
    deployed.refuse(late(1))
    message = reading_message("AB", "temperature", LATE, 20.0)
    other = deployed.refuse(record(message.payload, QuarantineReason.TOO_LATE, topic=message.topic))
    assert deployed.json("quarantine", "show", "--machine", "AB", "--count", "9")["examples"][0]["key"] == other
    assert deployed.json("quarantine", "replay", "--accept-late", "--machine", "A")["accepted"] == 1
    assert quarantined(deployed) == [other]


class StopError(Exception):
    """The process ends here."""


class Stopping:
    """A client or store that ends the process before or after its n-th call."""

    def __init__(self, real: object, calls: Counter[str], stop_at: int, *, after: bool) -> None:
        self._real, self._calls, self._stop_at, self._after = real, calls, stop_at, after

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self._calls["all"] += 1
            stop = self._calls["all"] > self._stop_at
            if stop and not self._after:
                raise StopError
            result = getattr(self._real, name)(*arguments, **options)
            if stop:
                raise StopError
            return result

        return call


@pytest.mark.verify
@settings(max_examples=15)
@given(stops=st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=3), count=st.integers(1, 6))
def test_stopped_anywhere_and_started_again_each_message_is_in_the_lake_once_and_in_quarantine_no_more(
    deployed: Deployed, stops: list[tuple[int, bool]], count: int
) -> None:
    stack = deployed.stack
    for key in stack.lake.versions(""):
        stack.s3.delete_object(Bucket="lake", Key=key)
    for number in range(count):
        deployed.refuse(late(number))
    failure = failure_message("A", LATE, "BEARING", 12.0, 11.2)
    deployed.refuse(record(failure.payload, QuarantineReason.TOO_LATE, topic=failure.topic))
    chance = SecondChance("industrial/machine", timedelta(hours=48), accept_late=True)
    for stop_at, after in stops:
        calls: Counter[str] = Counter()
        whole = release_of(stack)
        release = Release(
            Stopping(stack.s3, calls, stop_at, after=after),
            "lake",
            Stopping(stack.lake, calls, stop_at, after=after),
            Stopping(whole._history, calls, stop_at, after=after),
        )
        before = set(readings(deployed)) | {
            row for key in quarantined(deployed) for row in rows_of(deployed, key, chance)
        }
        with contextlib.suppress(StopError):
            retry(refused_in(deployed), chance, release)
        still = set(readings(deployed)) | {
            row for key in quarantined(deployed) for row in rows_of(deployed, key, chance)
        }
        assert still == before  # nothing is lost at any moment
    retry(refused_in(deployed), chance, release_of(stack))
    assert quarantined(deployed) == []
    expected = {("A", "temperature", LATE + timedelta(minutes=number), float(number)) for number in range(count)}
    assert set(readings(deployed)) == expected
    assert decode_failures(stack.lake.read_all(stack.lake.versions(EVENTS_PREFIX))).unique().height == 1


def refused_in(deployed: Deployed) -> list[Refused | Unreadable]:
    quarantine = deployed.stack.quarantine
    return list(quarantine.records(quarantine.keys([NOW.date()])))


def rows_of(deployed: Deployed, key: str, chance: SecondChance) -> list[tuple[object, ...]]:
    (refused,) = deployed.stack.quarantine.records([key])
    assert isinstance(refused, Refused)
    return [reading[:4] for reading in chance.judge(refused).accepted if isinstance(reading, Reading)]


def test_more_messages_than_are_taken_at_once_are_all_released() -> None:
    released: list[int] = []

    class Counted:
        def release(self, judged: list[object]) -> list[Failed]:
            released.append(len(judged))
            return []

    chance = SecondChance("industrial/machine", timedelta(hours=48), accept_late=True)
    retried = retry((Refused(str(number), late(number)) for number in range(AT_ONCE + 1)), chance, Counted())
    assert released == [AT_ONCE, 1]
    assert retried == Retried(AT_ONCE + 1, first=LATE, last=LATE + timedelta(minutes=AT_ONCE))


def test_dead_letters_go_back_to_the_queue_that_they_were_meant_for(deployed: Deployed) -> None:
    reading = envelope("industrial/machine/A/temperature", b"{}")
    failure = envelope("industrial/machine/A/event/failure", b"{}")
    by_rule = {
        "ruleName": "temperature",
        "topic": "industrial/machine/B/temperature",
        "base64OriginalPayload": "e30=",
        "failures": [{"failedAction": "SqsAction", "failedResource": "q", "errorMessage": "denied"}],
    }
    for letter in (reading, failure, by_rule):
        deployed.send("dead_letter_queue_url", letter)
    assert deployed.json("quarantine", "redrive") == {"stack": "dev", "sent": {"readings": 2, "failures": 1}, "left": 0}
    assert [_without_id(body) for body in deployed.received("label_queue_url")] == [failure]
    first, second = sorted(deployed.received("ingestion_queue_url"), key=lambda body: body["topic"])
    assert _without_id(first) == reading
    assert (second["topic"], second["payload_base64"]) == ("industrial/machine/B/temperature", "e30=")
    assert abs(second["received_at_ms"] / 1000 - datetime.now(UTC).timestamp()) < 3600
    assert deployed.received("dead_letter_queue_url") == []


def _without_id(body: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if name != "message_id"}


def test_a_dead_letter_keeps_its_first_id_however_often_it_dies(deployed: Deployed) -> None:
    deployed.send("dead_letter_queue_url", envelope("industrial/machine/A/temperature", b""))
    ids: list[str] = []
    for _ in range(2):
        deployed.json("quarantine", "redrive")
        (body,) = deployed.received("ingestion_queue_url")
        ids.append(body["message_id"])
        deployed.send("dead_letter_queue_url", body)
    assert len(set(ids)) == 1


def test_a_dead_letter_that_is_no_message_stays_and_is_counted(deployed: Deployed) -> None:
    for letter in ({}, {"start": "x"}, envelope("industrial/machine/A/temperature", b"")):
        deployed.send("dead_letter_queue_url", letter)
    report = deployed.json("quarantine", "redrive")
    assert (report["sent"], report["left"]) == ({"readings": 1}, 2)
    assert sorted(map(json.dumps, deployed.received("dead_letter_queue_url"))) == ['{"start": "x"}', "{}"]


def test_a_limit_bounds_what_is_sent_back(deployed: Deployed) -> None:
    for number in range(3):
        deployed.send("dead_letter_queue_url", envelope(f"industrial/machine/A{number}/temperature", b""))
    assert deployed.json("quarantine", "redrive", "--limit", "2")["sent"] == {"readings": 2}
    assert deployed.json("quarantine", "redrive")["sent"] == {"readings": 1}


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"x"', "{}", '{"topic": "t"}', '{"topic": 1, "base64OriginalPayload": "e30="}']
)
def test_only_a_message_of_a_machine_has_an_envelope(body: str) -> None:
    assert envelope_of(body, 1) is None
