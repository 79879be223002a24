"""The model registry in the lake: immutable versions under `models/{version}/`, and the champion among them.

A version is named by the hash of its content, so storing it twice is storing it once. What is read is verified whole
before it may serve (`load_bundle`), and before the champion may point to it.
"""

from dataclasses import dataclass
from datetime import datetime

from handlers.stores.lake import DataLake, ObjectMovedError
from mlops_core.errors import MlopsError
from mlops_core.lake import CHAMPION_KEY, MODELS_PREFIX
from mlops_core.prognosis import Champion, ModelBundle, load_bundle, promoted

_ROOT = "bundle.json"


class UnknownModelError(MlopsError):
    """The registry holds no such version."""

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no model {version}", "List those that there are: mlops models list")
        self.version = version


class ChampionMovedError(MlopsError):
    """Another promotion came first: what this one was judged against serves no longer."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"{version} was not promoted: another promotion came first", "See what serves now: mlops models list"
        )
        self.version = version


@dataclass(frozen=True)
class StoredChampion:
    """A champion and the version (ETag) of the object in which it stands."""

    champion: Champion
    seen: str


class ModelRegistry:
    """The models of a lake."""

    def __init__(self, lake: DataLake) -> None:
        self._lake = lake

    def store(self, bundle: ModelBundle) -> bool:
        """Store a version, `bundle.json` last, since a version counts from then on; False where it was there."""
        files = bundle.files()
        root = files.pop(_ROOT)
        for name, content in files.items():
            self._lake.create(_key(bundle.version, name), content)
        return self._lake.create(_key(bundle.version, _ROOT), root)

    def load(self, version: str) -> ModelBundle:
        """Return a version, verified. Raises UnknownModelError, BundleError."""
        prefix = _key(version, "")
        keys = list(self._lake.versions(prefix))
        if not keys:
            raise UnknownModelError(version)
        names = [key.removeprefix(prefix) for key in keys]
        return load_bundle(dict(zip(names, self._lake.read_all(keys), strict=True)), version=version)

    def versions(self) -> list[str]:
        """Return the versions that are wholly stored, newest training data first."""
        keys = (key.removeprefix(MODELS_PREFIX).split("/") for key in self._lake.versions(MODELS_PREFIX))
        return sorted((key[0] for key in keys if key[1:] == [_ROOT]), reverse=True)

    def champion_seen(self) -> str | None:
        """Return the version (ETag) of the champion's object, which changes with each promotion; None before any."""
        return self._lake.versions(CHAMPION_KEY).get(CHAMPION_KEY)

    def champion(self) -> StoredChampion | None:
        """Return the champion; None where nothing was ever promoted. Where it moves meanwhile, the next move fails."""
        seen = self.champion_seen()
        return None if seen is None else StoredChampion(Champion.decode(self._lake.read(CHAMPION_KEY)), seen)

    def promote(self, version: str, *, after: StoredChampion | None, at: datetime, reason: str) -> StoredChampion:
        """Let `version` serve in the place of `after`.

        Raises ChampionMovedError where another promotion came first, UnknownModelError or BundleError where `version`
        cannot serve; the champion then stays.
        """
        self.load(version)
        champion = promoted(after.champion if after else None, version, at=at, reason=reason)
        try:
            seen = self._lake.replace(CHAMPION_KEY, champion.encode(), seen=after.seen if after else None)
        except ObjectMovedError as error:
            raise ChampionMovedError(version) from error
        return StoredChampion(champion, seen)


def _key(version: str, name: str) -> str:
    return f"{MODELS_PREFIX}{version}/{name}"
