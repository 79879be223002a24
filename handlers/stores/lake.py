"""Objects of the data lake in S3: created once, overwritten, listed and read; never deleted."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from handlers.stores.clients import THREADS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

_CONFLICTS_TRIED = 5


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an AWS error; 0 where the response has none."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


class DataLake:
    """One bucket. Every method returns only after S3 answered and lets the SDK's errors through as they are."""

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
                if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
                    return False
                if status_of(error) != HTTPStatus.CONFLICT or attempt == _CONFLICTS_TRIED:
                    raise
            else:
                return True
        raise AssertionError  # count() does not end

    def write(self, key: str, body: bytes) -> None:
        """Write an object whose name stands for its place (a partition): what was there is replaced as a whole."""
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def keys(self, prefix: str) -> list[str]:
        """List every key under `prefix`, in order."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ()) if "Key" in entry]

    def read(self, key: str) -> bytes:
        """Return the body of one object. A missing key is an error like any other."""
        return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def read_all(self, keys: Iterable[str]) -> list[bytes]:
        """Return the bodies of `keys` in their order, read in parallel; one failure fails the whole read."""
        with ThreadPoolExecutor(THREADS) as pool:
            return list(pool.map(self.read, keys))
