import polars as pl
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from mlops_core.condition import ZONE_BOUNDARIES, ZoneBoundaries, evaluation_zone, evaluation_zone_expression
from mlops_core.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("velocity_rms", "zone"),
    [(0.0, "A"), (4.499, "A"), (4.5, "B"), (7.099, "B"), (7.1, "C"), (11.199, "C"), (11.2, "D"), (1000.0, "D")],
)
def test_the_default_zones_begin_at_4_5_and_7_1_and_11_2(velocity_rms, zone):
    assert evaluation_zone(velocity_rms) == zone


@pytest.mark.parametrize("velocity_rms", [-0.1, float("nan"), float("inf")])
def test_what_is_no_rms_value_has_no_zone(velocity_rms):
    with pytest.raises(InvalidArgumentError, match="velocity_rms"):
        evaluation_zone(velocity_rms)
    assert pl.select(evaluation_zone_expression(pl.lit(velocity_rms))).item() is None


@given(
    st.lists(st.floats(0, 30) | st.sampled_from([4.5, 7.1, 11.2, 2.3, 0.71]), min_size=1),
    st.sampled_from(sorted(ZONE_BOUNDARIES)),
)
def test_the_expression_says_what_the_function_says(velocities, name):
    boundaries = ZONE_BOUNDARIES[name]
    frame = pl.DataFrame({"vibration_rms_1h": [*velocities, None]})
    zones = frame.select(evaluation_zone_expression("vibration_rms_1h", boundaries)).to_series().to_list()
    assert zones == [*(evaluation_zone(velocity, boundaries) for velocity in velocities), None]


@given(st.floats(0, 50), st.floats(0, 50), st.sampled_from(sorted(ZONE_BOUNDARIES)))
def test_more_vibration_is_never_a_better_zone(one, other, name):
    lower, higher = sorted((one, other))
    assert evaluation_zone(lower, ZONE_BOUNDARIES[name]) <= evaluation_zone(higher, ZONE_BOUNDARIES[name])


@pytest.mark.parametrize("foundation", ["rigid", "flexible"])
def test_a_smaller_machine_is_never_allowed_more(foundation):
    smaller, larger = ZONE_BOUNDARIES[f"group 2 {foundation}"], ZONE_BOUNDARIES[f"group 1 {foundation}"]
    for zone in ("b_begins", "c_begins", "d_begins"):
        assert getattr(smaller, zone) < getattr(larger, zone)


@pytest.mark.parametrize("values", [(4.5, 4.5, 7.1), (7.1, 4.5, 11.2), (0.0, 4.5, 7.1), (1.0, 2.0, float("inf"))])
def test_boundaries_that_do_not_ascend_from_above_zero_are_refused(values):
    with pytest.raises(ValidationError):
        ZoneBoundaries(**dict(zip(("b_begins", "c_begins", "d_begins"), values, strict=True)), source="a test")
