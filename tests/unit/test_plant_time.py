"""Times of messages in the plant's time zone."""

import pytest

from mlops_core.alerting.plant_time import in_time_zone


@pytest.mark.parametrize(
    ("text", "time_zone", "expected"),
    [
        ("since 2026-01-31 23:30 UTC:", "Europe/Berlin", "since 2026-02-01 00:30 CET:"),
        ("since 2026-07-31 23:30 UTC", "Europe/Berlin", "since 2026-08-01 01:30 CEST"),
        ("at 2026-01-31 09:30:05 UTC: it", "America/New_York", "at 2026-01-31 04:30:05 EST: it"),
        ("at 2026-01-31 09:30 UTC", "America/Sao_Paulo", "at 2026-01-31 06:30 -03"),
        ("at 2026-01-31 09:30 UTC", "Asia/Kolkata", "at 2026-01-31 15:00 IST"),
        ("at 2026-01-31 09:30 UTC", "UTC", "at 2026-01-31 09:30 UTC"),
        ("date=2026-01-31/hour=09 of 3 UTC", "Europe/Berlin", "date=2026-01-31/hour=09 of 3 UTC"),
    ],
)
def test_each_time_of_a_text_is_given_as_the_clock_at_the_plant_shows_it(text, time_zone, expected):
    assert in_time_zone(text, time_zone) == expected


def test_both_times_of_a_text_are_given_in_their_own_season():
    text = in_time_zone("from 2026-03-28 12:00 UTC until 2026-03-29 12:00 UTC", "Europe/Berlin")
    assert text == "from 2026-03-28 13:00 CET until 2026-03-29 14:00 CEST"
