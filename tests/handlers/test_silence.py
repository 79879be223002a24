"""Silence is an event: the scoring run counts silent sensors, tells people of each that turns, once, and names it."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.stores import FeatureRow, checkpoint_object, clients
from mlops_core.lake import Checkpoint
from tests.handlers import stores
from tests.handlers.aws_in_process import InjectedError

HOUR = timedelta(hours=1)
START = datetime(2026, 11, 21, 8, tzinfo=UTC)
SPEAKING = {f"{channel}_count_{hours}h": 60.0 for channel in ("temperature", "vibration") for hours in (1, 6)}
NO_VIBRATION = SPEAKING | {"vibration_count_1h": 0.0}


@pytest.fixture
def score(deploy, counters):
    """Run scoring; returns how many silent channels it counted."""
    invoke = deploy("scoring")

    def run() -> float:
        counters()
        assert invoke({})["model_version"] is None, "it watches with a model or without"
        return counters()["SilentChannels"]

    return run


def commit(until: datetime, *rows: tuple[str, dict[str, float]]) -> None:
    """What a run of processing leaves: feature rows, then the checkpoint."""
    for machine_id, features in rows:
        table = stores.online()
        assert table.offer(FeatureRow(machine_id, until, 1, features), updated_at=until)
    file = checkpoint_object(stores.lake())
    stored = file.load()
    version = stored.value.version + 1 if stored else 0
    file.save(Checkpoint(version=version, processed_from=START, processed_until=until, hours={}), after=stored)


def test_a_sensor_that_falls_silent_and_is_heard_again_is_told_of_once_each(score, aws):
    commit(START, ("PUMP-1", SPEAKING), ("FAN-1", SPEAKING))
    assert (score(), aws.notices()) == (0, [])
    commit(START + HOUR, ("PUMP-1", NO_VIBRATION), ("FAN-1", SPEAKING))
    assert (score(), score()) == (1, 1)
    assert aws.notices() == ["PUMP-1 vibration: silent since before 2026-11-21 08:00 UTC\nSilent in all: 1."]
    commit(START + 2 * HOUR, ("PUMP-1", SPEAKING), ("FAN-1", SPEAKING))
    assert (score(), score()) == (0, 0)
    assert aws.notices()[1:] == ["PUMP-1 vibration: heard again\nSilent in all: 0."]


def test_a_machine_that_says_nothing_at_all_falls_silent_by_the_progress_of_processing(score, aws):
    commit(START, ("PUMP-1", SPEAKING), ("FAN-1", SPEAKING))
    score()
    commit(START + HOUR, ("FAN-1", SPEAKING))
    assert score() == 2
    [text] = aws.notices()
    assert "PUMP-1 temperature: silent" in text
    assert "PUMP-1 vibration: silent" in text


def test_a_fleet_of_which_nothing_comes_falls_silent(score, aws):
    commit(START, ("PUMP-1", SPEAKING), ("FAN-1", SPEAKING))
    score()
    commit(START + 6 * HOUR)
    assert score() == 4
    assert len(aws.notices()) == 1, "one message, however many sensors"


def test_processing_that_stands_still_makes_no_sensor_silent(score, aws):
    commit(START, ("PUMP-1", SPEAKING))
    assert [score() for _ in range(3)] == [0, 0, 0], "although the clock of this test is far ahead"
    assert aws.notices() == []


def test_before_anything_was_processed_nothing_is_silent(score, aws):
    assert score() == 0
    assert aws.objects("freshness/") == {}


def test_a_message_that_was_not_sent_is_sent_by_the_next_run(score, aws, faults):
    commit(START, ("PUMP-1", NO_VIBRATION))
    faults.fail_where(lambda operation, _: operation == "Publish")
    with pytest.raises(InjectedError):
        score()
    faults.clear()
    assert (score(), len(aws.notices())) == (1, 1)
    assert (score(), len(aws.notices())) == (1, 1)


def test_a_rival_that_looked_meanwhile_costs_no_run(score, aws, meanwhile):
    commit(START, ("PUMP-1", NO_VIBRATION))
    meanwhile(clients.sns(), "Publish", lambda: aws.put("freshness/channels.json", b"{}"))
    assert (score(), len(aws.notices())) == (1, 1)
    assert aws.objects("freshness/") == {"freshness/channels.json": b"{}"}


def test_the_channels_are_named_in_the_log(deploy, aws, capsys):
    commit(START, ("PUMP-1", NO_VIBRATION))
    deploy("scoring")({})
    assert '["PUMP-1","vibration"]' in capsys.readouterr().out.replace(" ", "")
