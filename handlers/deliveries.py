"""Messages as a queue delivers them: opened into elements, kept in the lake, acknowledged when all are durable."""

import binascii
from base64 import b64decode
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from pydantic import AliasChoices, BaseModel, Field, ValidationError

from handlers.logs import logger
from handlers.stores import THREADS, DataLake
from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.lake import QuarantineRecord, RawObject, encode_quarantine
from mlops_core.telemetry import RefusedElement

Message = TypeVar("Message")
Kept = TypeVar("Kept")

MOST_PIECES = 100
"""Objects that one message may put into quarantine."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_TIME_MS = 253_402_300_799_999  # the last millisecond that a datetime holds
_REASONS = {"json_invalid": QuarantineReason.BAD_JSON, "missing": QuarantineReason.MISSING_FIELD}


class Delivered(NamedTuple, Generic[Message]):
    """An element of a message and the record that brought it."""

    record: SQSRecord
    message: Message


Parsed: TypeAlias = tuple[list[Message], list[RefusedElement]]
Parse: TypeAlias = Callable[[str, bytes, datetime], Parsed[Message]]
Groups: TypeAlias = Iterable[Sequence[Delivered[Kept]]]
Done: TypeAlias = list[tuple[Sequence[Delivered[Kept]], bool]]


class Envelope(BaseModel, frozen=True, strict=True):
    """What a topic rule puts around a payload, as JSON; or the report of a rule's failed action, which has no time.

    A dead letter that was put back says with `message_id` which message it was at first.
    """

    payload_base64: str = Field(validation_alias=AliasChoices("payload_base64", "base64OriginalPayload"))
    topic: str
    received_at_ms: int | None = Field(default=None, ge=0, le=_END_OF_TIME_MS)
    message_id: str | None = None


class DurableBatch(BatchProcessor, Generic[Message]):
    """A batch that is opened record by record and kept object by object; a failed put fails exactly its records.

        with batch(records, batch.open):
            batch.process()
            ...

    leaves each element in `accepted` or in `refused`, or, where `parse` raised anything, its record as failed.
    Leaving the block raises BatchProcessingError where every record has failed; otherwise `response` names those.
    """

    def __init__(self, lake: DataLake, parse: Parse[Message]) -> None:
        super().__init__(EventType.SQS)  # pyright: ignore[reportUnknownMemberType] - untyped in Powertools
        self._lake = lake
        self._parse = parse
        self.accepted: list[Delivered[Message]] = []
        self.refused: list[Delivered[QuarantineRecord]] = []
        self._failed: set[str] = set()

    def open(self, record: SQSRecord) -> None:
        """Sort the elements of one record's message: what `parse` (topic, payload, received_at) accepts and refuses."""
        accepted, refused = open_record(record, self._parse)
        self.accepted += map(Delivered, repeat(record), accepted)
        self.refused += map(Delivered, repeat(record), refused)

    def quarantine(self) -> None:
        """Put what was refused into quarantine, one object an element, and count it by reason."""
        kept = self.keep([[refused] for refused in self.refused], lambda refused: list(map(encode_quarantine, refused)))
        counts: Counter[str] = Counter()
        for (refused,), _ in kept:
            counts[refused.message.reason] += refused.message.readings
        for reason, count in counts.items():
            with single_metric(name="MessagesQuarantined", unit=MetricUnit.Count, value=count) as metric:
                metric.add_dimension(name="reason", value=reason)

    def keep(self, groups: "Groups[Kept]", encode: Callable[[list[Kept]], list[RawObject]]) -> "Done[Kept]":
        """Create the objects that hold each group; returns the groups that are durable and whether they are new."""

        def create(messages: list[Kept]) -> bool:
            created = [self._lake.create(*content) for content in encode(messages)]
            return any(created)

        return self.attempt(groups, create)

    def attempt(self, groups: "Groups[Kept]", action: Callable[[list[Kept]], bool]) -> "Done[Kept]":
        """Do `action` for all groups in parallel; where it fails, for whatever reason, the group's records have failed.

        Returns the other groups, each with what `action` gave.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            attempts = [(group, pool.submit(action, [message for _, message in group])) for group in groups]
        done: Done[Kept] = []
        for group, attempt in attempts:
            error = attempt.exception()
            if error is None:
                done.append((group, attempt.result()))
            else:
                self._fail(group, error)
        return done

    def _fail(self, group: "Sequence[Delivered[Kept]]", error: BaseException) -> None:
        for record in {record.message_id: record for record, _ in group}.values():
            if record.message_id in self._failed:
                continue  # another element of the same message has failed already
            self._failed.add(record.message_id)
            self.failure_handler(record, (type(error), error, error.__traceback__))  # pyright: ignore[reportUnknownMemberType] - untyped in Powertools

    def log_failures(self) -> None:
        """Log each error once, however many records it failed."""
        for error in {id(error): error for _, error, _ in self.exceptions if error}.values():
            logger.error("Messages not kept, to be delivered again", exc_info=error)


def grouped(delivered: Iterable[Delivered[Kept]], key: Callable[[Kept], Hashable]) -> list[list[Delivered[Kept]]]:
    """Group messages by what `key` gives for each, in the order in which groups begin."""
    groups: defaultdict[Hashable, list[Delivered[Kept]]] = defaultdict(list)
    for one in delivered:
        groups[key(one.message)].append(one)
    return list(groups.values())


def open_record(record: SQSRecord, parse: Parse[Message]) -> tuple[list[Message], list[QuarantineRecord]]:
    """Return what `parse` (topic, payload, received_at) accepts of a record's message, and what is for quarantine.

    A body that is not an envelope is refused too, whole. A message without a time is of the time when it was sent to
    the queue.
    """
    body = record.body.encode(errors="surrogatepass")
    topic, message_id = "", record.message_id
    received_at = _from_milliseconds(int(record.attributes.sent_timestamp))
    try:
        envelope = _envelope(body)
        payload, topic, message_id = _decoded(envelope), envelope.topic, envelope.message_id or message_id
    except MessageRejectedError as refusal:
        accepted: list[Message] = []
        refused = [RefusedElement(refusal.reason, refusal.detail, body)]
    else:
        if envelope.received_at_ms is not None:
            received_at = _from_milliseconds(envelope.received_at_ms)
        accepted, refused = parse(topic, payload, received_at)
    records = [
        QuarantineRecord(**element._asdict(), topic=topic, received_at=received_at, message_id=message_id)
        for element in _bounded(refused)
    ]
    return accepted, records


def _bounded(refused: list[RefusedElement]) -> list[RefusedElement]:
    """Each refused element by itself; of a message that is refused in thousands of pieces the rest as one array."""
    if len(refused) <= MOST_PIECES:
        return refused
    rest = refused[MOST_PIECES - 1 :]
    joined = b"[" + b",".join(element.payload for element in rest) + b"]"
    detail = f"{rest[0].detail} (and {len(rest) - 1} more elements)"
    merged = RefusedElement(rest[0].reason, detail, joined, sum(element.readings for element in rest))
    return [*refused[: MOST_PIECES - 1], merged]


def _envelope(body: bytes) -> Envelope:
    try:
        return Envelope.model_validate_json(body)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "body"
        reason = _REASONS.get(fault["type"], QuarantineReason.BAD_TYPE)
        raise MessageRejectedError(reason, f"not an envelope: {where}: {fault['msg']}") from None


def _decoded(envelope: Envelope) -> bytes:
    try:
        return b64decode(envelope.payload_base64, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MessageRejectedError(QuarantineReason.BAD_ENCODING, f"not an envelope: payload_base64: {error}") from None


def _from_milliseconds(since_epoch: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=since_epoch)
