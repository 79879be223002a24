"""The baselines of a lake, under a prefix of their own, kept and promoted as models are; and the one that serves."""

import time
from collections.abc import Callable

from aws_lambda_powertools import Logger

from handlers.stores.lake import DataLake
from handlers.stores.model_registry import Registry, UnknownModelError
from mlops_core.condition import BaselineBundle, load_baseline
from mlops_core.errors import BundleError, MalformedObjectError
from mlops_core.lake import BASELINE_CHAMPION_KEY, BASELINES_PREFIX

logger = Logger(child=True)


class BaselineRegistry(Registry[BaselineBundle]):
    """The baselines of a lake."""

    def __init__(self, lake: DataLake) -> None:
        super().__init__(lake, prefix=BASELINES_PREFIX, champion_key=BASELINE_CHAMPION_KEY, load=load_baseline)


class ServingBaseline:
    """The promoted baseline, looked for again after `recheck_seconds`; the last good one where it is refused."""

    def __init__(
        self, registry: BaselineRegistry, *, recheck_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._registry = registry
        self._recheck_seconds = recheck_seconds
        self._clock = clock
        self._checked: float | None = None
        self._seen: str | None = None
        self._bundle: BaselineBundle | None = None

    def current(self) -> BaselineBundle | None:
        """Return the baseline that serves now; None where none was promoted, or none that is sound."""
        now = self._clock()
        if self._checked is None or now - self._checked >= self._recheck_seconds:
            self._look_again()
            self._checked = now
        return self._bundle

    def _look_again(self) -> None:
        try:
            seen = self._registry.champion_seen()
            stored = None if seen is None or seen == self._seen else self._registry.champion()
            if stored is not None:
                self._bundle, self._seen = self._registry.load(stored.value.version), stored.seen
        except (BundleError, MalformedObjectError, UnknownModelError) as error:
            logger.error("A baseline is refused", extra={"problem": error.message})  # noqa: TRY400 - the message says it all
