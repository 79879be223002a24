import pytest
from pydantic import ValidationError

from mlops_core.features import BearingGeometry

# Rexnord ZA-2115 of the IMS bearing rig: 16 rollers of 0.331 in on a pitch circle of 2.815 in, 15.17 degrees, 2000 rpm.
IMS_BEARING = BearingGeometry(
    rolling_elements=16, element_diameter=0.331, pitch_diameter=2.815, contact_angle_degrees=15.17
)


def test_the_ims_rig_has_its_published_defect_frequencies():
    found = IMS_BEARING.defect_frequencies(2000 / 60)
    assert found.bpfo == pytest.approx(236.4, abs=0.05)
    assert found.bpfi == pytest.approx(296.9, abs=0.05)
    assert found.bsf == pytest.approx(139.9, abs=0.05)
    assert found.ftf == pytest.approx(14.78, abs=0.01)


def test_ball_passes_of_both_races_add_up_to_one_pass_of_every_element_a_turn():
    found = IMS_BEARING.defect_frequencies(25.0)
    assert found.bpfo + found.bpfi == pytest.approx(16 * 25.0)
    assert found.bpfo == pytest.approx(16 * found.ftf)


@pytest.mark.parametrize(
    "wrong",
    [{"element_diameter": 3.0}, {"rolling_elements": 0}, {"contact_angle_degrees": 90.0}, {"pitch_diameter": -1.0}],
)
def test_a_geometry_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        BearingGeometry.model_validate(IMS_BEARING.model_dump() | wrong)
