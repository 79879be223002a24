"""Settings that can work, and are rarely meant: a sentence each, with the remedy."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from infra.settings import StackSettings

_SUBSCRIBE = "pulumi config set --path '{key}[0]' NAME@EXAMPLE.COM"


def unheard(settings: "StackSettings") -> list[str]:
    """Return what nobody is told of."""
    found: list[str] = []
    if settings.alarm_emails and not settings.alarms_enabled:
        found.append("alarmEmails: there are no alarms to tell of; pulumi config set alarmsEnabled true")
    if settings.alarms_enabled and not settings.alarm_emails:
        remedy = _SUBSCRIBE.format(key="alarmEmails")
        found.append(f"alarmEmails: nobody is told of alarms unless something subscribes to the topic; {remedy}")
    if settings.protect_data and not settings.alarms_enabled:
        found.append("alarmsEnabled: nobody is told when the platform fails; pulumi config set alarmsEnabled true")
    if settings.protect_data and not settings.notice_emails:
        remedy = _SUBSCRIBE.format(key="noticeEmails")
        found.append(f"noticeEmails: nobody is told of machines in alarm unless something subscribes; {remedy}")
    return found
