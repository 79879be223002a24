"""The words of a message about an alarm episode: what, why, what to do, and by what id it goes on being known.

Many changes at once are one message: how many of which kind, and the worst by name.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mlops_core.alerting.episodes import AlarmSource, Episode, Stage, StepKind

MOST_NOTICES: Final = 10
"""Most messages of one run; more changes than that are one message."""

_NAMED_AT_MOST: Final = 50
_SUBJECT_LIMIT: Final = 100  # of SNS
_TO_DO: Final = {
    Stage.WATCH: "Plan an inspection within days.",
    Stage.ACT: "Inspect it within hours; stop it where that is the safer choice.",
}
_HEADLINES: Final = {
    AlarmSource.FAILURE: ("{machine_id} has failed", "{machine_id} is back in service"),
    AlarmSource.LIMIT: (
        "{stage}: {machine_id} {subject} is beyond its limit",
        "{machine_id} {subject} is back within its limits",
    ),
    AlarmSource.SILENCE: ("{machine_id} {subject} is silent", "{machine_id} {subject} is heard again"),
    AlarmSource.ANOMALY: ("{stage}: {machine_id} behaves unusually", "{machine_id} is back to normal"),
    AlarmSource.FAILURE_MODEL: ("{stage}: {machine_id} is likely to fail", "{machine_id} is back to normal"),
}
"""What is said of an episode that is open, and of one that has ended."""
_PREFIXES: Final = {StepKind.REMINDED: "UNANSWERED, ", StepKind.UNSHELVED: "Back from the shelf, "}
_AFTER_A_FAILURE: Final = (
    "Stop it if it still runs, and find out what failed. No prediction is made of it until it is back in service; then"
    " record the repair: mlops maintenance record {machine_id} --kind repair --at WHEN."
)
_TO_DO_FIRST: Final = (
    "What to do: begin with the first. If many machines change together, suspect what they share: power, network, a"
    " gateway, a model. Reasons: mlops alarms, and mlops machine MACHINE."
)


@dataclass(frozen=True)
class Notice:
    """A notification: `subject` of at most 100 ASCII characters, and `text`."""

    subject: str
    text: str


def first_lines(lines: Sequence[str]) -> list[str]:
    """Return as many lines as a message lists, and how many more there are."""
    more = len(lines) - _NAMED_AT_MOST
    return [*lines[:_NAMED_AT_MOST], *([f"and {more} more"] if more > 0 else [])]


def episode_notice(episode: Episode) -> Notice:
    """Return the notification of an episode that was opened, raised or closed, or that is unacknowledged."""
    title = headline(episode)
    if episode.is_open:
        details = ["Why:", *(f"- {reason}" for reason in episode.reasons), f"What to do: {_to_do(episode)}"]
        if is_reminder(episode):
            details.append(f"Answer it: mlops alarms acknowledge {episode.id}")
    else:
        closed = "" if episode.closed is None else f" at {episode.closed:%Y-%m-%d %H:%M} UTC"
        details = [f"It was {episode.stage} since {episode.opened:%Y-%m-%d %H:%M} UTC and ended{closed}."]
    return Notice(title[:_SUBJECT_LIMIT], "\n".join([f"{title}.", *details, f"Episode {episode.id}."]))


def headline(episode: Episode) -> str:
    """Return what has become of an episode, in one line."""
    newest = _newest(episode)
    opened, ended = _HEADLINES[episode.source]
    words = (opened if episode.is_open else ended).format_map(vars(episode))
    return f"{_PREFIXES.get(newest, '') if newest else ''}{words}"


def is_reminder(episode: Episode) -> bool:
    """Whether the pending notification of an episode is a reminder."""
    return _newest(episode) is StepKind.REMINDED


def _newest(episode: Episode) -> StepKind | None:
    return episode.steps[-1].kind if episode.steps else None


def _to_do(episode: Episode) -> str:
    if episode.source is AlarmSource.FAILURE:
        return _AFTER_A_FAILURE.format(machine_id=episode.machine_id)
    return _TO_DO[episode.stage]


def digest_notice(episodes: Sequence[Episode]) -> Notice:
    """Return one message about changes of many episodes, worst first: failed, ACT, WATCH, then what ended."""
    worst_first = sorted(episodes, key=lambda episode: (_rank(episode), episode.opened, episode.machine_id))
    kinds = Counter(_kind(episode) for episode in worst_first)
    machines = len({episode.machine_id for episode in episodes})
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    text = [
        f"{len(episodes)} alarms of {machines} machines have changed at once: {counts}.",
        *first_lines([f"- {headline(episode)}. Episode {episode.id}." for episode in worst_first]),
        _TO_DO_FIRST,
    ]
    return Notice(f"{len(episodes)} alarms changed: {counts}"[:_SUBJECT_LIMIT], "\n".join(text))


def _rank(episode: Episode) -> int:
    if not episode.is_open:
        return 3
    return 0 if episode.source is AlarmSource.FAILURE else 2 - episode.stage.urgency


def _kind(episode: Episode) -> str:
    if not episode.is_open:
        return "ended"
    return "failed" if episode.source is AlarmSource.FAILURE else str(episode.stage)
