from .attributes import (
    add_attributes as add_attributes,
    attribute_names as attribute_names,
)
from .bearings import (
    BearingGeometry as BearingGeometry,
    DefectFrequencies as DefectFrequencies,
)
from .bucket_schema import (
    BUCKETS as BUCKETS,
)
from .buckets import (
    bucket_readings as bucket_readings,
    features_from_buckets as features_from_buckets,
    merge_buckets as merge_buckets,
)
from .computation import (
    compute_features as compute_features,
)
from .conditions import (
    ConditionNormaliser as ConditionNormaliser,
)
from .derived import (
    RETURNS as RETURNS,
    add_age as add_age,
    add_drift as add_drift,
    machine_baselines as machine_baselines,
    machine_beginnings as machine_beginnings,
    returns_to_service as returns_to_service,
)
from .event_features import (
    add_events as add_events,
    event_names as event_names,
    last_events as last_events,
)
from .names import (
    AGE as AGE,
    DRIFT as DRIFT,
    EVENT_LENGTHS as EVENT_LENGTHS,
    attribute_of as attribute_of,
    check_event_names as check_event_names,
    parse_event_column as parse_event_column,
    parse_feature_name as parse_feature_name,
)
from .normaliser import (
    learn_normaliser as learn_normaliser,
)
from .recipe import (
    FeatureRecipe as FeatureRecipe,
)
from .replacements import (
    REPLACED as REPLACED,
    only_new_sensors as only_new_sensors,
)
from .running import (
    RUNNING as RUNNING,
    is_off as is_off,
)
from .selection import (
    FEW_STATISTICS as FEW_STATISTICS,
    MANY_CHANNELS as MANY_CHANNELS,
    channel_statistics as channel_statistics,
    chosen_statistics as chosen_statistics,
)
from .statistics import (
    EXTRA_STATISTICS as EXTRA_STATISTICS,
    STATISTICS as STATISTICS,
)
from .waveforms import (
    BURSTS as BURSTS,
    WAVEFORM_FEATURES as WAVEFORM_FEATURES,
    readings_from_waveforms as readings_from_waveforms,
    waveform_features as waveform_features,
)
from .windows import (
    Windows as Windows,
    first_window_end as first_window_end,
    length_name as length_name,
)
