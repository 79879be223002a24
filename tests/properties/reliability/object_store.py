"""S3 in memory: conditional puts, versions (ETags), and listings that are no snapshot."""

# ruff: noqa: ARG002, N803  the arguments are boto3's

from collections.abc import Callable, Iterator
from hashlib import md5
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple

from tests.properties.reliability.calls import AwsError, perform

PAGE = 3
"""Keys of one page of a listing: few, so that others write between two pages."""

Watcher = Callable[["Put"], None]
RemovalWatcher = Callable[[str, bytes], None]


class Put(NamedTuple):
    """One object that was written; `old` is what it replaced. `condition` is "new", "seen" or none."""

    key: str
    body: bytes
    old: bytes | None
    condition: str | None


def place_of(key: str) -> str:
    """Where an object lies: the folders of its key that say what it is, or the whole key of a single document."""
    first, _, rest = key.partition("/")
    return f"{first}/{rest.partition('/')[0]}" if first == "processed" else first


class ObjectStore:
    """One bucket. `watchers` are called with every put that took effect, after it did."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.watchers: list[Watcher] = []
        self.removal_watchers: list[RemovalWatcher] = []
        self._etags: dict[str, str] = {}
        self._history: dict[str, list[bytes]] = {}
        self.damaged: set[bytes] = set()
        self.ever_damaged: set[str] = set()

    def damage(self, key: str, body: bytes) -> None:
        """Let an object hold something else without calling a watcher; what it held stays a version."""
        self.damaged.add(body)
        self.ever_damaged.add(key)
        self.hold(key, body)

    def lose(self, key: str) -> None:
        """Let an object be gone, whoever removed it; no watcher is called."""
        self.ever_damaged.add(key)
        del self.objects[key], self._etags[key]

    def hold(self, key: str, body: bytes) -> None:
        """Let an object hold something, as a new version of it; no watcher is called."""
        self._history.setdefault(key, []).append(body)
        self.objects[key] = body
        self._etags[key] = f'"{md5(body, usedforsecurity=False).hexdigest()}"'

    def earlier(self, key: str) -> list[bytes]:
        """The versions of an object before the latest, the last first."""
        return self._history[key][-2::-1]

    def under(self, prefix: str) -> dict[str, bytes]:
        """The objects of a prefix, in the order of their keys."""
        return {key: self.objects[key] for key in sorted(self.objects) if key.startswith(prefix)}

    def versions(self) -> dict[str, str]:
        """The version (ETag) of every object, by its key."""
        return dict(self._etags)

    def put_object(
        self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str | None = None, IfMatch: str | None = None
    ) -> dict[str, str]:
        def effect() -> dict[str, str]:
            old = self.objects.get(Key)
            if IfMatch is not None and old is None:
                raise AwsError("PutObject", "NoSuchKey", 404)
            if (IfNoneMatch == "*" and old is not None) or (IfMatch is not None and self._etags[Key] != IfMatch):
                raise AwsError("PutObject", "PreconditionFailed", 412)
            self.hold(Key, Body)
            condition = "new" if IfNoneMatch == "*" else "seen" if IfMatch is not None else None
            for watch in self.watchers:
                watch(Put(Key, Body, old, condition))
            return {"ETag": self._etags[Key]}

        return perform("PutObject", effect, place_of(Key))

    def get_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if VersionId is not None:
                return {"Body": BytesIO(self._history[Key][int(VersionId)])}
            if Key not in self.objects:
                raise AwsError("GetObject", "NoSuchKey", 404)
            return {"Body": BytesIO(self.objects[Key]), "ETag": self._etags[Key]}

        return perform("GetObject", effect, place_of(Key))

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            for each in Delete["Objects"]:
                body = self.objects.pop(each["Key"], None)
                if body is not None:
                    for watch in self.removal_watchers:
                        watch(each["Key"], body)
            return {}

        return perform("DeleteObjects", effect)

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return self.delete_objects(Bucket=Bucket, Delete={"Objects": [{"Key": Key}]})

    def get_paginator(self, operation: str) -> SimpleNamespace:
        return SimpleNamespace(
            paginate={"list_objects_v2": self._pages, "list_object_versions": self._versions}[operation]
        )

    def _versions(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        """Every version of one key, the latest first, as S3 lists them."""

        def effect() -> list[dict[str, Any]]:
            numbers = reversed(range(len(self._history.get(Prefix, ()))))
            last = len(self._history.get(Prefix, ())) - 1
            return [{"Key": Prefix, "VersionId": str(n), "IsLatest": n == last} for n in numbers]

        yield {"Versions": perform("ListObjectVersions", effect)}

    def _pages(self, *, Bucket: str, Prefix: str, Delimiter: str = "") -> Iterator[dict[str, Any]]:
        if Delimiter:
            rests = (key.removeprefix(Prefix) for key in self.under(Prefix))
            folders = sorted({f"{Prefix}{rest.partition(Delimiter)[0]}{Delimiter}" for rest in rests})
            yield {"CommonPrefixes": [{"Prefix": each} for each in folders]}
            return
        after = ""
        while True:

            def effect(after: str = after) -> list[str]:
                return sorted(key for key in self.objects if key.startswith(Prefix) and key > after)[: PAGE + 1]

            keys = perform("ListObjectsV2", effect)
            contents = [{"Key": key, "ETag": self._etags[key]} for key in keys[:PAGE]]
            yield {"Contents": contents} if contents else {}
            if len(keys) <= PAGE:
                return
            after = keys[PAGE - 1]
