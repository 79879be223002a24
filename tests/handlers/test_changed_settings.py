"""Settings that give stored data their meaning, changed on a running stack: features are as if computed afresh."""

import itertools
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from handlers.stores import clients
from mlops_core.features import compute_features
from mlops_core.lake import channels_key
from mlops_core.telemetry import CHANNELS, Channel, Channels
from tests.handlers.processed_lake import (
    HOUR,
    NOON,
    at,
    computed,
    online,
    processed,
    put,
    readings,
    rows,
    span,
    table_of,
)


def doubled(aws) -> int:
    return rows(aws).group_by("machine_id", "window_end").len().filter(pl.col("len") > 1).height


@pytest.mark.parametrize(
    ("before", "after"), [("1", "4"), ("4", "1"), pytest.param("7", "100", marks=pytest.mark.verify)]
)
def test_another_number_of_shards_gives_one_row_a_machine_and_window_end_from_all_readings(aws, deploy, before, after):
    first, second = readings(-6, 0), readings(0, 3)
    processed(aws, deploy, first, 0.5, LAKE_SHARDS=before)
    invoke = processed(aws, deploy, second, 3.5, LAKE_SHARDS=after)
    put(aws, readings(-0.5, 0, minutes=7))
    invoke(at(3.5))
    third = readings(3, 9)
    put(aws, third)
    invoke(at(9.5))
    assert doubled(aws) == 0
    expected = computed([*first, *second, *third, *readings(-0.5, 0, minutes=7)], -6, 9)
    assert rows(aws).drop("revision").equals(expected)
    invoke(span(-6, 9))
    assert rows(aws).drop("revision").equals(expected)


def test_another_hop_is_carried_through(aws, deploy):
    processed(aws, deploy, readings(-12, 0, minutes=10), 0.5, FEATURE_HOP_MINUTES="60")
    put(aws, readings(0, 3, minutes=10))
    invoke = deploy("processing", FEATURE_HOP_MINUTES="30")
    assert invoke(at(3.5))["is_complete"]
    expected = computed(readings(-12, 3, minutes=10), -6, 3, hop="30m")
    assert rows(aws).filter(pl.col("window_end") > NOON - 6 * HOUR).drop("revision").equals(expected)


def test_a_range_leaves_no_row_on_the_grid_of_an_earlier_hop(aws, deploy):
    put(aws, readings(-12, 0, minutes=10))
    deploy("processing", FEATURE_HOP_MINUTES="30")(span(-6, 0))
    deploy("processing", FEATURE_HOP_MINUTES="60")(span(-4, 0))
    stored = rows(aws).filter(pl.col("window_end") > NOON - 4 * HOUR)
    assert stored.drop("revision").equals(computed(readings(-12, 0, minutes=10), -4, 0))


def test_while_hours_are_built_again_for_another_hop_each_machine_is_served_its_newest_row(aws, deploy, monkeypatch):
    monkeypatch.setattr(clients, "functions", lambda: SimpleNamespace(invoke=lambda **_: None))
    processed(aws, deploy, readings(-12, 0, minutes=10), 0.5, FEATURE_HOP_MINUTES="60")
    put(aws, readings(0, 1, minutes=10))
    invoke = deploy("processing", FEATURE_HOP_MINUTES="30")
    served = [online(aws)]
    for _ in range(40):
        answer = invoke(at(1.5) | {"chunks": 1})
        served.append(online(aws))
        if answer["is_complete"]:
            break
    assert len(served) > 4
    assert all(earlier.keys() == later.keys() for earlier, later in itertools.pairwise(served))
    assert all(later[name] >= earlier[name] for earlier, later in itertools.pairwise(served) for name in earlier)
    assert {end for end, _ in served[-1].values()} == {"2026-11-21T13:00:00.000000Z"}


def test_a_length_that_is_added_is_computed_for_the_watched_hours_too(aws, deploy):
    processed(aws, deploy, readings(-40, 0), 0.5, FEATURE_LENGTHS_HOURS="[1, 6]")
    processed(aws, deploy, readings(0, 1), 1.5, FEATURE_LENGTHS_HOURS="[1, 6, 24]")
    assert rows(aws)["temperature_count_24h"].to_list() == [72] * 14


def test_a_length_that_is_removed_and_added_again_doubles_nothing(aws, deploy):
    put(aws, readings(-30, 1))
    for lengths, hours in (("[1, 6, 24]", 0.5), ("[1, 6]", 0.6), ("[1, 6, 24]", 1.5)):
        deploy("processing", FEATURE_LENGTHS_HOURS=lengths)(at(hours))
    assert doubled(aws) == 0
    assert rows(aws)["temperature_count_24h"].to_list() == [72] * 14


def test_readings_that_expire_leave_features_as_they_are_and_revisions_never_fall(aws, deploy):
    for minutes in (10, 20, 30):
        put(aws, readings(-3, 0, minutes=minutes))
    process = deploy("processing")
    process(at(0.5))
    before = rows(aws)
    for place in ("raw/", "compacted/"):
        aws.delete(place)
    put(aws, readings(-2.5, -2.4))
    process(at(0.6))
    assert rows(aws).equals(before)


THREE = Channels(*CHANNELS.values(), Channel(name="flow", payload_field="flow", unit="m3/h", minimum=0, maximum=9))
ONE = Channels(CHANNELS["vibration"])
CHANGES = st.fixed_dictionaries(
    {
        "LAKE_SHARDS": st.sampled_from(["1", "3", "100"]),
        "FEATURE_HOP_MINUTES": st.sampled_from(["60", "30"]),
        "FEATURE_LENGTHS_HOURS": st.sampled_from(["[1, 2]", "[1, 6]", "[3]"]),
        "CHANNELS_KEY": st.sampled_from([channels_key(of.hash) for of in (CHANNELS, THREE, ONE)]),
    }
)


@pytest.mark.verify
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(CHANGES, st.integers(1, 3), st.booleans()), min_size=2, max_size=4))
def test_after_any_changes_between_runs_features_are_those_of_a_fresh_computation(aws, deploy, steps):
    aws.clear()
    known = {channels_key(of.hash): of for of in (CHANNELS, THREE, ONE)}
    for key, of in known.items():
        aws.put(key, of.document)
    some = readings(-8, 0, minutes=15)
    put(aws, some)
    now = 0
    for changed, hours, is_late in steps:
        invoke = deploy("processing", ALLOWED_LATENESS_HOURS="48", **changed)
        invoke(at(now))
        more = readings(now - 1.5, now - 1, minutes=7) if is_late else []
        more += readings(now, now + hours, minutes=15)
        put(aws, more)
        some += more
        now += hours
        invoke(at(now))
    lengths = [f"{hours}h" for hours in eval(changed["FEATURE_LENGTHS_HOURS"])]  # noqa: S307  written above
    expected = compute_features(
        table_of(some),
        lengths=lengths,
        hop=f"{changed['FEATURE_HOP_MINUTES']}m",
        start=NOON - 6 * HOUR,
        end=NOON + now * HOUR,
    )
    channels = list(known[changed["CHANNELS_KEY"]])
    counts = [pl.col(f"{channel}_count_{lengths[-1]}") for channel in ("temperature", "vibration")]
    expected = expected.filter(pl.sum_horizontal(counts) > 0)
    names = [name for name in expected.columns if name.partition("_")[0] in {"machine", "window", *channels}]
    found = rows(aws).filter(pl.col("window_end") > NOON - 6 * HOUR)
    assert found.select(names).equals(expected.select(names))
    assert found.height == expected.height
