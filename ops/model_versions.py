"""The registry of a stack, for display: each version, verified, with the figures by which models are compared."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from handlers.stores import BaselineRegistry, ModelRegistry, Stored, UnknownModelError, load_servable, stack_recipe
from mlops_core.errors import BundleError, FeatureMismatchError
from mlops_core.lake import TRIALS_PREFIX
from mlops_core.prognosis import Champion, ModelBundle
from mlops_core.telemetry import RunningClass
from ops.errors import OpsError
from ops.stack import Stack


class NoChampionError(OpsError):
    """Nothing was ever promoted."""

    def __init__(self) -> None:
        super().__init__("No model has been promoted yet.", "`mlops models list` shows what there is to promote.")


class AlreadyServingError(OpsError):
    """The version that is to be promoted is the champion."""

    def __init__(self, version: str) -> None:
        super().__init__(f"{version} is the champion already.", "Nothing was changed.")


class RefusedModelError(OpsError):
    """The version that is to be promoted may not serve."""

    def __init__(self, version: str, problem: str, hint: str) -> None:
        super().__init__(
            f"{version} is refused: {problem}.",
            f"{hint}. Nothing was changed; `mlops models list` shows which may serve.",
        )


@dataclass(frozen=True)
class ModelVersion:
    """A version and what it holds; without a `bundle`, `problem` says why it may not serve here."""

    version: str
    is_champion: bool
    bundle: ModelBundle | None
    problem: str | None

    def as_report(self) -> dict[str, object]:
        """Its row in a list."""
        return {
            "version": self.version,
            "is_champion": self.is_champion,
            "problem": self.problem,
            **({} if self.bundle is None else key_figures(self.bundle)),
        }


class ModelShelf:
    """All versions of a stack, and their champion."""

    def __init__(self, stack: Stack) -> None:
        self._registry = ModelRegistry(stack.lake)
        lengths = [timedelta(hours=hours) for hours in stack.outputs.feature_lengths_hours]
        hop = timedelta(minutes=stack.outputs.feature_hop_minutes)
        outputs = stack.outputs
        self._recipe = stack_recipe(
            stack.channels,
            lengths,
            hop,
            {name: RunningClass.model_validate(rule) for name, rule in (outputs.running_rules or {}).items()},
            events=outputs.event_features or (),
            attributes=outputs.attribute_features or (),
        )

    def champion(self) -> Stored[Champion] | None:
        """What serves, and how it came to."""
        return self._registry.champion()

    def versions(self, champion: Champion | None, limit: int) -> Iterator[ModelVersion]:
        """Verify versions, the newest first; the champion among them however old it is."""
        names = self._registry.versions()
        shown = list(islice(names, limit))
        if champion is not None and champion.version not in shown:
            shown.append(champion.version)
        for version in shown:
            yield self._verified(version, champion)

    def load(self, version: str) -> ModelBundle:
        """A version, verified as far as it can be read. Raises UnknownModelError, BundleError."""
        return self._registry.load(version)

    def promote(self, version: str, *, after: Stored[Champion] | None, reason: str) -> int:
        """Let a version serve in the place of `after`; returns the number of the promotion.

        Raises RefusedModelError, UnknownModelError, ChampionMovedError; the champion then stays.
        """
        try:
            load_servable(self._registry, version, stack=self._recipe)
        except (BundleError, FeatureMismatchError) as error:
            raise RefusedModelError(version, error.message, error.hint) from error
        made = self._registry.promote(version, after=after, at=datetime.now(UTC), reason=reason)
        return made.value.promotions[-1].sequence

    def _verified(self, version: str, champion: Champion | None) -> ModelVersion:
        serves = champion is not None and champion.version == version
        try:
            return ModelVersion(version, serves, load_servable(self._registry, version, stack=self._recipe), None)
        except (BundleError, FeatureMismatchError, UnknownModelError) as error:
            return ModelVersion(version, serves, None, error.message)


class BaselineShelf:
    """The baselines of a stack, and the one that serves."""

    def __init__(self, stack: Stack) -> None:
        self._registry = BaselineRegistry(stack.lake)

    def champion(self) -> Stored[Champion] | None:
        """What serves, and how it came to."""
        return self._registry.champion()

    def promote(self, version: str, *, after: Stored[Champion] | None, reason: str) -> int:
        """Let a version serve in the place of `after`; returns the number of the promotion.

        Raises RefusedModelError, UnknownModelError, ChampionMovedError; the baseline that serves then stays.
        """
        try:
            made = self._registry.promote(version, after=after, at=datetime.now(UTC), reason=reason)
        except BundleError as error:
            raise RefusedModelError(version, error.message, error.hint) from error
        return made.value.promotions[-1].sequence


def last_trial(stack: Stack) -> dict[str, Any] | None:
    """Return the report of the latest weekly trial; None before the first."""
    keys = sorted(stack.lake.versions(TRIALS_PREFIX))
    return json.loads(stack.lake.read(keys[-1])) if keys else None


def key_figures(bundle: ModelBundle) -> dict[str, object]:
    """The figures by which models are compared, each measured on held-out machines."""
    return {
        "trained_through": bundle.manifest.trained_through,
        "horizon_hours": bundle.manifest.horizon_hours,
        "failures": bundle.manifest.failures,
        "metrics": dict(bundle.metrics),
        "alarm_threshold": bundle.calibration.alarm_threshold,
    }


def promotions_report(champion: Champion, version: str | None = None) -> list[dict[str, Any]]:
    """Every promotion, or those of one version, the latest first."""
    moves = [move for move in champion.promotions if version in {None, move.version}]
    return [asdict(move) for move in reversed(moves)]
