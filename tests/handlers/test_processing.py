"""Processing computes each feature row from all readings there are, and neither a crash nor a rival leaves a gap."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from types import SimpleNamespace

import polars as pl
import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from handlers.deadline import Pace
from handlers.processing import MAXIMUM_CONTINUATIONS, NoProgressError
from handlers.stores import clients
from handlers.stores.lake import DataLake, ObjectMovedError
from handlers.stores.partitions import PartitionLostError
from mlops_core.features import compute_features
from mlops_core.lake import encode_readings, shard_of
from mlops_core.processing import FutureMomentError
from mlops_core.telemetry import Reading
from tests.handlers.aws_in_process import BUCKET, InjectedError

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MACHINES = ("FAN-B01", "PUMP-A01")
CHECKPOINT = "processed/checkpoint.json"


def at(hours: float = 0) -> dict[str, str]:
    return {"at": (NOON + hours * HOUR).isoformat()}


def span(first: float, last: float) -> dict[str, str]:
    """A range event, in hours from noon."""
    return {"start": (NOON + first * HOUR).isoformat(), "end": (NOON + last * HOUR).isoformat(), **at(24)}


def readings(first: float, last: float, *, minutes: int = 20, machines: Iterable[str] = MACHINES) -> list[Reading]:
    """Both channels of machines, every few minutes, from and to so many hours from noon."""
    moments = [NOON + first * HOUR + timedelta(minutes=m) for m in range(0, round((last - first) * 60), minutes)]
    return [
        Reading(
            machine_id=machine,
            channel=channel,
            event_timestamp=moment,
            value=20.0 + level * (1 + (moment.hour * 60 + moment.minute) % 7),
            received_at=moment,
        )
        for machine in machines
        for channel, level in (("temperature", 5.0), ("vibration", 0.5))
        for moment in moments
    ]


def put(aws, some: list[Reading]) -> None:
    for key, body in encode_readings(some):
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def put_as_the_first_release(aws, some: list[Reading], shards: int) -> None:
    """By hour and shard, as raw objects lay before shards were a matter of outputs alone."""
    for number in range(shards):
        for key, body in encode_readings(each for each in some if shard_of(each.machine_id, shards) == number):
            folder, _, name = key.rpartition("/")
            aws.s3.put_object(Bucket=BUCKET, Key=f"{folder}/shard={number:02d}/{name}", Body=body)


def stored(aws) -> pl.DataFrame:
    """Every feature row of the lake."""
    frames = [pl.read_parquet(BytesIO(body)) for body in aws.objects("processed/features/").values()]
    return pl.concat(frames).sort("machine_id", "window_end").drop("revision") if frames else pl.DataFrame()


def computed(some: list[Reading], first: float, last: float, hop: str = "1h") -> pl.DataFrame:
    """The rows that the library gives for these readings at once, up to so many hours from noon."""
    frame = pl.DataFrame([(r.machine_id, r.channel, r.event_timestamp, r.value) for r in some], orient="row")
    frame.columns = ["machine_id", "channel", "event_timestamp", "value"]
    rows = compute_features(frame, lengths=["1h", "6h"], hop=hop, start=NOON + first * HOUR, end=NOON + last * HOUR)
    return rows.filter(pl.col("temperature_count_6h") + pl.col("vibration_count_6h") > 0)


def end_state(aws) -> tuple[dict[str, bytes], list[dict]]:
    """What is in both stores, and how far the checkpoint got; neither its version nor when a row was written."""
    objects = {key: body for key, body in aws.objects("processed/").items() if key != CHECKPOINT}
    items = [{name: item[name] for name in item if name != "updated_at"} for item in aws.items("realtime-features")]
    return objects | {CHECKPOINT: checkpoint(aws)["processed_until"].encode()}, items


def checkpoint(aws) -> dict:
    return json.loads(aws.objects(CHECKPOINT)[CHECKPOINT])


def online(aws) -> dict[str, tuple[str, int]]:
    return {
        item["machine_id"]["S"]: (item["window_end"]["S"], int(item["revision"]["N"]))
        for item in aws.items("realtime-features")
    }


# What a run computes


def test_the_first_run_computes_the_last_hours_from_all_readings_before_them(aws, deploy, counters):
    some = readings(-24, 0)
    put(aws, some)
    outcome = deploy("processing")(at(0.5))
    assert stored(aws).equals(computed(some, -6, 0))
    assert outcome == {
        "feature_rows": 12,
        "windows": 6,
        "machines": 2,
        "hours_changed": 12,
        "online_written": 2,
        "window_end": "2026-11-21T12:00:00.000000Z",
        "is_complete": True,
    }
    assert checkpoint(aws)["processed_until"] == "2026-11-21T12:00:00.000000Z"
    assert counters() == {
        "FeatureRows": 12,
        "OnlineWrites": 2,
        "HoursRebuilt": 12,
        "MalformedLines": 0,
        "RunsOvertaken": 0,
    }


def test_a_first_run_that_fails_leaves_its_hours_to_the_next_however_late_that_comes(aws, deploy, faults):
    some = readings(-12, 12)
    put(aws, some)
    invoke = deploy("processing")
    faults.fail_where(lambda operation, _: operation == "PutItem")
    with pytest.raises(InjectedError):
        invoke(at())
    faults.clear()
    invoke(at(10))
    assert stored(aws).equals(computed(some, -6, 10))


def test_the_online_store_holds_the_newest_row_of_each_machine_without_nulls(aws, deploy):
    some = [*readings(-3, 0, machines=["PUMP-A01"]), *readings(-3, -2, machines=["FAN-B01"])]
    put(aws, some)
    deploy("processing")(at())
    newest = computed(some, -6, 0).filter(pl.col("window_end") == NOON)
    for item, row in zip(aws.items("realtime-features"), newest.iter_rows(named=True), strict=True):
        assert item["machine_id"]["S"] == row.pop("machine_id")
        assert item["window_end"]["S"] == "2026-11-21T12:00:00.000000Z"
        assert item["updated_at"]["S"] == "2026-11-21T12:00:00.000000Z"
        row.pop("window_end")
        assert {name: float(value["N"]) for name, value in item["features"]["M"].items()} == {
            name: value for name, value in row.items() if value is not None
        }
    assert "temperature_mean_1h" not in aws.items("realtime-features")[0]["features"]["M"]


def test_runs_every_hour_and_one_run_for_all_give_the_same_bytes(aws, deploy):
    put(aws, readings(-12, 6))
    invoke = deploy("processing")
    for hours in range(7):
        invoke(at(hours))
    stepwise, online_then = aws.objects("processed/features/"), aws.items("realtime-features")
    for key in aws.objects("processed/features/"):
        aws.s3.delete_object(Bucket=BUCKET, Key=key)
    invoke(span(-6, 6))
    assert aws.objects("processed/features/") == stepwise
    assert aws.items("realtime-features") == online_then


def test_a_run_with_nothing_new_writes_nothing(aws, deploy, faults):
    put(aws, readings(-12, 0))
    invoke = deploy("processing")
    invoke(at())
    faults.clear()
    assert invoke(at())["feature_rows"] == 0
    assert set(faults.calls) == {"ListObjectsV2", "GetObject"}


def test_a_lake_without_readings_moves_the_checkpoint_and_writes_no_row(aws, deploy):
    outcome = deploy("processing")(at())
    assert (outcome["feature_rows"], outcome["window_end"]) == (0, "2026-11-21T12:00:00.000000Z")
    assert set(aws.objects("processed/")) <= {CHECKPOINT, "processed/layout.json"}


def test_an_hour_that_is_not_over_waits(aws, deploy):
    put(aws, readings(-2, 0.5))
    invoke = deploy("processing")
    invoke(at(0.9))
    assert stored(aws)["window_end"].max() == NOON
    invoke(at(1))
    assert stored(aws).equals(computed(readings(-2, 0.5), -6, 1))


def test_an_hour_is_closed_for_a_scheduled_run_when_what_waited_has_been_ingested_and_so_built_once(aws, deploy):
    put(aws, readings(-3, 0))
    invoke = deploy("processing", CLOSING_GRACE_SECONDS="80")
    assert invoke(at(79 / 3600))["window_end"] == "2026-11-21T11:00:00.000000Z"
    put(aws, readings(-0.1, 0, minutes=2))  # what waited
    outcome = invoke(at(80 / 3600))
    assert (outcome["window_end"], outcome["hours_changed"]) == ("2026-11-21T12:00:00.000000Z", 1)
    assert invoke(span(-1, 0) | at(0))["window_end"] == "2026-11-21T12:00:00.000000Z"  # who names a range knows


@pytest.mark.parametrize("hop", ["60", "30", "15"])
def test_windows_of_a_shorter_hop_are_complete_after_every_run(aws, deploy, hop):
    some = readings(-9, 3, minutes=5)
    put(aws, some)
    invoke = deploy("processing", FEATURE_HOP_MINUTES=hop)
    for hours in (0, 1, 3):
        invoke(at(hours))
        first = -6 if hop == "60" else -6.1  # a partition is computed whole: the row at 06:00 stands with that at 06:30
        assert stored(aws).equals(computed(some, first, hours, hop=f"{hop}m"))


@pytest.mark.parametrize("hop", ["60", "30", "15"])
def test_a_range_leaves_every_row_outside_of_it_as_it_was(aws, deploy, hop):
    put(aws, readings(-9, 3, minutes=5))
    invoke = deploy("processing", FEATURE_HOP_MINUTES=hop)
    invoke(at(3))
    before = end_state(aws)
    invoke(span(-3, -1))
    assert end_state(aws) == before


def test_shards_are_partitions_of_their_own_and_hold_all_machines(aws, deploy):
    machines = [f"M{n}" for n in range(6)]
    some = readings(-8, 0, machines=machines)
    put(aws, some)
    deploy("processing", LAKE_SHARDS="4")(at())
    assert stored(aws).equals(computed(some, -6, 0))
    assert len({key.split("/")[-1] for key in aws.objects("processed/features/")}) > 1


def test_duplicates_and_the_way_readings_were_batched_do_not_change_a_byte(aws, deploy):
    some = readings(-8, 0)
    put(aws, some)
    invoke = deploy("processing")
    invoke(at())
    before = aws.objects("processed/features/")
    aws.clear()
    for start in range(0, len(some), 7):
        put(aws, some[start : start + 10])  # overlapping batches
    invoke(at())
    assert aws.objects("processed/features/") == before


def test_a_line_that_is_no_reading_is_left_out_and_counted(aws, deploy, counters):
    import gzip

    some = readings(-8, 0)
    put(aws, some)
    key = next(iter(aws.objects("raw/")))
    body = gzip.compress(gzip.decompress(aws.objects(key)[key]) + b"garbage\n")
    aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    deploy("processing")(at())
    assert stored(aws).equals(computed(some, -6, 0))
    assert counters()["MalformedLines"] == 1


def test_objects_that_no_function_wrote_are_left_alone(aws, deploy):
    some = readings(-8, 0)
    put(aws, some)
    aws.s3.put_object(Bucket=BUCKET, Key="raw/date=2026-11-21/notes.txt", Body=b"hello")
    deploy("processing")(at())
    assert stored(aws).equals(computed(some, -6, 0))


# Late data


def test_late_readings_give_higher_revisions_offline_and_never_an_older_row_online(aws, deploy):
    some, late = readings(-12, 0), readings(-3.5, -3, minutes=7)
    put(aws, some)
    invoke = deploy("processing")
    invoke(at())
    revision = online(aws)["PUMP-A01"][1]
    put(aws, late)
    outcome = invoke(at())
    assert stored(aws).equals(computed([*some, *late], -6, 0))
    assert outcome["hours_changed"] == 1
    end, higher = online(aws)["PUMP-A01"]
    assert end == "2026-11-21T12:00:00.000000Z"
    assert higher > revision


def test_late_readings_for_rows_before_the_newest_leave_the_online_store_alone(aws, deploy):
    put(aws, readings(-24, 0))
    invoke = deploy("processing", TIME_WINDOW="12")
    invoke(at())
    before = aws.items("realtime-features")
    put(aws, readings(-9.5, -9, minutes=7))
    assert invoke(at())["online_written"] == 0
    assert aws.items("realtime-features") == before


def test_readings_beyond_the_lateness_that_is_watched_are_found_by_a_range(aws, deploy):
    some, late = readings(-48, 0), readings(-40, -39, minutes=7)
    put(aws, some)
    invoke = deploy("processing", ALLOWED_LATENESS_HOURS="12")
    invoke(at())
    put(aws, late)
    assert invoke(at())["hours_changed"] == 0
    invoke(span(-40, -33))
    assert stored(aws).equals(
        pl.concat([computed([*some, *late], -40, -33), computed(some, -6, 0)]).sort("machine_id", "window_end")
    )


# Ranges and backlog


def test_a_range_leaves_the_checkpoint_alone(aws, deploy, document):
    some = readings(-24, 0)
    put(aws, some)
    invoke = deploy("processing")
    assert invoke(document("processing_range") | at())["window_end"] == "2026-11-21T12:00:00.000000Z"
    assert CHECKPOINT not in aws.objects()
    assert stored(aws).equals(computed(some, -12, 0))


def test_a_range_twice_is_a_range_once(aws, deploy):
    put(aws, readings(-24, 0))
    invoke = deploy("processing")
    invoke(span(-20, -4))
    before = aws.objects("processed/"), online(aws)
    invoke(span(-20, -4))
    assert (aws.objects("processed/"), online(aws)) == before


def test_a_range_of_the_past_does_not_move_the_online_store_back(aws, deploy):
    put(aws, readings(-24, 0))
    invoke = deploy("processing")
    invoke(at())
    before = aws.items("realtime-features")
    assert invoke(span(-20, -4))["online_written"] == 0
    assert aws.items("realtime-features") == before


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize(
    "event",
    [
        {"start": "2026-11-21T00:00:00Z"},
        {"start": "2026-11-21T12:00:00Z", "end": "2026-11-21T12:00:00Z"},
        {"start": "2026-11-21T00:00:00", "end": "2026-11-21T12:00:00"},
    ],
)
def test_a_range_that_is_none_is_refused(aws, deploy, event):
    with pytest.raises(ValidationError):
        deploy("processing")(event)


def test_a_backlog_is_taken_in_chunks_each_committed(aws, deploy):
    some = readings(-6, 42, minutes=30)
    put(aws, some)
    invoke = deploy("processing")
    invoke(at())
    before = checkpoint(aws)["version"]
    invoke(at(42))
    assert checkpoint(aws)["version"] > before + 7
    assert stored(aws).equals(computed(some, -6, 42))


@pytest.fixture
def continuations(monkeypatch) -> list[dict]:
    """The invocations of itself that the function asked for."""
    asked: list[dict] = []
    monkeypatch.setattr(clients, "functions", lambda: SimpleNamespace(invoke=lambda **call: asked.append(call)))
    return asked


class Stopwatch:
    """The time that an invocation has left, which reading the raw objects of an hour takes its share of."""

    def __init__(self, milliseconds: int, of_an_hour: int) -> None:
        self.left = milliseconds
        self._of_an_hour = of_an_hour

    def read_raw_objects(self, lake: DataLake, keys: Iterable[str]) -> list[bytes]:
        keys = list(keys)
        if keys and keys[0].startswith("raw/"):
            self.left -= self._of_an_hour
        if self.left <= 0:
            raise KilledError
        return _READ_LISTED(lake, keys)


class KilledError(BaseException):
    """Lambda ends the process."""


_READ_LISTED = DataLake.read_listed


@pytest.fixture
def stopwatch(context, monkeypatch):
    """Start an invocation's time: `stopwatch(milliseconds, of_an_hour=...)`."""

    def start(milliseconds: int, *, of_an_hour: int) -> Stopwatch:
        watch = Stopwatch(milliseconds, of_an_hour)
        context.get_remaining_time_in_millis = lambda: watch.left
        monkeypatch.setattr(DataLake, "read_listed", lambda lake, keys: watch.read_raw_objects(lake, keys))
        return watch

    return start


