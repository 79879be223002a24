"""A machine at the end of a wire: MQTT 5 over TLS with a certificate of its own, and what the broker answers it."""

import queue
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from mlops_core.telemetry import Message
from ops.device_connection import Connection

GRANTED, REFUSED, CLOSED = "Success", "Not authorized", "closed"
"""What the broker says: yes, no, or nothing at all, ending the connection."""
PATIENCE_SECONDS = 20.0


class Wire:
    """A connection. `reply` is the answer to connecting."""

    def __init__(self, connection: Connection, client_id: str, *, has_certificate: bool = True) -> None:
        self._answers: queue.Queue[str] = queue.Queue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        files = {"certfile": str(connection.certificate), "keyfile": str(connection.key)} if has_certificate else {}
        self._client.tls_set(ca_certs=connection.authority, tls_version=ssl.PROTOCOL_TLS_CLIENT, **files)
        self._client.on_connect = lambda _c, _u, _f, reason, _p: self._answers.put(reason.getName())
        self._client.on_publish = lambda _c, _u, _m, reason, _p: self._answers.put(reason.getName())
        self._client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._answers.put(reasons[0].getName())
        self._client.on_disconnect = lambda *_: self._answers.put(CLOSED)
        self._address = connection.host, connection.port

    def open(self) -> str:
        try:
            self._client.connect(*self._address)
        except (ssl.SSLError, ConnectionError):
            return CLOSED
        self._client.loop_start()
        return self._answers.get(timeout=PATIENCE_SECONDS)

    def publish(self, message: Message) -> str:
        self._client.publish(message.topic, message.payload, qos=1)
        return self._answers.get(timeout=PATIENCE_SECONDS)

    def subscribe(self, topic_filter: str) -> str:
        self._client.subscribe(topic_filter, qos=1)
        return self._answers.get(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        with suppress(ssl.SSLError, OSError):
            self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def opened(connection: Connection, client_id: str = "", *, has_certificate: bool = True) -> Iterator[tuple[Wire, str]]:
    """A connection and the broker's reply to opening it; as the certificate's own machine by default."""
    wire = Wire(connection, client_id or connection.machine_id, has_certificate=has_certificate)
    try:
        yield wire, wire.open()
    finally:
        wire.close()


def answer(connection: Connection, client_id: str = "", *, has_certificate: bool = True) -> str:
    """What the broker says to somebody who connects so."""
    with opened(connection, client_id, has_certificate=has_certificate) as (_, reply):
        return reply


def folder_of(connection: Connection) -> Path:
    """Where the files of the connection's certificate are."""
    return connection.certificate.parent
