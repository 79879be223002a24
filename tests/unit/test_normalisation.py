import itertools
import random

import polars as pl
import pytest

from mlops_core.adapters.cmapss import read_cmapss
from mlops_core.errors import InvalidArgumentError, UnknownChannelError
from mlops_core.features import ConditionNormaliser, learn_normaliser
from mlops_core.features.clusters import cluster_centres
from tests.independent_features import readings_of
from tests.unit.adapters.real_data import real_data

SETTINGS = ("altitude", "speed")
CENTRES = ((0.0, 0.0), (10_000.0, 0.25), (20_000.0, 0.7))


def flights(machines=("A", "B"), *, cycles=60, jitter=1.0):
    """Readings of machines that fly at three conditions in turn; `heat` depends on nothing but the condition."""
    rng = random.Random(0)  # noqa: S311
    rows = []
    for machine, cycle in itertools.product(machines, range(cycles)):
        condition = rng.randrange(3)
        altitude, speed = CENTRES[condition]
        rows += [
            (machine, "altitude", cycle * 60, altitude + jitter * rng.uniform(-5, 5)),
            (machine, "speed", cycle * 60, speed + jitter * rng.uniform(-0.001, 0.001)),
            (machine, "heat", cycle * 60, (100.0, 300.0, 700.0)[condition] + rng.gauss(0, 1 + condition)),
        ]
    return readings_of(*rows)


def values(readings, channel):
    return readings.filter(pl.col("channel") == channel)["value"]


def test_readings_become_deviations_from_what_is_usual_under_their_condition():
    readings = flights(cycles=400)
    normaliser = learn_normaliser(readings, settings=SETTINGS, conditions=3)
    normalised = normaliser.apply(readings).join(
        normaliser.conditions(readings), on=["machine_id", "event_timestamp"], validate="m:1"
    )
    usual = normalised.filter(pl.col("channel") == "heat").group_by("condition").agg(
        mean=pl.col("value").mean(), deviation=pl.col("value").std()
    )  # fmt: skip
    assert usual.height == 3
    assert (usual["mean"].abs() < 1e-9).all()
    assert ((usual["deviation"] - 1).abs() < 1e-9).all()


def test_clusters_are_the_conditions_flown():
    normaliser = learn_normaliser(flights(cycles=300), settings=SETTINGS, conditions=3)
    for found, flown in zip(normaliser.centres, CENTRES, strict=True):
        assert found == pytest.approx(flown, abs=5)


def test_settings_stay_as_they_are_and_rows_keep_their_order():
    readings = flights().sample(fraction=1, shuffle=True, seed=1)
    normalised = learn_normaliser(readings, settings=SETTINGS, conditions=3).apply(readings)
    identity = ["machine_id", "channel", "event_timestamp"]
    assert normalised.select(identity).equals(readings.select(identity))
    assert values(normalised, "altitude").equals(values(readings, "altitude"))


def test_only_training_machines_are_learned_from():
    readings = flights(("A", "B"))
    spoiled = readings.with_columns(
        value=pl.when(pl.col("machine_id") == "B").then(pl.col("value") * 7 + 3).otherwise("value")
    )
    options = {"settings": SETTINGS, "conditions": 3}
    alone = learn_normaliser(readings.filter(pl.col("machine_id") == "A"), **options)
    assert learn_normaliser(spoiled, machine_ids=["A"], **options) == alone


def test_what_was_learned_does_not_depend_on_the_order_of_rows():
    readings = flights(cycles=200)
    options = {"settings": SETTINGS, "conditions": 3}
    assert learn_normaliser(readings.sample(fraction=1, shuffle=True, seed=2), **options) == learn_normaliser(
        readings, **options
    )


def test_a_normaliser_survives_json_to_the_last_bit():
    readings = flights()
    normaliser = learn_normaliser(readings, settings=SETTINGS, conditions=3)
    kept = ConditionNormaliser.model_validate_json(normaliser.model_dump_json())
    assert kept == normaliser
    assert kept.apply(readings).equals(normaliser.apply(readings))


def test_given_conditions_are_met_exactly_and_unknown_ones_give_null():
    rows = [("A", "mode", 0, 1.0), ("A", "x", 0, 10.0), ("A", "x", 1, 14.0), ("A", "mode", 2, 2.0), ("A", "x", 2, 5.0)]
    normaliser = learn_normaliser(readings_of(*rows, ("A", "x", 3, 7.0)), settings=("mode",))
    assert normaliser.centres == ((1.0,), (2.0,))
    served = readings_of(("B", "mode", 0, 2.0), ("B", "x", 0, 8.0), ("B", "mode", 1, 3.0), ("B", "x", 1, 8.0))
    assert values(normaliser.apply(served), "x").to_list() == [pytest.approx(2 / 2**0.5), None]


