"""Refused messages: counted, shown, and given another chance after a fix."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from handlers.stores.label_history import LabelHistory
from handlers.stores.lake import DataLake
from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.lake import QUARANTINE_PREFIX, encode_failures, encode_readings
from mlops_core.storage.quarantine import QuarantineRecord, decode_quarantine
from mlops_core.telemetry import FailureEvent, Reading, parse_message
from ops.concurrency import in_parallel
from ops.stack import Stack

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

AT_ONCE = 500


class Refused(NamedTuple):
    """A message in quarantine and the key of the object that holds it."""

    key: str
    record: QuarantineRecord


@dataclass
class Retried:
    """What became of refused messages: how many are accepted now, and of the others how many for each reason are not.

    ``first`` and ``last`` are the event times of the accepted ones, so that their features can be computed.
    """

    accepted: int = 0
    still_refused: Counter[str] = field(default_factory=Counter[str])
    first: datetime | None = None
    last: datetime | None = None

    def as_report(self) -> dict[str, object]:
        """As part of a report."""
        return {
            "accepted": self.accepted,
            "still_refused": dict(self.still_refused.most_common()),
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

    def records(self, keys: list[str]) -> Iterator[Refused]:
        """The messages under ``keys``, read in parallel, so many at a time that memory stays bounded."""
        for first in range(0, len(keys), AT_ONCE):
            part = keys[first : first + AT_ONCE]
            for key, body in zip(part, self._lake.read_all(part), strict=True):
                yield Refused(key, decode_quarantine(body))

    def reasons(self, days: Iterable[date]) -> dict[str, int]:
        """How many messages of these days were refused for each reason, the most frequent first."""
        counts = Counter(str(record.reason) for _, record in self.records(self.keys(days)))
        return dict(counts.most_common())


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
    two, a message is in both places, and the next run finds it in quarantine, writes the same
    again and removes it: readers count a reading once wherever it came from. The bucket keeps the removed object as
    an earlier version.
    """

    def __init__(self, client: "S3Client", bucket: str, lake: DataLake, history: LabelHistory, *, shards: int) -> None:
        self._client = client
        self._bucket = bucket
        self._lake = lake
        self._history = history
        self._shards = shards

    def release(self, accepted: list[tuple[str, Reading | FailureEvent]]) -> None:
        """Keep each message, then remove the object under its key."""
        readings = [message for _, message in accepted if isinstance(message, Reading)]
        failures = [message for _, message in accepted if isinstance(message, FailureEvent)]
        objects = [*encode_readings(readings, shards=self._shards), *encode_failures(failures)]
        in_parallel(lambda raw: self._lake.create(*raw), objects, _nothing)
        in_parallel(self._history.record, failures, _nothing)
        in_parallel(lambda entry: self._client.delete_object(Bucket=self._bucket, Key=entry[0]), accepted, _nothing)


def retry(refused: Iterable[Refused], chance: SecondChance, release: Release | None) -> Retried:
    """Judge each message again and release those that are accepted; with no ``release`` only say what would happen."""
    retried = Retried()
    waiting: list[tuple[str, Reading | FailureEvent]] = []

    def settle() -> None:
        if release is not None:
            release.release(waiting)
        retried.count(message for _, message in waiting)
        waiting.clear()

    for key, record in refused:
        judged = chance.judge(record)
        if isinstance(judged, QuarantineReason):
            retried.still_refused[judged] += 1
            continue
        waiting.append((key, judged))
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


def _nothing(_: object) -> None:
    """What is to be done with a result that says no more than that a request succeeded."""


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
