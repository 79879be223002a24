"""``mlops alarms``: the alarm episodes of a stack, and the answers to them."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Annotated

import typer

from ops.console import print_answer, print_listing
from ops.errors import OptionError
from ops.options import AsJson, By, OutputsFile, StackName, open_stack, parse_length

if TYPE_CHECKING:
    from mlops_core.alerting.episodes import Alarm as StoredAlarm, Episode

app = typer.Typer(invoke_without_command=True, help="Alarm episodes: list, acknowledge, begin the work, shelve, close.")

EpisodeId = Annotated[
    str, typer.Argument(help="The episode's id, as `mlops alarms list` shows it; or a machine with one open alarm.")
]
Note = Annotated[str | None, typer.Option("--note", help="What was seen, or will be done.")]
OfMachine = Annotated[str | None, typer.Option("--machine", help="Only this machine.")]


@app.callback()
def alarms(
    context: typer.Context, stack: StackName = "local", outputs: OutputsFile = None, as_json: AsJson = False
) -> None:
    """Alarm episodes: list, acknowledge, begin the work, shelve, close. Without a verb, they are listed."""
    if context.invoked_subcommand is None:
        list_alarms(stack=stack, outputs=outputs, as_json=as_json)


@app.command("list")
def list_alarms(
    machine: OfMachine = None,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that have not ended.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """List the alarm episodes of the last 14 days, the open and most urgent first."""
    from handlers.stores import recent_episodes
    from mlops_core.page import episode_alarm

    episodes = recent_episodes(open_stack(stack, outputs).alarms, datetime.now(UTC))
    documents = [episode_alarm(episode) for of_machine in episodes.values() for episode in of_machine]
    chosen = [
        alarm for alarm in documents if machine in {None, alarm.machine} and not (is_open and alarm.state == "CLOSED")
    ]
    ordered = sorted(chosen, key=lambda alarm: (alarm.state == "CLOSED", alarm.stage, alarm.machine))
    print_listing(
        {"stack": stack, "alarms": [alarm.model_dump() for alarm in ordered]},
        f"Alarms of {stack}",
        ["machine", "stage", "life", "why", "since (UTC)", "episode"],
        [[a.machine, a.stage, a.verdict or a.state, a.why, a.steps[0].at, a.id] for a in ordered],
        as_json=as_json,
        unbroken=["machine", "stage"],
        if_empty="No alarms in the last 14 days.",
    )


@app.command("acknowledge")
def acknowledge(
    episode: EpisodeId,
    note: Note = None,
    by: By = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say that you have seen an alarm and take care of it: the reminders stop."""
    _answer(episode, stack, outputs, as_json=as_json, action="acknowledge", note=note, by=by)


@app.command("begin")
def begin(
    episode: EpisodeId,
    note: Note = None,
    by: By = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Say that the work has begun."""
    _answer(episode, stack, outputs, as_json=as_json, action="begin_work", note=note, by=by)


@app.command("shelve")
def shelve(
    episode: EpisodeId,
    until: Annotated[str, typer.Option("--until", help="When it comes back: 2026-01-31T09:30:00Z, say; or 8h, 2d.")],
    note: Note = None,
    by: By = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a WATCH aside until a moment within 30 days. If it becomes ACT, it comes back at once."""
    if "T" not in until and " " not in until:
        until = (datetime.now(UTC) + parse_length(until, "--until")).isoformat()
    _answer(episode, stack, outputs, as_json=as_json, action="shelve", until=until, note=note, by=by)


@app.command("close")
def close(
    episode: EpisodeId,
    verdict: Annotated[str, typer.Option("--verdict", help="fault-found, no-fault or sensor-fault.")],
    mode: Annotated[str | None, typer.Option("--mode", help="Of a fault that was found: which.")] = None,
    note: Note = None,
    by: By = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Close an alarm with what was found. The next model learns from it, from "no fault" too."""
    given = verdict.upper().replace("-", "_")
    _answer(
        episode, stack, outputs, as_json=as_json, action="close", verdict=given, failure_mode=mode, note=note, by=by
    )


def _answer(
    named: str, stack: str, outputs: OutputsFile, *, as_json: bool, by: str | None, **fields: str | None
) -> None:
    from ops.ui.actions import read_answer

    answer = read_answer({**{k: v for k, v in fields.items() if v is not None}, "stated_name": by or getuser()})
    loaded = open_stack(stack, outputs)
    episode_id = named if "." in named else _only_open(loaded.alarms.of_machine(named), named)
    after = loaded.alarms.answer(episode_id, answer, principal=loaded.principal, now=datetime.now(UTC))
    document = {"stack": stack, "episode": after.model_dump(mode="json") | {"id": after.id}}
    print_answer(document, f"{after.id}: {_summary(after)}.", as_json=as_json)


def _summary(episode: "Episode") -> str:
    if episode.verdict is not None:
        still = ", open until the machine is back in service" if episode.is_open else ""
        return f"{episode.verdict.replace('_', ' ').lower()}{still}"
    until = "" if episode.shelved_until is None else f" until {episode.shelved_until:%Y-%m-%d %H:%M} UTC"
    return f"{episode.life.replace('_', ' ').lower()}{until}"


def _only_open(stored: "list[StoredAlarm]", machine_id: str) -> str:
    """Return the id of a machine's one open episode; OptionError where it has none, or several."""
    found = [each.episode.id for each in stored if each.episode is not None and each.is_open]
    if len(found) != 1:
        known = f"its open alarms are {', '.join(found)}" if found else "it has no open alarm"
        raise OptionError(f"{machine_id} does not say which alarm is meant: {known}.", "Give the episode's id.")
    return found[0]