def test_hours_that_take_more_time_together_than_a_run_has_are_done_by_several(aws, deploy, stopwatch, continuations):
    some = readings(-12, 6)
    put(aws, some)
    invoke = deploy("processing")
    for _ in range(10):
        before = aws.objects("processed/buckets/").keys()
        stopwatch(300_000, of_an_hour=60_000)  # the six hours of a chunk would take 360 s
        if (outcome := invoke(at(6)))["is_complete"]:
            break
        assert aws.objects("processed/buckets/").keys() > before
    assert outcome["is_complete"]
    assert stored(aws).equals(computed(some, 0, 6))
    assert len(continuations) >= 2


def test_a_run_gets_on_although_its_listings_take_nearly_all_of_its_time(aws, deploy, context, hook, continuations):
    some = readings(-8, 0)
    put(aws, some)
    invoke = deploy("processing")
    left = 3000

    def listed(**_):
        nonlocal left
        left = max(1, left - 500)

    hook(clients.s3(), "before-call.s3.ListObjectsV2", listed)
    context.get_remaining_time_in_millis = lambda: left
    for _ in range(40):
        left = 3000
        if (outcome := invoke(at()))["is_complete"]:
            break
    assert outcome["is_complete"]
    assert stored(aws).equals(computed(some, -6, 0))


