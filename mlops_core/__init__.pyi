from . import errors as errors
from .condition.anomalies import (
    score_anomalies as score_anomalies,
)
from .condition.baseline import (
    Baseline as Baseline,
)
from .condition.baseline_fit import (
    fit_baseline as fit_baseline,
)
from .condition.severity import (
    ZONE_BOUNDARIES as ZONE_BOUNDARIES,
    EvaluationZone as EvaluationZone,
    ZoneBoundaries as ZoneBoundaries,
    add_evaluation_zones as add_evaluation_zones,
    evaluation_zone as evaluation_zone,
)
from .features.bearings import (
    BearingGeometry as BearingGeometry,
    DefectFrequencies as DefectFrequencies,
)
from .features.computation import (
    compute_features as compute_features,
)
from .features.conditions import (
    ConditionNormaliser as ConditionNormaliser,
)
from .features.derived import (
    add_age as add_age,
    add_drift as add_drift,
    machine_baselines as machine_baselines,
)
from .features.normaliser import (
    learn_normaliser as learn_normaliser,
)
from .features.recipe import (
    FeatureRecipe as FeatureRecipe,
)
from .features.statistics import (
    EXTRA_STATISTICS as EXTRA_STATISTICS,
    STATISTICS as STATISTICS,
)
from .features.waveforms import (
    BURSTS as BURSTS,
    WAVEFORM_FEATURES as WAVEFORM_FEATURES,
    readings_from_waveforms as readings_from_waveforms,
    waveform_features as waveform_features,
)
from .files.failures import (
    FailuresFile as FailuresFile,
    read_failures as read_failures,
)
from .files.layout import (
    FileLayout as FileLayout,
)
from .files.lookout import (
    LookoutDataset as LookoutDataset,
    read_lookout as read_lookout,
)
from .files.readings import (
    ReadingsFile as ReadingsFile,
    read_readings as read_readings,
)
from .files.report import (
    FileReport as FileReport,
)
from .plots.evaluation import (
    plot_evaluation as plot_evaluation,
)
from .plots.fleet import (
    plot_fleet as plot_fleet,
)
from .plots.machine import (
    plot_machine as plot_machine,
)
from .prognosis.bundle import (
    ModelBundle as ModelBundle,
    load_bundle as load_bundle,
)
from .prognosis.bundle_file import (
    load as load,
)
from .prognosis.evaluation import (
    Evaluation as Evaluation,
    evaluate as evaluate,
)
from .prognosis.labels import (
    LABELS as LABELS,
    label_features as label_features,
)
from .prognosis.prediction import (
    Prediction as Prediction,
    predict as predict,
    predict_one as predict_one,
)
from .prognosis.promotion import (
    Verdict as Verdict,
    compare_models as compare_models,
)
from .prognosis.reasons import (
    Reason as Reason,
)
from .prognosis.returns import (
    ReturnsAssumedWarning as ReturnsAssumedWarning,
)
from .prognosis.splits import (
    TimeSplit as TimeSplit,
    split_by_time as split_by_time,
)
from .prognosis.training import (
    TrainingSettings as TrainingSettings,
    train as train,
)
from .prognosis.trees import (
    TreeSettings as TreeSettings,
)
from .simulation.failure_modes import (
    FAILURE_MODES as FAILURE_MODES,
    FailureMode as FailureMode,
)
from .simulation.fleet import (
    SimulatedHistory as SimulatedHistory,
    simulate_fleet as simulate_fleet,
)
from .simulation.law import (
    DegradationLaw as DegradationLaw,
    MaintenancePolicy as MaintenancePolicy,
)
from .simulation.operating_conditions import (
    OperatingConditions as OperatingConditions,
)
from .simulation.sensor_faults import (
    SENSOR_FAULTS as SENSOR_FAULTS,
    FaultyReadings as FaultyReadings,
    SensorFaults as SensorFaults,
    inject_sensor_faults as inject_sensor_faults,
)
from .simulation.truth import (
    RUNS as RUNS,
    TRUTH as TRUTH,
)
from .telemetry.channel import (
    CHANNELS as CHANNELS,
    Channel as Channel,
    channel_registry as channel_registry,
)
from .telemetry.frames import (
    FAILURES as FAILURES,
    MAINTENANCE as MAINTENANCE,
    READINGS as READINGS,
    normalise_failures as normalise_failures,
    normalise_readings as normalise_readings,
)
from .telemetry.grades import (
    grade_sensors as grade_sensors,
)
from .telemetry.message import (
    Event as Event,
    FailureEvent as FailureEvent,
    Message as Message,
    Reading as Reading,
    failure_message as failure_message,
    reading_message as reading_message,
)
from .telemetry.parsing import (
    ParsedMessage as ParsedMessage,
    RefusedElement as RefusedElement,
    parse_message as parse_message,
    parse_messages as parse_messages,
)
from .telemetry.quality import (
    Quality as Quality,
)
from .version import (
    __version__ as __version__,
)
