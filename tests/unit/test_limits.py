"""Limits: levels, hysteresis and hold time, whatever the order and the number of deliveries.

```
minute   0  1  2  3  4  5  6  7  8  9 10 11 12
value    3  8  7  8  8 12 11 12 12  5  5  5  3     watch from 7.1, act from 11.2, clear below 6.39; hold one minute
stage             W           A        -
```
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from mlops_core.condition import DEFAULT_BOUNDARIES
from mlops_core.condition.classes import MachineClass, limits_of
from mlops_core.condition.limits import ChannelLimits, LimitState, judge, zone_limits
from mlops_core.telemetry import CHANNELS

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
ZONES = zone_limits(DEFAULT_BOUNDARIES)
VALUES = (3.0, 8.0, 7.0, 8.0, 8.0, 12.0, 11.0, 12.0, 12.0, 5.0, 5.0, 5.0, 3.0)


def minute(number: int) -> datetime:
    return AT + timedelta(minutes=number)


def stages(values, limits=ZONES):
    state, found = LimitState(), []
    for number, value in enumerate(values):
        state = judge(state, [(minute(number), value)], limits)
        found.append(state.stage)
    return found


def test_stages_follow_the_levels_after_the_hold_time_and_end_below_the_clear_level():
    watch, act = ["WATCH"] * 4, ["ACT"] * 3
    assert stages(VALUES) == [None, None, None, *watch, *act, None, None, None]


def test_one_outlier_raises_nothing_and_a_dip_within_the_hysteresis_ends_nothing():
    assert set(stages([3.0, 50.0, 3.0, 50.0, 3.0])) == {None}
    assert stages([8.0, 8.0, 6.5, 6.5, 6.5])[-1] == "WATCH"


def test_an_alarm_that_jumps_to_act_opens_there():
    assert stages([3.0, 16.7, 16.7]) == [None, None, "ACT"]


def test_lower_limits_are_the_mirror_image():
    lower = ChannelLimits(watch=2.0, act=1.0, is_upper=False)
    assert stages([3.0, 1.5, 1.5, 0.5, 0.5, 3.0, 3.0], lower) == [None, None, "WATCH", "WATCH", "ACT", "ACT", None]


def test_without_hold_time_the_first_reading_raises():
    assert stages([8.0, 3.0], ZONES.model_copy(update={"hold": timedelta(0)})) == ["WATCH", None]


def test_the_state_changes_once_a_crossing_and_not_once_a_reading():
    state, changes = LimitState(), 0
    for number in range(500):
        after = judge(state, [(minute(number), 16.0 if number >= 100 else 3.0)], ZONES)
        changes += after != state
        state = after
    assert (state.stage, changes) == ("ACT", 2)


@given(st.permutations(range(len(VALUES))), st.integers(min_value=0, max_value=len(VALUES)))
def test_readings_that_are_delivered_again_in_any_order_change_nothing(order, cut):
    readings = [(minute(number), value) for number, value in enumerate(VALUES)][:cut]
    state = LimitState()
    for reading in readings:
        state = judge(state, [reading], ZONES)
    again = state
    for number in order:
        if number < cut and (state.changed is None or readings[number][0] <= state.changed):
            again = judge(again, [readings[number]], ZONES)
    assert again == state


@pytest.mark.parametrize(
    "limits",
    [{}, {"watch": 3, "act": 2}, {"watch": 2, "act": 3, "is_upper": False}, {"watch": 1, "hold": -1}, {"watsch": 1}],
)
def test_limits_that_cannot_work_are_refused(limits):
    with pytest.raises(ValidationError):
        ChannelLimits.model_validate(limits)


def test_a_machine_has_the_limits_of_the_first_class_that_its_id_matches():
    classes = {
        "fans": MachineClass.model_validate({"machines": ["FAN-*"], "isoGroup": "class I"}),
        "hot": MachineClass.model_validate({"machines": ["*-1"], "limits": {"temperature": {"watch": 80, "act": 95}}}),
    }
    assert limits_of("FAN-1", classes, CHANNELS)["vibration"].watch == 1.8
    assert "temperature" not in limits_of("FAN-1", classes, CHANNELS)
    assert limits_of("PUMP-1", classes, CHANNELS)["temperature"].act == 95
    assert limits_of("PUMP-2", classes, CHANNELS) == {"vibration": ZONES}
