"""Processing computes each feature row from all readings there are: every hour, late ones too, and for any range."""

import polars as pl
import pytest
from pydantic import ValidationError

from tests.handlers.aws_in_process import InjectedError
from tests.handlers.processed_lake import (
    CHECKPOINT,
    NOON,
    at,
    checkpoint,
    computed,
    end_state,
    online,
    processed,
    put,
    readings,
    span,
    stored,
)

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
        "WatermarkLagHours": pytest.approx(0.5),
        "DamagedObjects": 0,
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
    processed(aws, deploy, some)
    newest = computed(some, -6, 0).filter(pl.col("window_end") == NOON)
    for item, row in zip(aws.items("realtime-features"), newest.iter_rows(named=True), strict=True):
        assert item["machine_id"]["S"] == row.pop("machine_id")
        assert item["window_end"]["S"] == "2026-11-21T12:00:00.000000Z"
        assert item["updated_at"]["S"] == "2026-11-21T12:00:00.000000Z"
        row.pop("window_end")
        features = {name: float(value["N"]) for name, value in item["features"]["M"].items()}
        derived = {name for name in features if name == "age_hours" or name.endswith("_drift")}
        assert derived == {"age_hours", *(f"{name}_drift" for name in row if name.endswith("mean_6h") and row[name])}
        assert {name: features[name] for name in features.keys() - derived} == {
            name: value for name, value in row.items() if value is not None
        }
    assert "temperature_mean_1h" not in aws.items("realtime-features")[0]["features"]["M"]


def test_runs_every_hour_and_one_run_for_all_give_the_same_bytes(aws, deploy):
    put(aws, readings(-12, 6))
    invoke = deploy("processing")
    for hours in range(7):
        invoke(at(hours))
    stepwise, online_then = aws.objects("processed/features/"), aws.items("realtime-features")
    aws.delete("processed/features/")
    invoke(span(-6, 6))
    assert aws.objects("processed/features/") == stepwise
    assert aws.items("realtime-features") == online_then


def test_a_run_with_nothing_new_writes_nothing(aws, deploy, faults):
    invoke = processed(aws, deploy, readings(-12, 0))
    faults.clear()
    assert invoke(at())["feature_rows"] == 0
    assert set(faults.calls) == {"ListObjectsV2", "GetObject", "Scan"}  # of the table of machines


def test_a_lake_without_readings_moves_the_checkpoint_and_writes_no_row(aws, deploy):
    outcome = deploy("processing")(at())
    assert (outcome["feature_rows"], outcome["window_end"]) == (0, "2026-11-21T12:00:00.000000Z")
    assert set(aws.objects("processed/")) <= {CHECKPOINT, "processed/layout.json"}


def test_an_hour_that_is_not_over_waits(aws, deploy):
    invoke = processed(aws, deploy, readings(-2, 0.5), 0.9)
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
    invoke = processed(aws, deploy, readings(-9, 3, minutes=5), 3, FEATURE_HOP_MINUTES=hop)
    before = end_state(aws)
    invoke(span(-3, -1))
    assert end_state(aws) == before


def test_shards_are_partitions_of_their_own_and_hold_all_machines(aws, deploy):
    machines = [f"M{n}" for n in range(6)]
    some = readings(-8, 0, machines=machines)
    processed(aws, deploy, some, LAKE_SHARDS="4")
    assert stored(aws).equals(computed(some, -6, 0))
    assert len({key.split("/")[-1] for key in aws.objects("processed/features/")}) > 1


def test_duplicates_and_the_way_readings_were_batched_do_not_change_a_byte(aws, deploy):
    some = readings(-8, 0)
    invoke = processed(aws, deploy, some)
    before = aws.objects("processed/features/")
    aws.clear()
    for start in range(0, len(some), 7):
        put(aws, some[start : start + 10])  # overlapping batches
    invoke(at())
    assert aws.objects("compacted/"), "one way is compacted, the other is not"
    assert aws.objects("processed/features/") == before


def test_objects_that_no_function_wrote_are_left_alone(aws, deploy):
    some = readings(-8, 0)
    put(aws, some)
    aws.put("raw/date=2026-11-21/notes.txt", b"hello")
    deploy("processing")(at())
    assert stored(aws).equals(computed(some, -6, 0))


# Late data


def test_late_readings_give_higher_revisions_offline_and_never_an_older_row_online(aws, deploy):
    some, late = readings(-12, 0), readings(-3.5, -3, minutes=7)
    invoke = processed(aws, deploy, some)
    revision = online(aws)["PUMP-A01"][1]
    put(aws, late)
    outcome = invoke(at())
    assert stored(aws).equals(computed([*some, *late], -6, 0))
    assert outcome["hours_changed"] == 1
    end, higher = online(aws)["PUMP-A01"]
    assert end == "2026-11-21T12:00:00.000000Z"
    assert higher > revision


def test_late_readings_for_rows_before_the_newest_leave_the_online_store_alone(aws, deploy):
    invoke = processed(aws, deploy, readings(-24, 0), TIME_WINDOW="12")
    before = aws.items("realtime-features")
    put(aws, readings(-9.5, -9, minutes=7))
    assert invoke(at())["online_written"] == 0
    assert aws.items("realtime-features") == before


def test_readings_beyond_the_lateness_that_is_watched_are_found_by_a_range(aws, deploy):
    some, late = readings(-48, 0), readings(-40, -39, minutes=7)
    invoke = processed(aws, deploy, some, ALLOWED_LATENESS_HOURS="12")
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
    invoke = processed(aws, deploy, readings(-24, 0))
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
    invoke = processed(aws, deploy, some)
    before = checkpoint(aws)["version"]
    invoke(at(42))
    assert checkpoint(aws)["version"] > before + 7
    assert stored(aws).equals(computed(some, -6, 42))
