"""Refused messages: counted, shown, and given another chance after a fix."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from heapq import nlargest
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from mlops_core.errors import MalformedObjectError, MessageRejectedError, QuarantineReason
from mlops_core.lake import (
    QUARANTINE_PREFIX,
    QuarantineRecord,
    decode_quarantine,
    encode_failures,
    encode_readings,
    hour_path,
)
from mlops_core.telemetry import FailureEvent, Reading, parse_message
from ops.concurrency import in_parallel
from ops.stack import Stack

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AT_ONCE = 500
UNREADABLE = "UNREADABLE"
"""Counted in the place of a reason: an object under quarantine/ that is no record of a refused message."""


class Refused(NamedTuple):
    """A message in quarantine and the key of the object that holds it."""

    key: str
    record: QuarantineRecord


class Unreadable(NamedTuple):
    """An object of the quarantine that holds no record: damaged, or not ours."""

    key: str
    problem: str


class Failed(NamedTuple):
    """A message that is valid now and could not be moved: it stays in quarantine."""

    key: str
    problem: str


@dataclass
class Retried:
    """What became of refused messages: how many are accepted now, and of the others how many for each reason are not.

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

    def count(self, accepted: Iterable[Reading | FailureEvent]) -> None:
        """Add accepted messages."""
        for one in accepted:
            self.accepted += 1
            self.first = min(self.first or one.event_timestamp, one.event_timestamp)
            self.last = max(self.last or one.event_timestamp, one.event_timestamp)


class Quarantine:
    """The quarantine of one lake."""

    def __init__(self, lake: DataLake) -> None:
        self._lake = lake

    def keys(self, days: Iterable[date]) -> list[str]:
        """The keys of what was received on these days, in order."""
        return list(self._lake.versions_under(f"{QUARANTINE_PREFIX}date={day:%Y-%m-%d}/" for day in days))

    def records(self, keys: list[str]) -> Iterator[Refused | Unreadable]:
        """The messages under ``keys``, read in parallel, so many at a time that memory stays bounded."""
        for first in range(0, len(keys), AT_ONCE):
            part = keys[first : first + AT_ONCE]
            for key, body in zip(part, self._lake.read_all(part), strict=True):
                yield _opened(key, body)

    def newest(self, days: Iterable[date], count: int, wanted: Callable[[QuarantineRecord], bool]) -> list[Refused]:
        """The last ``count`` messages of these days that are ``wanted``, the latest received first."""
        found: list[Refused] = []
        for day in sorted(days, reverse=True):
            records = self.records(self.keys([day]))
            matching = (one for one in records if isinstance(one, Refused) and wanted(one.record))
            found += nlargest(count - len(found), matching, key=lambda one: (one.record.received_at, one.key))
            if len(found) == count:
                break
        return found

    def reasons(self, days: Iterable[date]) -> dict[str, int]:
        """How many messages of these days were refused for each reason, the most frequent first."""
        counts = Counter(
            str(one.record.reason) if isinstance(one, Refused) else UNREADABLE for one in self.records(self.keys(days))
        )
        return dict(counts.most_common())


def _opened(key: str, body: bytes) -> Refused | Unreadable:
    try:
        return Refused(key, decode_quarantine(body))
    except MalformedObjectError as error:
        return Unreadable(key, error.message)


@dataclass(frozen=True)
class SecondChance:
    """The rules by which refused messages are judged again: today's code, and the stack's prefix and lateness.

    With ``accept_late`` a message counts as history that is sent on purpose: it is marked as replayed, and no rule
    of lateness applies.
    """

    topic_prefix: str
    allowed_lateness: timedelta
    accept_late: bool = False

    def judge(self, record: QuarantineRecord) -> Reading | FailureEvent | QuarantineReason:
        """What the message says, or the reason for which it is still refused; as of the time when it was received."""
        try:
            accepted = parse_message(
                record.topic,
                record.payload,
                record.received_at,
                topic_prefix=self.topic_prefix,
                allowed_lateness=timedelta.max if self.accept_late else self.allowed_lateness,
            )
        except MessageRejectedError as refusal:
            return refusal.reason
        return accepted.model_copy(update={"replayed": True}) if self.accept_late else accepted


