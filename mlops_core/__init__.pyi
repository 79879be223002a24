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
    EvaluationZone as EvaluationZone,
    add_evaluation_zones as add_evaluation_zones,
    evaluation_zone as evaluation_zone,
)
from .features.attributes import (
    add_attributes as add_attributes,
    attribute_names as attribute_names,
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
)
from .features.event_features import (
    add_events as add_events,
    event_names as event_names,
)
from .features.normaliser import (
    learn_normaliser as learn_normaliser,
)
from .features.recipe import (
    FeatureRecipe as FeatureRecipe,
)
from .features.statistics import (
    STATISTICS as STATISTICS,
)
from .features.waveforms import (
    readings_from_waveforms as readings_from_waveforms,
    waveform_features as waveform_features,
)
from .files.layout import (
    FileLayout as FileLayout,
)
from .files.logs import (
    read_events as read_events,
    read_failures as read_failures,
)
from .files.lookout import (
    read_lookout as read_lookout,
)
from .files.readings import (
    read_readings as read_readings,
)
from .plots.evaluation import (
    plot_evaluation as plot_evaluation,
)
from .plots.machine import (
    plot_fleet as plot_fleet,
    plot_machine as plot_machine,
)
from .prognosis.bundle import (
    ModelBundle as ModelBundle,
)
from .prognosis.bundle_file import (
    load as load,
)
from .prognosis.evaluation import (
    Evaluation as Evaluation,
    evaluate as evaluate,
)
from .prognosis.frame_prediction import (
    predict as predict,
)
from .prognosis.labels import (
    LABELS as LABELS,
    label_features as label_features,
)
from .prognosis.mode_labels import (
    label_modes as label_modes,
)
from .prognosis.prediction import (
    Prediction as Prediction,
    predict_one as predict_one,
)
from .prognosis.promotion import (
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
from .simulation.fleet import (
    SimulatedHistory as SimulatedHistory,
    simulate_fleet as simulate_fleet,
)
from .simulation.sensor_faults import (
    SensorFaults as SensorFaults,
    inject_sensor_faults as inject_sensor_faults,
)
from .telemetry.channel import (
    CHANNELS as CHANNELS,
    Channel as Channel,
)
from .telemetry.frames import (
    EVENTS as EVENTS,
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
    Reading as Reading,
)
from .telemetry.message_rules import (
    ParsedMessage as ParsedMessage,
)
from .telemetry.parsing import (
    parse_message as parse_message,
    parse_messages as parse_messages,
)
from .telemetry.plausible import (
    ImplausibleValuesWarning as ImplausibleValuesWarning,
)
from .telemetry.quality import (
    Quality as Quality,
)
from .version import (
    __version__ as __version__,
)
