"""What a new configuration does to the stack that runs: refused where data would be lost or machines not heard.

`python -m infra.changes STACK` runs before `pulumi up`: it reads the stack's outputs and its configuration through the
Pulumi CLI, and asks the data lake how it is encrypted. Wrong values are no matter of this: the program refuses them.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from infra.naming import topic_prefix_of

PROJECT: Final = "mlops-industrial"
ACCEPT: Final = "--accept"


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


def main(arguments: Sequence[str]) -> int:
    """Print what changes; 1 where something is refused and not accepted."""
    stack, accepted = arguments[0], {word for word in arguments[1:] if word != ACCEPT}
    outputs = _pulumi("stack", "output", "--json", "--stack", stack)
    raw = _pulumi("config", "--json", "--stack", stack)
    config = {key.removeprefix(f"{PROJECT}:"): _value(entry) for key, entry in raw.items() if key.startswith(PROJECT)}
    refused = False
    for change in changes(outputs, config, stack=stack, has_own_key=_has_own_key(outputs)):
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


def _has_own_key(outputs: Mapping[str, Any]) -> bool:
    """Whether the lake is encrypted with a key of KMS; no, where it cannot be asked."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client: Any = boto3.client("s3")  # pyright: ignore[reportUnknownMemberType] - the stubs' overloads know few services
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