# mode   1 . . . 2 . . .        a condition holds from its reading on; before the first one nothing is known
# x    ^   ^   ^   ^
def test_a_condition_holds_until_the_next_and_is_never_known_early():
    training = readings_of(
        ("A", "mode", 0, 1.0), ("A", "x", 0, 0.0), ("A", "x", 1, 2.0),
        ("A", "mode", 2, 2.0), ("A", "x", 2, 100.0), ("A", "x", 3, 102.0),
    )  # fmt: skip
    normaliser = learn_normaliser(training, settings=("mode",))
    served = readings_of(
        ("B", "x", 0, 1.0), ("B", "mode", 1, 1.0), ("B", "x", 1, 1.0), ("B", "x", 4, 1.0),
        ("B", "mode", 5, 2.0), ("B", "x", 5, 101.0), ("B", "x", 9, 101.0),
    )  # fmt: skip
    assert values(normaliser.apply(served), "x").to_list() == [None, 0.0, 0.0, 0.0, 0.0]


def test_without_settings_the_fleet_is_one_condition():
    normaliser = learn_normaliser(readings_of(("A", "x", 0, 1.0), ("B", "x", 0, 3.0)))
    assert values(normaliser.apply(readings_of(("C", "x", 5, 2.0 + 2**0.5))), "x").to_list() == [pytest.approx(1.0)]


@pytest.mark.parametrize("level", [0.0, 0.1, 8.4])
def test_a_channel_that_was_constant_keeps_its_unit(level):
    normaliser = learn_normaliser(readings_of(*(("A", "x", minute, level) for minute in range(1000))))
    found = values(normaliser.apply(readings_of(("A", "x", 0, level), ("A", "x", 1, level + 0.5))), "x")
    assert found.to_list() == [pytest.approx(0.0, abs=1e-12), pytest.approx(0.5)]


def test_a_null_value_stays_a_measurement_that_was_not_made():
    normaliser = learn_normaliser(readings_of(("A", "x", 0, 1.0), ("A", "x", 1, None), ("A", "x", 2, 3.0)))
    assert normaliser.channels["x"].means == (2.0,)
    assert values(normaliser.apply(readings_of(("A", "x", 0, None))), "x").to_list() == [None]


def test_a_channel_that_was_not_learned_is_refused():
    normaliser = learn_normaliser(readings_of(("A", "x", 0, 1.0)))
    with pytest.raises(UnknownChannelError, match="'y'"):
        normaliser.apply(readings_of(("A", "y", 0, 1.0)))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"settings": SETTINGS, "conditions": 5}, "number of distinct settings"),
        ({"conditions": 2}, "settings to cluster"),
        ({"settings": ("load",)}, "have readings"),
    ],
)
def test_arguments_that_cannot_work_are_refused(options, problem):
    with pytest.raises(InvalidArgumentError, match=problem):
        learn_normaliser(flights(cycles=2, jitter=0.0), **options)


def test_clusters_need_no_chance_and_find_those_that_are_there():
    rng = random.Random(5)  # noqa: S311
    truth = [(-3.0, 0.0), (0.0, 8.0), (9.0, 1.0), (30.0, 30.0)]
    points = pl.DataFrame(
        sorted((x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)) for x, y in truth for _ in range(50)), orient="row"
    )
    centres = cluster_centres(points, (1.0, 1.0), 4)
    for found, expected in zip(centres, truth, strict=True):
        assert found == pytest.approx(expected, abs=0.1)


def test_six_conditions_of_the_turbofans_are_found_and_hide_their_sensors_no_more():
    readings = read_cmapss(real_data("cmapss"), "FD002").readings
    settings = ("setting_1", "setting_2", "setting_3")
    machines = readings["machine_id"].unique().sort()
    normaliser = learn_normaliser(readings, settings=settings, conditions=6, machine_ids=machines[:130].to_list())
    altitudes = sorted(round(centre[0]) for centre in normaliser.centres)
    assert altitudes == [0, 10, 20, 25, 35, 42]  # thousand feet, as the set's description gives them
    normalised = normaliser.apply(readings)
    by_condition = normalised.join(normaliser.conditions(readings), on=["machine_id", "event_timestamp"])
    usual = by_condition.filter(pl.col("channel") == "sensor_4").group_by("condition").agg(pl.col("value").mean())
    assert (usual["value"].abs() < 0.1).all()
    assert not normalised["value"].is_null().any()
