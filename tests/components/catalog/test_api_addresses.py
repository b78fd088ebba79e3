"""Ranges that EKS refuses for a public endpoint, by the tables of the standard library."""

from ipaddress import IPv4Network

import pytest

from components.catalog.api_addresses import never_public


@pytest.mark.parametrize(
    ("cidr", "why"),
    [
        ("10.0.0.0/8", "private"),
        ("172.16.3.0/24", "private"),
        ("192.168.1.7/32", "private"),
        ("192.0.2.1/32", "for documentation"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.7/32", "for documentation"),
        ("100.64.0.0/10", "inside a carrier's network"),
        ("127.0.0.1/32", "loopback"),
        ("169.254.169.254/32", "link-local"),
        ("224.0.0.0/4", "for multicast"),
        ("240.0.0.0/4", "reserved"),
        ("255.255.255.255/32", "reserved"),
        ("0.0.0.0/32", "reserved"),
        ("198.18.0.0/15", "private"),
    ],
)
def test_a_range_that_no_machine_of_the_internet_has(cidr, why):
    assert never_public(IPv4Network(cidr)) == why


@pytest.mark.parametrize("cidr", ["8.8.8.8/32", "192.88.99.0/24", "0.0.0.0/0", "11.0.0.0/8", "172.32.0.0/12"])
def test_a_range_of_the_internet(cidr):
    assert never_public(IPv4Network(cidr)) == ""
