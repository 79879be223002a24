"""How a machine connects: endpoint, topics and credentials, as text and as JSON."""

import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mlops_core.telemetry import READINGS_LEVEL, Channels
from ops.connect_examples import Way, examples, sample_values
from ops.device_keys import KeySet
from ops.stack import Stack

MQTT_PORT: Final = 8883
AMAZON_ROOT: Final = "https://www.amazontrust.com/repository/AmazonRootCA1.pem"
_CLIENTS: Final = {
    "publish.sh": "mosquitto_pub",
    "publish_paho.py": "paho-mqtt",
    "publish_aws_sdk.py": "AWS device SDK",
    "node_red_flow.json": "Node-RED",
}
_EMULATORS_ROOT: Final = "/_ministack/iot/ca.pem"


@dataclass(frozen=True)
class Connection:
    """A machine's way in. `authority` is the file, or the address, of the certificate that vouches for the broker.

    `examples` are the files that publish one working message each, by client.
    """

    machine_id: str
    host: str
    port: int
    topics: tuple[str, ...]
    certificate: Path
    key: Path | None
    authority: str
    examples: tuple[Path, ...] = ()

    def as_report(self) -> dict[str, object]:
        """As part of a report."""
        return {
            "machine_id": self.machine_id,
            "client_id": self.machine_id,
            "host": self.host,
            "port": self.port,
            "topics": list(self.topics),
            "certificate": str(self.certificate),
            "key": None if self.key is None else str(self.key),
            "certificate_authority": self.authority,
            "examples": [str(file) for file in self.examples],
        }

    def lines(self) -> list[str]:
        """As text: what to put on the machine, what to try at once, and how to see it arrive."""
        return [
            f"{self.machine_id} may connect to {self.host}, port {self.port}, by MQTT over TLS (QoS 0 or 1).",
            f"  client id    {self.machine_id} (no other)",
            f"  certificate  {self.certificate}",
            f"  key          {self.key or 'stays on the machine'}",
            f"  authority    {self.authority}",
            *(f"  topic        {topic}" for topic in self.topics),
            "A working message of this machine, for each client:",
            *(f"  {_CLIENTS[file.name]:<16}{file}" for file in self.examples),
            f"Try one:            sh {self.examples[0]}",
            f"See what arrives:   mlops machines watch {self.machine_id}",
        ]


def connection(stack: Stack, machine_id: str, keys: KeySet) -> Connection:
    """How `machine_id` connects to this stack with these files; writes examples beside them."""
    host, _, port = stack.outputs.device_endpoint.partition(":")
    levels = (READINGS_LEVEL, *stack.channels, "event/failure")
    way_in = Connection(
        machine_id,
        host,
        int(port or MQTT_PORT),
        tuple(f"{stack.topic_prefix}/{machine_id}/{level}" for level in levels),
        keys.certificate,
        keys.key if keys.key.exists() else None,
        _authority(stack, keys.folder),
    )
    return replace(way_in, examples=_write_examples(way_in, keys.folder, stack.channels))


def _write_examples(way_in: Connection, folder: Path, channels: Channels) -> tuple[Path, ...]:
    way = Way(
        machine_id=way_in.machine_id,
        host=way_in.host,
        port=way_in.port,
        topic=way_in.topics[0],
        certificate=str(way_in.certificate),
        key=str(way_in.key or "KEY.pem"),
        authority=None if way_in.authority == AMAZON_ROOT else way_in.authority,
        values=sample_values(channels),
    )
    written = {folder / name: text for name, text in examples(way).items()}
    for file, text in written.items():
        file.write_text(text, encoding="utf-8")
    return tuple(written)


def _authority(stack: Stack, folder: Path) -> str:
    """The emulator vouches for itself; AWS's root is known to most systems, and to be had from Amazon."""
    if stack.endpoint_url is None:
        return AMAZON_ROOT
    file = folder / "authority.pem"
    with urllib.request.urlopen(stack.endpoint_url + _EMULATORS_ROOT) as answer:  # noqa: S310 - the stack's own
        file.write_bytes(answer.read())
    return str(file)
