"""Where the data lake holds what: object keys, partitions and shards.

No key holds anything that a sender chose. Keys of raw data end in the hash of their content: the same batch, delivered
again in any order, has the same key, and a put with `If-None-Match: *` makes it a no-op.

    raw/date=YYYY-MM-DD/hour=HH/shard=NN/<sha256>.jsonl.gz         readings, by the hour of their event time
    events/date=YYYY-MM-DD/hour=HH/<sha256>.jsonl.gz               failure events, likewise
    quarantine/date=YYYY-MM-DD/<sha256>.json.gz                    one refused message, by the day it was received
    processed/buckets/date=YYYY-MM-DD/hour=HH/shard=NN.parquet     statistics, by the hour in which they begin
    processed/features/date=YYYY-MM-DD/hour=HH/shard=NN.parquet    feature rows, by the hour of their window end
    processed/checkpoint.json
    freshness/channels.json                                        when each channel was last heard, and who is silent
    channels/<sha256>.json                                         what is measured: a stack's channels, at some time
    training/<execution>/...                                       what one training learned from and how it was judged
"""

import re
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple, Self

from mlops_core.errors import InvalidArgumentError, MalformedObjectError
from mlops_core.time import utc_text

__all__ = [
    "CHANNELS_PREFIX",
    "CHECKPOINT_KEY",
    "EVENTS_PREFIX",
    "FRESHNESS_KEY",
    "MAXIMUM_SHARDS",
    "QUARANTINE_PREFIX",
    "RAW_PREFIX",
    "TRAINING_PREFIX",
    "Partition",
    "RawObject",
    "buckets_key",
    "channels_key",
    "events_key",
    "features_key",
    "features_prefix",
    "hour_path",
    "partition_of",
    "quarantine_key",
    "raw_key",
    "shard_of",
]

CHECKPOINT_KEY: Final = "processed/checkpoint.json"
FRESHNESS_KEY: Final = "freshness/channels.json"
RAW_PREFIX: Final = "raw/"
EVENTS_PREFIX: Final = "events/"
QUARANTINE_PREFIX: Final = "quarantine/"
TRAINING_PREFIX: Final = "training/"
CHANNELS_PREFIX: Final = "channels/"

# Two digits in a key.
MAXIMUM_SHARDS: Final = 100

_RAW_KEY: Final = re.compile(r"raw/date=(\d{4}-\d\d-\d\d)/hour=(\d\d)/shard=(\d\d)/[0-9a-f]{64}\.jsonl\.gz", re.ASCII)


_PARTITION_TEXT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d)/(\d\d)", re.ASCII)


class Partition(NamedTuple):
    """One hour of event time of one shard: the unit in which raw data is listed, read and found changed."""

    hour: datetime
    shard: int

    @property
    def text(self) -> str:
        """The partition as `2026-11-21T10/00`."""
        return f"{utc_text(self.hour)[:13]}/{self.shard:02d}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Return the partition that `text` names. Raises MalformedObjectError where it names none."""
        match = _PARTITION_TEXT.fullmatch(text)
        try:
            if match is not None:
                return cls(datetime.fromisoformat(f"{match[1]}:00:00+00:00"), int(match[2]))
        except ValueError:
            pass  # an impossible date or hour
        raise MalformedObjectError(text[:80], "names no partition, as 2026-11-21T10/00 does")


class RawObject(NamedTuple):
    """An object to put: if `key` exists already, its content is the same."""

    key: str
    body: bytes


def hour_path(hour: datetime) -> str:
    """Return `date=YYYY-MM-DD/hour=HH` of the UTC hour in which a moment lies."""
    text = utc_text(hour)
    return f"date={text[:10]}/hour={text[11:13]}"


def raw_key(hour: datetime, shard: int, content_sha256: str) -> str:
    """Return the key of an object with readings of one hour and shard."""
    return f"{RAW_PREFIX}{hour_path(hour)}/shard={_shard_text(shard)}/{content_sha256}.jsonl.gz"


def events_key(hour: datetime, content_sha256: str) -> str:
    """Return the key of an object with failure events of one hour."""
    return f"{EVENTS_PREFIX}{hour_path(hour)}/{content_sha256}.jsonl.gz"


def quarantine_key(day: date, content_sha256: str) -> str:
    """Return the key of a message that was refused on the given (UTC) day."""
    return f"{QUARANTINE_PREFIX}date={day.year:04d}-{day.month:02d}-{day.day:02d}/{content_sha256}.json.gz"


def features_key(hour_of_window_end: datetime, shard: int) -> str:
    """Return the key of the feature rows whose window ends lie in one hour."""
    return f"{features_prefix(hour_of_window_end)}shard={_shard_text(shard)}.parquet"


def features_prefix(hour_of_window_end: datetime) -> str:
    """Return what the keys of all feature rows begin with whose window ends lie in one hour."""
    return f"processed/features/{hour_path(hour_of_window_end)}/"


def buckets_key(hour: datetime, shard: int) -> str:
    """Return the key of the mergeable statistics of one hour's readings."""
    return f"processed/buckets/{hour_path(hour)}/shard={_shard_text(shard)}.parquet"


def channels_key(channels_hash: str) -> str:
    """Return the key of the document of channels whose hash is `channels_hash`."""
    return f"{CHANNELS_PREFIX}{channels_hash}.json"


def partition_of(key: str) -> Partition:
    """Return the partition of a raw object's key. Raises MalformedObjectError for any other key."""
    match = _RAW_KEY.fullmatch(key)
    if match is None:
        raise MalformedObjectError(key[:200], "is not the key of a raw object", "Move it out of raw/")
    return Partition.from_text(f"{match[1]}T{match[2]}/{match[3]}")


@lru_cache(maxsize=65_536)
def shard_of(machine_id: str, shards: int) -> int:
    """Return the shard, 0 to `shards` - 1, that holds a machine: the same on every machine and in every version."""
    if not 1 <= shards <= MAXIMUM_SHARDS:
        raise InvalidArgumentError("shards", shards, f"must be 1 to {MAXIMUM_SHARDS}")
    return int.from_bytes(sha256(machine_id.encode()).digest()[:8]) % shards


def _shard_text(shard: int) -> str:
    if not 0 <= shard < MAXIMUM_SHARDS:
        raise InvalidArgumentError("shard", shard, f"must be 0 to {MAXIMUM_SHARDS - 1}")
    return f"{shard:02d}"
