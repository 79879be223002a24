"""Labels: each edge of a run drawn once, then the point-in-time rule as a property.

Hours count from EPOCH. A run is drawn as rows `.`, a failure `x`, an outage `-`, the return `|`.
"""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, strategies as st

from mlops_core.errors import ColumnTypeError, ColumnValueError, DurationError, InvalidArgumentError, MissingColumnError
from mlops_core.prognosis import LABELS, ReturnsAssumedWarning, label_features
from mlops_core.telemetry import FAILURES, MAINTENANCE, TIMESTAMP

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

# What is warned of has a class of tests of its own; here it is not what the claim is about.
RETURNS_UNKNOWN = pytest.mark.filterwarnings("ignore:.*do not say when the machine returned")


def at(hours: float) -> datetime:
    return EPOCH + timedelta(hours=hours)


def feature_rows(hours, machine_id="PUMP-1") -> pl.DataFrame:
    return pl.DataFrame(
        {"machine_id": machine_id, "window_end": [at(h) for h in hours], "load": [float(h) for h in hours]},
        schema={"machine_id": pl.String, "window_end": TIMESTAMP, "load": pl.Float64},
    )


def failure_log(*failures, machine_id="PUMP-1") -> pl.DataFrame:
    rows = [
        {
            "machine_id": machine_id,
            "event_timestamp": at(failed),
            "returned_to_service_at": None if back is None else at(back),
        }
        for failed, back in failures
    ]
    return pl.DataFrame(rows, schema=FAILURES)


def work(*records) -> pl.DataFrame:
    rows = [
        {
            "machine_id": "PUMP-1",
            "event_timestamp": at(started),
            "returned_to_service_at": None if back is None else at(back),
            "renews": renews,
        }
        for started, back, renews in records
    ]
    return pl.DataFrame(rows, schema=MAINTENANCE)


def hours_kept(labelled: pl.DataFrame) -> list[float]:
    return labelled["load"].to_list()


class TestOneFailure:
    # hours  1 2 3 4 5x6-7-8|9 10
    labelled = label_features(feature_rows(range(1, 11)), failure_log((5.5, 8)), horizon="2h")

    def test_rows_between_failure_and_return_are_left_out_the_moment_of_return_included(self):
        assert hours_kept(self.labelled) == [1, 2, 3, 4, 5, 9, 10]

    def test_the_remaining_life_is_counted_in_hours_to_the_failure(self):
        assert self.labelled["rul_hours"].to_list() == [4.5, 3.5, 2.5, 1.5, 0.5, None, None]

    def test_rows_within_the_horizon_are_positive_and_earlier_ones_negative(self):
        assert self.labelled["fails_within_horizon"].to_list()[:5] == [False, False, False, True, True]

    def test_the_run_after_the_return_is_censored_and_a_run_of_its_own(self):
        assert self.labelled["run_id"].to_list() == ["PUMP-1#0"] * 5 + ["PUMP-1#1"] * 2
        assert self.labelled["is_censored"].to_list() == [False] * 5 + [True] * 2

    def test_columns_are_those_of_the_features_and_then_the_labels(self):
        assert self.labelled.columns == ["machine_id", "window_end", "load", *LABELS]
        assert {name: self.labelled.schema[name] for name in LABELS} == dict(LABELS)


@RETURNS_UNKNOWN
def test_a_failure_exactly_at_window_end_is_still_ahead_of_that_row():
    labelled = label_features(feature_rows([4, 5, 6]), failure_log((5, None)), horizon="1h")
    assert hours_kept(labelled) == [4, 5]
    assert labelled["rul_hours"].to_list() == [1.0, 0.0]
    assert labelled["fails_within_horizon"].to_list() == [True, True]


def test_the_horizon_includes_its_far_edge():
    labelled = label_features(feature_rows([1, 2, 3]), failure_log((5, None)), horizon=timedelta(hours=3))
    assert labelled["fails_within_horizon"].to_list() == [False, True, True]


def test_a_censored_row_is_negative_only_where_the_machine_was_seen_to_run_beyond_the_horizon():
    # last row at 6, horizon 3: the row at 3 could still fail at exactly 6, which its last row has not seen
    labelled = label_features(feature_rows(range(1, 7)), failure_log(), horizon="3h")
    assert labelled["fails_within_horizon"].to_list() == [False, False, None, None, None, None]
    assert labelled["rul_hours"].null_count() == 6


def test_a_machine_that_never_returned_has_no_rows_after_its_failure():
    with pytest.warns(ReturnsAssumedWarning, match="5 rows are dropped"):
        assert hours_kept(label_features(feature_rows(range(1, 9)), failure_log((3.5, None)))) == [1, 2, 3]


