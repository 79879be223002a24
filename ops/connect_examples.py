"""Working messages of one machine for the usual clients, with this stack's endpoint, topics and channels filled in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from mlops_core.telemetry import Channel

_FLOW = "mlops-connect"


@dataclass(frozen=True)
class Way:
    """What a client needs: broker, files, the topic of batches, and one value of each channel to try with."""

    machine_id: str
    host: str
    port: int
    topic: str
    certificate: str
    key: str
    authority: str | None
    """File of the certificate that vouches for the broker; None: the system knows it."""
    values: Mapping[str, float]


def sample_values(channels: Mapping[str, Channel]) -> dict[str, float]:
    """One plausible value of each channel, of twenty at most."""
    return {name: _plausible(channel) for name, channel in list(channels.items())[:20]}


def _plausible(channel: Channel) -> float:
    """A round number near the lower third of the range, as ordinary values are."""
    spread = min(channel.maximum - channel.minimum, 100.0)
    return round(max(channel.minimum, min(0.0, channel.maximum)) + spread / 3, 1)


def examples(way: Way) -> dict[str, str]:
    """The examples by file name: a shell script, two Python programs and a flow of Node-RED."""
    return {
        "publish.sh": _mosquitto(way),
        "publish_paho.py": _paho(way),
        "publish_aws_sdk.py": _aws_sdk(way),
        "node_red_flow.json": _node_red(way),
    }


def _mosquitto(way: Way) -> str:
    authority = f'--cafile "{way.authority}"' if way.authority else "--tls-use-os-certs"
    body = json.dumps({"timestamp_utc": "@", "values": way.values}).replace('"', '\\"')
    body = body.replace("@", "$(date -u +%Y-%m-%dT%H:%M:%SZ)")
    return f"""#!/bin/sh
# One message with mosquitto_pub. Its time is now: older than the allowed lateness it would be refused.
mosquitto_pub -h {way.host} -p {way.port} -i {way.machine_id} -q 1 {authority} \\
  --cert "{way.certificate}" --key "{way.key}" \\
  -t {way.topic} \\
  -m "{body}"
"""


def _paho(way: Way) -> str:
    return f'''"""One message with paho-mqtt 2 (pip install paho-mqtt)."""

import json
from datetime import datetime, timezone

import paho.mqtt.client as mqtt

client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id={way.machine_id!r})
client.tls_set(ca_certs={way.authority!r}, certfile={way.certificate!r}, keyfile={way.key!r})
client.connect({way.host!r}, {way.port})
client.loop_start()
message = {{
    "timestamp_utc": datetime.now(timezone.utc).isoformat(),
    "values": {dict(way.values)!r},
}}
client.publish({way.topic!r}, json.dumps(message), qos=1).wait_for_publish(30)
client.disconnect()
client.loop_stop()
'''


def _aws_sdk(way: Way) -> str:
    authority = f"\n    ca_filepath={way.authority!r}," if way.authority else ""
    return f'''"""One message with the AWS IoT Device SDK v2 (pip install awsiotsdk)."""

import json
from datetime import datetime, timezone

from awscrt import mqtt
from awsiot import mqtt_connection_builder

connection = mqtt_connection_builder.mtls_from_path(
    endpoint={way.host!r},
    port={way.port},
    client_id={way.machine_id!r},
    cert_filepath={way.certificate!r},
    pri_key_filepath={way.key!r},{authority}
)
connection.connect().result()
message = {{
    "timestamp_utc": datetime.now(timezone.utc).isoformat(),
    "values": {dict(way.values)!r},
}}
published, _ = connection.publish(
    topic={way.topic!r}, payload=json.dumps(message), qos=mqtt.QoS.AT_LEAST_ONCE
)
published.result()
connection.disconnect().result()
'''


def _node_red(way: Way) -> str:
    """A flow to import: every minute a function makes the message, and the broker node sends it."""
    make = f"msg.payload = {{timestamp_ms: Date.now(), values: {json.dumps(dict(way.values))}}};\nreturn msg;"
    nodes: list[dict[str, object]] = [
        {"id": f"{_FLOW}-tab", "type": "tab", "label": f"{way.machine_id} to the platform"},
        {"id": f"{_FLOW}-tls", "type": "tls-config", "name": way.machine_id, "cert": way.certificate, "key": way.key,
         "ca": way.authority or "", "verifyservercert": True},
        {"id": f"{_FLOW}-broker", "type": "mqtt-broker", "name": way.host, "broker": way.host, "port": str(way.port),
         "tls": f"{_FLOW}-tls", "usetls": True, "clientid": way.machine_id, "protocolVersion": "4", "keepalive": "60",
         "cleansession": True, "autoConnect": True},
        {"id": f"{_FLOW}-clock", "z": f"{_FLOW}-tab", "type": "inject", "name": "every minute", "repeat": "60",
         "once": True, "props": [], "x": 130, "y": 80, "wires": [[f"{_FLOW}-make"]]},
        {"id": f"{_FLOW}-make", "z": f"{_FLOW}-tab", "type": "function", "name": "message", "func": make, "outputs": 1,
         "x": 310, "y": 80, "wires": [[f"{_FLOW}-send"]]},
        {"id": f"{_FLOW}-send", "z": f"{_FLOW}-tab", "type": "mqtt out", "name": "", "topic": way.topic, "qos": "1",
         "retain": "false", "broker": f"{_FLOW}-broker", "x": 520, "y": 80, "wires": []},
    ]  # fmt: skip
    return json.dumps(nodes, indent=2) + "\n"
