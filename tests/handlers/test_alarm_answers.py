"""What people do about alarms over HTTP: stored once, with who IAM knows them as, and refused where it does not fit."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlops_core.alerting.episodes import AlarmSource, Episode, EpisodeLife, Stage, StepKind
from tests.handlers import stores
from tests.raised_alarms import raised

LIST, ANSWER = "GET /alarms", "POST /alarms/{episode_id}"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
ANN = "arn:aws:iam::123456789012:user/technician"

Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask(api) -> Ask:
    return api("alarm_answers")


def stored(machine_id: str = "PUMP-1", stage: Stage = Stage.WATCH, **fields: Any) -> Episode:
    alarm = raised(machine_id, stage=stage, opened=NOW - HOUR, **fields)
    assert stores.alarms().save(alarm, now=NOW)
    return alarm.episode


def kept(machine_id: str = "PUMP-1") -> Episode:
    return stores.alarms().load(machine_id, AlarmSource.LIMIT, "vibration").episode


def test_the_open_and_most_urgent_stand_first(ask: Ask):
    stored("CLOSED", Stage.ACT, life=EpisodeLife.CLOSED, closed=NOW)
    stored("PLAN")
    stored("NOW", Stage.ACT)
    listed = ask(LIST)[1]["alarms"]
    assert [each["machine_id"] for each in listed] == ["NOW", "PLAN", "CLOSED"]
    assert [each["machine_id"] for each in ask(LIST, query={"open": "true"})[1]["alarms"]] == ["NOW", "PLAN"]
    status, problem = ask(LIST, query={"open": "perhaps"})
    assert (status, problem["faults"][0]["field"]) == (400, "open")


def test_an_answer_is_kept_with_the_principal_and_the_name_that_was_stated(ask: Ask):
    path = {"episode_id": stored().id}
    status, content = ask(ANSWER, {"action": "acknowledge", "stated_name": "Ann", "note": "on my way"}, path=path)
    assert (status, content["life"]) == (200, "ACKNOWLEDGED")
    seen = kept().steps[-1]
    assert (seen.kind, seen.by, seen.stated_name, seen.note) == (StepKind.ACKNOWLEDGED, ANN, "Ann", "on my way")
    assert ask(ANSWER, {"action": "acknowledge"}, path=path) == (200, content), "a lost answer: it is sent again"


def test_a_verdict_closes_it(ask: Ask):
    body = {"action": "close", "verdict": "FAULT_FOUND", "failure_mode": "bearing"}
    status, content = ask(ANSWER, body, path={"episode_id": stored().id})
    assert (status, content["life"], content["verdict"], content["failure_mode"]) == (
        200,
        "CLOSED",
        "FAULT_FOUND",
        "bearing",
    )
    assert kept().life is EpisodeLife.CLOSED


def test_what_the_episode_does_not_take_is_refused_and_changes_nothing(ask: Ask):
    episode = stored(stage=Stage.ACT)
    until = (datetime.now(UTC) + HOUR).isoformat()
    status, problem = ask(ANSWER, {"action": "shelve", "until": until}, path={"episode_id": episode.id})
    assert (status, problem["error"]) == (409, "REFUSED")
    assert kept().life is EpisodeLife.OPEN


@pytest.mark.parametrize(
    "episode_id", ["NOBODY.limit-vibration.2026-01-01T00:00:00.000000Z", "PUMP-1", "..", "a/b", "\ud800", "A" * 3000]
)
def test_what_is_no_episode_is_a_documented_problem(ask: Ask, episode_id: str):
    stored()
    status, problem = ask(ANSWER, {"action": "acknowledge"}, path={"episode_id": episode_id})
    assert (status, problem["error"]) == (404, "UNKNOWN_ALARM")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{", ""),
        ({}, "action"),
        ({"action": "shelve"}, ""),
        ({"action": "acknowledge", "note": "\x1b[2J"}, "note"),
        ({"action": "acknowledge", "<script>": 1}, ""),
        ({"action": "shelve", "until": 1767225600}, "until"),
    ],
)
def test_a_body_that_is_no_answer_is_refused_with_the_reason(ask: Ask, body, field: str):
    status, problem = ask(ANSWER, body, path={"episode_id": stored().id})
    assert (status, problem["faults"][0]["field"]) == (400, field)
    assert "script" not in json.dumps(problem)


def test_of_two_answers_at_once_both_are_kept(ask: Ask, faults):
    episode = stored()
    alarms = stores.alarms()
    seen = alarms.load("PUMP-1", AlarmSource.LIMIT, "vibration")
    ask(ANSWER, {"action": "acknowledge", "stated_name": "Ann"}, path={"episode_id": episode.id})
    stale = seen.following(episode=seen.episode, evidence="{}", now=NOW)
    assert not alarms.save(stale, now=NOW), "who saw it before is overtaken"
    ask(ANSWER, {"action": "begin_work", "stated_name": "Rui"}, path={"episode_id": episode.id})
    assert [step.stated_name for step in kept().steps] == [None, "Ann", "Rui"]
