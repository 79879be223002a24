from .alarms import (
    MOST_ATTEMPTS as MOST_ATTEMPTS,
    AlarmContendedError as AlarmContendedError,
    Alarms as Alarms,
)
from .attributes import (
    machine_attributes as machine_attributes,
    replaced_sensors as replaced_sensors,
)
from .backfill_notes import (
    BackfillNotes as BackfillNotes,
)
from .baseline_registry import (
    BaselineRegistry as BaselineRegistry,
)
from .beginnings import (
    Beginnings as Beginnings,
)
from .champion_trial import (
    try_stored as try_stored,
)
from .channels import (
    load_channels as load_channels,
)
from .checkpoint import (
    checkpoint_object as checkpoint_object,
    current_layout as current_layout,
    recovered_checkpoint as recovered_checkpoint,
)
from .clients import (
    THREADS as THREADS,
)
from .damage import (
    DamageRecords as DamageRecords,
)
from .device_registry import (
    Certificate as Certificate,
    DeviceRegistry as DeviceRegistry,
)
from .event_bus import (
    EventBus as EventBus,
)
from .event_history import (
    EventHistory as EventHistory,
)
from .feature_history import (
    FeatureHistory as FeatureHistory,
)
from .fleet import (
    FleetStore as FleetStore,
)
from .fleet_page import (
    STALE_AFTER as STALE_AFTER,
    read_page as read_page,
    recent_episodes as recent_episodes,
)
from .items import (
    DamagedItem as DamagedItem,
    log_damaged as log_damaged,
)
from .known_machines import (
    FleetSources as FleetSources,
    SimulatedMachines as SimulatedMachines,
    read_fleet as read_fleet,
)
from .label_history import (
    REPORTED as REPORTED,
    LabelEntry as LabelEntry,
    LabelHistory as LabelHistory,
    MaintenanceConflictError as MaintenanceConflictError,
    last_return as last_return,
)
from .lake import (
    DataLake as DataLake,
    ObjectMovedError as ObjectMovedError,
)
from .last_seen import (
    Channels as Channels,
    last_seen_object as last_seen_object,
)
from .machine_facts import (
    UNKNOWN as UNKNOWN,
    Known as Known,
    MachineKnowledge as MachineKnowledge,
    replaced_of as replaced_of,
)
from .machine_state import (
    MachineStates as MachineStates,
    SavedState as SavedState,
)
from .machines import (
    Machines as Machines,
)
from .model_registry import (
    ChampionMovedError as ChampionMovedError,
    ModelRegistry as ModelRegistry,
    UnknownModelError as UnknownModelError,
)
from .newest_features import (
    NewestFeatures as NewestFeatures,
)
from .notices import (
    Notifier as Notifier,
)
from .online_features import (
    FeatureRow as FeatureRow,
    OnlineFeatures as OnlineFeatures,
)
from .page_snapshots import (
    PageSnapshots as PageSnapshots,
)
from .partitions import (
    DamagedPartitionError as DamagedPartitionError,
    OutdatedPartitionError as OutdatedPartitionError,
    Partitions as Partitions,
    decode_each as decode_each,
    decode_parquet as decode_parquet,
    encode_parquet as encode_parquet,
    rows_of as rows_of,
    slices_of as slices_of,
)
from .predictions import (
    Predictions as Predictions,
    scores_object as scores_object,
)
from .publisher import (
    Publisher as Publisher,
)
from .quarantine import (
    AT_ONCE as AT_ONCE,
    Quarantine as Quarantine,
    Refused as Refused,
    Unreadable as Unreadable,
    days_until as days_until,
)
from .ranking import (
    ranking_object as ranking_object,
)
from .readings import (
    read_objects as read_objects,
    stored_dates as stored_dates,
    stored_readings as stored_readings,
    stored_versions as stored_versions,
)
from .recipes import (
    recipe_of as recipe_of,
    stack_recipe as stack_recipe,
)
from .serving import (
    NoModelError as NoModelError,
    Serving as Serving,
    load_servable as load_servable,
)
from .versioned import (
    Stored as Stored,
    VersionedObject as VersionedObject,
)