def test_a_run_that_stops_in_time_has_itself_continued(aws, deploy, stopwatch, continuations, counters):
    put(aws, readings(-12, 0))
    stopwatch(300_000, of_an_hour=100_000)
    assert not deploy("processing")(at(0.5))["is_complete"]
    [call] = continuations
    assert (call["FunctionName"], call["InvocationType"]) == ("function", "Event")
    again = json.loads(call["Payload"])
    assert (datetime.fromisoformat(again.pop("at")), again) == (NOON + HOUR / 2, {"continuation": 1})
    assert counters()["RunsContinued"] == 1
    stopwatch(300_000, of_an_hour=0)
    assert deploy("processing")(json.loads(call["Payload"]))["is_complete"]
    assert len(continuations) == 1


def test_a_run_is_continued_a_bounded_number_of_times(aws, deploy, stopwatch, continuations):
    put(aws, readings(-12, 0))
    stopwatch(300_000, of_an_hour=160_000)
    outcome = deploy("processing")({**at(), "continuation": MAXIMUM_CONTINUATIONS})
    assert (outcome["is_complete"], continuations) == (False, [])


def test_a_run_that_may_not_continue_itself_fails(aws, deploy, stopwatch, monkeypatch):
    put(aws, readings(-12, 0))
    stopwatch(300_000, of_an_hour=160_000)

    def refuse(**_):
        raise InjectedError("Invoke")

    monkeypatch.setattr(clients, "functions", lambda: SimpleNamespace(invoke=refuse))
    with pytest.raises(InjectedError):
        deploy("processing")(at())


