from .anomalies import (
    score_anomalies as score_anomalies,
)
from .baseline import (
    Anomaly as Anomaly,
    Baseline as Baseline,
    ClassBaseline as ClassBaseline,
    anomalies_of as anomalies_of,
    anomaly_of as anomaly_of,
)
from .baseline_bundle import (
    BaselineBundle as BaselineBundle,
    load_baseline as load_baseline,
)
from .baseline_fit import (
    fit_baseline as fit_baseline,
    level_columns as level_columns,
)
from .baseline_training import (
    train_baseline as train_baseline,
)
from .class_steps import (
    ClassStep as ClassStep,
    class_steps as class_steps,
)
from .classes import (
    CATEGORIES as CATEGORIES,
    MachineRecord as MachineRecord,
    PlannedMaintenance as PlannedMaintenance,
)
from .level_shifts import (
    LevelShift as LevelShift,
    level_shifts as level_shifts,
    shift_columns as shift_columns,
)
from .operating_state import (
    ENOUGH_HISTORY as ENOUGH_HISTORY,
    Freshness as Freshness,
    KnownMachine as KnownMachine,
    MachineFacts as MachineFacts,
    OperatingState as OperatingState,
    StateSince as StateSince,
    is_silent as is_silent,
    operating_state as operating_state,
)
from .severity import (
    DEFAULT_BOUNDARIES as DEFAULT_BOUNDARIES,
    ZONE_BOUNDARIES as ZONE_BOUNDARIES,
    EvaluationZone as EvaluationZone,
    ZoneBoundaries as ZoneBoundaries,
    add_evaluation_zones as add_evaluation_zones,
    evaluation_zone as evaluation_zone,
    evaluation_zone_expression as evaluation_zone_expression,
)
