"""A stack that lasts keeps what it promises: all over an ordered stop, the lake and almost all else over a kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.engine.emulator import STACK_FILE, STATE, free_port, running
from infra.local.engine.snapshots import LATEST, SIDECAR, mend_objects
from mlops_core.alerting import Answer, AnswerAction
from mlops_core.alerting.episodes import Episode, Verdict
from ops.stack import Stack, load_stack
from tests.emulator.test_alarm_events import alarm
from tests.emulator.waiting import eventually

KEY, MACHINE = "notes/hand.txt", "PRESS-78"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("lasting")
    ports = ["--port", str(free_port()), "--mqtt-port", str(free_port())]
    output(place, "up", *ports, "--companions", "0", "--days", "1")
    yield place
    output(place, "reset", "--yes")
    assert not (place / STATE).exists()


def output(folder: Path, *arguments: str, status: int = 0) -> str:
    """What the command prints, run as `mlops local` runs it: what it starts outlives it."""
    command = [sys.executable, "-m", "infra.local.lasting", *arguments, "--directory", str(folder)]
    ran = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran.stdout


def up(folder: Path) -> Stack:
    output(folder, "up")
    return stack_of(folder)


def stack_of(folder: Path) -> Stack:
    return load_stack("local", local_file=folder / STACK_FILE)


def kill(folder: Path) -> None:
    endpoint = running(folder)
    os.kill(endpoint.pid, signal.SIGKILL)
    eventually(lambda: running(folder) is None, within=30, what="its end")


def put(stack: Stack, text: str) -> None:
    stack.s3.put_object(Bucket=stack.outputs.data_lake_bucket, Key=KEY, Body=text.encode())


def lake(stack: Stack) -> str:
    return stack.s3.get_object(Bucket=stack.outputs.data_lake_bucket, Key=KEY)["Body"].read().decode()


def retire(stack: Stack, machine_id: str, at: datetime) -> None:
    stack.machines.change(machine_id, lambda record: record.model_copy(update={"retired_at": at}))


def closed_with_a_verdict(stack: Stack, machine_id: str) -> Episode:
    verdict = Answer(action=AnswerAction.CLOSE, verdict=Verdict.NO_FAULT)
    return stack.alarms.answer(alarm(stack, machine_id).id, verdict, principal="a test", now=datetime.now(UTC))


def judged(stack: Stack) -> set[object]:
    return {verdict["machine_id"] for verdict in stack.label_history.load_verdicts()}


def test_an_ordered_stop_keeps_everything_and_what_follows_goes_on(folder: Path):
    stack, at = stack_of(folder), datetime(2026, 1, 31, tzinfo=UTC)
    put(stack, "before the stop")
    retire(stack, MACHINE, at)
    closed_with_a_verdict(stack, "STOP-1")
    output(folder, "down")
    assert running(folder) is None
    stack = up(folder)
    assert lake(stack) == "before the stop"
    assert stack.machines.load(MACHINE).retired_at == at
    eventually(lambda: "STOP-1" in judged(stack), within=60, what="what the stream held before the stop")
    closed_with_a_verdict(stack, "STOP-2")
    eventually(lambda: "STOP-2" in judged(stack), within=60, what="what the stream holds after it")


def test_a_kill_leaves_the_lake_whole_and_the_rest_as_it_was_seconds_before(folder: Path):
    stack, at = up(folder), datetime(2026, 2, 28, tzinfo=UTC)
    retire(stack, MACHINE, at)
    written, latest = time.time_ns(), folder / STATE / LATEST
    eventually(lambda: latest.exists() and latest.stat().st_mtime_ns > written, within=60, what="the next snapshot")
    put(stack, "in the moment of the kill")
    kill(folder)
    stack = up(folder)
    assert lake(stack) == "in the moment of the kill"
    assert stack.machines.load(MACHINE).retired_at == at
    closed_with_a_verdict(stack, "KILL-1")
    eventually(lambda: "KILL-1" in judged(stack), within=60, what="functions, streams and permissions work again")


def test_a_second_start_changes_nothing_and_nothing_goes_without_a_yes(folder: Path):
    stack = up(folder)
    put(stack, "mine")
    pid = running(folder)
    assert "Nothing is removed" in output(folder, "reset", status=1)
    assert "reset" in output(folder, "up", "--port", "1", status=1)
    assert running(folder) == pid
    assert lake(up(folder)) == "mine"


def test_a_port_that_is_taken_is_named_and_nothing_half_is_left(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        shown = output(tmp_path, "up", "--port", str(port), status=1)
    assert f"Port {port} of 127.0.0.1 is taken" in shown
    assert "--port N" in shown
    assert {each.name for each in tmp_path.iterdir()} <= {".guard"}


def test_an_object_that_was_written_without_its_sidecar_is_described_by_its_content(tmp_path: Path):
    content, sidecar = tmp_path / "a.json", tmp_path / f"a.json{SIDECAR}"
    sidecar.write_text('{"etag": "of the old", "size": 3, "version_id": "1"}')
    content.write_text("the new")
    os.utime(sidecar, ns=(1, 1))
    assert mend_objects(tmp_path) == 1
    assert sidecar.read_text() == '{"version_id": "1"}'
    assert mend_objects(tmp_path) == 0
