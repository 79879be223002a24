"""Registries in the lake: immutable versions, of models under `models/{version}/`, and the champion among them.

A version is named by the hash of its content, so storing it twice is storing it once. What is read is verified whole
before it may serve (`load_bundle`), and before the champion may point to it.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from handlers.stores.lake import DataLake, ObjectMovedError
from handlers.stores.versioned import Stored, VersionedObject
from mlops_core.errors import MlopsError
from mlops_core.lake import CHAMPION_KEY, MODELS_PREFIX
from mlops_core.prognosis import Champion, ModelBundle, load_bundle, promoted

if TYPE_CHECKING:
    from mlops_core.condition import BaselineBundle

_ROOT = "bundle.json"


class UnknownModelError(MlopsError):
    """The registry holds no such version."""

    def __init__(self, version: str) -> None:
        super().__init__(f"There is no model {version}", "List those that there are: mlops models list")


class ChampionMovedError(MlopsError):
    """Another promotion came first: what this one was judged against serves no longer."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"{version} was not promoted: another promotion came first", "See what serves now: mlops models list"
        )


Kept = TypeVar("Kept", bound="ModelBundle | BaselineBundle")


class Registry(Generic[Kept]):
    """Versions under a prefix of a lake, and the one of them that serves.

    verified: returns the bundle of files, of the version that was asked for; raises BundleError.
    """

    def __init__(
        self, lake: DataLake, *, prefix: str, champion_key: str, verified: Callable[[Mapping[str, bytes], str], Kept]
    ) -> None:
        self._lake = lake
        self._prefix = prefix
        self._verified = verified
        self._champion = VersionedObject(lake, champion_key, encode=Champion.encode, decode=Champion.decode)

    def store(self, bundle: Kept) -> bool:
        """Store a version, `bundle.json` last, since a version counts from then on; False where it was there."""
        files = bundle.files()
        root = files.pop(_ROOT)
        for name, content in files.items():
            self._lake.create(self._key(bundle.version, name), content)
        return self._lake.create(self._key(bundle.version, _ROOT), root)

    def load(self, version: str) -> Kept:
        """Return a version, verified. Raises UnknownModelError, BundleError."""
        prefix = self._key(version, "")
        keys = list(self._lake.versions(prefix))
        if not keys:
            raise UnknownModelError(version)
        names = [key.removeprefix(prefix) for key in keys]
        return self._verified(dict(zip(names, self._lake.read_all(keys), strict=True)), version)

    def versions(self) -> list[str]:
        """Return the versions that are wholly stored, newest training data first."""
        keys = (key.removeprefix(self._prefix).split("/") for key in self._lake.versions(self._prefix))
        return sorted((key[0] for key in keys if key[1:] == [_ROOT]), reverse=True)

    def champion_seen(self) -> str | None:
        """Return the version (ETag) of the champion's object, which changes with each promotion; None before any."""
        return self._champion.seen()

    def champion(self) -> Stored[Champion] | None:
        """Return the champion; None where nothing was ever promoted. Where it moves meanwhile, the next move fails."""
        return self._champion.load()

    def promote(self, version: str, *, after: Stored[Champion] | None, at: datetime, reason: str) -> Stored[Champion]:
        """Let `version` serve in the place of `after`.

        Raises ChampionMovedError where another promotion came first, UnknownModelError or BundleError where `version`
        cannot serve; the champion then stays.
        """
        self.load(version)
        champion = promoted(after.value if after else None, version, at=at, reason=reason)
        try:
            return self._champion.save(champion, after=after)
        except ObjectMovedError as error:
            raise ChampionMovedError(version) from error

    def _key(self, version: str, name: str) -> str:
        return f"{self._prefix}{version}/{name}"


class ModelRegistry(Registry[ModelBundle]):
    """The models of a lake."""

    def __init__(self, lake: DataLake) -> None:
        super().__init__(
            lake,
            prefix=MODELS_PREFIX,
            champion_key=CHAMPION_KEY,
            verified=lambda files, version: load_bundle(files, version=version),
        )