class Release:
    """Moves messages that are accepted now out of quarantine.

    Each goes into the lake first (a failure into the label history too) and is then removed. Stopped between the
    two, a message is in both places, and the next run finds it in quarantine, writes the same again and removes it:
    readers count a reading once wherever it came from. The bucket keeps the removed object as an earlier version.
    """

    def __init__(self, client: "S3Client", bucket: str, lake: DataLake, history: LabelHistory, *, shards: int) -> None:
        self._client = client
        self._bucket = bucket
        self._lake = lake
        self._history = history
        self._shards = shards

    def release(self, accepted: list[tuple[str, Reading | FailureEvent]]) -> list[Failed]:
        """Keep each message, then remove the object under its key; returns the messages that could not be moved.

        Readings of one hour are one object and share its fate; of all else one that fails fails alone.
        """
        hours: defaultdict[str, list[tuple[str, Reading]]] = defaultdict(list)
        failures: list[tuple[str, FailureEvent]] = []
        for key, message in accepted:
            if isinstance(message, Reading):
                hours[hour_path(message.event_timestamp)].append((key, message))
            else:
                failures.append((key, message))
        moves = [
            *(([key for key, _ in group], partial(self._keep_readings, group)) for group in hours.values()),
            *(([key], partial(self._keep_failure, failure)) for key, failure in failures),
        ]
        failed: list[Failed] = []
        in_parallel(lambda move: self._moved(*move), moves, failed.extend)
        return failed

    def _moved(self, keys: list[str], keep: Callable[[], None]) -> list[Failed]:
        try:
            keep()
        except (BotoCoreError, ClientError) as error:
            return [Failed(key, str(error)) for key in keys]
        return [failed for key in keys if (failed := self._removed(key)) is not None]

    def _removed(self, key: str) -> Failed | None:
        try:
            self._client.delete_object(Bucket=self._bucket, Key=key)
        except (BotoCoreError, ClientError) as error:
            return Failed(key, str(error))
        return None

    def _keep_readings(self, group: list[tuple[str, Reading]]) -> None:
        for raw in encode_readings([reading for _, reading in group], shards=self._shards):
            self._lake.create(*raw)

    def _keep_failure(self, failure: FailureEvent) -> None:
        for raw in encode_failures([failure]):
            self._lake.create(*raw)
        self._history.record(failure)


def retry(refused: Iterable[Refused | Unreadable], chance: SecondChance, release: Release | None) -> Retried:
    """Judge each message again and release those that are accepted; with no ``release`` only say what would happen."""
    retried = Retried()
    waiting: dict[str, Reading | FailureEvent] = {}

    def settle() -> None:
        failed = [] if release is None else release.release(list(waiting.items()))
        retried.failed += failed
        for key, _ in failed:
            del waiting[key]
        retried.count(waiting.values())
        waiting.clear()

    for one in refused:
        if isinstance(one, Unreadable):
            retried.unreadable.append(one)
            continue
        judged = chance.judge(one.record)
        if isinstance(judged, QuarantineReason):
            retried.still_refused[judged] += 1
            continue
        waiting[one.key] = judged
        if len(waiting) == AT_ONCE:
            settle()
    settle()
    return retried


def second_chance(stack: Stack, *, accept_late: bool) -> SecondChance:
    """The rules of a stack."""
    lateness = timedelta(hours=int(stack.output("allowed_lateness_hours")))
    return SecondChance(stack.topic_prefix, lateness, accept_late)


def release_of(stack: Stack) -> Release:
    """The way out of a stack's quarantine."""
    bucket, history = (
        stack.output("data_lake_bucket"),
        LabelHistory(stack.dynamodb, stack.output("label_history_table_name")),
    )
    return Release(stack.s3, bucket, stack.lake, history, shards=int(stack.output("lake_shards")))


def days_until(last: datetime, count: int) -> list[date]:
    """The ``count`` UTC days up to the one of ``last``, oldest first."""
    today = last.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in range(count - 1, -1, -1)]


def payload_text(payload: bytes) -> dict[str, str]:
    """The bytes as ``payload_text`` where they are UTF-8, otherwise in hexadecimal as ``payload_hex``."""
    try:
        return {"payload_text": payload.decode()}
    except UnicodeDecodeError:
        return {"payload_hex": payload.hex(" ")}
