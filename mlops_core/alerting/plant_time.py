"""Times in messages, in the plant's time zone."""

import re
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2})?) UTC\b")


def in_time_zone(text: str, time_zone: str) -> str:
    """Return `text` with each time of it, `2026-11-30 05:05 UTC`, in an IANA time zone: `2026-11-30 06:05 CET`.

    What is stored stays in UTC, and so do dates that no message wrote. A zone without a short name gives its offset.
    """
    if time_zone == "UTC":
        return text
    zone = ZoneInfo(time_zone)

    def local(match: re.Match[str]) -> str:
        there = datetime.fromisoformat(match[1]).replace(tzinfo=UTC).astimezone(zone)
        return f"{there:%Y-%m-%d %H:%M}{f':{there:%S}' if match[1].count(':') > 1 else ''} {there:%Z}"

    return _TIME.sub(local, text)
