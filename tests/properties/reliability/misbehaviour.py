"""What mutants do at the ports: the calls that they are about, and what happens in their place."""

import gzip
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import polars as pl
from botocore.exceptions import BotoCoreError, ClientError

from mlops_core.errors import MalformedObjectError
from mlops_core.lake import BUCKETS_PREFIX, FEATURES_PREFIX
from tests.properties.reliability.calls import AwsError
from tests.properties.reliability.mutation import Of, answer_to, of_pages
from tests.properties.reliability.observations import lines_of
from tests.properties.reliability.ports import Arguments, Ports, Proceed, scratch
from tests.properties.reliability.releases import NEW_FIELD

_HOUR_OF_KEY = re.compile(r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)")
_IDENTITY = ("machine_id", "channel", "event_timestamp")
_PAYLOAD = "payload_base64"

# --- The calls that a mutant is about -------------------------------------------------------------------------------


def is_object_of_machines(arguments: Arguments) -> bool:
    """Whether an object holds what machines sent, in the lake or in quarantine."""
    return not arguments["Key"].startswith("processed/")


def is_output(arguments: Arguments) -> bool:
    """Whether an object is a partition that processing computes."""
    return arguments["Key"].startswith((FEATURES_PREFIX, BUCKETS_PREFIX))


def is_quarantined_as(reason: str) -> Of:
    """Whether an object is a message that was refused for a reason."""
    return lambda arguments: (
        arguments["Key"].startswith("quarantine/")
        and any(line["reason"] == reason for line in lines_of(arguments["Body"]))
    )


def is_online_row(arguments: Arguments) -> bool:
    """Whether an item is a row of the online store."""
    return arguments["TableName"] == "realtime-features"


def is_first_save(arguments: Arguments) -> bool:
    """Whether an item is the first state of a machine."""
    return arguments["TableName"] == "machine-state" and "ExpressionAttributeValues" not in arguments


def is_later_save(arguments: Arguments) -> bool:
    """Whether an item is a machine's state after another one."""
    return arguments["TableName"] == "machine-state" and "ExpressionAttributeValues" in arguments


# --- Messages come in -----------------------------------------------------------------------------------------------