class TestFailuresWithoutReturn:
    # hours      1 2 3 4x5 -gap- 9 10 11x12 -gap- 15 16
    rows = feature_rows([1, 2, 3, 4, 5, 9, 10, 11, 12, 15, 16])
    failures = failure_log((4.5, None), (11.5, None))

    def label(self, returns, rows=rows):
        with pytest.warns(ReturnsAssumedWarning) as warned:
            labelled = label_features(rows, self.failures, horizon="1h", returns=returns)
        (one,) = warned
        counted = one.message
        assert one.filename == __file__
        return labelled, (counted.failures, counted.assumed, counted.rows_kept, counted.rows_dropped)

    def test_by_default_a_machine_is_back_where_its_readings_go_on_after_a_gap(self):
        labelled, counts = self.label("after_gap")
        assert hours_kept(labelled) == [1, 2, 3, 4, 9, 10, 11, 15, 16]
        assert labelled["run_id"].unique().sort().to_list() == ["PUMP-1#0", "PUMP-1#1", "PUMP-1#2"]
        assert counts == (2, 2, 5, 2)
        with pytest.warns(ReturnsAssumedWarning):
            assert label_features(self.rows, self.failures, horizon="1h").equals(labelled)

    def test_a_window_without_readings_is_a_gap_though_it_has_a_row(self):
        heard = {1, 2, 3, 4, 5, 9, 10, 11, 12, 15, 16}
        rows = feature_rows(range(1, 17)).with_columns(
            v_count_1h=pl.Series([int(hour in heard) for hour in range(1, 17)]), v_count_6h=pl.lit(6)
        )
        labelled, counts = self.label("after_gap", rows)
        assert hours_kept(labelled) == [1, 2, 3, 4, 9, 10, 11, 15, 16]
        assert counts == (2, 2, 5, 7)

    def test_the_caller_may_assume_a_duration_or_that_it_took_no_time(self):
        labelled, counts = self.label("6h")
        assert (hours_kept(labelled), counts) == ([1, 2, 3, 4, 11], (2, 2, 1, 6))
        labelled, counts = self.label("at_once")
        assert (hours_kept(labelled), counts) == (self.rows["load"].to_list(), (2, 2, 7, 0))
        assert self.label(timedelta(0))[0].equals(labelled)

    def test_where_nothing_is_assumed_it_is_said_what_is_dropped(self):
        labelled, counts = self.label("recorded")
        assert (hours_kept(labelled), counts) == ([1, 2, 3, 4], (1, 0, 0, 7))

    def test_a_recorded_return_beats_an_assumed_one(self):
        labelled = label_features(self.rows, failure_log((4.5, None)), maintenance=work((4.8, None, True)))
        assert hours_kept(labelled) == self.rows["load"].to_list()

    def test_a_failure_that_no_row_follows_is_nothing_to_warn_of(self):
        label_features(feature_rows([1, 2, 3]), failure_log((3, None)))

    def test_what_is_neither_a_choice_nor_a_duration_is_refused(self):
        with pytest.raises(DurationError):
            label_features(self.rows, self.failures, returns="tomorrow")


def test_several_runs_of_several_machines_are_numbered_for_each_machine():
    features = pl.concat([feature_rows(range(1, 9), "B"), feature_rows(range(1, 5), "A")])
    failures = pl.concat([failure_log((2, 3), (5, 6), machine_id="B"), failure_log((9, 10), machine_id="C")])
    labelled = label_features(features, failures, horizon="1h")
    runs = labelled.group_by("run_id", maintain_order=True).agg(pl.col("load"))
    assert dict(runs.iter_rows()) == {"A#0": [1, 2, 3, 4], "B#0": [1, 2], "B#1": [4, 5], "B#2": [7, 8]}
    assert labelled.filter(pl.col("run_id") == "B#1")["rul_hours"].to_list() == [1.0, 0.0]


def test_a_second_failure_report_during_an_outage_belongs_to_it():
    labelled = label_features(feature_rows(range(1, 9)), failure_log((3, 5), (4, 6)))
    assert labelled["run_id"].to_list() == ["PUMP-1#0"] * 3 + ["PUMP-1#1"] * 2
    assert hours_kept(labelled) == [1, 2, 3, 7, 8]


def test_a_failure_without_return_lasts_until_a_later_record_gives_one():
    labelled = label_features(feature_rows(range(1, 10)), failure_log((3, None), (5, 7)))
    assert hours_kept(labelled) == [1, 2, 3, 8, 9]


def test_a_repair_record_gives_the_return_that_the_failure_record_lacks():
    labelled = label_features(feature_rows(range(1, 9)), failure_log((3, None)), maintenance=work((4, 6, True)))
    assert hours_kept(labelled) == [1, 2, 3, 7, 8]
    assert labelled["rul_hours"].to_list()[:3] == [2.0, 1.0, 0.0]