def test_a_run_without_progress_is_an_error(aws, deploy, monkeypatch):
    put(aws, readings(-12, 0))
    monkeypatch.setattr(Pace, "room", lambda *_: 0)
    with pytest.raises(NoProgressError):
        deploy("processing")(at())


def test_a_run_does_no_more_chunks_than_it_is_asked_for(aws, deploy, continuations):
    put(aws, readings(-12, 0))
    invoke = deploy("processing")
    assert not invoke({**at(), "chunks": 1})["is_complete"]
    assert (checkpoint(aws)["version"], len(continuations)) == (1, 1)


@pytest.mark.filterwarnings("ignore:No application metrics")
@pytest.mark.parametrize("event", [at(1.1), span(-6, 0) | at(1.1)])
def test_a_moment_later_than_now_is_refused(aws, deploy, monkeypatch, event):
    put(aws, readings(-12, 1))
    invoke = deploy("processing")
    monkeypatch.setattr("handlers.processing._clock", lambda: NOON + HOUR)
    with pytest.raises(FutureMomentError, match=r"at, 2026-11-21T13:06:00.000000Z, lies in the future"):
        invoke(event)
    assert aws.objects("processed/") == {}


def test_a_checkpoint_of_the_future_is_an_error_that_names_the_remedy(aws, deploy):
    put(aws, readings(-12, 1))
    invoke = deploy("processing")
    invoke(at(24 * 400))  # a clock that jumped
    with pytest.raises(FutureMomentError, match=r"the checkpoint, 2027-.+Restore the previous version of processed/c"):
        invoke(at(1))
    assert checkpoint(aws)["processed_until"] > "2027"


