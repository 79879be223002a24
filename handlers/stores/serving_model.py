"""The model that a process serves: the champion, where this stack computes the features that it reads."""

import time
from collections.abc import Callable, Collection

from handlers.stores.model_registry import ModelRegistry, Registry
from handlers.stores.serving import Serving
from mlops_core.errors import FeatureMismatchError, MlopsError
from mlops_core.features import FeatureRecipe
from mlops_core.prognosis import ModelBundle


class NoModelError(MlopsError):
    """No model may serve: none was promoted, or all that were are refused."""

    def __init__(self, refused: Collection[str]) -> None:
        super().__init__(
            f"No model may serve: {'; '.join(refused)}" if refused else "No model has been promoted yet",
            "Restore a version, or train one: start the training state machine",
        )


class ServingModel(Serving[ModelBundle]):
    """The champion of the models; `stack` is what this stack computes."""

    def __init__(
        self,
        registry: ModelRegistry,
        *,
        stack: FeatureRecipe,
        recheck_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(registry, recheck_seconds=recheck_seconds, clock=clock)
        self._stack = stack

    def load(self, version: str) -> ModelBundle:
        """Return a version that is whole, and computed by the stack; raises as `load_servable`."""
        return load_servable(self._registry, version, stack=self._stack)

    def current(self) -> ModelBundle:
        """Return the model that serves now. Raises NoModelError."""
        bundle = self.sound()
        if bundle is None:
            raise NoModelError(self.refused)
        return bundle


def load_servable(registry: Registry[ModelBundle], version: str, *, stack: FeatureRecipe) -> ModelBundle:
    """Return a version that may serve where the recipe `stack` is computed: whole, readable, and with nothing missing.

    Raises UnknownModelError, BundleError, FeatureMismatchError; the last says in words what the stack does not compute.
    """
    bundle = registry.load(version)
    if differences := bundle.recipe.differences(stack, bundle.schema.names):
        raise FeatureMismatchError(version, differences=differences)
    _ = bundle.failure, bundle.life  # text that is no model is found here, not at the first request
    return bundle
