"""The day that plans are made as of."""

from datetime import date

import pytest

from eks_gpu.io.problems import InputError
from eks_gpu.io.today import today


def test_the_variable_names_the_day(monkeypatch):
    monkeypatch.setenv("EKS_GPU_TODAY", "2027-02-20")
    assert today() == date(2027, 2, 20)


def test_without_it_it_is_today(monkeypatch):
    monkeypatch.delenv("EKS_GPU_TODAY")
    assert (today() - date.today()).days in (0, -1)  # midnight may be between the two


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01", "28.11.2026"])
def test_what_is_no_day_is_refused(monkeypatch, text):
    monkeypatch.setenv("EKS_GPU_TODAY", text)
    with pytest.raises(InputError, match=f"EKS_GPU_TODAY: must be a day such as 2026-11-28, got '{text}'"):
        today()
