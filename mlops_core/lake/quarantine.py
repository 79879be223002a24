"""Refused messages as the lake keeps them: whole, with the reason, so that they can be replayed after a fix."""

import gzip
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer

from mlops_core.errors import MalformedObjectError, QuarantineReason
from mlops_core.lake.keys import RawObject, quarantine_key
from mlops_core.records import UtcInstant, canonical_json, stored_record


def _from_base64(raw: object) -> object:
    return b64decode(raw, validate=True) if isinstance(raw, str) else raw


Payload = Annotated[
    bytes,
    BeforeValidator(_from_base64),
    PlainSerializer(lambda payload: b64encode(payload).decode(), return_type=str),
    Field(alias="payload_base64"),
]


class QuarantineRecord(BaseModel, frozen=True, validate_by_name=True):
    """A refused message or element of one: its bytes as they arrived, where, when and why, and the delivery's id.

    `readings` is how many readings an element would have given.
    """

    reason: QuarantineReason
    detail: str
    topic: str
    payload: Payload
    received_at: UtcInstant
    message_id: str
    readings: int = 1


def encode_quarantine(record: QuarantineRecord) -> RawObject:
    """Return the object that holds one refused message; the same delivery has the same key whenever it is refused."""
    content = canonical_json(record.model_dump(by_alias=True, exclude_defaults=True))
    day = record.received_at.date()
    return RawObject(quarantine_key(day, sha256(content).hexdigest()), gzip.compress(content, mtime=0))


def decode_quarantine(body: bytes) -> QuarantineRecord:
    """Return the record that `encode_quarantine` wrote.

    Raises:
        MalformedObjectError: the body is no such record.

    """
    try:
        content = gzip.decompress(body)
    except (OSError, EOFError) as error:
        raise MalformedObjectError("quarantine record", f"{type(error).__name__}: {error}") from error
    return stored_record(QuarantineRecord, content, where="quarantine record")
