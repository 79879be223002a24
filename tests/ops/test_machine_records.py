"""``mlops machines describe | retire`` and ``mlops maintenance plan | unplan``: what people say of a machine stands."""

from datetime import UTC, datetime, timedelta

from mlops_core.alerting.episodes import AlarmSource, Stage
from mlops_core.time import utc_text
from tests.ops.conftest import Deployed
from tests.ops.test_ui_gather import raise_alarm, report

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


def states(deployed: Deployed) -> dict[str, str]:
    return {machine["machine_id"]: machine["state"] for machine in deployed.json("machines", "list")["machines"]}


def test_what_is_said_of_a_machine_adds_up_and_is_shown(deployed: Deployed) -> None:
    deployed.json("machines", "describe", "PUMP-1", "--site", "North", "--rated", "speed_rpm=1480")
    deployed.json("machines", "describe", "PUMP-1", "--rated", "power_kw=30", "--iso-group", "group 2 rigid")
    shown = deployed.json("machines", "describe", "PUMP-1")
    assert (shown["site"], shown["iso_group"]) == ("North", "group 2 rigid")
    assert shown["rated"] == {"speed_rpm": 1480, "power_kw": 30}
    assert "rated: power_kw 30, speed_rpm 1480" in deployed.run("machines", "describe", "PUMP-1").stdout
    assert states(deployed) == {"PUMP-1": "NEW"}


def test_a_new_sensor_is_recorded_with_its_moment_and_others_stay(deployed: Deployed) -> None:
    deployed.json("machines", "describe", "PUMP-1", "--replaced", "vibration=2026-11-30T06:00:00+01:00")
    shown = deployed.json("machines", "describe", "PUMP-1", "--replaced", "temperature")
    assert datetime.fromisoformat(shown["replaced"]["vibration"]) == datetime(2026, 11, 30, 5, tzinfo=UTC)
    assert datetime.fromisoformat(shown["replaced"]["temperature"]) >= NOW
    assert "new sensor of vibration: 2026-11-30" in deployed.run("machines", "describe", "PUMP-1").stdout
    assert "no channel 'sound'" in deployed.run("machines", "describe", "PUMP-1", "--replaced", "sound").stderr


def test_what_cannot_be_said_names_its_option(deployed: Deployed) -> None:
    assert "--class" in deployed.run("machines", "describe", "PUMP-1", "--class", "pumps").stderr
    assert "--iso-group" in deployed.run("machines", "describe", "PUMP-1", "--iso-group", "group 9").stderr
    assert "--rated" in deployed.run("machines", "describe", "PUMP-1", "--rated", "fast").stderr
    assert "PUMP-1 has no description" in deployed.run("machines", "describe", "PUMP-1").stderr
    assert "--at" in deployed.run("machines", "retire", "PUMP-1", "--at", "yesterday").stderr


def test_a_retired_machine_is_on_no_page_and_its_alarms_are_closed_until_it_is_back(deployed: Deployed) -> None:
    report(deployed, "PUMP-1", NOW - 30 * HOUR, vibration=1.0)
    raise_alarm(deployed, "PUMP-1", AlarmSource.LIMIT, Stage.ACT, "vibration")
    assert states(deployed) == {"PUMP-1": "SILENT"}
    deployed.json("machines", "retire", "PUMP-1")
    assert states(deployed) == {"PUMP-1": "RETIRED"}
    assert deployed.json("fleet")["machines"] == []
    (alarm,) = deployed.stack.alarms.load_all()
    assert not alarm.episode.is_open
    assert not alarm.is_due(), "no notice is due"
    deployed.json("machines", "retire", "PUMP-1", "--undo")
    assert states(deployed) == {"PUMP-1": "SILENT"}


def test_planned_maintenance_is_the_state_while_it_lasts(deployed: Deployed) -> None:
    report(deployed, "PUMP-1", NOW - timedelta(minutes=1), vibration=1.0)
    begins, ends = utc_text(NOW - HOUR), utc_text(NOW + HOUR)
    plan = ("maintenance", "plan", "PUMP-1", "--from", begins, "--to", ends, "--by", "Ana", "--note", "Coupling")
    assert deployed.json(*plan) == deployed.json(*plan), "given twice, it is planned once"
    assert states(deployed) == {"PUMP-1": "IN_MAINTENANCE"}
    (machine,) = deployed.json("fleet")["machines"]
    assert machine["state"] == "IN MAINTENANCE"
    deployed.json("maintenance", "unplan", "PUMP-1", "--from", begins)
    assert states(deployed) == {"PUMP-1": "RUNNING"}
    backwards = deployed.run("maintenance", "plan", "PUMP-1", "--from", ends, "--to", begins)
    assert "--to is not later" in backwards.stderr


def test_records_of_the_fleet_are_read_in_one_look(deployed: Deployed) -> None:
    for name in ("PUMP-2", "PUMP-1"):
        deployed.json("machines", "describe", name, "--site", "North")
    assert list(deployed.stack.machines.load_all()) == ["PUMP-1", "PUMP-2"]
