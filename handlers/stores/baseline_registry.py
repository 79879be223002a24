"""The baselines of a lake, under a prefix of their own, kept, promoted and served as models are."""

from handlers.stores.lake import DataLake
from handlers.stores.model_registry import Registry
from mlops_core.condition import BaselineBundle, load_baseline
from mlops_core.lake import BASELINE_CHAMPION_KEY, BASELINES_PREFIX


class BaselineRegistry(Registry[BaselineBundle]):
    """The baselines of a lake."""

    def __init__(self, lake: DataLake) -> None:
        super().__init__(
            lake,
            prefix=BASELINES_PREFIX,
            champion_key=BASELINE_CHAMPION_KEY,
            verified=lambda files, version: load_baseline(files, version=version),
        )
