"""Events and attributes as a deployed stack counts them: the bits that the library gives for the whole at once."""

from datetime import timedelta
from io import BytesIO

import polars as pl
import pytest

from handlers.stores import EventHistory, clients, stack_recipe
from mlops_core.features import FeatureRecipe, add_events
from mlops_core.lake import EARLIER_EVENTS_KEY, encode_events
from mlops_core.prognosis import LABELS
from mlops_core.telemetry import CHANNELS, EVENTS, Event, FailureEvent
from tests.handlers import stores
from tests.handlers.processed_lake import HOUR, MACHINES, NOON, at, put, put_features, readings, table_of
from tests.handlers.test_training_steps import STARTED
from tests.recorded_failures import failure_of
from tests.unit.degrading_fleet import degrading_fleet

COUNTED = ("error", "error/E1", "stop", "failure")
OF_MACHINES = ("machine_class=pumps", "site=North", "speed_rpm")
SETTINGS = {
    "EVENT_FEATURES": '["error", "error/E1", "stop", "failure"]',
    "ATTRIBUTE_FEATURES": '["machine_class=pumps", "site=North", "speed_rpm"]',
    "MACHINE_CLASSES": '{"pumps": {"machines": ["PUMP-*"]}}',
}
RECIPE = stack_recipe(
    CHANNELS, [HOUR, 6 * HOUR], HOUR, events=COUNTED, attributes=OF_MACHINES,
)  # fmt: skip
DAY = timedelta(days=1)


def happened(machine: str, hours: float, kind: str = "error", code: str = "E1", *, late: float = 0) -> Event:
    when = NOON + hours * HOUR
    return Event(
        machine_id=machine, kind=kind, event_code=code, event_timestamp=when, received_at=when + late * HOUR,
        measured_value=None, threshold=None, replayed=False, extras=None,
    )  # fmt: skip


def receive(aws, *events: Event | FailureEvent) -> None:
    aws.put_all(encode_events(events))


def frame(*events: Event | FailureEvent) -> pl.DataFrame:
    rows = [(e.machine_id, e.event_timestamp, getattr(e, "kind", "failure"), e.event_code) for e in events]
    return pl.DataFrame(rows, schema=EVENTS, orient="row")


def fail(hours: float) -> FailureEvent:
    """A failure on record, and in the lake as it was received."""
    failure = failure_of("PUMP-A01", NOON + hours * HOUR)
    stores.labels().record(failure)
    return failure


def online(aws) -> dict[str, dict[str, float]]:
    return {
        item["machine_id"]["S"]: {
            name: float(value["N"])
            for name, value in item["features"]["M"].items()
            if name.startswith(("event/", "machine/"))
        }
        for item in aws.items("realtime-features")
    }


def by_library(events: pl.DataFrame, hours: float) -> dict[str, dict[str, float]]:
    """What the library gives for all readings and events at once, for the rows at so many hours from noon."""
    machines = pl.DataFrame(
        {
            "machine_id": ["FAN-B01", "PUMP-A01"],
            "machine_class": [None, "pumps"],
            "site": ["North", None],
            "speed_rpm": [None, 1480.0],
        }
    )
    computed = RECIPE.compute(table_of(readings(-8, hours)), events, machines)
    found = computed.filter(pl.col("window_end") == NOON + hours * HOUR).to_dicts()
    return {
        row["machine_id"]: {
            name: float(value)
            for name, value in row.items()
            if name.startswith(("event/", "machine/")) and value is not None
        }
        for row in found
    }


def describe() -> None:
    machines = stores.machines()
    machines.change("FAN-B01", lambda record: record.model_copy(update={"site": "North"}))
    machines.change("PUMP-A01", lambda record: record.model_copy(update={"rated": {"speed_rpm": 1480.0}}))


HISTORY = (
    happened("PUMP-A01", -13 * 24, code="E7"),
    happened("PUMP-A01", -12 * 24 + 0.5, kind="stop", code="S"),
    happened("FAN-B01", -9 * 24, code="E2"),
    happened("PUMP-A01", -7 * 24, code="E1"),
    happened("PUMP-A01", -30, code="E2"),
    happened("PUMP-A01", -24, code="E2"),
    happened("PUMP-A01", -0.25, code="E1"),
    happened("PUMP-A01", 0, code="E1"),
)


def test_online_rows_hold_the_bits_that_the_library_gives_for_the_whole(aws, deploy):
    describe()
    put(aws, readings(-8, 30))
    receive(aws, *HISTORY, fail(-50))
    process = deploy("processing", **SETTINGS)
    known = [*HISTORY, fail(-50)]
    for hours, new in (
        (0, []),
        (1, [happened("FAN-B01", 0.5, kind="stop", code="S")]),
        # Late by ten hours, one within and one outside of the day's window; and one that was received before.
        (11, [happened("PUMP-A01", 0.75, late=10), happened("FAN-B01", -20, late=31), HISTORY[-1]]),
        (30, [happened("PUMP-A01", 29, code="E9")]),
    ):
        receive(aws, *new)
        known += new
        process(
            at(hours) | {"start": (NOON + (hours - 2) * HOUR).isoformat(), "end": (NOON + hours * HOUR).isoformat()}
        )
        assert online(aws) == by_library(frame(*known).unique(), hours), hours
    assert set(online(aws)) == set(MACHINES)
    assert online(aws)["PUMP-A01"]["event/error_in_24h"] == 1.0
    assert online(aws)["PUMP-A01"]["event/failure_hours_since"] == 80.0


