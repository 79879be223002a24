"""Each registered alarm, by CloudWatch's own rules: it fires, recovers and says what to do, and a new stack is calm."""

import ast
import re
from pathlib import Path

import pulumi
import pytest

from infra.stack_settings import StackSettings
from tests.infra.cloudwatch import ALARM, OK, UNKNOWN, composite_states, expected_metrics, states
from tests.infra.evaluation import CHANGED_OTHERWISE, evaluate_settings, evaluate_stack, physical_name

ROOT = Path(__file__).parents[2]
PAGES = {page.stem: page.read_text("utf-8") for page in (ROOT / "docs" / "alarms").glob("*.md")}
OF_MACHINES = {"failure", "limit", "likely-to-fail", "unusual", "unanswered"}
DAY = 24
# What AWS itself measures, by the documentation of each service; dimensions are those that are set here.
OF_AWS = {
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): {"QueueName"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
    ("AWS/States", "ExecutionsFailed"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsTimedOut"): {"StateMachineArn"},
    ("AWS/States", "ExecutionsAborted"): {"StateMachineArn"},
    ("AWS/ApiGateway", "5xx"): {"ApiId"},
    ("AWS/IoT", "ErrorActionFailure"): {"RuleName"},
    ("AWS/IoT", "RuleMessageThrottled"): {"RuleName"},
}
PARTS = {"operation-late", "operation-begun"}


@pytest.fixture(scope="module")
def prod():
    return evaluate_stack("prod")


def alarms(prod):
    return {name: each.inputs for name, each in prod.of("cloudwatch/metricAlarm:MetricAlarm").items()}


def composite(prod):
    (found,) = prod.of("cloudwatch/compositeAlarm:CompositeAlarm").values()
    return found.inputs


def test_every_alarm_tells_the_topic_and_names_its_page(prod):
    topic = prod.of("sns/topic:Topic")["alarms"].arn
    announced = {name: alarm for name, alarm in alarms(prod).items() if name not in PARTS}
    for name, alarm in {**announced, "stalled": composite(prod)}.items():
        assert alarm["alarmActions"] == alarm["okActions"] == [topic], name
        (page,) = re.findall(r"docs/alarms/([a-z-]+)\.md$", alarm["alarmDescription"])
        assert page in PAGES, name
    functions = prod.of("lambda/function:Function").keys() - set(STEPS)
    assert {f"{name}-errors" for name in functions} <= announced.keys()


STEPS = ("training-baseline", "training-set", "training-fit", "training-judge", "training-promote")
# The state machine starts a step again; Lambda the trial for hours, whose event is a dead letter after that.
STARTED_AGAIN = {*STEPS, "trial-weekly", "page-fleet"}


def test_every_page_of_an_alarm_belongs_to_one_and_says_when_it_ends_and_what_to_do(prod):
    texts = " ".join(str(alarm["alarmDescription"]) for alarm in [*alarms(prod).values(), composite(prod)])
    assert {page for page in PAGES if f"/{page}.md" not in texts} == OF_MACHINES
    for page, text in PAGES.items():
        assert all(part in text for part in ("| raised |", "| until |", "**What to do")), page


def metrics_counted(handler):
    """The names of the metrics that a handler gives to `count` or `add_metric`."""
    tree = ast.parse((ROOT / "handlers" / f"{handler}.py").read_text("utf-8"))
    calls = [(ast.unparse(each.func), each) for each in ast.walk(tree) if isinstance(each, ast.Call)]
    names = {keyword.arg for called, each in calls if called == "count" for keyword in each.keywords}
    return names | {each.args[0].value for called, each in calls if called == "metrics.add_metric"}


def test_every_metric_is_one_that_aws_measures_or_a_function_counts(prod):
    functions = prod.of("lambda/function:Function").values()
    services = {each.inputs["environment"]["variables"]["POWERTOOLS_SERVICE_NAME"] for each in functions}
    namespaces = {each.inputs["environment"]["variables"]["POWERTOOLS_METRICS_NAMESPACE"] for each in functions}
    for name, alarm in alarms(prod).items():
        for metric in expected_metrics(alarm).values():
            if metric["namespace"] in namespaces:
                assert set(metric["dimensions"]) == {"service"}, name
                assert metric["dimensions"]["service"] in services, name
                assert metric["metricName"] in metrics_counted(metric["dimensions"]["service"]), name
            else:
                assert set(metric["dimensions"]) == OF_AWS[metric["namespace"], metric["metricName"]], name


def test_throttles_are_counted_of_every_function_but_those_that_are_started_again(prod):
    counted = {
        metric["dimensions"]["FunctionName"]
        for metric in expected_metrics(alarms(prod)["operation-throttles"]).values()
    }
    functions = prod.of("lambda/function:Function")
    assert counted == {
        physical_name(each.type, name, each.inputs) for name, each in functions.items() if name not in STARTED_AGAIN
    }


def test_what_rules_drop_is_counted_for_each_of_them(prod):
    rules = [rule.inputs["name"] for rule in prod.of("iot/topicRule:TopicRule").values()]
    (lost,) = expected_metrics(alarms(prod)["operation-lost"]).values()
    assert lost["dimensions"]["RuleName"] == " OR ".join(f"RuleName = '{rule}'" for rule in sorted(rules))
    throttled = expected_metrics(alarms(prod)["operation-rules"]).values()
    assert sorted(metric["dimensions"]["RuleName"] for metric in throttled) == sorted(rules)


def test_every_alarm_fires_and_recovers_and_a_new_stack_is_calm(prod):
    for name, alarm in alarms(prod).items():
        if name in PARTS:
            continue
        ids = list(expected_metrics(alarm))
        bad, good = 10 * alarm["threshold"] + 10, 0.0
        quiet = dict.fromkeys(ids, [None] * 4)
        assert ALARM not in states(alarm, quiet), name
        series = {each: [good, good, bad, bad, good, good] for each in ids}
        if "accepted" in ids:
            series = {"refused": [0, 1, 50, 50, 1, 0], "accepted": [100, 99, 50, 50, 99, 100]}
        seen = states(alarm, series)
        assert seen[1:] == [OK, ALARM, ALARM, OK, OK], (name, seen)


def of_processing(prod, lag):
    """The composite alarm's states for the least lag of each hour."""
    children = {alarm_name(prod, name): states(alarms(prod)[name], {"only": lag}) for name in sorted(PARTS)}
    return composite_states(composite(prod)["alarmRule"], children)


def alarm_name(prod, name):
    alarm = prod.of("cloudwatch/metricAlarm:MetricAlarm")[name]
    return physical_name(alarm.type, name, alarm.inputs)


def test_a_schedule_that_does_not_run_is_told_after_as_many_hours_as_are_configured(prod):
    seen = of_processing(prod, [*[0.1] * 5, None, None, None, None, 0.1, 0.1])
    assert seen == [OK] * 7 + [ALARM] * 2 + [OK] * 2


def test_a_watermark_that_does_not_move_is_told(prod):
    seen = of_processing(prod, [0.1, 1.1, 2.1, 3.1, 4.1, 5.1, 6.1, 0.1])
    assert seen == [OK] * 5 + [ALARM] * 2 + [OK]


def test_the_first_deployment_alarms_nobody_however_long_nothing_runs(prod):
    assert of_processing(prod, [None] * DAY) == [OK] * DAY
    assert states(alarms(prod)["operation-begun"], {"only": [None] * DAY}) == [UNKNOWN] * DAY


def test_of_the_steps_of_training_only_the_baseline_whose_failure_ends_no_execution_has_an_alarm_of_its_own(prod):
    assert {f"{step}-errors" for step in STEPS} & alarms(prod).keys() == {"training-baseline-errors"}


def test_the_dashboard_has_the_name_of_the_stack(prod):
    (dashboard,) = prod.of("cloudwatch/dashboard:Dashboard").values()
    assert dashboard.inputs["dashboardName"] == prod.outputs["dashboard_name"] == "mlops-industrial-prod"
    assert '"WatermarkLagHours"' in dashboard.inputs["dashboardBody"]


@pytest.mark.parametrize(
    ("config", "warned"),
    [
        ({"alarmEmails": ["a@example.com"]}, "alarmEmails: there are no alarms"),
        ({"alarmsEnabled": True}, "alarmEmails: nobody is notified"),
        ({"protectData": True}, "noticeEmails: nobody is notified"),
    ],
)
def test_what_nobody_would_be_told_of_is_warned_of(monkeypatch, config, warned):
    warnings = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    evaluate_settings(config)
    assert any(warned in text for text in warnings)


def test_notices_are_sent_to_each_address():
    found = evaluate_stack(config=CHANGED_OTHERWISE).of("sns/topicSubscription:TopicSubscription")
    assert [each.inputs["endpoint"] for each in found.values()] == ["a@example.com"]
    assert StackSettings.model_fields["notice_emails"].is_required()
