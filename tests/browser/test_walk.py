"""From an alarm to work to a label, in a browser, on a stack in this process: what a technician does in a morning.

The stack's tables are moto's; the stream of the table of alarms, which moto does not deliver, is delivered by hand.
"""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from types import SimpleNamespace

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, expect

from handlers.announcements import AlarmDesk
from handlers.limits import LimitWatch
from handlers.stores import ModelRegistry, Notifier, encode_parquet, read_page
from mlops_core.alerting.episode_notices import Notice
from mlops_core.alerting.episodes import AlarmSource, Episode
from mlops_core.page import FleetPage
from mlops_core.prognosis import LABELS
from mlops_core.telemetry import CHANNELS, Reading
from ops.ui.actions import alarm_actions, repair_action
from ops.ui.server import Recent
from tests.browser.conftest import Plant, served
from tests.handlers.conftest import COMMON, ENVIRONMENTS, context as context
from tests.handlers.model_bundles import serve
from tests.ops.conftest import Deployed
from tests.ops.test_trial import predicted
from tests.ops.test_ui_gather import NOW, report
from tests.recorded_failures import failure_of
from tests.unit.degrading_fleet import degrading_fleet

pytestmark = pytest.mark.verify

ANN = "arn:aws:iam::123456789012:user/ann"
MACHINE = "PUMP-A01"


class RecordingNotifier(Notifier):
    """Takes the messages to people."""

    def __init__(self) -> None:
        self.subjects: list[str] = []

    def publish(self, notice: Notice, *, about: str) -> None:
        self.subjects.append(f"{about}: {notice.subject}")


@pytest.fixture
def page_of_stack(deployed: Deployed) -> Iterator[Plant]:
    """The stack's page, with every action that writes."""
    stack = deployed.stack
    actions = {"repair": repair_action(stack, ANN), **alarm_actions(stack, ANN)}

    def read() -> FleetPage:
        return read_page(stack.sources, NOW, actions=list(actions), principal=ANN)

    with served(Recent(read, lambda: NOW + timedelta(days=1)), actions) as plant:  # never kept: read at each request
        yield plant


def drive_into_zone_d(deployed: Deployed, notifier: RecordingNotifier) -> None:
    """Let a machine's vibration stay in zone D for longer than the hold time, as ingestion sees it."""
    watch = LimitWatch(AlarmDesk(deployed.stack.alarms, notifier), {}, CHANNELS, deployed.stack.machines)
    readings = [
        Reading(machine_id=MACHINE, channel="vibration", event_timestamp=at, value=16.7, received_at=at)
        for at in (NOW - timedelta(minutes=5) + timedelta(seconds=30 * step) for step in range(8))
    ]
    watch.judge(readings)


def episode(deployed: Deployed) -> Episode:
    return deployed.stack.alarms.load(MACHINE, AlarmSource.LIMIT, "vibration").episode


def fill_in(page: Page, action: str, confirm: str, **fields: str) -> None:
    """Press an action of the machine, fill its dialog in and confirm it."""
    page.get_by_role("button", name=action).first.click()
    dialog = page.get_by_role("dialog")
    for label, text in fields.items():
        dialog.get_by_label(label.replace("_", " ")).fill(text)
    dialog.get_by_label("Your name").fill("Ann")
    dialog.get_by_role("button", name=confirm, exact=True).click()
    expect(dialog).to_have_count(0)


