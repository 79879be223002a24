"""A stack's storage on moto, what it holds, and faults of the SDK that talks to it."""

import gzip
import json
import threading
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from urllib.parse import unquote

import boto3
from moto.sns import sns_backends

from handlers.stores import clients
from mlops_core.lake import QuarantineRecord, decode_quarantine

BUCKET = "lake"
TABLES = {
    "machine-state": ("machine_id",),
    "label-history": ("machine_id", "event_timestamp"),
    "realtime-features": ("machine_id",),
    "predictions": ("machine_id",),
    "alarms": ("machine_id", "alarm"),
    "machines": ("machine_id",),
}


@cache
def _observers() -> tuple[Any, Any, Any]:
    return boto3.client("s3"), boto3.client("dynamodb"), boto3.client("sns")


def create_tables(dynamodb: Any) -> None:
    """Create the tables of a stack, empty."""
    for table, keys in TABLES.items():
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": k, "KeyType": t} for k, t in zip(keys, ("HASH", "RANGE"), strict=False)],
        )


class Aws:
    """The bucket and the tables of a stack, seen through clients of their own, which no injected fault reaches."""

    def __init__(self) -> None:
        self.s3, self.dynamodb, sns = _observers()
        self._topic = sns.create_topic(Name="notices")["TopicArn"]
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        create_tables(self.dynamodb)

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def put_all(self, objects: Iterable[tuple[str, bytes]]) -> None:
        """Store what the library encoded."""
        for key, body in objects:
            self.put(key, body)

    def delete(self, prefix: str = "") -> None:
        """Delete every object whose key begins so."""
        for key in self.objects(prefix):
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def keep_versions(self) -> None:
        """Keep versions of objects from now on, as a stack's bucket does."""
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Every object's bytes by its key."""
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def lines(self, prefix: str) -> list[dict[str, Any]]:
        """The JSON lines of every object under a prefix."""
        texts = (gzip.decompress(body).decode() for body in self.objects(prefix).values())
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def items(self, table: str) -> list[dict[str, Any]]:
        """Every item of a table, in the order of its keys."""
        items = self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        return sorted(items, key=lambda item: [item[key]["S"] for key in TABLES[table]])

    def quarantined(self) -> list[QuarantineRecord]:
        """Every message that was refused."""
        return [decode_quarantine(body) for body in self.objects("quarantine/").values()]

    def headlines(self) -> list[str]:
        """The first line of every message that people were sent."""
        return [text.splitlines()[0] for text in self.notices()]

    def notices(self) -> list[str]:
        """The text of every message that people were sent."""
        region, account = self._topic.split(":")[3:5]
        return [sent[1] for sent in sns_backends[account][region].topics[self._topic].sent_notifications]

    def snapshot(self) -> tuple[dict[str, bytes], dict[str, list[dict[str, Any]]]]:
        """Return all that is stored."""
        return self.objects(), {table: self.items(table) for table in TABLES}

    def restore(self, snapshot: tuple[dict[str, bytes], dict[str, list[dict[str, Any]]]]) -> None:
        """Store what was stored then, and nothing else."""
        self.clear()
        self.put_all(snapshot[0].items())
        for table, items in snapshot[1].items():
            for item in items:
                self.dynamodb.put_item(TableName=table, Item=item)

    def clear(self) -> None:
        """Remove what the handlers wrote."""
        self.delete()
        for table, keys in TABLES.items():
            for item in self.items(table):
                self.dynamodb.delete_item(TableName=table, Key={key: item[key] for key in keys})


WRITES = frozenset({"PutObject", "DeleteObjects", "PutItem", "UpdateItem", "Publish"})


class InjectedError(Exception):
    """The network fails, or the process is killed, at a call."""


class Faults:
    """Counts the handlers' SDK calls, and fails the chosen one, before AWS gets it or after AWS did it."""

    def __init__(self, hook: Callable[[Any, str, Callable[..., object]], None]) -> None:
        self._lock = threading.Lock()
        self._fails: Callable[[int, str, str], bool] = lambda *_: False
        self._phase = "before"
        self.calls: list[str] = []
        for client in (clients.s3(), clients.dynamodb(), clients.iot_data(None), clients.sns()):
            hook(client, "before-call", self._before)
            hook(client, "after-call", self._after)

    def clear(self) -> None:
        """Forget calls and faults."""
        self.calls, self._fails = [], lambda *_: False

    def fail(self, number: int, phase: str) -> None:
        """Fail call number `number` (the first is 1) `before` or `after` it takes effect, and no other."""
        self.calls, self._phase = [], phase
        self._fails = lambda call, _operation, _path: call == number

    def fail_write(self, number: int, phase: str) -> None:
        """As `fail`, where only calls that change something count."""
        self.calls, self._phase = [], phase
        self._fails = lambda _call, operation, _path: operation in WRITES and self.writes == number

    @property
    def writes(self) -> int:
        """How many calls that change something there were."""
        return sum(operation in WRITES for operation in self.calls)

    def fail_where(self, matches: Callable[[str, str], bool]) -> None:
        """Fail, before AWS gets it, every call for which `matches` (operation, path of the request) holds."""
        self.calls, self._phase = [], "before"
        self._fails = lambda _call, operation, path: matches(operation, path)

    def _before(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        with self._lock:
            self.calls.append(model.name)
            is_chosen = self._fails(len(self.calls), model.name, unquote(params["url_path"]))
        if is_chosen and self._phase == "before":
            raise InjectedError(model.name)
        context["is_chosen"] = is_chosen

    def _after(self, model: Any, context: dict[str, Any], **_: object) -> None:
        if context.get("is_chosen"):
            raise InjectedError(model.name)


def until_accepted(invoke: Callable[[dict[str, Any]], Any], event: dict[str, Any]) -> int:
    """Deliver a batch as a queue does, until nothing is left of it; returns how many deliveries that took."""
    left, deliveries = event["Records"], 0
    while left:
        deliveries += 1
        try:
            failed = {item["itemIdentifier"] for item in invoke({"Records": left})["batchItemFailures"]}
        except Exception:  # noqa: BLE001  an invocation that fails, for any reason, gives the whole batch back
            failed = {record["messageId"] for record in left}
        left = [record for record in left if record["messageId"] in failed]
        assert deliveries < 10
    return deliveries
