"""Small models of a small fleet, trained once for all tests, how one comes to serve, and how one is damaged."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from mlops_core.prognosis import ModelBundle, TrainingSettings, TreeSettings, train
from tests.handlers.aws_in_process import Aws
from tests.unit.degrading_fleet import degrading_fleet

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


@cache
def small_bundle(seed: int = 1) -> ModelBundle:
    settings = TrainingSettings(trees=TreeSettings(rounds=10), folds=2)
    return train(degrading_fleet(machines=6), seed=seed, horizon="12h", settings=settings)


def serve(registry: Any, bundle: Any = None, *, at: datetime = AT) -> Any:
    """Store a model or a baseline (by default the first small model) and make it the champion."""
    bundle = bundle or small_bundle()
    registry.store(bundle)
    return registry.promote(bundle.version, after=registry.champion(), at=at, reason="a test")


def damage(aws: Aws, version: str) -> None:
    """Overwrite a file of a stored model."""
    aws.put(f"models/{version}/life.txt", b"tree")
