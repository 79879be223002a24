"""The benchmarks of scale run on the handlers of today, and the arithmetic of a recovery is what it says."""

import subprocess
import sys

import pytest

from benchmarks.scale.reconnect import recovery


@pytest.mark.parametrize("what", ["hour", pytest.param("late", marks=pytest.mark.verify)])
def test_processing_is_measured_with_the_handler_itself(what: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale.processing", what, "2"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "2 machines" in ran.stdout


@pytest.mark.parametrize(("what", "title"), [("ingestion", "readings a CPU-s"), ("hour", "300 channels x 1 machines")])
def test_many_channels_are_measured_with_the_handlers_themselves(what: str, title: str) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.scale.channels", what, "1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert title in ran.stdout


def test_a_fleet_that_sends_faster_than_is_ingested_waits_in_the_queue_and_loses_nothing() -> None:
    found = recovery(1000, batch=20)
    assert found.messages == 1000 * 24 * 60 * 2 / 20
    assert 0 < found.backlog < found.messages
    assert found.ingested > found.sending


def test_ten_thousand_machines_are_up_to_date_within_two_hours_of_a_day_without_the_network() -> None:
    assert recovery(10_000, batch=1).seconds < 2 * 3600
    assert recovery(10_000, batch=20).seconds < 3600
