"""What the page says of models: which one serves, what it promises, and how each version came and went."""

from typing import Final

from handlers.stores.model_registry import ModelRegistry
from mlops_core.errors import BundleError
from mlops_core.page import Champion, Models, ModelState, Promise, Version
from mlops_core.prognosis import ModelBundle

_NO_MODEL: Final = (
    "There is no model yet, so no hours left and no alarms by prediction. It needs recorded failures of at least two"
    " machines (`mlops maintenance record`); readings, zones of ISO 20816, failures and silence work without one."
)
_FIGURES: Final = {
    "pr_auc": ("Area under the precision-recall curve", "1 is perfect; a guess reaches {base_rate:.3f}"),
    "alarm_precision": ("Alarm hours that were right", "always alarming: {base_rate:.0%} would be"),
    "expected_calibration_error": ("Stated probability off the frequency that was observed", "0 is perfect"),
    "rul_mean_absolute_error_hours": ("Mean error of the hours left, h", ""),
}


def models_of(registry: ModelRegistry) -> tuple[Models, ModelState]:
    """Return the models of a stack, and whether one of them speaks."""
    stored = registry.champion()
    if stored is None:
        return Models(champion=None), ModelState(ready=False, horizon_h=24, text=_NO_MODEL)
    moves = stored.value.promotions
    versions = tuple(
        Version(
            version=move.version,
            role="CHAMPION" if move is moves[-1] else "SERVED",
            at=move.promoted_at,
            reason=move.reason,
        )
        for move in reversed(moves)
    )
    champion, since = moves[-1].version, moves[-1].promoted_at
    try:
        bundle = registry.load(champion)
    except BundleError as error:
        damaged = Champion(version=champion, since=since, learned=f"It cannot be read: {error.message}.")
        return Models(champion=damaged, versions=versions), ModelState(ready=False, horizon_h=24, text=error.message)
    manifest = bundle.manifest
    learned = f"Learned from {manifest.rows:,} hours with {manifest.failures} failures."
    models = Models(
        champion=Champion(version=champion, since=since, learned=learned), promises=_promises(bundle), versions=versions
    )
    return models, ModelState(ready=True, horizon_h=round(manifest.horizon_hours))


def _promises(bundle: ModelBundle) -> tuple[Promise, ...]:
    base_rate = bundle.metrics.get("base_rate") or 0.0
    return tuple(
        Promise(name=name, value=f"{value:.3g}", note=note.format(base_rate=base_rate))
        for key, (name, note) in _FIGURES.items()
        if (value := bundle.metrics.get(key)) is not None
    )