def conflict_as_existing(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Tell of an object that another request is writing as of one that exists."""
    try:
        return proceed(**arguments)
    except AwsError as error:
        if error.status == 409:
            raise AwsError("PutObject", "PreconditionFailed", 412) from error
        raise


def named_by_arrival(arguments: Arguments) -> Arguments:
    """Name an object after the arrival of its first message."""
    folder, _, name = arguments["Key"].rpartition("/")
    stem, _, kind = name.partition(".")
    arrived = sha256(lines_of(arguments["Body"])[0]["received_at"].encode()).hexdigest()
    return {**arguments, "Key": f"{folder}/{arrived[: len(stem)]}.{kind}"}


def in_the_hour_of_arrival(arguments: Arguments) -> Arguments:
    """File an object under the hour in which its first message arrived."""
    arrived = lines_of(arguments["Body"])[0]["received_at"]
    return {**arguments, "Key": _HOUR_OF_KEY.sub(f"date={arrived[:10]}/hour={arrived[11:13]}", arguments["Key"])}


def refused(_proceed: Proceed, _arguments: Arguments, _ports: Ports) -> Any:
    """Refuse a put."""
    raise AwsError("PutObject", "AccessDenied", 403)


def received_when_delivered(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Deliver a message as if the broker had just got it."""
    envelope = json.loads(arguments["body"])
    if "received_at_ms" in envelope:
        envelope["received_at_ms"] = ports.pipeline.now_ms
    return proceed(**{**arguments, "body": json.dumps(envelope)})


def payload_as_text(arguments: Arguments) -> Arguments:
    """Keep payloads as if they were text."""

    def as_text(payload: str) -> str:
        return b64encode(b64decode(payload).decode(errors="replace").encode()).decode()

    lines = [{**line, _PAYLOAD: as_text(line[_PAYLOAD])} for line in lines_of(arguments["Body"])]
    return {**arguments, "Body": gzip.compress("\n".join(map(json.dumps, lines)).encode())}


def without_message_id(arguments: Arguments) -> Arguments:
    """Send a dead letter back without the id that it had."""
    envelope = json.loads(arguments["MessageBody"])
    return {**arguments, "MessageBody": json.dumps({name: envelope[name] for name in envelope if name != "message_id"})}


# --- Features are computed ------------------------------------------------------------------------------------------


def of_readings(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function of readings other ones."""
    return lambda real: lambda readings, **options: real(change(readings), **options)


def all_distinct(readings: pl.DataFrame) -> pl.DataFrame:
    """Tell repeated readings apart, by a microsecond each."""
    nth = pl.int_range(pl.len()).over(_IDENTITY)
    return readings.with_columns(pl.col("event_timestamp") + pl.duration(microseconds=nth))


def last_to_arrive(readings: pl.DataFrame) -> pl.DataFrame:
    """Let the last of several values for one reading win."""
    return readings.with_columns(pl.col("value").last().over(_IDENTITY))


@of_pages
def note_that_raw_data_is_listed(pages: Iterator[Any], prefix: str, _: Ports) -> Iterator[Any]:
    """Remember that a run has begun to list raw data; what it knew of outputs is forgotten."""
    yield from pages
    if prefix.startswith("raw/"):
        scratch("looks", dict)["versions"] = None


def look_at_outputs(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Look at the versions of outputs when the first raw object is read."""
    answer = proceed(**arguments)
    looks = scratch("looks", dict)
    if looks.get("versions", ...) is None:
        looks["versions"] = ports.pipeline.s3.versions()
    return answer


def replace_what_was_looked_at(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Replace an output where it has the version that the late look found."""
    versions = scratch("looks", dict).get("versions")
    if versions is None:
        return proceed(**arguments)
    kept = {name: value for name, value in arguments.items() if not name.startswith("If")}
    seen = versions.get(arguments["Key"])
    condition = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": seen}
    answer = proceed(**kept, **condition)
    versions[arguments["Key"]] = answer["ETag"]
    return answer


def note_processed_until(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Remember how far processing has come."""
    answer = proceed(**arguments)
    ports.stack["until"] = datetime.fromisoformat(json.loads(arguments["Body"])["processed_until"])
    return answer


def note_late_objects(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Remember the objects that come when their hour is done."""
    until = ports.stack.get("until")
    if until is not None and _hour(arguments["Key"]) < until:
        ports.stack.setdefault("late", set()).add(arguments["Key"])
    return proceed(**arguments)


@of_pages
def list_no_late_objects(pages: Iterator[Any], _: str, ports: Ports) -> Iterator[Any]:
    """List all objects but those that came when their hour was done."""
    late = ports.stack.get("late", set())
    for page in pages:
        yield {"Contents": [entry for entry in page.get("Contents", ()) if entry["Key"] not in late]}


def replace_only_in_the_hour(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Leave a partition of features as it is where no raw object has come for the hours that it is nearest to."""
    key, store = arguments["Key"], ports.pipeline.s3
    hours = (_hour(key) - timedelta(hours=1), _hour(key))
    near = {f"raw/date={hour:%Y-%m-%d}/hour={hour:%H}/" for hour in hours}
    raw = {name for name in store.objects if name.startswith(tuple(near))}
    known = ports.stack.setdefault("raw", {})
    if key in store.objects and known.get(key) == raw:
        return {"ETag": store.versions()[key]}
    answer = proceed(**arguments)
    known[key] = raw
    return answer


def all_offered(arguments: Arguments) -> Arguments:
    """Leave out of a checkpoint which rows the online store has not been offered yet."""
    checkpoint = json.loads(arguments["Body"])
    checkpoint.pop("unoffered_from", None)
    return arguments | {"Body": json.dumps(checkpoint).encode()}


def only_the_last_checkpoint(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Keep no checkpoint with rows that are not offered yet: none but the first and the last of a run."""
    if json.loads(arguments["Body"]).get("unoffered_from"):
        return answer_to(arguments)
    return proceed(**{name: value for name, value in arguments.items() if not name.startswith("If")})


def nothing_due(next_computation: Callable[..., Any]) -> Callable[..., Any]:
    """Plan computations that leave nothing for the next."""

    def planned(*of: Any, **how: Any) -> Any:
        computation = next_computation(*of, **how)
        return computation and computation._replace(checkpoint=computation.checkpoint.model_copy(update={"due": {}}))

    return planned


def only_the_newest(distinct_readings: Callable[..., Any]) -> Callable[..., Any]:
    """Compact what is taken in, and not what was before."""
    return lambda frames: distinct_readings(frames[-1:])


def whole_hour(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Remove every raw object of the hour, whether it was taken in or not."""
    folder = arguments["Delete"]["Objects"][0]["Key"].rpartition("/")[0]
    keys = [{"Key": key} for key in ports.pipeline.s3.under(f"{folder}/")]
    return proceed(**{**arguments, "Delete": {"Objects": keys}})


def newer_by_window_end_alone(arguments: Arguments) -> Arguments:
    """Make an online row newer only where its window ends later."""
    condition = "attribute_not_exists(machine_id) OR window_end < :end"
    return {**arguments, "ConditionExpression": condition}


def nothing_read(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Take an object that cannot be read for an empty one."""
    try:
        return proceed(**arguments)
    except (ClientError, BotoCoreError):
        return {"Body": BytesIO(gzip.compress(b""))}


@of_pages
def nothing_listed(pages: Iterator[Any], prefix: str, _: Ports) -> Iterator[Any]:
    """Take raw objects that cannot be listed for none."""
    try:
        yield from pages
    except (ClientError, BotoCoreError):
        if not prefix.startswith("raw/"):
            raise


def _hour(key: str) -> datetime:
    found = _HOUR_OF_KEY.search(key)
    assert found, key
    return datetime.fromisoformat(f"{found[1]}T{found[2]}:00:00+00:00")


# --- A stack lives --------------------------------------------------------------------------------------------------


def removed_with_its_record(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Remove a damaged object once it is named."""
    answer = proceed(**arguments)
    key = json.loads(arguments["Body"])["key"]
    if key.startswith("raw/"):
        ports.pipeline.s3.delete_objects(Bucket="lake", Delete={"Objects": [{"Key": key}]})
    return answer


def fatal_where_damaged(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """End whoever reads a damaged object."""
    answer = proceed(**arguments)
    body = answer["Body"].read()
    if body in ports.pipeline.s3.damaged:
        raise MalformedObjectError(arguments["Key"], "is damaged")
    return {**answer, "Body": BytesIO(body)}


def fatal_where_newer(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """End whoever reads a document with a field that today's release does not know."""
    answer = proceed(**arguments)
    body = answer["Body"].read()
    if NEW_FIELD.encode() in body:
        raise MalformedObjectError(arguments["Key"], "has an unknown field")
    return {**answer, "Body": BytesIO(body)}


def only_sealed(is_as_sealed: Callable[..., Any]) -> Callable[..., Any]:
    """Take a table without a seal for damaged."""
    return lambda body: is_as_sealed(body) or False


def judged_against_anyone(event: Any) -> Any:
    """Promote whoever serves meanwhile."""

    def read(given: dict[str, Any]) -> Any:
        return event.model_validate(given).model_copy(update={"against": ANY})

    return SimpleNamespace(model_validate=read)


def note_buckets(proceed: Proceed, arguments: Arguments, ports: Ports) -> Any:
    """Remember which partitions of buckets were written."""
    answer = proceed(**arguments)
    ports.stack.setdefault("buckets", set()).add(arguments["Key"])
    return answer


@of_pages
def fatal_where_gone(pages: Iterator[Any], prefix: str, ports: Ports) -> Iterator[Any]:
    """End whoever lists partitions of buckets of which one is gone."""
    yield from pages
    gone = ports.stack.get("buckets", set()) - ports.pipeline.s3.objects.keys()
    if prefix.startswith(BUCKETS_PREFIX) and any(key.startswith(prefix) for key in gone):
        raise MalformedObjectError(min(gone), "is gone")


def no_partitions_noted(arguments: Arguments) -> Arguments:
    """Leave out of a checkpoint which partitions the hours were written to."""
    checkpoint = json.loads(arguments["Body"])
    checkpoint["hours"] = {hour: f"{built.rpartition('/')[0]}/0" for hour, built in checkpoint["hours"].items()}
    return arguments | {"Body": json.dumps(checkpoint).encode()}


def made_with_anything(_adapted: Callable[..., Any]) -> Callable[..., Any]:
    """Take what is stored for made with the settings of today."""
    return lambda checkpoint, _rules: checkpoint


def without_reach(chance: Callable[..., Any]) -> Callable[..., Any]:
    """Let in whatever age a message has."""
    return lambda *rules, **options: chance(*rules, **{**options, "historical_reach": timedelta(days=10_000)})


# --- Machines are simulated -----------------------------------------------------------------------------------------


def keep_first_state(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Keep a machine's first state back."""
    unsaved = scratch("unsaved", dict)
    unsaved[arguments["Item"]["machine_id"]["S"]] = (proceed, arguments)
    return answer_to(arguments)


def load_first_state(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Load a machine's state, or the first one that was kept back."""
    found = proceed(**arguments)
    machine_id = arguments["Key"]["machine_id"]["S"]
    unsaved = scratch("unsaved", dict)
    return {"Item": unsaved[machine_id][1]["Item"]} if not found and machine_id in unsaved else found


def save_first_state_too(proceed: Proceed, arguments: Arguments, _: Ports) -> Any:
    """Save a state, and before it the first one that was kept back."""
    machine_id = arguments["Item"]["machine_id"]["S"]
    unsaved = scratch("unsaved", dict)
    if machine_id in unsaved:
        create, first = unsaved.pop(machine_id)
        create(**first)
    return proceed(**arguments)
