"""Refused messages as the lake keeps them: whole, with the reason, so that they can be replayed after a fix."""

import gzip
import json
from base64 import b64decode, b64encode
from datetime import UTC
from hashlib import sha256

from pydantic import AwareDatetime, BaseModel, ConfigDict

from mlops_core.errors import MalformedObjectError, QuarantineReason
from mlops_core.lake.keys import RawObject, quarantine_key
from mlops_core.time import utc_text

__all__ = ["QuarantineRecord", "decode_quarantine", "encode_quarantine"]


class QuarantineRecord(BaseModel):
    """A refused message or element of one: its bytes as they arrived, where, when and why, and the delivery's id.

    `readings` is how many readings an element would have given.
    """

    model_config = ConfigDict(frozen=True)

    reason: QuarantineReason
    detail: str
    topic: str
    payload: bytes
    received_at: AwareDatetime
    message_id: str
    readings: int = 1


def encode_quarantine(record: QuarantineRecord) -> RawObject:
    """Return the object that holds one refused message; the same delivery has the same key whenever it is refused."""
    fields: dict[str, object] = {
        "reason": record.reason,
        "detail": record.detail,
        "topic": record.topic,
        "payload_base64": b64encode(record.payload).decode(),
        "received_at": utc_text(record.received_at),
        "message_id": record.message_id,
    }
    if record.readings != 1:
        fields["readings"] = record.readings
    content = f"{json.dumps(fields, separators=(',', ':'))}\n".encode()
    day = record.received_at.astimezone(UTC).date()
    return RawObject(quarantine_key(day, sha256(content).hexdigest()), gzip.compress(content, mtime=0))


def decode_quarantine(body: bytes) -> QuarantineRecord:
    """Return the record that `encode_quarantine` wrote. Raises MalformedObjectError for anything else."""
    try:
        fields = json.loads(gzip.decompress(body))
        return QuarantineRecord(payload=b64decode(fields.pop("payload_base64"), validate=True), **fields)
    except (OSError, EOFError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MalformedObjectError("quarantine record", f"{type(error).__name__}: {error}") from error
