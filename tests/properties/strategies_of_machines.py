"""What hypothesis draws from to make machines: short lives, so that little time holds many runs."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings, strategies as st

from mlops_core.simulation import DegradationLaw, MaintenancePolicy, OperatingConditions

for_all = settings(deadline=None, max_examples=40)  # each example is a whole history; machines differ in speed

seeds = st.integers(0, 2**63)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
intervals = st.sampled_from(["30s", "1m", "7m", "10m", "1h", "90m"])
periods = st.timedeltas(timedelta(0), timedelta(hours=30))


@st.composite
def laws(draw: st.DrawFn) -> DegradationLaw:
    shortest = draw(st.floats(0.2, 5))
    return DegradationLaw(
        guaranteed_life_hours=draw(st.floats(0, 4)),
        characteristic_life_hours=draw(st.floats(2, 12)),
        life_shape=draw(st.floats(0.9, 4)),
        conditions=OperatingConditions(load_variation=draw(st.floats(0, 0.6))),
        maintenance=MaintenancePolicy(
            repair_hours=(shortest, shortest + draw(st.floats(0, 5))),
            repair_quality=(draw(st.floats(0.1, 0.8)), 1.0),
            preventive_interval_hours=draw(st.none() | st.floats(1, 10)),
            preventive_hours=draw(st.floats(0.1, 3)),
        ),
    )
