"""A trained model as an immutable set of files, each with its hash: what is stored, verified, and served.

| file | content |
| --- | --- |
| `failure.txt` | LightGBM text: log odds of failure within the horizon |
| `life.txt` | LightGBM text: log(1 + remaining hours) |
| `features.json` | the feature schema |
| `calibration.json` | how raw sums become a probability and hours |
| `metrics.json` | figures on machines held out in training |
| `training.json` | the manifest of the training data |
| `alarms.json` | how predictions become alarms; absent in models that were made before there was a budget |
| `modes.json` | centroids of the ways of failing; absent where the features do not tell them apart |
| `recipe.json` | the recipe of the features; absent of models that were trained without |
| `normaliser.json` | of models without recipe: what readings went through before features were computed |
| `model_card.md` | all of it in words |
| `bundle.json` | layout, version, feature schema hash, sha256 of every other file |

The version is made of the day of the newest training row and of the hash of all files but the card, which names it: the
same data, seed and program give the same bytes and so the same version.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mlops_core.errors import CorruptBundleError
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis.alarm_budget import AlarmPlan
from mlops_core.prognosis.calibration import ModelCalibration
from mlops_core.prognosis.modes import FailureModes
from mlops_core.prognosis.schema import FeatureSchema
from mlops_core.records import Number, canonical_json, record_from_json
from mlops_core.sealed import ROOT, SealedRoot, check_files, check_version, hashes_of, root_of, version_of
from mlops_core.text import html_table

if TYPE_CHECKING:
    from mlops_core.prognosis.trees import Trees

LAYOUT: Final = 1
"""Raised whenever the meaning of a file changes; a bundle of another layout is refused."""

_FAILURE, _LIFE, _FEATURES, _CALIBRATION = "failure.txt", "life.txt", "features.json", "calibration.json"
_METRICS, _TRAINING, _CARD = "metrics.json", "training.json", "model_card.md"
_RECIPE, _NORMALISER = "recipe.json", "normaliser.json"
_ALARMS: Final = "alarms.json"
_MODES: Final = "modes.json"
_REQUIRED: Final = frozenset({_FAILURE, _LIFE, _FEATURES, _CALIBRATION, _METRICS, _TRAINING, _CARD})


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


@dataclass(frozen=True)
class _Root(SealedRoot):
    feature_schema_sha256: str


@dataclass(frozen=True, repr=False)
class ModelBundle:
    """A model and all that is known of it. Frozen; equal content gives equal files and an equal version.

    Attributes:
        failure_trees, life_trees: LightGBM text.
        schema: the features it takes.
        calibration: from raw sums to statements.
        metrics: figures on held-out machines, by name; NaN-free, None where not defined.
        manifest: what it was trained on.
        declared_recipe: how its features are computed; None of a model that was trained without saying so.
        normaliser: of a model without recipe, JSON text of what readings went through before features were computed.
        alarms: how predictions become alarms; None in a model that was made before there was a budget.
        modes: the ways of failing; None where the features do not tell them apart.
        model_card: Markdown for the users of the predictions.

    """

    failure_trees: str
    life_trees: str
    schema: FeatureSchema
    calibration: ModelCalibration
    metrics: Mapping[str, float | None]
    manifest: TrainingManifest
    normaliser: str | None = None
    alarms: AlarmPlan | None = None
    model_card: str = ""
    declared_recipe: FeatureRecipe | None = None
    modes: FailureModes | None = None

    def __repr__(self) -> str:
        return (
            f"<ModelBundle {self.version}: {', '.join(f'{name} {value}' for name, value in self._summary().items())}>"
        )

    def _repr_html_(self) -> str:
        figures = {name: value for name, value in self.metrics.items() if value is not None}
        return html_table(f"Model {self.version}", {**self._summary(), **figures})

    def _summary(self) -> dict[str, object]:
        """Summary that distinguishes this model from others, for display."""
        manifest = self.manifest
        return {
            "horizon": f"{manifest.horizon_hours:g} h",
            "features": len(self.schema.names),
            "machines": len(manifest.machines),
            "failures": manifest.failures,
            "rows": manifest.rows,
            "trained through": manifest.trained_through[:10],
        }

    def __reduce__(self) -> "tuple[Callable[[dict[str, bytes]], ModelBundle], tuple[dict[str, bytes]]]":
        """Pickled as its files, and verified when it is read again."""
        return load_bundle, (self.files(),)

    def save(self, path: str | Path) -> Path:
        """Write the model to one file; `mlops_core.load(path)` returns it."""
        from mlops_core.prognosis.bundle_file import save

        return save(self, path)

    @property
    def alarm_plan(self) -> AlarmPlan:
        """How predictions become alarms: as planned, or, of an older model, ACT at once from its threshold on."""
        threshold = self.calibration.alarm_threshold
        return self.alarms or AlarmPlan(watch=threshold, act=threshold, persistence=1)

    @cached_property
    def version(self) -> str:
        """`{day of the newest training row}-{12 hex digits of the hash of the files}`."""
        return version_of(self.manifest.trained_through, self._content)

    @cached_property
    def failure(self) -> "Trees":
        """The trees of the failure probability. Loads LightGBM."""
        return self._trees(_FAILURE, self.failure_trees)

    @cached_property
    def life(self) -> "Trees":
        """The trees of the remaining life. Loads LightGBM."""
        return self._trees(_LIFE, self.life_trees)

    @cached_property
    def recipe(self) -> FeatureRecipe:
        """How its features are computed: as declared, otherwise what the names of its columns say."""
        if self.declared_recipe is not None:
            return self.declared_recipe
        return FeatureRecipe.of_columns(self.schema.names, is_normalised=self.normaliser is not None)

    def files(self) -> dict[str, bytes]:
        """Return every file by name; storing all of them stores the model."""
        files = {**self._content, _CARD: self.model_card.encode()}
        root = _Root(LAYOUT, self.version, hashes_of(files), self.schema.sha256)
        return {**files, ROOT: canonical_json(root)}

    def check_features(self, columns: Collection[str]) -> None:
        """Raise FeatureMismatchError where these columns lack one that the model needs."""
        self.schema.check(self.version, columns)

    def _trees(self, file: str, text: str) -> "Trees":
        from mlops_core.prognosis.trees import Trees, TreesError

        try:
            trees = Trees(text)
        except TreesError as error:
            raise CorruptBundleError(file, f"is no LightGBM model ({error})") from error
        if trees.width != len(self.schema.names):
            raise CorruptBundleError(file, f"takes {trees.width} features, not {len(self.schema.names)}")
        return trees

    @cached_property
    def _content(self) -> dict[str, bytes]:
        content = {
            _FAILURE: self.failure_trees.encode(),
            _LIFE: self.life_trees.encode(),
            _FEATURES: canonical_json(self.schema),
            _CALIBRATION: canonical_json(self.calibration),
            _METRICS: canonical_json(self.metrics),
            _TRAINING: canonical_json(self.manifest),
        }
        if self.declared_recipe is not None:
            content[_RECIPE] = canonical_json(self.declared_recipe.model_dump(mode="json"))
        if self.normaliser is not None:
            content[_NORMALISER] = self.normaliser.encode()
        if self.alarms is not None:
            content[_ALARMS] = canonical_json(self.alarms)
        if self.modes is not None:
            content[_MODES] = canonical_json(self.modes)
        return content


def load_bundle(files: Mapping[str, bytes], *, version: str | None = None) -> ModelBundle:
    """Return the model of these files after verifying every hash, the layout and the feature schema.

    Args:
        files: content by name.
        version: the version that was asked for; None accepts any.

    Raises:
        IncompleteBundleError: a file is absent.
        CorruptBundleError: a file is not what was stored: damaged, truncated, or of another model.
        UnsupportedBundleError: an older or newer layout.
        SwappedBundleError: a sound bundle of another version than asked for.

    """
    root = root_of(_Root, files, layout=LAYOUT)
    check_files(files, root, required=_REQUIRED)
    bundle = _parsed(files)
    # The bytes as they were stored: a field that this program has added must not change what an older model is called.
    vars(bundle)["_content"] = {name: content for name, content in files.items() if name not in (_CARD, ROOT)}
    if bundle.schema.sha256 != root.feature_schema_sha256:
        raise CorruptBundleError(_FEATURES, "does not have the schema hash under which it was stored")
    check_version(bundle.version, root, asked=version)
    return bundle


def _parsed(files: Mapping[str, bytes]) -> ModelBundle:
    try:
        return ModelBundle(
            failure_trees=files[_FAILURE].decode(),
            life_trees=files[_LIFE].decode(),
            schema=record_from_json(FeatureSchema, files[_FEATURES]),
            calibration=record_from_json(ModelCalibration, files[_CALIBRATION]),
            metrics=MappingProxyType(json.loads(files[_METRICS])),
            manifest=record_from_json(TrainingManifest, files[_TRAINING]),
            normaliser=files[_NORMALISER].decode() if _NORMALISER in files else None,
            alarms=record_from_json(AlarmPlan, files[_ALARMS]) if _ALARMS in files else None,
            model_card=files[_CARD].decode(),
            declared_recipe=FeatureRecipe.model_validate_json(files[_RECIPE]) if _RECIPE in files else None,
            modes=record_from_json(FailureModes, files[_MODES]) if _MODES in files else None,
        )
    except (TypeError, ValueError) as error:
        raise CorruptBundleError(ROOT, f"lists files that do not hold what layout {LAYOUT} holds ({error})") from error