def rows_of(history: EventHistory, first_hours: float) -> pl.DataFrame:
    return history.for_windows(NOON + first_hours * HOUR).sort(EVENTS.names())


@pytest.fixture
def history(aws):
    def look() -> EventHistory:
        return EventHistory(stores.lake(), RECIPE, stores.labels())

    return look


def test_days_that_no_window_reaches_are_kept_as_the_last_event_of_each_code(aws, history):
    ancient = [happened("FAN-B01", -24 * days, code=f"E{days % 3}") for days in range(40, 60)]
    receive(aws, *ancient, *HISTORY)
    history().take_in_new(NOON)
    kept = pl.read_parquet(BytesIO(aws.objects(EARLIER_EVENTS_KEY)[EARLIER_EVENTS_KEY]))
    assert kept.height == 5  # E0, E1, E2 of the fan, E7 and a stop of the pump
    assert kept["until"].unique().to_list() == [NOON.replace(hour=0) - 11 * DAY]
    assert rows_of(history(), 0).height == 5 + 6
    assert rows_of(history(), -24 * 20).height == len(ancient) + len(HISTORY)  # an older row has all of them
    before = aws.objects("processed/events/")
    receive(aws, *ancient, *HISTORY)
    history().take_in_new(NOON)
    assert aws.objects("processed/events/") == before
    history().take_in_new(NOON + 10 * DAY)
    assert rows_of(history(), 240)["event_code"].sort().to_list() == ["E0", *4 * ["E1"], *3 * ["E2"], "E7", "S"]


def test_an_event_of_a_day_that_is_no_longer_looked_at_is_taken_in_by_training(aws, history):
    receive(aws, *HISTORY)
    history().take_in_new(NOON)
    receive(aws, happened("PUMP-A01", -11.75 * 24, kind="stop", code="S", late=250))
    history().take_in_new(NOON)
    last = pl.col("kind") == "stop"
    assert rows_of(history(), 0).filter(last)["event_timestamp"].to_list() == [NOON - 12 * DAY + HOUR / 2]
    history().take_in_all()
    assert rows_of(history(), 0).filter(last)["event_timestamp"].to_list() == [NOON - 11.75 * DAY]


def test_a_run_reads_the_events_of_each_day_once(aws, history, hook):
    receive(aws, *HISTORY)
    history().take_in_new(NOON)
    read: list[str] = []
    hook(clients.s3(), "provide-client-params.s3.GetObject", lambda params, **_: read.append(params["Key"]))
    looked = history()
    looked.take_in_new(NOON)
    looked.for_windows(NOON)
    assert read
    assert len(read) == len(set(read))


def test_a_damaged_day_is_made_again_of_what_was_received(aws, history):
    receive(aws, *HISTORY)
    history().take_in_new(NOON)
    before = aws.objects("processed/events/")
    (day,) = [key for key in before if key.endswith("2026-11-20.parquet")]
    aws.put(day, b"damaged")
    history().take_in_new(NOON)
    assert aws.objects("processed/events/") == before


@pytest.fixture
def fleet(aws) -> pl.DataFrame:
    """Stored features of machines that fail, and an error before each failure, which the platform heard of."""
    rows = degrading_fleet(runs=1, unfinished=False)
    put_features(aws, rows.drop(list(LABELS)))
    ends = rows.group_by("machine_id").last().select("machine_id", "window_end", "rul_hours")
    for machine_id, end, hours in ends.iter_rows():
        failed = end + timedelta(hours=hours)
        stores.labels().record(failure_of(machine_id, failed))
        error = happened(machine_id, 0).model_copy(update={"event_timestamp": failed - 10 * HOUR})
        receive(aws, error)
    return rows


def test_a_training_set_counts_as_the_library_does_and_its_model_is_served_where_the_stack_counts(aws, deploy, fleet):
    deploy("training_set", **SETTINGS)(STARTED)
    (body,) = aws.objects(f"training/{STARTED['execution']}/").values()
    rows = pl.read_parquet(BytesIO(body))
    recipe = FeatureRecipe.model_validate_json(pl.read_parquet_metadata(BytesIO(body))["recipe"])
    assert (recipe.events, recipe.attributes) == (COUNTED, OF_MACHINES)
    labels = stores.labels().load_all()
    failures = [(row["machine_id"], row["event_timestamp"], "failure", row["event_code"]) for row in labels]
    errors = [(machine, failed - 10 * HOUR, "error", "E1") for machine, failed, *_ in failures]
    events = pl.DataFrame([*failures, *errors], schema=EVENTS, orient="row")
    wanted = add_events(rows.select("machine_id", "window_end"), events, names=COUNTED)
    columns = sorted(recipe.columns_of_events)
    assert rows.select(columns).equals(wanted.select(columns).cast(rows.select(columns).schema))
    assert rows["event/error_in_24h"].sum() > 0

    trained = deploy("training")({"execution": STARTED["execution"]})
    bundle = stores.models().load(trained["version"])
    reads = [name for name in bundle.schema.names if name.startswith(("event/", "machine/"))]
    assert "event/error_hours_since" in reads
    stack = stack_recipe(CHANNELS, [HOUR, 6 * HOUR], HOUR, events=COUNTED, attributes=OF_MACHINES)
    assert bundle.recipe.differences(stack, reads) == []
    without = stack_recipe(CHANNELS, [HOUR, 6 * HOUR], HOUR, events=["stop"])
    refused = bundle.recipe.differences(without, reads)
    assert any("error" in each for each in refused)
