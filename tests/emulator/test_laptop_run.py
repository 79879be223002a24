"""What `make local` does ends with every message accounted for, and says so on the screen and in its summary."""

import json
import re

import pytest

from infra.local.engine.deploy import DeployError
from infra.local.engine.emulator import STACK_FILE
from infra.local.run import command
from infra.local.run.stages import LaptopRun
from mlops_core.errors import QuarantineReason
from tests.emulator.conftest import Laptop
from tests.page_file import document_of


def test_what_was_published_is_in_the_lake_in_quarantine_or_among_the_dead_letters(laptop: Laptop):
    summary = laptop.summary
    assert summary.published == summary.lake_distinct + summary.quarantined + summary.dead_lettered
    assert summary.lake_distinct >= 5 * 60 * 2  # an hour of five machines, a minute apart, two channels
    assert summary.dead_lettered == 0


def test_every_reason_for_quarantine_occurred_and_nothing_else_was_refused(laptop: Laptop):
    assert set(laptop.summary.quarantined_by_reason) == set(QuarantineReason)
    assert sum(laptop.summary.quarantined_by_reason.values()) == laptop.summary.quarantined


def test_the_summary_is_a_file_with_the_promised_keys(laptop: Laptop):
    summary = json.loads((laptop.folder / "summary.json").read_text())
    assert summary["outputs"] == laptop.deployment.outputs
    assert summary["resources"] == laptop.deployment.resources
    assert summary["feature_rows"] > 0
    assert {"deploy_seconds", "elapsed_seconds", "model", "predictions"} <= summary.keys()
    alarms = {(alarm["machine"], alarm["stage"]) for alarm in summary["alarms"]}
    assert {("FAN-B01", "WATCH"), ("FAN-B02", "ACT"), ("PUMP-A01", "ACT")} <= alarms


def test_every_configured_machine_has_fresh_features_and_a_zone(laptop: Laptop):
    lines = laptop.summary.machines
    assert [line.machine_id for line in lines] == sorted(laptop.stack.outputs.machine_ids)
    running = [line for line in lines if line.last_reading is not None]
    assert running
    assert {line.zone for line in running} <= set("ABCD")
    assert len({line.features_until for line in lines}) == 1


def test_the_run_ends_with_something_to_see_of_which_people_were_told(laptop: Laptop):
    states = {line.machine_id: line.state for line in laptop.summary.machines}
    assert (states["PUMP-A01"], states["PUMP-A02"], states["COMPRESSOR-C01"]) == ("FAILED", "OFF", "RUNNING")
    assert {"FAN-B01", "FAN-B02", "PUMP-A01"} <= laptop.summary.announced_after_seconds.keys(), "within two minutes"


def test_the_report_opens_with_the_fleet_and_loads_nothing(laptop: Laptop):
    page = (laptop.folder / "report.html").read_text()
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:|//)|@import|url\((?!#)""", page)
    assert {machine["id"] for machine in document_of(page)["machines"]} >= set(laptop.stack.outputs.machine_ids)
    assert page.index('<main class="wrap"') < page.index("<details><summary>About this run") < page.index("arn:aws:")


def test_the_stack_file_gives_the_outputs_to_the_mlops_command(laptop: Laptop):
    assert json.loads((laptop.folder / STACK_FILE).read_text())["outputs"] == laptop.deployment.outputs


def test_each_stage_is_shown_with_its_time(laptop: Laptop):
    assert list(laptop.summary.stages)[:2] == ["Layers", "Deploy"]
    assert all(f"✔ {stage}" in laptop.screen for stage in laptop.summary.stages)


def test_a_stage_that_fails_is_named_with_where_to_look_and_the_command_exits_non_zero(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
):
    def fail(run: LaptopRun) -> None:
        with run.screen.stage("Deploy"):
            raise DeployError("aws:s3/bucket:Bucket", "data-lake", ValueError("BucketAlreadyExists"))

    monkeypatch.setattr(command, "LOCAL", tmp_path)
    monkeypatch.setattr("sys.argv", ["infra.local"])
    monkeypatch.setattr(LaptopRun, "deploy", fail)
    assert command.main() == 1
    output = capsys.readouterr().out
    assert "✘ Deploy failed" in output
    assert "aws:s3/bucket:Bucket 'data-lake' could not be deployed: BucketAlreadyExists" in output
    assert "emulator.log" in output
