"""Settings that can work, and are rarely meant: a sentence each, with the remedy."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from infra.fleet_fit import advice
from infra.naming import own_topic_prefix
from infra.schedule_expression import intervals

if TYPE_CHECKING:
    from infra.stack_settings import StackSettings

_SUBSCRIBE = "pulumi config set --path '{key}[0]' NAME@EXAMPLE.COM"
_TIMELY_WINDOW_SECONDS = 60
# New accounts have a quota of 1,000 runs at once or less, of which Lambda keeps 100 unreserved.
_RESERVED_AT_MOST = 900


def warnings(settings: "StackSettings", stack: str, *, is_emulated: bool) -> list[str]:
    """Return what is rarely meant."""
    found: list[str] = []
    if (window := settings.ingestion_batch_window_seconds) > _TIMELY_WINDOW_SECONDS:
        found.append(
            f"ingestionBatchWindowSeconds {window}: a limit that is exceeded is announced within two minutes only with"
            f" windows of up to {_TIMELY_WINDOW_SECONDS} seconds; lower it"
        )
    found += [*_unheard(settings), *_never_again(settings), *_out_of_step(settings)]
    found += _of_another_machine(settings, is_emulated=is_emulated)
    if (total := sum(settings.reserved_concurrency.values())) > _RESERVED_AT_MOST:
        found.append(
            f"reservedConcurrency: {total} in all, and an account has 1,000 or less, of which 100 stay unreserved;"
            " lower it, or raise the quota first (aws lambda get-account-settings)"
        )
    found += advice(settings)
    prefix = settings.mqtt_topic_prefix
    if not re.search(rf"(^|[/_-]){re.escape(stack)}($|[/_-])", prefix):
        found.append(
            f"mqttTopicPrefix {prefix} does not name the stack. The broker belongs to the account"
            f" and region: every stack there with this prefix receives the same messages. To give {stack} a prefix of"
            f" its own, put its name in, or pulumi config rm mqttTopicPrefix to use {own_topic_prefix()}; machines must"
            " then publish there"
        )
    return found


def _unheard(settings: "StackSettings") -> list[str]:
    """Return what nobody is notified of."""
    found: list[str] = []
    if settings.alarm_emails and not settings.alarms_enabled:
        found.append("alarmEmails: there are no alarms to tell of; pulumi config set alarmsEnabled true")
    if settings.alarms_enabled and not settings.alarm_emails:
        remedy = _SUBSCRIBE.format(key="alarmEmails")
        found.append(f"alarmEmails: nobody is notified of alarms unless something subscribes to the topic; {remedy}")
    if settings.protect_data and not settings.alarms_enabled:
        found.append("alarmsEnabled: nobody is notified when the platform fails; pulumi config set alarmsEnabled true")
    if settings.protect_data and not settings.notice_emails:
        remedy = _SUBSCRIBE.format(key="noticeEmails")
        found.append(f"noticeEmails: nobody is notified of machines in alarm unless something subscribes; {remedy}")
    return found


def _never_again(settings: "StackSettings") -> list[str]:
    schedules = {
        "simulatorScheduleExpression": settings.simulator_schedule_expression,
        "processingScheduleExpression": settings.processing_schedule_expression,
        "trainingScheduleExpression": settings.training_schedule_expression,
        "snapshotScheduleExpression": settings.snapshot_schedule_expression,
    }
    return [
        f"{key} {expression} runs once, and not at all where that moment is over; rate(...) and cron(...) come again"
        for key, expression in schedules.items()
        if expression.startswith("at(")
    ]


def _out_of_step(settings: "StackSettings") -> list[str]:
    """Return schedules that do not fit what depends on their interval."""
    found: list[str] = []
    simulated = intervals(settings.simulator_schedule_expression)
    catch_up = timedelta(minutes=settings.maximum_catch_up_minutes)
    if settings.simulator_enabled and simulated and simulated.longest > catch_up:
        found.append(
            f"maximumCatchUpMinutes {settings.maximum_catch_up_minutes}: runs of the simulator lie"
            f" {_hours(simulated.longest)} apart, and what exceeds it is never simulated; raise it"
        )
    processed = intervals(settings.processing_schedule_expression)
    if processed is None:
        return found
    if processed.shortest < timedelta(seconds=settings.processing_timeout_seconds):
        found.append(
            f"processingTimeoutSeconds {settings.processing_timeout_seconds}: the next run may begin before, and two at"
            " once compute the same twice; lower it, or let processingScheduleExpression come less often"
        )
    stale, hop = timedelta(hours=settings.features_stale_after_hours), timedelta(minutes=settings.feature_hop_minutes)
    if processed.longest + hop > stale:
        found.append(
            f"featuresStaleAfterHours {settings.features_stale_after_hours}: runs of processing lie"
            f" {_hours(processed.longest)} apart, so sound features are called stale in between; raise it"
        )
    if settings.alarms_enabled and processed.longest >= timedelta(hours=settings.processing_late_after_hours):
        found.append(
            f"processingLateAfterHours {settings.processing_late_after_hours}: runs of processing lie"
            f" {_hours(processed.longest)} apart, so the alarm is on in between; raise it"
        )
    return found


def _of_another_machine(settings: "StackSettings", *, is_emulated: bool) -> list[str]:
    hosts = {"lambdaPython": settings.lambda_python, "lambdaArchitecture": settings.lambda_architecture}
    return [
        f"{key} host: a deployment from another computer may change every function and layer; name one"
        for key, value in hosts.items()
        if value == "host" and not is_emulated
    ]


def _hours(interval: timedelta) -> str:
    return f"{interval / timedelta(hours=1):g} h"
