"""Laws of the fast tests, tried on more examples than there is time for there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.components.test_four_renderings import all_renderings_agree


@pytest.mark.minutes(1)
@pytest.mark.parametrize("thousand", range(2))
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_all_renderings_of_a_pool_admit_the_same_pods_under_the_same_ceiling(thousand, data):
    all_renderings_agree(data)
