"""How a machine connects: what it needs to know and to have, for people and for programs."""

import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mlops_core.telemetry import CHANNELS
from ops.device_keys import KeySet
from ops.stack import Stack

MQTT_PORT: Final = 8883
_FOLDER_OF_ROOTS: Final = "https://www.amazontrust.com/repository/"
AMAZON_ROOT: Final = f"{_FOLDER_OF_ROOTS}AmazonRootCA1.pem"
_EMULATORS_ROOT: Final = "/_ministack/iot/ca.pem"


@dataclass(frozen=True)
class Connection:
    """A machine's way in. `authority` is the file, or the address, of the certificate that vouches for the broker."""

    machine_id: str
    host: str
    port: int
    topics: tuple[str, ...]
    certificate: Path
    key: Path | None
    authority: str

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
        }

    def lines(self) -> list[str]:
        """For people, the last line to be tried at once."""
        attempt = (
            f"mosquitto_pub -h {self.host} -p {self.port} -i {self.machine_id} -q 1 --cert {self.certificate}"
            f" --key {self.key or 'KEY.pem'} --cafile {self.authority.removeprefix(_FOLDER_OF_ROOTS)}"
        )
        return [
            f"{self.machine_id} may connect to {self.host}, port {self.port}, by MQTT over TLS (QoS 0 or 1).",
            f"  client id    {self.machine_id} (no other)",
            f"  certificate  {self.certificate}",
            f"  key          {self.key or 'stays on the machine'}",
            f"  authority    {self.authority}",
            *(f"  topic        {topic}" for topic in self.topics),
            f"{attempt} -t {self.topics[0]} -m MESSAGE",
        ]


def connection(stack: Stack, machine_id: str, keys: KeySet) -> Connection:
    """How `machine_id` connects to this stack with these files."""
    host, _, port = str(stack.output("device_endpoint")).partition(":")
    levels = (*CHANNELS, "event/failure")
    return Connection(
        machine_id,
        host,
        int(port or MQTT_PORT),
        tuple(f"{stack.topic_prefix}/{machine_id}/{level}" for level in levels),
        keys.certificate,
        keys.key if keys.key.exists() else None,
        _authority(stack, keys.folder),
    )


def _authority(stack: Stack, folder: Path) -> str:
    """The emulator vouches for itself; AWS's root is known to most systems, and to be had from Amazon."""
    if stack.endpoint_url is None:
        return AMAZON_ROOT
    file = folder / "authority.pem"
    with urllib.request.urlopen(stack.endpoint_url + _EMULATORS_ROOT) as answer:  # noqa: S310 - the stack's own
        file.write_bytes(answer.read())
    return str(file)
