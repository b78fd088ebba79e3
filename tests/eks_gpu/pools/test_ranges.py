"""Ranges that are much of the internet."""

import pytest

from eks_gpu.pools.ranges import covers_the_internet, much_of_the_internet, too_wide


@pytest.mark.parametrize(
    ("cidrs", "said"),
    [
        (["0.0.0.0/0"], "0.0.0.0/0"),
        (["0.0.0.0/1", "128.0.0.0/1"], "0.0.0.0/1, 128.0.0.0/1"),
        (["::/0"], "::/0"),
        (["192.88.99.0/24", "2000::/3"], "2000::/3"),
        (["64.0.0.0/7"], "64.0.0.0/7"),
        (["3.0.0.0/8", "4.0.0.0/8"], "3.0.0.0/8, 4.0.0.0/8"),
        ([" 0.0.0.0/0 "], "0.0.0.0/0"),
        (["3.0.0.0/8"], ""),
        (["3.0.0.0/8", "3.0.0.0/9", "3.128.0.0/9"], ""),  # one part counts once
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], ""),
        (["192.88.99.7/32", "2600:1f14::/35"], ""),
        (["address-not-given", ""], ""),
        ([], ""),
    ],
)
def test_what_is_too_wide(cidrs, said):
    assert too_wide(cidrs) == said


@pytest.mark.parametrize(
    ("cidrs", "said"),
    [
        ([], "the whole internet"),
        (["0.0.0.0/0", "203.0.113.0/24"], "the whole internet"),
        (["::/0"], "the whole internet"),
        (["0.0.0.0/1"], "0.0.0.0/1, much of the internet"),
        (["203.0.113.0/24"], ""),
    ],
)
def test_much_of_the_internet_in_words(cidrs, said):
    assert much_of_the_internet(cidrs) == said


def test_the_whole_internet_in_pieces():
    assert covers_the_internet(["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"])
    assert not covers_the_internet(["0.0.0.0/1", "128.0.0.0/2"])
    assert not covers_the_internet(["::/0"])
