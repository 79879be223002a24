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


class ObjectStore:
    """One bucket. `watchers` are told of every put that took effect, after it did."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.watchers: list[Watcher] = []
        self.removal_watchers: list[RemovalWatcher] = []
        self._etags: dict[str, str] = {}

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
            self.objects[Key] = Body
            self._etags[Key] = f'"{md5(Body, usedforsecurity=False).hexdigest()}"'
            condition = "new" if IfNoneMatch == "*" else "seen" if IfMatch is not None else None
            for watch in self.watchers:
                watch(Put(Key, Body, old, condition))
            return {"ETag": self._etags[Key]}

        return perform("PutObject", effect)

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if Key not in self.objects:
                raise AwsError("GetObject", "NoSuchKey", 404)
            return {"Body": BytesIO(self.objects[Key]), "ETag": self._etags[Key]}

        return perform("GetObject", effect)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            for each in Delete["Objects"]:
                body = self.objects.pop(each["Key"], None)
                if body is not None:
                    for watch in self.removal_watchers:
                        watch(each["Key"], body)
            return {}

        return perform("DeleteObjects", effect)

    def get_paginator(self, operation: str) -> SimpleNamespace:
        assert operation == "list_objects_v2"
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
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
