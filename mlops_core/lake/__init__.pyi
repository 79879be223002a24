from .checkpoint import (
    Checkpoint as Checkpoint,
)
from .history import (
    encode_history as encode_history,
)
from .json_lines import (
    MalformedLine as MalformedLine,
    decode_events as decode_events,
    decode_failures as decode_failures,
    decode_readings as decode_readings,
    encode_events as encode_events,
    encode_readings as encode_readings,
)
from .keys import (
    CHANNELS_PREFIX as CHANNELS_PREFIX,
    CHECKPOINT_KEY as CHECKPOINT_KEY,
    EVENTS_PREFIX as EVENTS_PREFIX,
    FRESHNESS_KEY as FRESHNESS_KEY,
    MAXIMUM_SHARDS as MAXIMUM_SHARDS,
    QUARANTINE_PREFIX as QUARANTINE_PREFIX,
    RAW_PREFIX as RAW_PREFIX,
    TRAINING_PREFIX as TRAINING_PREFIX,
    Partition as Partition,
    RawObject as RawObject,
    buckets_key as buckets_key,
    channels_key as channels_key,
    events_key as events_key,
    features_key as features_key,
    features_prefix as features_prefix,
    hour_path as hour_path,
    partition_of as partition_of,
    quarantine_key as quarantine_key,
    raw_key as raw_key,
    shard_of as shard_of,
)
from .quarantine import (
    QuarantineRecord as QuarantineRecord,
    decode_quarantine as decode_quarantine,
    encode_quarantine as encode_quarantine,
)