def test_a_range_that_stops_in_time_says_how_far_it_came(aws, deploy, stopwatch, context, monkeypatch, continuations):
    some = readings(-24, 0)
    put(aws, some)
    invoke = deploy("processing")
    stopwatch(900_000, of_an_hour=40_000)
    outcome = invoke(span(-18, 0))
    assert not outcome["is_complete"]
    assert outcome["window_end"] > "2026-11-20T18"
    assert continuations == []  # whoever asked for it goes on
    monkeypatch.setattr(DataLake, "read_listed", _READ_LISTED)
    context.get_remaining_time_in_millis = lambda: 300_000
    assert invoke(span(-18, 0) | {"start": outcome["window_end"] or NOON - 18 * HOUR})["is_complete"]
    assert stored(aws).equals(computed(some, -18, 0))


# Faults


@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject", "PutItem"])
def test_an_error_of_a_store_aborts_with_the_checkpoint_unmoved(aws, deploy, faults, operation):
    put(aws, readings(-12, 6))
    invoke = deploy("processing")
    invoke(at())
    before = checkpoint(aws)
    faults.fail_where(lambda name, _: name == operation)
    with pytest.raises(InjectedError):
        invoke(at(6))
    assert checkpoint(aws)["processed_until"] == before["processed_until"]
    assert operation == "PutItem" or checkpoint(aws) == before  # hours that were built are noted as they are done
    faults.clear()
    invoke(at(6))
    assert online(aws) == dict.fromkeys(MACHINES, ("2026-11-21T18:00:00.000000Z", 36))
    assert "unoffered_from" not in checkpoint(aws)


