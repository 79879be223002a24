"""``mlops machines watch`` and the examples of ``machines add``: a plant's first message works, or is answered."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mlops_core.lake import QuarantineRecord
from mlops_core.telemetry import CHANNELS, Reading, parse_messages
from ops.connect_examples import Way, examples, sample_values
from tests.ops.conftest import Deployed, keep

NOW = datetime.now(UTC).replace(microsecond=0)
STAMP = f"{NOW:%Y-%m-%dT%H:%M:%S}"
PREFIX = "industrial/machine/PRESS-01"
WAY = Way(
    machine_id="PRESS-01",
    host="broker.example",
    port=8883,
    topic=f"{PREFIX}/readings",
    certificate="/keys/certificate.pem",
    key="/keys/key.pem",
    authority="/keys/authority.pem",
    values=sample_values(CHANNELS),
)


def take(deployed: Deployed, topic: str, payload: bytes) -> None:
    """Do with a message what ingestion does."""
    parsed = parse_messages(topic, payload, NOW)
    keep(deployed.stack, (one for one in parsed.accepted if isinstance(one, Reading)))
    for element in parsed.refused:
        deployed.refuse(QuarantineRecord(**element._asdict(), topic=topic, received_at=NOW, message_id="1"))


def test_what_arrives_is_shown_and_nothing_of_another_machine(deployed: Deployed) -> None:
    take(deployed, f"{PREFIX}/temperature", f'{{"timestamp_utc":"{STAMP}Z","value":41.5}}'.encode())
    take(deployed, f"{PREFIX}/vibration", f'{{"timestamp_utc":"{STAMP}Z","quality":"BAD"}}'.encode())
    take(deployed, "industrial/machine/PRESS-02/temperature", b"41.5")
    report = deployed.json("machines", "watch", "PRESS-01")
    assert [(one["channel"], one["value"]) for one in report["readings"]] == [
        ("temperature", 41.5),
        ("vibration", None),
    ]
    assert report["refused"] == []
    shown = deployed.run("machines", "watch", "PRESS-01", "--seconds", "0").stdout
    assert "41.5" in shown
    assert "BAD, no measurement" in shown


@pytest.mark.parametrize(
    ("level", "payload", "reason", "remedy"),
    [
        ("temperature", b"41.5", "BAD_TYPE", '"temperature_celsius"'),
        ("temperature", b'{"value": 41.5, "timestamp": 1}', "MISSING_FIELD", '"timestamp_utc"'),
        ("vibration", b'{"timestamp_utc": "%bZ", "vibration_mm_s": 2}', "MISSING_FIELD", '"vibration_rms"'),
        ("readings", b'{"timestamp_utc": "%bZ", "temperature": 41.5}', "MISSING_FIELD", '"values"'),
        ("pressure", b'{"timestamp_utc": "%bZ", "value": 3}', "UNKNOWN_SENSOR", "temperature, vibration"),
        ("temperature", b'{"timestamp_utc": "%b", "value": 41.5}', "NAIVE_TIMESTAMP", "Z"),
        ("readings", b'{"timestamp_ms": 1795000000, "values": {"temperature": 3}}', "TOO_LATE", "unit of the time"),
        ("temperature", b'{"timestamp_utc": "%bZ", "value": 1254.005}', "OUT_OF_RANGE", "-50 to 500 degC"),
    ],
)
def test_a_first_guess_that_is_refused_is_answered_by_what_to_change(
    deployed: Deployed, level: str, payload: bytes, reason: str, remedy: str
) -> None:
    take(deployed, f"{PREFIX}/{level}", payload.replace(b"%b", STAMP.encode()))
    (refused,) = deployed.json("machines", "watch", "PRESS-01")["refused"]
    assert refused["reason"] == reason
    assert remedy in refused["advice"]
    assert refused["advice"] in deployed.run("machines", "watch", "PRESS-01", "--seconds", "0").stdout


def test_the_advised_message_is_accepted(deployed: Deployed) -> None:
    levels = ("temperature", "readings", "event/failure", "event/error")
    for level in levels:
        take(deployed, f"{PREFIX}/{level}", b"41.5")
    for refused in deployed.json("machines", "watch", "PRESS-01")["refused"]:
        sample = refused["advice"].removeprefix("Send, for example: ")
        assert parse_messages(refused["topic"], sample.encode(), NOW).refused == []


def test_the_shell_example_publishes_a_message_that_is_accepted(tmp_path: Path) -> None:
    """A stand-in for mosquitto_pub writes its arguments down."""
    stand_in = tmp_path / "mosquitto_pub"
    stand_in.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{tmp_path}/arguments"\n')
    stand_in.chmod(0o755)
    script = tmp_path / "publish.sh"
    script.write_text(examples(WAY)["publish.sh"])
    subprocess.run(["/bin/sh", str(script)], check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    arguments = (tmp_path / "arguments").read_text().splitlines()
    topic, message = (arguments[arguments.index(option) + 1] for option in ("-t", "-m"))
    parsed = parse_messages(topic, message.encode(), datetime.now(UTC))
    assert (len(parsed.accepted), parsed.refused) == (len(CHANNELS), [])
    assert arguments[arguments.index("-i") + 1] == "PRESS-01"


class Client:
    """Stands for any client of MQTT: remembers what was published."""

    published: list[tuple[str, str]]

    def __init__(self, *_: object, **__: object) -> None:
        Client.published = []

    def publish(self, topic: str, payload: str, **_: object) -> Any:
        Client.published.append((topic, payload))
        done = SimpleNamespace(wait_for_publish=lambda _: None, result=lambda: None)
        return done if isinstance(self, Paho) else (done, 1)

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: SimpleNamespace(result=lambda: None)


class Paho(Client):
    pass


@pytest.mark.parametrize("name", ["publish_paho.py", "publish_aws_sdk.py"])
def test_the_python_examples_publish_a_message_that_is_accepted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {each: ModuleType(each) for each in ("paho", "paho.mqtt", "paho.mqtt.client", "awscrt", "awsiot")}
    modules["paho.mqtt.client"].__dict__.update(Client=Paho, CallbackAPIVersion=SimpleNamespace(VERSION2=2))
    modules["paho.mqtt"].__dict__.update(client=modules["paho.mqtt.client"])
    modules["paho"].__dict__.update(mqtt=modules["paho.mqtt"])
    modules["awscrt"].__dict__.update(mqtt=SimpleNamespace(QoS=SimpleNamespace(AT_LEAST_ONCE=1)))
    modules["awsiot"].__dict__.update(mqtt_connection_builder=SimpleNamespace(mtls_from_path=Client))
    for each, module in modules.items():
        monkeypatch.setitem(sys.modules, each, module)
    exec(compile(examples(WAY)[name], name, "exec"), {})  # noqa: S102  the example is ours, and is what is tested
    ((topic, message),) = Client.published
    parsed = parse_messages(topic, message.encode(), datetime.now(UTC))
    assert (len(parsed.accepted), parsed.refused) == (len(CHANNELS), [])


def test_the_flow_of_node_red_is_whole_and_its_message_is_accepted() -> None:
    nodes = {node["id"]: node for node in json.loads(examples(WAY)["node_red_flow.json"])}
    (out,) = (node for node in nodes.values() if node["type"] == "mqtt out")
    broker = nodes[out["broker"]]
    assert (broker["broker"], broker["port"], broker["clientid"]) == ("broker.example", "8883", "PRESS-01")
    assert nodes[broker["tls"]]["cert"] == WAY.certificate
    assert all(target in nodes for node in nodes.values() for wire in node.get("wires", []) for target in wire)
    (function,) = (node["func"] for node in nodes.values() if node["type"] == "function")
    body = function.removeprefix("msg.payload = ").split(";\n")[0]
    body = body.replace("timestamp_ms", '"timestamp_ms"').replace("values:", '"values":')
    payload = body.replace("Date.now()", str(int((NOW - timedelta(seconds=1)).timestamp() * 1000)))
    assert parse_messages(out["topic"], payload.encode(), NOW).refused == []
