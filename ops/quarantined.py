"""Refused messages: counted, shown, and given another chance after a fix."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from contract.environment import HISTORICAL_REACH
from handlers.stores import AT_ONCE, DataLake, LabelHistory, Refused, Unreadable
from mlops_core.lake import (
    QuarantineRecord,
    encode_events,
    encode_quarantine,
    encode_readings,
    hour_path,
)
from mlops_core.telemetry import CHANNELS, Channel, Event, FailureEvent, Reading, parse_messages
from ops.concurrency import in_parallel
from ops.stack import Stack

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

Accepted: TypeAlias = Reading | FailureEvent | Event


class Failed(NamedTuple):
    """A message that is valid now and could not be moved: it stays in quarantine."""

    key: str
    problem: str


class Judged(NamedTuple):
    """A record judged again: what it holds, and what of it is still refused, as the records that take its place.

    ``better`` is how many of its readings or events are accepted now and were not before.
    """

    key: str
    accepted: list[Accepted]
    remainder: list[QuarantineRecord]
    better: int

    @property
    def is_better(self) -> bool:
        """Whether anything of it is to be moved: otherwise all that it holds was let in long ago."""
        return self.better > 0 and bool(self.accepted)


@dataclass
class Retried:
    """What became of what was refused: how many readings and events are accepted now, how many for each reason not.

    ``first`` and ``last`` are the event times of the accepted ones, so that their features can be computed.
    ``failed`` names those that are valid now and could not be moved, ``unreadable`` the objects that are no messages.
    """

    accepted: int = 0
    still_refused: Counter[str] = field(default_factory=Counter[str])
    failed: list[Failed] = field(default_factory=list[Failed])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])
    first: datetime | None = None
    last: datetime | None = None

    def as_report(self) -> dict[str, object]:
        """As part of a report."""
        return {
            "accepted": self.accepted,
            "still_refused": dict(self.still_refused.most_common()),
            "failed": [one._asdict() for one in self.failed],
            "unreadable": [one._asdict() for one in self.unreadable],
            "first": self.first,
            "last": self.last,
        }

    def count(self, moved: Iterable[Judged]) -> None:
        """Add records that were moved."""
        for one in moved:
            self.accepted += one.better
            for message in one.accepted:
                self.first = min(self.first or message.event_timestamp, message.event_timestamp)
                self.last = max(self.last or message.event_timestamp, message.event_timestamp)


@dataclass(frozen=True)
class SecondChance:
    """The rules by which refused messages are judged again: today's code, and the stack's prefix and lateness.

    With ``accept_late`` a message counts as history that is sent on purpose: it is marked as replayed, and may be as
    old as what a device calls historical. A clock that was reset to 1970 is still no history.
    """

    topic_prefix: str
    allowed_lateness: timedelta
    accept_late: bool = False
    historical_reach: timedelta = HISTORICAL_REACH
    channels: Mapping[str, Channel] = CHANNELS

    def judge(self, refused: Refused) -> Judged:
        """What the record holds, and what of it is still refused; as of the time when it was received."""
        record = refused.record
        parsed = parse_messages(
            record.topic,
            record.payload,
            record.received_at,
            topic_prefix=self.topic_prefix,
            channels=self.channels,
            allowed_lateness=self.historical_reach if self.accept_late else self.allowed_lateness,
            historical_reach=self.historical_reach,
        )
        accepted = [_as_history(one) for one in parsed.accepted] if self.accept_late else parsed.accepted
        remainder = [record.model_copy(update=element._asdict()) for element in parsed.refused]
        return Judged(refused.key, accepted, remainder, record.readings - sum(each.readings for each in remainder))


def _as_history(accepted: Accepted) -> Accepted:
    if isinstance(accepted, Reading):
        return accepted._replace(replayed=True)
    return accepted.model_copy(update={"replayed": True})


class Release:
    """Moves messages that are accepted now out of quarantine.

    Each goes into the lake first (a failure into the label history too) and is then removed. Stopped between the
    two, a message is in both places, and the next run finds it in quarantine, writes the same again and removes it:
    readers count a reading once wherever it came from. The bucket keeps the removed object as an earlier version.
    """

    def __init__(self, client: "S3Client", bucket: str, lake: DataLake, history: LabelHistory) -> None:
        self._client = client
        self._bucket = bucket
        self._lake = lake
        self._history = history

    def release(self, judged: list[Judged]) -> list[Failed]:
        """Keep what is accepted, then remove its records; returns those that could not be moved, and stay.

        Readings of one hour are one object and share its fate; of all else one that fails fails alone.
        """
        hours: defaultdict[str, list[tuple[str, Reading]]] = defaultdict(list)
        events: list[tuple[str, FailureEvent | Event]] = []
        for one in judged:
            for message in one.accepted:
                if isinstance(message, Reading):
                    hours[hour_path(message.event_timestamp)].append((one.key, message))
                else:
                    events.append((one.key, message))
        moves = [
            *(({key for key, _ in group}, partial(self._keep_readings, group)) for group in hours.values()),
            *(({key}, partial(self._keep_event, event)) for key, event in events),
        ]
        failed: dict[str, str] = {}
        in_parallel(lambda move: _failed_keys(*move), moves, failed.update)
        kept = [one for one in judged if one.key not in failed]
        in_parallel(lambda one: _failed_keys({one.key}, partial(self._remove, one)), kept, failed.update)
        return [Failed(key, problem) for key, problem in failed.items()]

    def _keep_readings(self, group: list[tuple[str, Reading]]) -> None:
        for raw in encode_readings([reading for _, reading in group]):
            self._lake.create(*raw)

    def _keep_event(self, event: FailureEvent | Event) -> None:
        for raw in encode_events([event]):
            self._lake.create(*raw)
        if isinstance(event, FailureEvent):
            self._history.record(event)

    def _remove(self, one: Judged) -> None:
        for record in one.remainder:
            self._lake.create(*encode_quarantine(record))
        self._client.delete_object(Bucket=self._bucket, Key=one.key)


def _failed_keys(keys: set[str], action: Callable[[], None]) -> dict[str, str]:
    try:
        action()
    except (BotoCoreError, ClientError) as error:
        return dict.fromkeys(keys, str(error))
    return {}


def retry(refused: Iterable[Refused | Unreadable], chance: SecondChance, release: Release | None) -> Retried:
    """Judge each message again and release those that are accepted; with no ``release`` only say what would happen."""
    retried = Retried()
    waiting: list[Judged] = []

    def settle() -> None:
        failed = [] if release is None else release.release(waiting)
        stay = {key for key, _ in failed}
        retried.failed += failed
        retried.count(one for one in waiting if one.key not in stay)
        waiting.clear()

    for one in refused:
        if isinstance(one, Unreadable):
            retried.unreadable.append(one)
            continue
        judged = chance.judge(one)
        for record in judged.remainder:
            retried.still_refused[record.reason] += record.readings
        if not judged.is_better:
            continue
        waiting.append(judged)
        if len(waiting) == AT_ONCE:
            settle()
    settle()
    return retried


def second_chance(stack: Stack, *, accept_late: bool) -> SecondChance:
    """The rules of a stack."""
    lateness, reach = timedelta(hours=stack.outputs.allowed_lateness_hours), stack.outputs.historical_reach_days
    bound = HISTORICAL_REACH if reach is None else timedelta(days=reach)
    return SecondChance(stack.topic_prefix, lateness, accept_late, bound, stack.channels)


def release_of(stack: Stack) -> Release:
    """The way out of a stack's quarantine."""
    return Release(stack.s3, stack.outputs.data_lake_bucket, stack.lake, stack.label_history)


def payload_text(payload: bytes) -> dict[str, str]:
    """The bytes as ``payload_text`` where they are UTF-8, otherwise in hexadecimal as ``payload_hex``."""
    try:
        return {"payload_text": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_hex": payload.hex(" ")}
