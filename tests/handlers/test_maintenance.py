"""What a technician records reaches the labels: once, however often it is sent, and beside what sensors say."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import polars as pl
import pytest

from handlers.stores import LabelHistory, MaintenanceConflictError
from mlops_core.prognosis import ReturnsAssumedWarning, label_features
from mlops_core.telemetry import FAILURES, MAINTENANCE, TIMESTAMP, MaintenanceKind, MaintenanceRecord
from tests.handlers import stores
from tests.handlers.offered_features import NEW, offer
from tests.recorded_failures import failure_of

ROUTE = "POST /machines/{machine_id}/maintenance"
AT = datetime(2026, 11, 20, 6, tzinfo=UTC)
BACK = AT + timedelta(hours=9)
FAILURE = {"kind": "failure", "at": "2026-11-20T06:00:00Z"}
REPAIR = {**FAILURE, "kind": "repair", "returned_to_service_at": "2026-11-20T16:00:00+01:00", "note": "new bearing"}

Post = Callable[..., tuple[int, Any]]


@pytest.fixture
def post(api) -> Post:
    """Send a body as it is, or as JSON."""
    ask = api("maintenance")
    offer("PUMP-1", NEW)
    return lambda body, machine_id="PUMP-1", **more: ask(ROUTE, body, path={"machine_id": machine_id}, **more)


@pytest.fixture
def history(aws) -> LabelHistory:
    return stores.labels()


def record(kind: MaintenanceKind = MaintenanceKind.FAILURE, **fields: Any) -> MaintenanceRecord:
    return MaintenanceRecord.model_validate({"machine_id": "PUMP-1", "kind": kind, "at": AT} | fields)


EVENT = failure_of("PUMP-1", AT)


def test_a_record_is_kept_once_with_who_was_authorised_to_make_it(post: Post, history: LabelHistory):
    status, receipt = post({**REPAIR, "recorded_by": "Ana"})
    assert (status, receipt["is_new"], receipt["at"]) == (201, True, "2026-11-20T06:00:00Z")
    (kept,) = history.entries()
    assert (kept.kind, kept.event_timestamp, kept.returned_to_service_at) == (MaintenanceKind.REPAIR, AT, BACK)
    assert (kept.note, kept.recorded_by) == ("new bearing", "Ana")
    assert kept.caller == "arn:aws:iam::123456789012:user/technician"
    assert post({**REPAIR, "recorded_by": "Rui"})[0] == 200, "a lost answer: it is sent again"
    assert list(history.entries()) == [kept]


def test_what_contradicts_a_record_is_refused_unless_it_is_meant_to(post: Post, history: LabelHistory):
    assert post(FAILURE)[0] == 201
    assert post({**FAILURE, "returned_to_service_at": "2026-11-20T15:00:00Z"})[0] == 201, "it says more"
    later = {**FAILURE, "returned_to_service_at": "2026-11-20T18:00:00Z"}
    status, problem = post(later)
    assert (status, problem["error"]) == (409, "CONTRADICTION")
    assert [entry.returned_to_service_at for entry in history.entries()] == [BACK]
    assert post(FAILURE)[0] == 200, "what it does not say, it leaves"
    assert post({**later, "is_correction": True})[0] == 201
    assert [entry.returned_to_service_at for entry in history.entries()] == [AT + timedelta(hours=12)]


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"kind": "inspection"}, "kind", "'failure' or 'repair'"),
        ({"at": "2026-11-20T06:00:00"}, "at", "timezone"),
        ({"at": 1795256100}, "at", "2026-01-31T09:30:00Z"),
        ({"at": "1795256100"}, "at", "2026-01-31T09:30:00Z"),
        ({"at": "9999-12-31T23:59:59-14:00"}, "at", "beyond the year 9999"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at", "before 2001"),
        ({"at": "2200-01-01T00:00:00Z"}, "at", "not come yet"),
        ({"returned_to_service_at": "2200-01-01T00:00:00Z"}, "returned_to_service_at", "not come yet"),
        ({"returned_to_service_at": "2026-11-20T05:59:59Z"}, "", "returned_to_service_at is before at"),
        ({"note": "x" * 501}, "note", "at most 500"),
        ({"note": " "}, "note", "at least 1"),
        ({"note": "\x1b[2J"}, "note", "printed"),
        ({"recorded_by": 7}, "recorded_by", "string"),
        ({"is_correction": "yes"}, "is_correction", "boolean"),
        ({"<script>": 1}, "", "Extra"),
    ],
)
def test_a_body_that_is_no_record_is_refused_with_the_field_and_the_reason(post: Post, history, changes, field, reason):
    status, problem = post(FAILURE | changes)
    (fault,) = problem["faults"]
    assert (status, problem["error"], fault["field"]) == (400, "BAD_REQUEST", field)
    assert reason in fault["reason"]
    assert list(history.entries()) == []
    assert "script" not in json.dumps(problem)


@pytest.mark.parametrize("body", [None, "", "[]", "null", '"\ud800"', '{"kind": "failure"', "[" * 100_000])
def test_what_is_no_json_object_is_refused(post: Post, body):
    assert post(body)[0] == 400


def test_a_body_may_come_as_base64(post: Post):
    assert post("eyJraW5kIjoiZmFpbHVyZSIsImF0IjoiMjAyNi0xMS0yMFQwNjowMDowMFoifQ==", isBase64Encoded=True)[0] == 201
    assert post("/w==", isBase64Encoded=True)[0] == 400


@pytest.mark.parametrize("machine_id", ["NOBODY", "a/b", "A" * 3000])
def test_a_machine_that_nobody_knows_is_not_recorded(post: Post, history, machine_id):
    status, problem = post(FAILURE, machine_id)
    assert (status, problem["error"], list(history.entries())) == (404, "UNKNOWN_MACHINE", [])


def test_sensors_and_technicians_say_the_same_in_any_order(aws, history: LabelHistory):
    says = [
        lambda: history.record(EVENT),
        lambda: history.record_maintenance(record(note="seized"), recorded_at=AT),
        lambda: history.record_maintenance(record(returned_to_service_at=BACK), recorded_at=AT),
    ]
    seen = set()
    for order in permutations(says):
        aws.clear()
        for say in order:
            say()
        seen.add(tuple(history.entries()))
    ((entry,),) = seen
    assert (entry.event_code, entry.measured_value, entry.note) == ("WEAR", 12.0, "seized")
    assert entry.returned_to_service_at == BACK


def test_a_failure_and_a_repair_of_one_moment_stand_beside_each_other(history: LabelHistory):
    for kind in MaintenanceKind:
        assert history.record_maintenance(record(kind), recorded_at=AT)
    assert [row["event_code"] for row in history.load_all()] == ["REPORTED"]
    assert [row["renews"] for row in history.load_repairs()] == [True]
    assert history.load_all()[0]["measured_value"] is None


def test_a_correction_of_nothing_is_a_record_and_a_conflict_names_what_to_do(history: LabelHistory):
    assert history.record_maintenance(record(note="a"), recorded_at=AT, correct=True)
    with pytest.raises(MaintenanceConflictError, match="correction"):
        history.record_maintenance(record(note="b"), recorded_at=AT)


def labels(history: LabelHistory) -> list[tuple[int, str, bool]]:
    """Hour, run and whether it fails within 2 hours, of a machine that is looked at every hour of a day."""
    start = AT - timedelta(hours=6)
    rows = pl.DataFrame(
        {"machine_id": ["PUMP-1"] * 24, "window_end": [start + timedelta(hours=hour) for hour in range(24)]},
        schema={"machine_id": pl.String, "window_end": TIMESTAMP},
    )
    labelled = label_features(
        rows,
        pl.DataFrame(history.load_all(), schema=FAILURES),
        horizon="2h",
        maintenance=pl.DataFrame(history.load_repairs(), schema=MAINTENANCE),
    )
    return [
        ((at - start) // timedelta(hours=1), run, fails is True)
        for at, run, fails in labelled.select("window_end", "run_id", "fails_within_horizon").iter_rows()
    ]


def test_a_failure_that_no_sensor_announced_labels_rows_and_none_follows_until_the_return(history: LabelHistory):
    history.record_maintenance(record(returned_to_service_at=BACK), recorded_at=AT)
    rows = labels(history)
    assert [hour for hour, _, fails in rows if fails] == [4, 5, 6]
    assert [hour for hour, run, _ in rows if run == "PUMP-1#0"] == list(range(7))
    assert [hour for hour, run, _ in rows if run == "PUMP-1#1"] == list(range(16, 24)), "hour 15 is the return itself"


@pytest.mark.filterwarnings("ignore::mlops_core.prognosis.returns.ReturnsAssumedWarning")
def test_a_repair_gives_the_return_that_the_sensors_failure_lacks(history: LabelHistory):
    history.record(EVENT)
    with pytest.warns(ReturnsAssumedWarning, match="17 rows are dropped"):
        assert {hour for hour, _, _ in labels(history)} == set(range(7)), "it never came back"
    repair = record(MaintenanceKind.REPAIR, at=AT + timedelta(hours=2), returned_to_service_at=BACK)
    history.record_maintenance(repair, recorded_at=AT)
    assert {hour for hour, _, _ in labels(history)} == {*range(7), *range(16, 24)}


def test_a_repair_before_any_failure_ends_a_run_that_did_not_fail(history: LabelHistory):
    history.record_maintenance(record(MaintenanceKind.REPAIR), recorded_at=AT)
    rows = labels(history)
    assert not any(fails for _, _, fails in rows)
    assert {run for hour, run, _ in rows if hour > 6} == {"PUMP-1#1"}
