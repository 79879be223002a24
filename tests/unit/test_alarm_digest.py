"""One message about many alarms: what people read first is what is worst."""

from datetime import UTC, datetime, timedelta

from mlops_core.alerting.episode_notices import digest_notice
from mlops_core.alerting.episodes import AlarmSource, Episode, Stage

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def episode(machine, stage=Stage.WATCH, source=AlarmSource.FAILURE_MODEL, *, minutes=0):
    return Episode(machine_id=machine, source=source, stage=stage, opened=NOON + timedelta(minutes=minutes))


def test_the_worst_stand_first_and_each_kind_is_counted():
    changed = [
        episode("M-1").ended(NOON),
        episode("M-2"),
        episode("M-3", Stage.ACT, minutes=5),
        episode("M-4", Stage.ACT),
        episode("M-5", Stage.ACT, AlarmSource.FAILURE, minutes=9),
    ]
    notice = digest_notice(changed)
    assert notice.subject == "5 alarms changed: 1 failed, 2 ACT, 1 WATCH, 1 ended"
    lines = notice.text.splitlines()
    assert lines[0] == "5 alarms of 5 machines have changed at once: 1 failed, 2 ACT, 1 WATCH, 1 ended."
    for machine, line in zip(("M-5", "M-4", "M-3", "M-2", "M-1"), lines[1:6], strict=True):
        assert machine in line


def test_of_thousands_fifty_are_named_and_the_message_stays_small():
    notice = digest_notice([episode(f"MACHINE-{number:05}", minutes=number) for number in range(10_000)])
    assert notice.text.count("\n- ") == 50
    assert "and 9950 more" in notice.text
    assert len(notice.text) < 10_000
    assert notice.subject == "10000 alarms changed: 10000 WATCH"
