"""Laws of the fast tests, tried on more examples than there is time for there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.components.test_four_renderings import all_renderings_agree
from tests.eks_gpu.foreign import test_secret_properties as secrets


@pytest.mark.minutes(1)
@pytest.mark.parametrize("thousand", range(2))
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_all_renderings_of_a_pool_admit_the_same_pods_under_the_same_ceiling(thousand, data):
    all_renderings_agree(data)


@pytest.mark.minutes(1)
def test_every_property_may_be_secret_and_every_value_unknown(monkeypatch):
    monkeypatch.setattr(secrets, "STEP", 1)
    for file in secrets.STATES:
        secrets.test_any_property_of_a_state_may_be_encrypted(file)
        secrets.test_a_secret_in_the_clear_is_judged_as_any_other_value(file)
    secrets.test_any_value_of_a_plan_may_be_unknown_at_any_depth("examples/gpu-operator", "", 400)
