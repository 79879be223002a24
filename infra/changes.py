"""What a new configuration does to the stack that runs: refused where data would be lost or machines cut off.

`python -m infra.changes STACK` runs before `pulumi up`: it reads the stack's outputs and its configuration through the
Pulumi CLI, and asks AWS how the data lake is encrypted and what concurrency the account has to give. Wrong values are
no matter of this: the program refuses them.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from infra.naming import topic_prefix_of

PROJECT: Final = "mlops-industrial"
ACCEPT: Final = "--accept"
_UNRESERVED: Final = 100  # what Lambda keeps of an account's quota, or all of it where that is less


class Change(NamedTuple):
    """One key that changes what a running stack does with its data."""

    key: str
    text: str
    is_refused: bool = True


def changes(outputs: Mapping[str, Any], config: Mapping[str, Any], *, stack: str, has_own_key: bool) -> list[Change]:
    """Return what changes; nothing does without outputs, on a first deployment.

    config: by key. has_own_key: the lake is encrypted with the stack's key.
    """
    if not outputs:
        return []
    found: list[Change] = []
    bucket = str(config.get("dataLakeBucketName") or "")
    if bucket and bucket != outputs.get("data_lake_bucket"):
        found.append(
            Change(
                "dataLakeBucketName",
                f"the bucket {outputs.get('data_lake_bucket')} would be replaced by {bucket}, and what it holds be left"
                f" or deleted. Set it back: pulumi config set dataLakeBucketName {outputs.get('data_lake_bucket')}",
            )
        )
    prefix = str(config.get("mqttTopicPrefix") or topic_prefix_of(stack))
    if prefix != outputs.get("mqtt_topic_prefix"):
        found.append(
            Change(
                "mqttTopicPrefix",
                f"machines that publish under {outputs.get('mqtt_topic_prefix')} would not be heard. Keep it: pulumi"
                f" config set mqttTopicPrefix {outputs.get('mqtt_topic_prefix')}",
            )
        )
    if has_own_key and not config.get("customerManagedKey"):
        found.append(
            Change(
                "customerManagedKey",
                "what is stored is encrypted with the stack's key and would be unreadable without it. Keep it: pulumi"
                " config set customerManagedKey true",
            )
        )
    for key, output, text in (
        ("featureHopMinutes", "feature_hop_minutes", "the hours that late data may reach are built and computed again"),
        ("featureLengthsHours", "feature_lengths_hours", "the hours that late data may reach are computed again"),
        ("lakeShards", "lake_shards", "holds from the next hour on"),
    ):
        if key in config and output in outputs and config[key] != outputs[output]:
            found.append(Change(key, f"{outputs[output]} becomes {config[key]}: {text}", is_refused=False))
    return found


class Concurrency(NamedTuple):
    """Runs at once in an account: its quota, what is unreserved of it, and what this stack has reserved."""

    quota: int
    unreserved: int
    ours: int


def lack_of_concurrency(wanted: int, account: Concurrency, *, stack: str) -> Change | None:
    """Return what the account does not have to give: the update would fail half-way."""
    available = max(0, account.unreserved + account.ours - min(_UNRESERVED, account.quota))
    if wanted <= available:
        return None
    return Change(
        "reservedConcurrency",
        f"{wanted} runs at once are to be reserved, and this account has {available} to give: its quota is"
        f" {account.quota}, of which Lambda keeps {min(_UNRESERVED, account.quota)} for functions without a"
        " reservation."
        " Raise it: aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384"
        f" --desired-value 1000. Until then: pulumi config rm reservedConcurrency --stack {stack}",
    )


def main(arguments: Sequence[str]) -> int:
    """Print what changes; 1 where something is refused and not accepted."""
    stack, accepted = arguments[0], {word for word in arguments[1:] if word != ACCEPT}
    outputs = _pulumi("stack", "output", "--json", "--stack", stack)
    raw = _pulumi("config", "--json", "--stack", stack)
    config = {key.removeprefix(f"{PROJECT}:"): _value(entry) for key, entry in raw.items() if key.startswith(PROJECT)}
    place = {key: str(raw[f"aws:{key}"].get("value", "")) for key in ("region", "profile") if f"aws:{key}" in raw}
    found = changes(outputs, config, stack=stack, has_own_key=_has_own_key(outputs, place))
    reserved = cast("Mapping[str, int]", config.get("reservedConcurrency") or {})
    wanted = sum(reserved.values())
    if wanted and (account := _concurrency(stack, place)):
        found += [lack] if (lack := lack_of_concurrency(wanted, account, stack=stack)) else []
    refused = False
    for change in found:
        is_refused = change.is_refused and change.key not in accepted
        refused |= is_refused
        how = f" Or accept it: {ACCEPT} {change.key}" if is_refused else ""
        sys.stderr.write(f"{'refused' if is_refused else 'note'}: {change.key}: {change.text}.{how}\n")
    return int(refused)


def _value(entry: Mapping[str, Any]) -> object:
    if "objectValue" in entry:
        return entry["objectValue"]
    text = entry.get("value", "")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _client(service: str, place: Mapping[str, str]) -> Any:  # noqa: ANN401 - the stubs' overloads know few services
    """A client in the stack's region, by its profile."""
    session = boto3.Session(region_name=place.get("region"), profile_name=place.get("profile"))
    return cast("Any", session).client(service)


def _concurrency(stack: str, place: Mapping[str, str]) -> Concurrency | None:
    """What the account has; None where it cannot be asked."""
    try:
        limits: dict[str, int] = _client("lambda", place).get_account_settings()["AccountLimit"]
    except (BotoCoreError, ClientError):
        return None
    resources: list[dict[str, Any]] = (
        _pulumi("stack", "export", "--stack", stack).get("deployment", {}).get("resources", [])
    )
    ours = sum(
        int(each["inputs"].get("reservedConcurrentExecutions", 0))
        for each in resources
        if each["type"] == "aws:lambda/function:Function"
    )
    return Concurrency(limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"], ours)


def _has_own_key(outputs: Mapping[str, Any], place: Mapping[str, str]) -> bool:
    """Whether the lake is encrypted with a key of KMS; no, where it cannot be asked."""
    try:
        client = _client("s3", place)
        answer: dict[str, Any] = client.get_bucket_encryption(Bucket=outputs["data_lake_bucket"])
    except (BotoCoreError, ClientError, KeyError):
        return False
    (rule,) = answer["ServerSideEncryptionConfiguration"]["Rules"]
    return rule["ApplyServerSideEncryptionByDefault"].get("SSEAlgorithm") == "aws:kms"


def _pulumi(*words: str) -> dict[str, Any]:
    ran = subprocess.run(["pulumi", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607 - the CLI on the path
    return json.loads(ran.stdout or "{}") if ran.returncode == 0 else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
