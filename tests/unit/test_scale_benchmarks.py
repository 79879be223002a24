"""The benchmarks of scale run on the handlers of today, and the arithmetic of a recovery is what it says."""

import subprocess
import sys

import pytest

from benchmarks.scale.reconnect import recovery


@pytest.mark.parametrize(
    ("benchmark", "shown"),
    [
        (("processing", "hour", "2"), "2 machines"),
        pytest.param(("processing", "late", "2"), "2 machines", marks=pytest.mark.verify),
        (("channels", "ingestion", "1"), "readings a CPU-s"),
        (("channels", "hour", "1"), "300 channels x 1 machines"),
    ],
)
def test_processing_and_many_channels_are_measured_with_the_handlers_themselves(
    benchmark: tuple[str, ...], shown: str
) -> None:
    module, *arguments = benchmark
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.scale.{module}", *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert shown in ran.stdout


def test_a_fleet_that_sends_faster_than_is_ingested_waits_in_the_queue_and_loses_nothing() -> None:
    found = recovery(1000, batch=20)
    assert found.messages == 1000 * 24 * 60 * 2 / 20
    assert 0 < found.backlog < found.messages
    assert found.ingested > found.sending


def test_ten_thousand_machines_are_up_to_date_within_two_hours_of_a_day_without_the_network() -> None:
    assert recovery(10_000, batch=1).seconds < 2 * 3600
    assert recovery(10_000, batch=20).seconds < 3600
