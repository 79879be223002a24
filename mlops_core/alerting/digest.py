"""Many changes of alarms at once as one message: how many of which kind, and the worst by name."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from mlops_core.alerting.episode_notices import Notice, headline
from mlops_core.alerting.episodes import AlarmSource, Episode

MOST_NOTICES: Final = 10
"""Most messages of one run; more changes than that are one message."""

_NAMED_AT_MOST: Final = 50
_SUBJECT_LIMIT: Final = 100  # of SNS
_TO_DO: Final = (
    "What to do: begin with the first. If many machines change together, suspect what they share: power, network, a"
    " gateway, a model. Reasons: mlops alarms, and mlops machine MACHINE."
)


def digest_notice(episodes: Sequence[Episode]) -> Notice:
    """Return one message about changes of many episodes, worst first: failed, ACT, WATCH, then what ended."""
    worst_first = sorted(episodes, key=lambda episode: (_rank(episode), episode.opened, episode.machine_id))
    kinds = Counter(_kind(episode) for episode in worst_first)
    machines = len({episode.machine_id for episode in episodes})
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    more = len(worst_first) - _NAMED_AT_MOST
    text = [
        f"{len(episodes)} alarms of {machines} machines have changed at once: {counts}.",
        *(f"- {headline(episode)}. Episode {episode.id}." for episode in worst_first[:_NAMED_AT_MOST]),
        *([f"and {more} more"] if more > 0 else []),
        _TO_DO,
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
