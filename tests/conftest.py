"""What all tests share: nothing that a slow machine could fail, and which of them one process keeps together."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# Powertools reads these when what logs and counts is imported, as Lambda sets them before it starts a function.
os.environ |= {"POWERTOOLS_SERVICE_NAME": "tests", "POWERTOOLS_METRICS_NAMESPACE": "tests"}

# A machine that is busy draws examples slowly, which says nothing of the code.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")

# Garbage collection took half of the CPU time of an evaluation of the program: it walked what collecting the tests had
# made again and again. That is frozen, and a collection comes every 100,000 objects instead of every 700.
gc.disable()

APART = "/reliability/"
"""The folder whose tests share nothing and take long."""
TOGETHER = "tests/infra/"
"""The folder whose files share evaluations of the program, which each process would make for itself."""


class ByFile(LoadFileScheduling):
    """The tests of a file run in one process, where fixtures of the module are made once, and so do those of TOGETHER.

    Those of APART run anywhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(TOGETHER):
            return TOGETHER
        return nodeid if APART in nodeid else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Distribute the tests of parallel runs by file.

    Marks of groups would say the same, but xdist 3.8 writes them into an attribute that pytest 9.2 does not read, so
    that each test was a group of its own and every process made every fixture.
    """
    return ByFile(config, log)


def pytest_collection_finish() -> None:
    """Take what stays until the end out of garbage collection, and begin it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
    gc.enable()