def test_an_alarm_becomes_work_and_the_work_a_label(
    browser: Browser,
    deployed: Deployed,
    page_of_stack: Plant,
    context: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report(deployed, MACHINE, NOW - timedelta(minutes=1), vibration=16.7)
    notifier = RecordingNotifier()
    drive_into_zone_d(deployed, notifier)
    assert notifier.subjects == [f"machine: ACT: {MACHINE} vibration is beyond its limit"]

    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(page_of_stack.view("alarms"))
    expect(page.locator("h1")).to_have_text("1 alarm waits for an answer, 1 of them ACT")
    fill_in(page, "Acknowledge", "Acknowledge")
    expect(page.locator("h1")).to_have_text("Every alarm has an answer")
    expect(page.locator(".life")).to_contain_text("Ann (user/ann)")

    page.get_by_role("button", name="Record repair").click()
    page.get_by_label("No, repaired before it failed").check()
    page.get_by_label("What was repaired").fill("Bearing replaced")
    page.get_by_label("Taken out of service").fill(f"{NOW - timedelta(minutes=2):%Y-%m-%dT%H:%M}")
    page.get_by_role("dialog").get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("button", name="Give verdict").click()
    page.get_by_label("Fault found", exact=True).check()
    page.get_by_label("Which fault").fill("bearing")
    page.get_by_role("dialog").get_by_role("button", name="Close with this verdict").click()
    expect(page.locator("table.al")).to_contain_text("FAULT FOUND")
    page.close()

    judged = episode(deployed)
    assert [step.kind for step in judged.steps] == ["OPENED", "ACKNOWLEDGED", "VERDICT"]
    assert {step.by for step in judged.steps} == {None, ANN}
    deployed.stack.label_history.record_verdict(judged)

    labelled = next_training_set(deployed, context, monkeypatch)
    late = labelled["window_end"] > NOW - timedelta(hours=11)
    assert labelled.filter(late)["fails_within_horizon"].all()
    assert not labelled.filter(~late)["fails_within_horizon"].slice(0, 20).any()
    assert labelled["run_id"].n_unique() == 1, "the repair and the verdict speak of one stop"

    champion = serve(ModelRegistry(deployed.stack.lake), at=NOW).value
    predicted(deployed, champion.version, 40, MACHINE)
    assert deployed.json("models", "trial", "--days", "3")["failures"] == 1


def next_training_set(deployed: Deployed, context: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """The machine's rows in the set that the training function makes now, beside machines that failed days ago."""
    fleet = degrading_fleet(runs=1, unfinished=False).drop(list(LABELS))
    for (name,), rows in fleet.group_by("machine_id"):
        is_ours = name == fleet["machine_id"][0]
        end = NOW - (timedelta(hours=1) if is_ours else timedelta(days=3))
        moved = rows.with_columns(
            pl.lit(MACHINE if is_ours else name).alias("machine_id"),
            pl.col("window_end") + (end - rows["window_end"].max()),
        )
        for (day,), features in moved.group_by(pl.col("window_end").dt.truncate("1d")):
            key = f"processed/features/date={day:%Y-%m-%d}/hour=00/shard={name[-2:]}.parquet"
            deployed.stack.lake.create(key, encode_parquet(features))
        if not is_ours:
            deployed.stack.label_history.record(failure_of(str(name), end + timedelta(hours=1)))
    for variable, value in (COMMON | ENVIRONMENTS["training_set"]).items():
        monkeypatch.setenv(variable, value)
    from handlers import training_set

    training_set.handler({"execution": "walk", "started_at": (NOW + timedelta(hours=1)).isoformat()}, context)
    (body,) = deployed.stack.lake.read_all([training_set.rows_key("walk")])
    return pl.read_parquet(BytesIO(body)).filter(machine_id=MACHINE).sort("window_end")


def test_an_answer_that_is_refused_is_said_in_the_dialog_and_changes_nothing(
    browser: Browser, deployed: Deployed, page_of_stack: Plant
) -> None:
    report(deployed, MACHINE, NOW - timedelta(minutes=1), vibration=16.7)
    drive_into_zone_d(deployed, RecordingNotifier())
    page = browser.new_page()
    page.goto(page_of_stack.view(f"machine/{MACHINE}"))
    page.get_by_role("button", name="Acknowledge").first.click()
    act = alarm_actions(deployed.stack, ANN)
    act["verdict"]({"alarm_id": episode(deployed).id, "verdict": "NO_FAULT"})  # somebody else, meanwhile
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("dialog").get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("has ended")
    page.close()
    assert len(episode(deployed).steps) == 2
