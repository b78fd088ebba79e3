"""The default VPC: programs look it up with its subnets, and AWS has made both."""

import pulumi
import pulumi_aws as aws
import pytest

from tests.engine import run


def ran(search):
    def program():
        vpc = aws.ec2.get_vpc(default=True)
        found = search(vpc.id)
        pulumi.export("ids", found.ids)
        pulumi.export("zones", [aws.ec2.get_subnet(id=id_).availability_zone for id_ in found.ids])

    return run(program, region="eu-west-1")


@pytest.mark.parametrize(
    "search",
    [
        lambda vpc: aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [vpc]}]),
        lambda vpc: aws.ec2.get_subnets(
            filters=[{"name": "default-for-az", "values": ["true"]}, {"name": "vpc-id", "values": [vpc]}]
        ),
    ],
)
def test_the_default_vpc_has_a_subnet_in_each_zone(search):
    found = ran(search).exports
    assert found["zones"] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    assert len(set(found["ids"])) == 3


@pytest.mark.parametrize(
    "search",
    [
        lambda vpc: aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": ["vpc-of-others"]}]),
        lambda vpc: aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [vpc]}], tags={"tier": "private"}),
        lambda vpc: aws.ec2.get_subnets(),
    ],
)
def test_other_subnets_only_an_account_knows(search):
    found = ran(search)
    assert found.exports == {"ids": [], "zones": []}  # of one item, which is unknown
    assert any(row.subject.startswith("subnets") for row in found.graph.unread)
