"""What a model was trained on, and how: enough to repeat it, and to keep its training runs out of its judgement."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlops_core.records import Number


@dataclass(frozen=True)
class TrainingManifest:
    """The record of one training. Times are ISO 8601 in UTC.

    Attributes:
        trained_from, trained_through: the first and the last `window_end`.
        horizon_hours: how far ahead the probability looks.
        rul_ceiling_hours: what longer remaining lives were cut to, or None.
        seed: of every random choice.
        settings: the training settings by name, flat.
        rows, failing_rows: labelled rows given, and those that fail within the horizon.
        machines, runs: the ids that the model has learned from.
        run_marks: for each run, a hash of its first row by which it is known again whatever it is called.
        failures: runs whose failure was observed.
        data_sha256: the hash of features and labels in order of machine and time.
        lightgbm: the version that grew the trees.

    """

    trained_from: str
    trained_through: str
    horizon_hours: Number
    rul_ceiling_hours: Number | None
    seed: int
    settings: Mapping[str, Number]
    rows: int
    failing_rows: int
    machines: tuple[str, ...]
    runs: tuple[str, ...]
    run_marks: tuple[str, ...]
    failures: int
    data_sha256: str
    lightgbm: str
