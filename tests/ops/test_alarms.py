"""What people do about alarms, from a terminal and from the page: one way, with who IAM knows them as."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.stores import read_page
from mlops_core.alerting.episodes import AlarmSource, Episode, EpisodeLife, Stage, StepKind, Verdict
from ops.errors import OptionError
from ops.ui.actions import alarm_actions
from tests.ops.conftest import Deployed
from tests.ops.test_ui_gather import NOW, raise_alarm

ANN = "arn:aws:iam::1:user/ann"


@pytest.fixture
def loud(deployed: Deployed) -> Deployed:
    raise_alarm(deployed, "LOUD", AlarmSource.LIMIT, Stage.WATCH, "vibration")
    return deployed


def kept(deployed: Deployed, machine_id: str = "LOUD") -> Episode:
    return deployed.stack.alarms.load(machine_id, AlarmSource.LIMIT, "vibration").episode


def test_an_alarm_goes_from_acknowledged_to_a_verdict(loud: Deployed) -> None:
    episode_id = kept(loud).id
    assert loud.json("alarms", "acknowledge", episode_id, "--by", "Ann")["episode"]["life"] == "ACKNOWLEDGED"
    assert loud.run("alarms", "begin", episode_id).exit_code == 0
    closed = loud.json("alarms", "close", episode_id, "--verdict", "fault-found", "--mode", "bearing")
    assert (closed["episode"]["verdict"], closed["episode"]["failure_mode"]) == ("FAULT_FOUND", "bearing")
    kinds = [step.kind for step in kept(loud).steps]
    assert kinds == [StepKind.OPENED, StepKind.ACKNOWLEDGED, StepKind.WORK_BEGUN, StepKind.VERDICT]
    assert kept(loud).steps[1].stated_name == "Ann"
    assert str(kept(loud).steps[1].by).startswith("arn:aws")


def test_a_machine_with_one_open_alarm_names_it(loud: Deployed) -> None:
    assert loud.run("alarms", "shelve", "LOUD", "--until", "8h", "--note", "spare part").exit_code == 0
    assert kept(loud).life is EpisodeLife.SHELVED
    raise_alarm(loud, "LOUD", AlarmSource.FAILURE_MODEL, Stage.ACT)
    assert "does not say which alarm" in loud.refused("alarms", "acknowledge", "LOUD")
    loud.refused("alarms", "acknowledge", "QUIET")


@pytest.mark.parametrize(
    "arguments",
    [
        ("shelve", "LOUD", "--until", "2020-01-01T00:00:00Z"),
        ("shelve", "LOUD", "--until", "soon"),
        ("close", "LOUD", "--verdict", "maybe"),
        ("acknowledge", "LOUD.limit-vibration.2020-01-01T00:00:00.000000Z"),
    ],
)
def test_what_cannot_be_done_is_one_readable_line_and_changes_nothing(loud: Deployed, arguments: tuple[str, ...]):
    refused = loud.run("alarms", *arguments)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    assert kept(loud).life is EpisodeLife.OPEN


def test_the_list_can_be_narrowed(loud: Deployed) -> None:
    raise_alarm(loud, "OTHER", AlarmSource.LIMIT, Stage.ACT, "vibration")
    assert [each["machine"] for each in loud.json("alarms", "list")["alarms"]] == ["OTHER", "LOUD"]
    assert [each["machine"] for each in loud.json("alarms", "list", "--machine", "LOUD")["alarms"]] == ["LOUD"]
    loud.run("alarms", "close", "OTHER", "--verdict", "no-fault")
    assert [each["machine"] for each in loud.json("alarms", "list", "--open")["alarms"]] == ["LOUD"]
    assert "NO FAULT" in loud.run("alarms").stdout


def test_the_page_answers_an_alarm_and_shows_its_life(loud: Deployed) -> None:
    act = alarm_actions(loud.stack, ANN)
    fields = {"alarm_id": kept(loud).id, "machine_id": "LOUD", "stated_name": "Ann"}
    act["acknowledge"](fields | {"note": ""})
    until = (datetime.now(UTC) + timedelta(hours=8)).isoformat()
    act["shelve"](fields | {"note": "spare part", "until": until})
    (alarm,) = read_page(loud.stack.sources, NOW).alarms
    assert (alarm.state, alarm.shelved_why) == ("SHELVED", "spare part")
    assert [step.what for step in alarm.steps] == ["Raised by limit", "Acknowledged", "Shelved: spare part"]
    assert [step.by for step in alarm.steps] == [None, "Ann (user/ann)", "Ann (user/ann)"]
    act["verdict"](fields | {"verdict": "NO_FAULT", "note": "a truck passed"})
    (alarm,) = read_page(loud.stack.sources, NOW).alarms
    assert (alarm.state, alarm.verdict, alarm.verdict_text) == ("CLOSED", "NO FAULT", "a truck passed")
    assert kept(loud).verdict is Verdict.NO_FAULT


def test_the_page_says_why_an_answer_is_refused(loud: Deployed) -> None:
    act = alarm_actions(loud.stack, ANN)
    with pytest.raises(OptionError, match="until belongs to shelve"):
        act["shelve"]({"alarm_id": kept(loud).id})
