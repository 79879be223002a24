"""What a process serves: the champion of a registry, verified once and kept until another takes its place.

A champion that is damaged, or that may not serve here, is refused. Then what is at hand goes on serving; a process that
has nothing yet takes the latest earlier champion that is sound. A pointer that cannot be read names nothing: what is at
hand goes on, and a process that has nothing yet serves nothing.
"""

import time
from collections.abc import Callable, Collection
from typing import Final, Generic

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from handlers.stores.model_registry import Kept, Registry, UnknownModelError
from mlops_core.errors import BundleError, FeatureMismatchError, MalformedObjectError, MlopsError
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis import Champion, ModelBundle

logger = Logger(child=True)

EARLIER_TRIED: Final = 3


class NoModelError(MlopsError):
    """No model may serve: none was promoted, or all that were are refused."""

    def __init__(self, refused: Collection[str]) -> None:
        super().__init__(
            f"No model may serve: {'; '.join(refused)}" if refused else "No model has been promoted yet",
            "Restore a version, or train one: start the training state machine",
        )


class Serving(Generic[Kept]):
    """The champion of a registry, looked for again after `recheck_seconds`.

    load: returns a version that may serve here; raises BundleError, FeatureMismatchError or UnknownModelError for one
    that may not. By default any that is whole may.
    """

    def __init__(
        self,
        registry: Registry[Kept],
        *,
        recheck_seconds: float,
        load: Callable[[str], Kept] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._load = load or registry.load
        self._recheck_seconds = recheck_seconds
        self._clock = clock
        self._checked: float | None = None
        self._seen: str | None = None
        self._bundle: Kept | None = None
        self._refused: list[str] = []

    @property
    def refused(self) -> tuple[str, ...]:
        """Why champions were refused when last looked at."""
        return tuple(self._refused)

    def sound(self) -> Kept | None:
        """Return what serves now; None where nothing was promoted, or nothing that was is sound."""
        now = self._clock()
        if self._checked is None or now - self._checked >= self._recheck_seconds:
            self._look_again()
            self._checked = now
        return self._bundle

    def current(self) -> Kept:
        """Return what serves now. Raises NoModelError."""
        bundle = self.sound()
        if bundle is None:
            raise NoModelError(self.refused)
        return bundle

    def _look_again(self) -> None:
        try:
            seen = self._registry.champion_seen()
            if seen is None or (seen == self._seen and not self._refused):
                return
            stored = self._registry.champion()
            if stored is not None:
                self._take(stored.value)
                self._seen = stored.seen
        except MalformedObjectError as error:
            self._refused = [error.message]
            logger.error("The champion pointer is refused", extra={"problem": error.message})  # noqa: TRY400 - the message says it all
        except (ClientError, BotoCoreError):
            if self._bundle is None:
                raise
            logger.warning("The champion cannot be looked at; the one at hand goes on", exc_info=True)

    def _take(self, champion: Champion) -> None:
        self._refused = []
        for version in champion.recent[: 1 + EARLIER_TRIED]:
            if self._bundle is not None and version == self._bundle.version:
                return
            try:
                self._bundle = self._load(version)
            except (BundleError, FeatureMismatchError, UnknownModelError) as error:
                self._refused.append(error.message)
                logger.error("A champion is refused", extra={"version": version, "problem": error.message})  # noqa: TRY400 - the error's message says it all
            else:
                return
            if self._bundle is not None:
                return  # what serves is sound, and at least as new as what a new process would fall back to


def load_servable(registry: Registry[ModelBundle], version: str, *, stack: FeatureRecipe) -> ModelBundle:
    """Return a version that may serve where the recipe `stack` is computed: whole, readable, and with nothing missing.

    Raises UnknownModelError, BundleError, FeatureMismatchError; the last says in words what the stack does not compute.
    """
    bundle = registry.load(version)
    if differences := bundle.recipe.differences(stack, bundle.schema.names):
        raise FeatureMismatchError(version, differences=differences)
    _ = bundle.failure, bundle.life  # text that is no model is found here, not at the first request
    return bundle
