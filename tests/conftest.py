"""What all tests share: nothing that a slow machine could fail, and which of them one process keeps together."""

import gc

import pytest
from hypothesis import HealthCheck, settings

# A machine that is busy draws examples slowly, which says nothing of the code.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")

# Garbage collection took half of the CPU time of an evaluation of the program: it walked what collecting the tests had
# made again and again. That is frozen, and a collection comes every 100,000 objects instead of every 700.
gc.disable()

TOGETHER = "infra"
"""The folder whose tests share evaluations of the program, which one process makes once."""

APART = "reliability"
"""The folder whose tests share nothing and take long."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one process, where fixtures of the module are made once; or of a whole folder."""
    for item in items:
        folder = item.path.parent.name
        if folder != APART:
            item.add_marker(pytest.mark.xdist_group(folder if folder == TOGETHER else str(item.path)))


def pytest_collection_finish() -> None:
    """Take what stays until the end out of garbage collection, and begin it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    gc.enable()
