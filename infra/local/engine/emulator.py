"""The embedded AWS emulator as a context manager: up on a free loopback port, down on every way out."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import boto3
from botocore.config import Config
from pydantic import BaseModel

from infra.local.engine.environments import BUILD, emulator_interpreter, lambda_interpreter
from infra.local.engine.snapshots import HELD, SAVED

LOCAL = BUILD / "local"
START_TIMEOUT_SECONDS = 30.0
STOP_TIMEOUT_SECONDS = 2.0  # where it keeps nothing: what is not over by then is ended
SAVE_TIMEOUT_SECONDS = 120.0  # where it keeps what it holds, which it writes when it stops
STATE = "state"
LAKE = "lake"
_LAUNCHER = Path(__file__).with_name("launcher.py")
STACK_FILE = "stack.json"  # what `mlops --stack local` reads


class EmulatorStartError(RuntimeError):
    """The emulator did not answer in time, or ended."""

    def __init__(self, log: Path, reason: str) -> None:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else "(no log)"
        super().__init__(f"The emulator did not start: {reason}. The end of {log}:\n{tail}")


class EmulatorNotSavedError(RuntimeError):
    """The emulator did not write what it holds in time."""

    def __init__(self, log: Path) -> None:
        super().__init__(f"The emulator has not saved its state within {SAVE_TIMEOUT_SECONDS:.0f} s: see {log}")


class PortTakenError(RuntimeError):
    """Another process listens where the emulator is to."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} of 127.0.0.1 is taken by another process.")


class Ports(NamedTuple):
    """Where it answers on loopback: AWS's endpoint, and MQTT over TLS."""

    gateway: int
    mqtt: int


class Endpoint(BaseModel, frozen=True):
    """Where a running emulator answers, and the credentials of its account's root user.

    Machines connect to ``mqtt_port`` of the same host, by MQTT over TLS with a certificate each.
    """

    endpoint_url: str
    region: str = "us-east-1"
    account_id: str = "000000000000"
    access_key_id: str = "test"
    secret_access_key: str = "test"  # noqa: S105 - the emulator's fixed root credentials, not a secret
    mqtt_port: int = 8883
    pid: int

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
        """Return a boto3 client of this emulator, the same for the same arguments; ``options`` are botocore's."""
        return _client(self, service, tuple(options.items()))

    def environment(self) -> dict[str, str]:
        """Return the variables that point the AWS CLI and any SDK at this emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }


@cache
def _client(endpoint: Endpoint, service: str, options: tuple[tuple[str, Any], ...]) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
    session: Any = boto3.session.Session(
        aws_access_key_id=endpoint.access_key_id,
        aws_secret_access_key=endpoint.secret_access_key,
        region_name=endpoint.region,
    )
    config = Config(
        retries={"mode": "standard", "max_attempts": 2},
        s3={"addressing_style": "path"},
        max_pool_connections=32,
        inject_host_prefix=False,
    )
    return session.client(service, endpoint_url=endpoint.endpoint_url, config=config.merge(Config(**dict(options))))


class Emulator:
    """Start the emulator on entry and stop it on exit, unless ``keep`` and all went well.

    ``folder`` takes its log (``emulator.log``), its temporary files and, while it runs, ``stack.json`` (an
    Endpoint). An emulator that an earlier run left up in the same folder is stopped first. IAM is enforced. ``ports``
    are free ones where not given. With ``lasting`` it begins with what the folder holds of an earlier one, under
    ``lake`` and ``state``, and keeps it there.
    Raises EmulatorStartError, PortTakenError.
    """

    endpoint: Endpoint
    """Where it answers, once it is entered."""

    def __init__(
        self,
        folder: Path = LOCAL,
        *,
        keep: bool = False,
        ports: Ports | None = None,
        lasting: bool = False,
    ) -> None:
        self.folder, self.keep, self.ports, self.lasting = folder, keep, ports, lasting
        self.log = folder / "emulator.log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        stop(self.folder)
        temporary = self.folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        port, mqtt_port = self.ports or (free_port(), free_port())
        for wanted in self.ports or ():
            _refuse_taken(wanted)
        command = [str(emulator_interpreter()), "-I", str(_LAUNCHER), str(lambda_interpreter())]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own launcher
                command,
                env=self._environment(port, mqtt_port, temporary),
                cwd=temporary,
                # The pipe closes when this process ends, however it ends, and the launcher stops with it.
                stdin=subprocess.DEVNULL if self.keep else subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this process, which then stops the emulator in order
            )
        self.endpoint = Endpoint(endpoint_url=f"http://127.0.0.1:{port}", mqtt_port=mqtt_port, pid=self._process.pid)
        self.describe({})
        try:
            self._wait_until_healthy()
        except BaseException:
            stop(self.folder, self._process)
            raise
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if not self.keep or error is not None:  # what a run left half is of no use to anybody
            stop(self.folder, self._process)

    def describe(self, outputs: Mapping[str, Any]) -> None:
        """Write ``stack.json``: the endpoint, and what the stack deployed there says of itself."""
        document = {**self.endpoint.model_dump(), "outputs": dict(outputs)}
        (self.folder / STACK_FILE).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")

    def save(self) -> None:
        """Have everything written now, as an ordered stop does, and wait for it. Raises EmulatorNotSavedError."""
        saved = self.folder / STATE / SAVED
        before = saved.stat().st_mtime_ns if saved.exists() else 0
        os.kill(self.endpoint.pid, signal.SIGUSR1)
        deadline = time.monotonic() + SAVE_TIMEOUT_SECONDS
        while not saved.exists() or saved.stat().st_mtime_ns == before:
            if time.monotonic() > deadline:
                raise EmulatorNotSavedError(self.log)
            time.sleep(0.1)

    def _environment(self, port: int, mqtt_port: int, temporary: Path) -> dict[str, str]:
        # Nothing of the caller's: no credentials, no proxy, no PYTHONPATH.
        return {
            "PATH": os.defpath,
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": str(temporary),
            "STATE_DIR": str(temporary / "state"),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            "USE_SSL": "0",
            "MINISTACK_REGION": "us-east-1",
            "IOT_MTLS_ENABLED": "1",
            "IOT_MTLS_PORT": str(mqtt_port),
            "SFTP_ENABLED": "0",
            "STOP_WITH_PARENT": "false" if self.keep else "true",
            **(self._kept() if self.lasting else {}),
        }

    def _kept(self) -> dict[str, str]:
        state, lake = self.folder / STATE, self.folder / LAKE
        for each in (state, lake):
            each.mkdir(parents=True, exist_ok=True)
        return {
            "PERSIST_STATE": "1",
            "STATE_DIR": str(state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(lake),
            "LOG_LEVEL": "WARNING",  # it runs for weeks, and each request would be a line
        }

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise EmulatorStartError(self.log, f"its process ended with status {self._process.returncode}")
            if answers(self.endpoint):
                return
            time.sleep(0.05)
        raise EmulatorStartError(
            self.log, f"no answer on {self.endpoint.endpoint_url} within {START_TIMEOUT_SECONDS:.0f} s"
        )


def running(folder: Path = LOCAL) -> Endpoint | None:
    """Return the emulator that a run left up in ``folder``, where it still answers."""
    state = folder / STACK_FILE
    if not state.exists() or not _may_be_up(folder):
        return None
    endpoint = Endpoint.model_validate_json(state.read_text())
    return endpoint if answers(endpoint) else None


def _may_be_up(folder: Path) -> bool:
    """Tell whether an emulator that lasts holds its folder; of others, which have ports to themselves, nothing."""
    held = folder / STATE / HELD
    if not held.exists():
        return not (folder / STATE).exists()
    with held.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def warnings(log: Path, most: int = 3) -> list[str]:
    """Return the last warnings and errors of an emulator's log, a line each."""
    if not log.exists():
        return []
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if " WARNING [" in line or " ERROR [" in line][-most:]


