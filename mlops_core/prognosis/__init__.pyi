from .bundle import (
    ModelBundle as ModelBundle,
    load_bundle as load_bundle,
)
from .bundle_file import (
    load as load,
)
from .champion import (
    Champion as Champion,
    promoted as promoted,
)
from .evaluation import (
    Evaluation as Evaluation,
    evaluate as evaluate,
)
from .failure import (
    sample_failures as sample_failures,
)
from .frame_prediction import (
    predict as predict,
)
from .labels import (
    LABELS as LABELS,
    label_features as label_features,
)
from .metrics import (
    roc_auc as roc_auc,
)
from .mode_labels import (
    label_modes as label_modes,
)
from .modes import (
    FAILURE_MODE as FAILURE_MODE,
    FailureModes as FailureModes,
)
from .prediction import (
    Prediction as Prediction,
    Refusal as Refusal,
    predict_many as predict_many,
    predict_one as predict_one,
)
from .promotion import (
    Verdict as Verdict,
    compare_models as compare_models,
)
from .ranking import (
    FleetRanking as FleetRanking,
    RankedMachine as RankedMachine,
    rank_fleet as rank_fleet,
)
from .reasons import (
    Reason as Reason,
)
from .returns import (
    ReturnsAssumedWarning as ReturnsAssumedWarning,
)
from .run_sample import (
    STANDS_FOR as STANDS_FOR,
    is_drawn as is_drawn,
    sample_runs as sample_runs,
    without_planned_maintenance as without_planned_maintenance,
)
from .splits import (
    TimeSplit as TimeSplit,
    split_by_time as split_by_time,
)
from .statements import (
    risk_of as risk_of,
    statements as statements,
)
from .training import (
    TrainingSettings as TrainingSettings,
    train as train,
)
from .training_set import (
    judge_challenger as judge_challenger,
    split_training_set as split_training_set,
)
from .training_table import (
    TrainingTable as TrainingTable,
    training_table as training_table,
)
from .trees import (
    Trees as Trees,
    TreeSettings as TreeSettings,
    fit_trees as fit_trees,
)
from .trial import (
    CodeOnTrial as CodeOnTrial,
    Trial as Trial,
    try_champion as try_champion,
)
