"""Where the data lake holds what: object keys, partitions and shards.

Shards exist under processed/ only. The first release wrote raw objects under `hour=HH/shard=NN/`, which are still read.
No key holds anything that a sender chose. Keys of raw data end in the hash of their content: the same batch, delivered
again in any order, has the same key, and a put with `If-None-Match: *` makes it a no-op.

    raw/date=YYYY-MM-DD/hour=HH/<sha256>.jsonl.gz                  readings as received, by the hour of their event time
    compacted/date=YYYY-MM-DD/hour=HH/readings.parquet             the distinct readings of an hour, once it is closed
    replaced/date=YYYY-MM-DD/hour=HH/<sha256>.jsonl.gz             the bytes of the raw objects that compaction took in
    events/date=YYYY-MM-DD/hour=HH/<sha256>.jsonl.gz               failure events, likewise
    quarantine/date=YYYY-MM-DD/<sha256>.json.gz                    one refused message, by the day it was received
    processed/buckets/date=YYYY-MM-DD/hour=HH/shard=NN.parquet     statistics, by the hour in which they begin
    processed/features/date=YYYY-MM-DD/hour=HH/shard=NN.parquet    feature rows, by the hour of their window end
    processed/events/date=YYYY-MM-DD.parquet                   the events of a day, each with the object that brought it
    processed/events/earlier.parquet                           the last event of each kind and code before some moment
    processed/checkpoint.json
    processed/newest.npz                                       the newest feature row of every machine
    processed/backfills/<job>/...                                  what a backfill has to do, and has done
    processed/layout.json                                          from which hour on there are how many shards
    freshness/channels.json                                        when each channel was last seen, and who is silent
    channels/<sha256>.json                                         what is measured: a stack's channels, at some time
    training/<execution>/...                                       what one training learned from and how it was judged
    pages/fleet.html                                               the fleet's page as a file, for a link to it
    trials/date=YYYY-MM-DD.json                                    what the champion predicted against what happened
    damaged/<id>.json                                              which version of which object cannot be read, and why
    damaged/accepted/<id>.json                                     the same, where nothing more is to be done about it
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from mlops_core.errors import InvalidArgumentError, MalformedObjectError
from mlops_core.time import utc_text

CHECKPOINT_KEY: Final = "processed/checkpoint.json"
LAYOUT_KEY: Final = "processed/layout.json"
FRESHNESS_KEY: Final = "freshness/channels.json"
RAW_PREFIX: Final = "raw/"
COMPACTED_PREFIX: Final = "compacted/"
REPLACED_PREFIX: Final = "replaced/"
EVENTS_PREFIX: Final = "events/"
QUARANTINE_PREFIX: Final = "quarantine/"
TRAINING_PREFIX: Final = "training/"
DAMAGED_PREFIX: Final = "damaged/"
ACCEPTED_DAMAGE_PREFIX: Final = f"{DAMAGED_PREFIX}accepted/"
OVERSIZE_PREFIX: Final = "oversize/"
"""Of records of damage alone: what a machine sent in an hour (`oversize/date=/hour=/machine`) and no memory holds."""
BUCKETS_PREFIX: Final = "processed/buckets/"
FEATURES_PREFIX: Final = "processed/features/"
BACKFILLS_PREFIX: Final = "processed/backfills/"
EVENT_DAYS_PREFIX: Final = "processed/events/"
EARLIER_EVENTS_KEY: Final = f"{EVENT_DAYS_PREFIX}earlier.parquet"
"""Of each machine, kind and code the last event before a moment, `until`, which the object names itself."""
TRIALS_PREFIX: Final = "trials/"
PREDICTIONS_PREFIX: Final = "predictions/"
FLEET_PREFIX: Final = "fleet/"
SCORES_KEY: Final = f"{FLEET_PREFIX}scores.json.gz"
"""The newest score of every machine."""
RANKING_KEY: Final = f"{FLEET_PREFIX}ranking.json.gz"
"""What was predicted of the worst machines by the newest scoring run."""
PAGE_KEY: Final = "pages/fleet.html"
MODELS_PREFIX: Final = "models/"
CHAMPION_KEY: Final = f"{MODELS_PREFIX}champion.json"
BASELINES_PREFIX: Final = "baselines/"
BASELINE_CHAMPION_KEY: Final = f"{BASELINES_PREFIX}champion.json"
CHANNELS_PREFIX: Final = "channels/"
BEGINNINGS_KEY: Final = "processed/beginnings.parquet"
"""The first feature rows of each machine, which drift and age count from (`FeatureRecipe.beginnings`)."""

NEWEST_KEY: Final = "processed/newest.npz"
"""The newest feature row of every machine, as the online store has it, with drift and age."""

# Two digits in a key.
MAXIMUM_SHARDS: Final = 100

_HOUR: Final = r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)"
_RAW_KEY: Final = re.compile(rf"raw/{_HOUR}/(?:shard=\d\d/)?[0-9a-f]{{64}}\.jsonl\.gz", re.ASCII)
_COMPACTED_KEY: Final = re.compile(rf"compacted/{_HOUR}/readings\.parquet", re.ASCII)
_BUCKETS_KEY: Final = re.compile(rf"processed/buckets/{_HOUR}/shard=\d\d\.parquet", re.ASCII)
_HOUR_TEXT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d", re.ASCII)


class RawObject(NamedTuple):
    """An object to put: if `key` exists already, its content is the same."""

    key: str
    body: bytes


class Sources(NamedTuple):
    """What the readings of one hour are read from.

    compacted: the version (ETag) of the compacted object; None where there is none. raw: the keys of the raw objects
    beside it, in order.
    """

    compacted: str | None = None
    raw: tuple[str, ...] = ()

    @property
    def raw_digest(self) -> str:
        """A digest of the names of the raw objects; empty for none."""
        return sha256("\n".join(self.raw).encode()).hexdigest()[:32] if self.raw else ""


def hour_path(hour: datetime) -> str:
    """Return `date=YYYY-MM-DD/hour=HH` of the UTC hour in which a moment lies."""
    text = utc_text(hour)
    return f"date={text[:10]}/hour={text[11:13]}"


def day_paths(first: datetime, last: datetime) -> list[str]:
    """Return `date=YYYY-MM-DD` of each UTC day from that of `first` to that of `last`."""
    begin, end = first.astimezone(UTC).date(), last.astimezone(UTC).date()
    return [f"date={begin + timedelta(days=number):%Y-%m-%d}" for number in range((end - begin).days + 1)]


def hour_text(hour: datetime) -> str:
    """Return an hour as `2026-11-21T10`."""
    return utc_text(hour)[:13]


def hour_of_text(text: str) -> datetime:
    """Return the hour that `text` names.

    Raises:
        MalformedObjectError: the text names no hour.

    """
    try:
        if _HOUR_TEXT.fullmatch(text):
            return datetime.fromisoformat(f"{text}:00:00+00:00")
    except ValueError:
        pass  # an impossible date or hour
    raise MalformedObjectError(text[:80], "names no hour, as 2026-11-21T10 does")


def raw_key(hour: datetime, content_sha256: str) -> str:
    """Return the key of an object with readings of one hour."""
    return f"{RAW_PREFIX}{hour_path(hour)}/{content_sha256}.jsonl.gz"


def raw_hour(key: str) -> datetime:
    """Return the hour of a raw object's key.

    Raises:
        MalformedObjectError: the key is of another kind.

    """
    return _hour_of_key(key, _RAW_KEY, "a raw object", "Move it out of raw/")


def compacted_key(hour: datetime) -> str:
    """Return the key of the distinct readings of one hour."""
    return f"{COMPACTED_PREFIX}{hour_path(hour)}/readings.parquet"


def compacted_hour(key: str) -> datetime:
    """Return the hour of a compacted object's key.

    Raises:
        MalformedObjectError: the key is of another kind.

    """
    return _hour_of_key(key, _COMPACTED_KEY, "a compacted hour", "Move it out of compacted/")


def replaced_key(hour: datetime, content_sha256: str) -> str:
    """Return the key of the bytes of raw objects that compaction took in."""
    return f"{REPLACED_PREFIX}{hour_path(hour)}/{content_sha256}.jsonl.gz"


def events_key(hour: datetime, content_sha256: str) -> str:
    """Return the key of an object with failure events of one hour."""
    return f"{EVENTS_PREFIX}{hour_path(hour)}/{content_sha256}.jsonl.gz"


def event_day_key(day: str) -> str:
    """Return the key of the events of a day, `date=YYYY-MM-DD`."""
    return f"{EVENT_DAYS_PREFIX}{day}.parquet"


def quarantine_key(day: date, content_sha256: str) -> str:
    """Return the key of a message that was refused on the given (UTC) day."""
    return f"{QUARANTINE_PREFIX}date={day.year:04d}-{day.month:02d}-{day.day:02d}/{content_sha256}.json.gz"


def trial_key(at: datetime) -> str:
    """Return the key of the trial of the (UTC) day of `at`."""
    return f"{TRIALS_PREFIX}date={at.astimezone(UTC):%Y-%m-%d}.json"


def features_key(hour_of_window_end: datetime, shard: int) -> str:
    """Return the key of the feature rows whose window ends lie in one hour."""
    return f"{features_prefix(hour_of_window_end)}shard={_shard_text(shard)}.parquet"


def features_prefix(hour_of_window_end: datetime) -> str:
    """Return what the keys of all feature rows begin with whose window ends lie in one hour."""
    return f"{FEATURES_PREFIX}{hour_path(hour_of_window_end)}/"


def buckets_key(hour: datetime, shard: int) -> str:
    """Return the key of the mergeable statistics of one hour's readings."""
    return f"{buckets_prefix(hour)}shard={_shard_text(shard)}.parquet"


def buckets_hour(key: str) -> datetime:
    """Return the hour of a bucket partition's key.

    Raises:
        MalformedObjectError: the key is of another kind.

    """
    return _hour_of_key(key, _BUCKETS_KEY, "a partition of buckets", f"Move it out of {BUCKETS_PREFIX}")


def channels_key(channels_hash: str) -> str:
    """Return the key of the document of channels whose hash is `channels_hash`."""
    return f"{CHANNELS_PREFIX}{channels_hash}.json"


def buckets_prefix(hour: datetime) -> str:
    """Return what the keys of all statistics of one hour's readings begin with."""
    return f"{BUCKETS_PREFIX}{hour_path(hour)}/"


def _hour_of_key(key: str, pattern: re.Pattern[str], what: str, hint: str) -> datetime:
    match = pattern.fullmatch(key)
    if match is None:
        raise MalformedObjectError(key[:200], f"is not the key of {what}", hint)
    return hour_of_text(f"{match[1]}T{match[2]}")


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
