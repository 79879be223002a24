"""Returns to service that nobody recorded. A machine is drawn by the hours in which it reported."""

import polars as pl
import pytest

from mlops_core.errors import MissingColumnError
from mlops_core.labels import label_features
from mlops_core.outages import infer_returns
from mlops_core.schema import TIMESTAMP
from tests.unit.test_labels import at, failure_log


def reports(picture: str, machine_id="PUMP-1") -> pl.DataFrame:
    """Feature rows of windows [0, 1), [1, 2) ...: `#` an hour with readings, `.` one without."""
    return pl.DataFrame(
        {
            "machine_id": machine_id,
            "window_end": [at(hour + 1) for hour in range(len(picture))],
            "vibration_count_1h": [60 if sign == "#" else 0 for sign in picture],
            "vibration_count_6h": 1,
        }
    ).cast({"window_end": TIMESTAMP})


def returns(failures, features, **options):
    return infer_returns(failures, features, **options)["returned_to_service_at"].to_list()


#                 012345678901
REPAIRED = reports("#####....###")


def test_a_silent_machine_is_back_when_its_first_window_with_readings_begins():
    assert returns(failure_log((4.5, None)), REPAIRED) == [at(9)]


def test_labels_then_leave_out_the_outage_and_begin_another_run():
    labelled = label_features(REPAIRED, infer_returns(failure_log((4.5, None)), REPAIRED), horizon="2h")
    assert labelled["run_id"].to_list() == ["PUMP-1#0"] * 4 + ["PUMP-1#1"] * 3


def test_a_recorded_return_stays():
    assert returns(failure_log((4.5, 11)), REPAIRED) == [at(11)]


def test_a_short_gap_is_a_lost_message_and_no_repair():
    features = reports("#####.##....##")
    assert returns(failure_log((4.5, None)), features) == [at(12)]
    assert returns(failure_log((4.5, None)), features, silence="1h") == [at(6)]


def test_a_machine_that_kept_reporting_or_never_came_back_has_no_return():
    assert returns(failure_log((4.5, None)), reports("############")) == [None]
    assert returns(failure_log((4.5, None)), reports("#####.......")) == [None]


def test_each_failure_takes_the_silence_after_it_and_of_its_own_machine():
    features = pl.concat([reports("##....####...##"), reports("#..............", machine_id="PUMP-2")])
    failures = pl.concat([failure_log((9.5, None), (1.5, None)), failure_log((0.5, None), machine_id="PUMP-2")])
    filled = infer_returns(failures, features)
    assert filled["event_timestamp"].to_list() == [at(1.5), at(9.5), at(0.5)]
    assert filled["returned_to_service_at"].to_list() == [at(6), at(13), None]


def test_features_without_counts_say_nothing_about_silence():
    with pytest.raises(MissingColumnError):
        infer_returns(failure_log((4.5, None)), REPAIRED.drop("vibration_count_1h", "vibration_count_6h"))
