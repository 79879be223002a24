"""The newest snapshot of the fleet's page, in the lake: put by a schedule or a person, read and linked to by commands.

One key holds it. A version that was replaced stays for a few days, so a link to it shows what it showed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_core.lake import PAGE_KEY

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@dataclass(frozen=True)
class StoredSnapshot:
    """A snapshot in the lake: one version of its object; `size` in bytes."""

    version: str
    put_at: datetime
    size: int


class PageSnapshots:
    """The snapshots of one lake."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, page: bytes) -> str:
        """Put a page in the place of the one before; returns its version."""
        stored = self._client.put_object(
            Bucket=self._bucket,
            Key=PAGE_KEY,
            Body=page,
            ContentType="text/html; charset=utf-8",
            CacheControl="no-store",
        )
        return stored.get("VersionId", "null")

    def newest(self) -> StoredSnapshot | None:
        """Return the newest snapshot; None where there is none, which is what a listing says."""
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=PAGE_KEY)
        if PAGE_KEY not in {each.get("Key") for each in listed.get("Contents", [])}:
            return None
        head = self._client.head_object(Bucket=self._bucket, Key=PAGE_KEY)
        return StoredSnapshot(head.get("VersionId", "null"), head["LastModified"], head["ContentLength"])

    def read(self, version: str) -> bytes:
        """Return one version."""
        return self._client.get_object(Bucket=self._bucket, Key=PAGE_KEY, VersionId=version)["Body"].read()

    def link(self, version: str, *, holds_for: timedelta) -> str:
        """Return a link to one version, signed as the caller; it ends after a span, or with the caller's session."""
        wanted = {"Bucket": self._bucket, "Key": PAGE_KEY, "VersionId": version}
        seconds = holds_for // timedelta(seconds=1)
        return self._client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)
