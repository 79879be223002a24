"""Objects of the data lake in S3: created once, replaced as they were seen, listed, read, removed where restorable."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from handlers.stores.clients import THREADS
from mlops_core.errors import MalformedObjectError, MlopsError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

Value = TypeVar("Value")

_CONFLICTS_TRIED = 5
_REMOVED_AT_ONCE = 1000  # the most that S3 takes


class ObjectMovedError(MlopsError):
    """An object is no longer what this run saw: another run has written it since."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} was written by another run since this one looked", "Look again and start over")
        self.key = key


class RemovalError(MlopsError):
    """Objects could not be removed."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__(
            f"{len(errors)} objects could not be removed, among them {errors[0]}", "They are removed later"
        )


class DataLake:
    """One bucket. Every method returns only after S3 answered, and lets the SDK's errors through as they are."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def create(self, key: str, body: bytes) -> bool:
        """Write an object whose name is derived from its content; False if it is there already, thus durable.

        412 says that the key exists: with the content's hash in the name that is this very content. 409 says only that
        another request for the key is under way, and that one may yet fail: so the write is tried again.
        """
        for attempt in count(1):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=body, IfNoneMatch="*")
            except ClientError as error:
                if _status(error) == HTTPStatus.PRECONDITION_FAILED:
                    return False
                if _status(error) != HTTPStatus.CONFLICT or attempt == _CONFLICTS_TRIED:
                    raise
            else:
                return True
        raise AssertionError  # count() does not end

    def replace(self, key: str, body: bytes, *, seen: str | None) -> str:
        """Write an object where it still has the version (ETag) that was seen, None for no object; returns the new one.

        Raises ObjectMovedError where another run has written it since. That may also be this very request, sent again
        by the SDK when its first answer was lost: starting over is right for both.
        """
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen}
        try:
            answer = self._client.put_object(Bucket=self._bucket, Key=key, Body=body, **condition)
        except ClientError as error:
            if _status(error) in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT}:
                raise ObjectMovedError(key) from error
            raise
        return answer["ETag"]

    def overwrite(self, key: str, body: bytes) -> None:
        """Write an object whatever is there: a note of which the latest counts."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def versions(self, prefix: str) -> dict[str, str]:
        """Return the version (ETag) of every object under `prefix`, by its key, in the order of keys."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        entries = (entry for page in pages for entry in page.get("Contents", ()))
        return {entry["Key"]: entry["ETag"] for entry in entries if "Key" in entry and "ETag" in entry}

    def folders(self, prefix: str) -> list[str]:
        """Return the names of what lies directly under `prefix` (which ends in `/`) and holds objects, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        found = (entry.get("Prefix", "") for page in pages for entry in page.get("CommonPrefixes", ()))
        return [name.removeprefix(prefix).rstrip("/") for name in found]

    def versions_under(self, prefixes: Iterable[str]) -> dict[str, str]:
        """Return the versions under all `prefixes`, listed in parallel; one failure fails the whole listing."""
        with ThreadPoolExecutor(THREADS) as pool:
            return {key: seen for listed in pool.map(self.versions, prefixes) for key, seen in listed.items()}

    def read(self, key: str) -> bytes:
        """Return the body of one object. A missing key is an error like any other."""
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def earlier(self, key: str, decode: Callable[[bytes], Value]) -> Value | None:
        """Return what `decode` makes of an object's latest earlier version that it can read.

        None where the bucket keeps none. A version that cannot be read is a MalformedObjectError of `decode`.
        """
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=key)
        for version in (each for page in pages for each in page.get("Versions", ())):
            if version.get("Key") == key and not version.get("IsLatest") and "VersionId" in version:
                stored = self._client.get_object(Bucket=self._bucket, Key=key, VersionId=version["VersionId"])
                with suppress(MalformedObjectError):
                    return decode(stored["Body"].read())
        return None

    def read_listed(self, keys: Iterable[str]) -> list[bytes]:
        """Return the bodies of keys that a listing named, read in parallel.

        Raises ObjectMovedError where one is gone: another run has taken it in since. S3 answers 404 or, without the
        permission to list everything, 403 for a missing key; so whether it is gone is what a listing says.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self._read_listed, keys))

    def _read_listed(self, key: str) -> bytes:
        try:
            return self.read(key)
        except ClientError as error:
            if _status(error) in {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN} and key not in self.versions(key):
                raise ObjectMovedError(key) from error
            raise

    def remove(self, keys: Sequence[str]) -> None:
        """Remove objects: in a versioned bucket they stay behind a delete marker. Raises RemovalError."""
        for first in range(0, len(keys), _REMOVED_AT_ONCE):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[first : first + _REMOVED_AT_ONCE]]
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                raise RemovalError([f"{each.get('Key')}: {each.get('Code')}" for each in errors])

    def read_all(self, keys: Iterable[str]) -> list[bytes]:
        """Return the bodies of `keys` in their order, read in parallel; one failure fails the whole read."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self.read, keys))


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
