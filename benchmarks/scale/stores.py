"""S3 as the handlers call it, in memory and from a folder: what is measured is ours, without botocore's own CPU."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError


def _refused(code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "request")


class Bucket:
    """One bucket: objects in memory, and those of a folder, which are only read. `calls` counts the requests."""

    def __init__(self, folder: Path | None = None) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.calls: Counter[str] = Counter()
        self._stored: dict[str, Path] = {}
        if folder is not None:
            self._stored = {str(file.relative_to(folder)): file for file in folder.rglob("*.*")}
        self._lock = threading.Lock()

    def put_object(self, **call: Any) -> dict[str, str]:  # noqa: ANN401 - as the SDK is called
        """Store an object, where its conditions hold."""
        key, seen = call["Key"], call.get("IfMatch")
        with self._lock:
            self.calls["PUT"] += 1
            stands = self.objects[key][1] if key in self.objects else '"stored"' if key in self._stored else None
            if ("IfNoneMatch" in call and stands) or (seen and stands != seen):
                raise _refused("PreconditionFailed", 412)
            version = f'"{blake2b(call["Body"], digest_size=8).hexdigest()}-{self.calls["PUT"]}"'
            self.objects[key] = (bytes(call["Body"]), version)
        return {"ETag": version}

    def get_object(self, **call: Any) -> dict[str, Any]:  # noqa: ANN401 - as the SDK is called
        """Return an object."""
        with self._lock:
            self.calls["GET"] += 1
        if call["Key"] in self.objects:
            body, version = self.objects[call["Key"]]
            return {"Body": BytesIO(body), "ETag": version}
        if call["Key"] not in self._stored:
            raise _refused("NoSuchKey", 404)
        return {"Body": BytesIO(self._stored[call["Key"]].read_bytes()), "ETag": '"stored"'}

    def delete_objects(self, **call: Any) -> dict[str, Any]:  # noqa: ANN401 - as the SDK is called
        """Remove objects; the files of a folder stay."""
        with self._lock:
            self.calls["DELETE"] += 1
            for entry in call["Delete"]["Objects"]:
                self.objects.pop(entry["Key"], None)
                self._stored.pop(entry["Key"], None)
        return {}

    def get_paginator(self, _operation: str) -> "Bucket":
        """Return the one paginator: that of listings."""
        return self

    def paginate(self, **call: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as the SDK is called
        """Yield the keys under a prefix, a thousand at once; with a delimiter the folders under it."""
        own = {key: version for key, (_, version) in list(self.objects.items()) if key.startswith(call["Prefix"])}
        if "Delimiter" in call:
            rest = (key.removeprefix(call["Prefix"]).partition(call["Delimiter"]) for key in own)
            self.calls["LIST"] += 1
            yield {
                "CommonPrefixes": [
                    {"Prefix": f"{call['Prefix']}{name}/"} for name in sorted({f for f, d, _ in rest if d})
                ]
            }
            return
        stored = dict.fromkeys((key for key in self._stored if key.startswith(call["Prefix"])), '"stored"')
        entries = [{"Key": key, "ETag": version} for key, version in sorted((stored | own).items())]
        for first in range(0, max(1, len(entries)), 1000):
            self.calls["LIST"] += 1
            yield {"Contents": entries[first : first + 1000]}


def invocation(memory_mb: int, seconds: float) -> Any:  # noqa: ANN401 - it stands for the context of Lambda
    """Return the context of an invocation that begins now."""
    ends = time.monotonic() + seconds
    return SimpleNamespace(
        function_name="function",
        function_version="$LATEST",
        memory_limit_in_mb=memory_mb,
        invoked_function_arn="arn",
        aws_request_id="request",
        get_remaining_time_in_millis=lambda: int((ends - time.monotonic()) * 1000),
    )


class Tables:
    """DynamoDB's tables with the key `machine_id`: put, get and scan; whatever else is asked for finds nothing."""

    class exceptions:  # noqa: N801 - named as the SDK names it
        """Errors that clients know."""

        class ConditionalCheckFailedException(Exception):  # noqa: N818 - named as the SDK names it
            """Never raised: one process writes."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def put_item(self, **call: Any) -> dict[str, Any]:  # noqa: ANN401 - as the SDK is called
        """Store an item."""
        with self._lock:
            self.calls["PutItem"] += 1
            self.items.setdefault(call["TableName"], {})[call["Item"]["machine_id"]["S"]] = call["Item"]
        return {}

    def update_item(self, **_call: Any) -> dict[str, Any]:  # noqa: ANN401 - as the SDK is called
        """Count an update; alarms are not kept."""
        with self._lock:
            self.calls["UpdateItem"] += 1
        return {}

    def get_item(self, **call: Any) -> dict[str, Any]:  # noqa: ANN401 - as the SDK is called
        """Return an item, where there is one."""
        with self._lock:
            self.calls["GetItem"] += 1
        item = self.items.get(call["TableName"], {}).get(call["Key"]["machine_id"]["S"])
        return {} if item is None else {"Item": item}

    def get_paginator(self, operation: str) -> "_Scan":
        """Return what pages through a table; a query finds nothing."""
        return _Scan(self, operation)


class _Scan:
    def __init__(self, tables: Tables, operation: str) -> None:
        self._tables = tables
        self._operation = operation

    def paginate(self, **call: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - as the SDK is called
        """Yield the items of a table, as many at once as fit 1 MB."""
        found = list(self._tables.items.get(call["TableName"], {}).values()) if self._operation == "scan" else []
        for first in range(0, max(1, len(found)), 400):
            self._tables.calls["Scan, pages"] += 1
            yield {"Items": found[first : first + 400]}