def test_a_missing_permission_to_read_the_checkpoint_is_not_a_first_run(aws, deploy, hook):
    put(aws, readings(-12, 6))
    invoke = deploy("processing")
    invoke(at())
    before = end_state(aws)

    def deny(params, **_):
        if params["Key"] == CHECKPOINT:
            raise ClientError(
                {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject"
            )

    hook(clients.s3(), "provide-client-params.s3.GetObject", deny)
    with pytest.raises(ClientError, match="AccessDenied"):
        invoke(at(6))
    assert end_state(aws) == before


def test_a_committed_partition_that_was_lost_is_an_error_and_a_range_makes_it_again(aws, deploy):
    some = readings(-12, 6)
    put(aws, some)
    invoke = deploy("processing")
    invoke(at())
    aws.s3.delete_object(Bucket=BUCKET, Key="processed/buckets/date=2026-11-21/hour=09/shard=00.parquet")
    with pytest.raises(PartitionLostError, match=r"hour=09/shard=00.parquet was written and is gone"):
        invoke(at(1))
    invoke(span(-3, -2))
    invoke(at(6))
    assert stored(aws).equals(computed(some, -6, 6))


@pytest.mark.verify
@pytest.mark.parametrize("phase", ["before", "after"])
def test_whichever_write_fails_the_next_run_ends_in_the_same_state(aws, deploy, faults, phase):
    some, late = readings(-6, 2, machines=["PUMP-A01"]), readings(-2.5, -2, minutes=7, machines=["PUMP-A01"])
    invoke = deploy("processing", TIME_WINDOW="2", FEATURE_LENGTHS_HOURS="[1, 2]")
    put(aws, some)
    invoke(at(-2))
    put(aws, late)
    beginning = aws.snapshot()
    faults.clear()
    invoke(at(2))  # late data and a backlog of two chunks
    undisturbed, writes = end_state(aws), faults.writes
    for number in range(1, writes + 1):
        aws.restore(beginning)
        faults.fail_write(number, phase)
        with pytest.raises(InjectedError):
            invoke(at(2))
        faults.clear()
        assert invoke(at(2))["is_complete"]
        assert end_state(aws) == undisturbed
    assert writes >= 12


# Rivals


def rival(hook, operation: str, number: int, run) -> list[int]:
    """Let `run` happen within the other run, just before its call number `number` of an operation."""
    seen: list[int] = []

    def before(**_):
        seen.append(len(seen) + 1)
        if len(seen) == number:
            run()

    hook(clients.s3(), f"before-call.s3.{operation}", before)
    return seen


@pytest.mark.verify
@pytest.mark.parametrize("operation", ["ListObjectsV2", "GetObject", "PutObject"])
def test_a_run_overtaken_at_any_call_ends_in_the_same_state_as_one_alone(
    aws, deploy, hook, faults, counters, operation
):
    some, late = readings(-8, 0, machines=["PUMP-A01"]), readings(-1.5, -1, minutes=7, machines=["PUMP-A01"])
    invoke = deploy("processing", TIME_WINDOW="2", FEATURE_LENGTHS_HOURS="[1, 2]")
    put(aws, some)
    invoke(at(-2))
    beginning = aws.snapshot()
    put(aws, late)
    invoke(at())
    undisturbed = end_state(aws)

    overtaken = 0
    for number in range(1, 1000):
        aws.restore(beginning)
        counters()

        def overtake() -> None:
            put(aws, late)
            invoke(at())

        calls = rival(hook, operation, number, overtake)
        invoke(at())
        if len(calls) < number:
            break
        overtaken += counters()["RunsOvertaken"]
        invoke(at())  # what the rival alone saw is taken up by the next run at the latest
        assert end_state(aws) == undisturbed
    assert number > 3
    assert operation != "PutObject" or overtaken


def test_a_run_overtaken_time_after_time_fails_with_the_rivals_state_standing(aws, deploy, hook):
    put(aws, readings(-8, 0))
    invoke = deploy("processing")

    def overtake(params, **_):
        if params["Key"] == CHECKPOINT:
            aws.s3.put_object(Bucket=BUCKET, Key=CHECKPOINT, Body=json.dumps(moved()).encode())

    versions = iter(range(100, 200))

    def moved() -> dict:
        return {
            "version": next(versions),
            "processed_from": "2026-11-21T06:00:00.000000Z",
            "processed_until": "2026-11-21T06:00:00.000000Z",
            "hours": {},
        }

    hook(clients.s3(), "provide-client-params.s3.PutObject", overtake)
    with pytest.raises(ObjectMovedError, match=r"checkpoint.json was written by another run"):
        invoke(at())
    assert checkpoint(aws)["version"] == 102
