"""Small models of a small fleet, trained once for all tests."""

from functools import cache

from mlops_core.prognosis import ModelBundle, TrainingSettings, TreeSettings, train
from tests.unit.degrading_fleet import degrading_fleet


@cache
def small_bundle(seed: int = 1) -> ModelBundle:
    settings = TrainingSettings(trees=TreeSettings(rounds=10), folds=2)
    return train(degrading_fleet(machines=6), seed=seed, horizon="12h", settings=settings)