def answers(endpoint: Endpoint) -> bool:
    """Tell whether an emulator answers there."""
    try:
        with urllib.request.urlopen(f"{endpoint.endpoint_url}/_ministack/health", timeout=2):  # noqa: S310 - loopback
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def stop(folder: Path = LOCAL, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Stop the emulator of ``folder`` and remove its temporary files; false where none runs.

    ``process`` is given by the process that started it; otherwise the one recorded in the folder is stopped, and only
    where it still answers there, so that a reused process id is never signalled.
    """
    if process is not None:
        pid = process.pid if process.poll() is None else None
    else:
        endpoint = running(folder)
        pid = endpoint.pid if endpoint is not None else None
    if pid is not None:
        _end_session(pid, process, folder)
    if process is not None and process.stdin is not None:
        process.stdin.close()
    (folder / STACK_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    return pid is not None


def _end_session(pid: int, process: subprocess.Popen[bytes] | None, folder: Path) -> None:
    """End the emulator, which leads a session of its own, and with it the workers of its functions."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + (SAVE_TIMEOUT_SECONDS if (folder / STATE).exists() else STOP_TIMEOUT_SECONDS)
        while _is_alive(pid, process, folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(pid, signal.SIGKILL)
    if process is not None:
        process.wait()


def _is_alive(pid: int, process: subprocess.Popen[bytes] | None, folder: Path) -> bool:
    if process is not None:
        return process.poll() is None
    if (folder / STATE).exists():
        return _may_be_up(folder)  # its id may outlive it, where nobody asks how it ended
    os.kill(pid, 0)
    return True


def _refuse_taken(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the emulator binds: a closed one is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTakenError(port) from None


def free_port() -> int:
    """Return a TCP port that is free on loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def signals_raise() -> Generator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that ``finally`` and ``with`` clean up on them as on Ctrl-C."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    earlier = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
