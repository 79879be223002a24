"""What people found of alarms, as labels. Hours count from EPOCH, as in test_labels."""

import polars as pl
import pytest

from mlops_core.errors import MissingColumnError
from mlops_core.prognosis import label_features
from mlops_core.telemetry import VERDICTS
from tests.unit.test_labels import at, failure_log, feature_rows, hours_kept, work


def verdicts(*given: tuple[float, float, str], source: str = "limit") -> pl.DataFrame:
    rows = [
        {"machine_id": "PUMP-1", "opened": at(opened), "decided_at": at(decided), "source": source, "verdict": verdict}
        for opened, decided, verdict in given
    ]
    return pl.DataFrame(rows, schema=VERDICTS)


def label(rows: pl.DataFrame, found: pl.DataFrame, failures: pl.DataFrame | None = None, **known: object):
    return label_features(
        rows, failure_log() if failures is None else failures, horizon="3h", verdicts=found, returns="recorded", **known
    )


def fails(labelled: pl.DataFrame) -> list[bool | None]:
    return labelled["fails_within_horizon"].to_list()


def test_no_fault_teaches_that_rows_of_the_episode_did_not_fail():
    rows = feature_rows(range(1, 7))
    assert fails(label(rows, verdicts())) == [False, False, None, None, None, None]
    found = label(rows, verdicts((3, 5, "NO_FAULT")))
    assert fails(found) == [False, False, False, False, False, None]
    assert found["is_censored"].all()


def test_no_fault_does_not_undo_a_failure_that_came():
    rows = feature_rows(range(1, 6))
    found = label(rows, verdicts((3, 5, "NO_FAULT")), failure_log((6, None)))
    assert fails(found) == [False, False, True, True, True]


def test_a_fault_that_was_found_ends_the_run_as_a_failure_at_the_verdict():
    found = label(feature_rows(range(1, 9)), verdicts((4, 6, "FAULT_FOUND")), maintenance=work((6.5, 7, True)))
    assert hours_kept(found) == [1, 2, 3, 4, 5, 6, 8]
    assert found["rul_hours"].to_list() == [5, 4, 3, 2, 1, 0, None]
    assert fails(found) == [False, False, True, True, True, True, None]


def test_a_fault_for_which_the_machine_was_stopped_is_a_failure_at_that_stop():
    rows, repair = feature_rows(range(1, 9)), work((5, 5.5, True))
    found = label(rows, verdicts((4, 6, "FAULT_FOUND")), maintenance=repair)
    assert found["rul_hours"].to_list() == [4, 3, 2, 1, 0, None, None, None]
    assert found["run_id"].n_unique() == 2, "the verdict is no second failure"
    failed = failure_log((5, 5.5))
    assert label(rows, verdicts((4, 6, "FAULT_FOUND")), failed).equals(label(rows, verdicts(), failed))


def test_rows_of_an_episode_of_a_faulty_sensor_are_no_training_rows():
    assert hours_kept(label(feature_rows(range(1, 7)), verdicts((3, 5, "SENSOR_FAULT")))) == [1, 2, 6]


@pytest.mark.parametrize("verdict", ["NO_FAULT", "SENSOR_FAULT"])
def test_a_failure_that_people_did_not_find_is_none(verdict: str):
    rows = feature_rows(range(1, 9))
    refuted = label(rows, verdicts((4, 4.5, verdict), source="failure"), failure_log((4, None)))
    assert not any(fails(refuted)[:5])
    assert hours_kept(refuted)[-1] == 8


def test_a_verdict_that_came_later_than_what_was_known_changes_nothing():
    rows = feature_rows(range(1, 7))
    later = label(rows, verdicts((3, 7, "FAULT_FOUND")), known_until=at(6))
    assert later.equals(label(rows, verdicts(), known_until=at(6)))


def test_verdicts_of_another_shape_are_refused():
    with pytest.raises(MissingColumnError):
        label(feature_rows([1]), verdicts().drop("verdict"))