@RETURNS_UNKNOWN
def test_a_repair_recorded_at_the_return_alone_ends_the_outage_and_begins_a_run():
    # failed at 3, back at 6, which only the repair says; fails again at 8
    log, returned = failure_log((3, None), (8, None)), work((6, None, True))
    labelled = label_features(feature_rows(range(1, 11)), log, maintenance=returned)
    assert hours_kept(labelled) == [1, 2, 3, 7, 8]
    assert labelled["run_id"].to_list() == ["PUMP-1#0"] * 3 + ["PUMP-1#1"] * 2
    assert labelled["rul_hours"].to_list() == [2.0, 1.0, 0.0, 1.0, 0.0]


def test_a_replacement_before_failure_ends_the_run_censored():
    # replaced at 4, back at 5, fails at 9
    labelled = label_features(
        feature_rows(range(1, 9)), failure_log((9, None)), horizon="2h", maintenance=work((4, 5, True))
    )
    first = labelled.filter(pl.col("run_id") == "PUMP-1#0")
    assert hours_kept(first) == [1, 2, 3, 4]
    assert first["is_censored"].all()
    assert first["rul_hours"].null_count() == 4
    assert first["fails_within_horizon"].to_list() == [False, None, None, None]
    assert labelled.filter(pl.col("run_id") == "PUMP-1#1")["rul_hours"].to_list() == [3.0, 2.0, 1.0]


@RETURNS_UNKNOWN
def test_work_without_a_return_time_took_no_time_and_an_inspection_changes_nothing():
    rows, log = feature_rows(range(1, 9)), failure_log((7, None))
    replaced = label_features(rows, log, maintenance=work((4, None, True)))
    assert replaced["run_id"].to_list() == ["PUMP-1#0"] * 4 + ["PUMP-1#1"] * 3
    inspected = label_features(rows, log, maintenance=work((4, 5, False)))
    assert inspected.equals(label_features(rows, log))


def test_what_was_not_known_at_the_time_is_not_used():
    rows, log = feature_rows(range(1, 9)), failure_log((5, 7))
    known = label_features(rows, log, horizon="2h", known_until=at(4))
    assert hours_kept(known) == [1, 2, 3, 4]
    assert known["is_censored"].all()
    assert known["fails_within_horizon"].to_list() == [False, None, None, None]


@RETURNS_UNKNOWN
def test_a_return_that_was_not_known_at_the_time_leaves_the_machine_out_of_service():
    labelled = label_features(feature_rows(range(1, 9)), failure_log((3, 6)), known_until=at(5))
    assert hours_kept(labelled) == [1, 2, 3]


def test_no_rows_give_no_rows_with_the_same_columns():
    labelled = label_features(feature_rows([]), failure_log())
    assert labelled.is_empty()
    assert labelled.columns == ["machine_id", "window_end", "load", *LABELS]


@pytest.mark.parametrize(
    ("features", "error"),
    [
        (feature_rows([1]).drop("machine_id"), MissingColumnError),
        (feature_rows([1]).with_columns(pl.col("window_end").dt.replace_time_zone(None)), ColumnTypeError),
        (feature_rows([1]).with_columns(run_id=pl.lit("x")), InvalidArgumentError),
    ],
)
def test_features_that_do_not_fit_are_refused(features, error):
    with pytest.raises(error):
        label_features(features, failure_log())


@pytest.mark.parametrize(
    ("options", "error", "problem"),
    [
        ({"horizon": "0h"}, DurationError, "positive duration"),
        ({"known_until": datetime(2026, 1, 1)}, InvalidArgumentError, "time zone"),  # noqa: DTZ001
        ({"maintenance": work((4, 3, True))}, ColumnValueError, "earlier"),
        ({"maintenance": work((4, 5, True)).drop("renews")}, MissingColumnError, "renews"),
        ({"maintenance": work().with_columns(renews=pl.lit("yes"))}, ColumnTypeError, "renews"),
    ],
)
def test_arguments_and_records_that_cannot_be_are_refused(options, error, problem):
    with pytest.raises(error, match=problem):
        label_features(feature_rows([1]), failure_log(), **options)


@RETURNS_UNKNOWN
@given(
    stops=st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True),
    downtime=st.integers(0, 6),
    cut=st.integers(1, 60),
)
def test_labels_known_at_a_moment_equal_those_of_a_history_that_ends_there(stops, downtime, cut):
    events = [(hour + 0.5, hour + 0.5 + downtime) for hour in sorted(stops)]
    whole = label_features(feature_rows(range(61)), failure_log(*events), known_until=at(cut))
    past = failure_log(*((failed, back if back <= cut else None) for failed, back in events if failed <= cut))
    assert whole.equals(label_features(feature_rows(range(cut + 1)), past))
    assert (whole["rul_hours"].drop_nulls() >= 0).all()
    answered = whole.drop_nulls(["rul_hours", "fails_within_horizon"])
    assert (answered["fails_within_horizon"] == (answered["rul_hours"] <= 24)).all()
