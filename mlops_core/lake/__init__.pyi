from .checkpoint import (
    Built as Built,
    Checkpoint as Checkpoint,
)
from .compaction import (
    OBJECTS_AT_ONCE as OBJECTS_AT_ONCE,
    distinct_readings as distinct_readings,
    is_to_be_compacted as is_to_be_compacted,
    replaced_object as replaced_object,
)
from .damage import (
    Damage as Damage,
    damage_id as damage_id,
)
from .decoding import (
    MalformedLine as MalformedLine,
    OnMalformed as OnMalformed,
    decode_events as decode_events,
    decode_failures as decode_failures,
    decode_readings as decode_readings,
)
from .history import (
    encode_history as encode_history,
)
from .json_lines import (
    encode_events as encode_events,
    encode_readings as encode_readings,
)
from .keys import (
    ACCEPTED_DAMAGE_PREFIX as ACCEPTED_DAMAGE_PREFIX,
    BACKFILLS_PREFIX as BACKFILLS_PREFIX,
    BASELINE_CHAMPION_KEY as BASELINE_CHAMPION_KEY,
    BASELINES_PREFIX as BASELINES_PREFIX,
    BEGINNINGS_KEY as BEGINNINGS_KEY,
    BUCKETS_PREFIX as BUCKETS_PREFIX,
    CHAMPION_KEY as CHAMPION_KEY,
    CHANNELS_PREFIX as CHANNELS_PREFIX,
    CHECKPOINT_KEY as CHECKPOINT_KEY,
    COMPACTED_PREFIX as COMPACTED_PREFIX,
    DAMAGED_PREFIX as DAMAGED_PREFIX,
    EARLIER_EVENTS_KEY as EARLIER_EVENTS_KEY,
    EVENT_DAYS_PREFIX as EVENT_DAYS_PREFIX,
    EVENTS_PREFIX as EVENTS_PREFIX,
    FEATURES_PREFIX as FEATURES_PREFIX,
    FLEET_PREFIX as FLEET_PREFIX,
    FRESHNESS_KEY as FRESHNESS_KEY,
    LAYOUT_KEY as LAYOUT_KEY,
    MAXIMUM_SHARDS as MAXIMUM_SHARDS,
    MODELS_PREFIX as MODELS_PREFIX,
    NEWEST_KEY as NEWEST_KEY,
    OVERSIZE_PREFIX as OVERSIZE_PREFIX,
    PAGE_KEY as PAGE_KEY,
    PREDICTIONS_PREFIX as PREDICTIONS_PREFIX,
    QUARANTINE_PREFIX as QUARANTINE_PREFIX,
    RANKING_KEY as RANKING_KEY,
    RAW_PREFIX as RAW_PREFIX,
    REPLACED_PREFIX as REPLACED_PREFIX,
    SCORES_KEY as SCORES_KEY,
    TRAINING_PREFIX as TRAINING_PREFIX,
    TRIALS_PREFIX as TRIALS_PREFIX,
    RawObject as RawObject,
    Sources as Sources,
    buckets_hour as buckets_hour,
    buckets_key as buckets_key,
    buckets_prefix as buckets_prefix,
    channels_key as channels_key,
    compacted_hour as compacted_hour,
    compacted_key as compacted_key,
    day_paths as day_paths,
    event_day_key as event_day_key,
    events_key as events_key,
    features_key as features_key,
    features_prefix as features_prefix,
    hour_of_text as hour_of_text,
    hour_path as hour_path,
    hour_text as hour_text,
    quarantine_key as quarantine_key,
    raw_hour as raw_hour,
    raw_key as raw_key,
    replaced_key as replaced_key,
    shard_of as shard_of,
    trial_key as trial_key,
)
from .layout import (
    Layout as Layout,
)
from .quarantine import (
    QuarantineRecord as QuarantineRecord,
    decode_quarantine as decode_quarantine,
    encode_quarantine as encode_quarantine,
)
from .seal import (
    BLANK_SEAL as BLANK_SEAL,
    is_as_sealed as is_as_sealed,
    sealed as sealed,
    values_problem as values_problem,
)
