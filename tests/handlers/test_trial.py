"""The weekly trial: kept once a day, and announced only where a promise is surely not kept."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops_core.lake import hour_path
from mlops_core.prognosis.alarm_budget import AlarmPlan, BudgetPoint
from mlops_core.time import utc_text
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError
from tests.handlers.model_bundles import serve, small_bundle
from tests.recorded_failures import failure_of

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
PROMISED = BudgetPoint(0.3, 0.5, 0.2, 0.95, 0.9, 1.0, 30.0, 10.0, false_low=0.1, false_high=0.3, announced=19)
BUNDLE = replace(small_bundle(), alarms=AlarmPlan(watch=0.5, act=0.8, curve=(PROMISED,)))


def serve_and_predict(probability: float, *, failing: int) -> None:
    """Hourly predictions of the last two days of five machines, the first of which failed half an hour ago."""
    serve(stores.models(), BUNDLE, at=NOW)
    for hour in range(48):
        at = NOW - timedelta(hours=48 - hour)
        scored = {"window_end": utc_text(at), "failure_probability": probability, "model_version": BUNDLE.version}
        body = gzip.compress(b"\n".join(json.dumps({"machine_id": f"M{n}", **scored}).encode() for n in range(5)))
        stores.lake().create(f"predictions/{hour_path(at)}/{hour}.jsonl.gz", body)
    for number in range(failing):
        stores.labels().record(failure_of(f"M{number}", NOW - timedelta(minutes=30), received_at=NOW))


def test_a_promise_that_is_surely_not_kept_is_told_of_and_the_report_is_kept_once_a_day(deploy, aws):
    serve_and_predict(0.01, failing=4)
    tell = deploy("trial")
    outcome = tell({})
    assert any("announced 0% of failures" in promise for promise in outcome["broken"])
    [notice] = aws.notices()
    assert "announced 0% of failures" in notice
    [(key, body)] = aws.objects("trials/").items()
    report = json.loads(body)
    assert (key, report["model_version"], report["trial"]["failures"]) == (outcome["key"], BUNDLE.version, 4)
    tell({})
    assert len(aws.notices()) == 1


@pytest.mark.parametrize("phase", ["before", "after"])
@pytest.mark.parametrize("write", [1, 2])
def test_a_trial_is_told_of_and_kept_whichever_write_fails(deploy, aws, faults, write, phase):
    serve_and_predict(0.01, failing=4)
    tell = deploy("trial")
    faults.fail_write(write, phase)
    with pytest.raises(InjectedError):
        tell({})
    faults.clear()
    tell({})
    assert len(aws.notices()) in {1, 2}
    assert len(aws.objects("trials/")) == 1


def test_a_week_in_which_nothing_is_surely_broken_says_nothing(deploy, aws):
    serve_and_predict(0.01, failing=0)
    assert deploy("trial")({}) == {"key": f"trials/date={datetime.now(UTC):%Y-%m-%d}.json", "broken": [], "shifts": 0}
    assert aws.notices() == []


def test_without_model_and_baseline_the_report_says_so(deploy, aws):
    deploy("trial")({})
    [body] = aws.objects("trials/").values()
    report = json.loads(body)
    assert (report["model_version"], report["trial"], report["baseline_version"]) == (None, None, None)
