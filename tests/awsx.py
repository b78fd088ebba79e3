"""What a program sees of pulumi-awsx: its remote components, without the package and its own SDKs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi import Output

_WIRE_NAMES = {
    "vpcId": "vpc_id",
    "publicSubnetIds": "public_subnet_ids",
    "privateSubnetIds": "private_subnet_ids",
    "isolatedSubnetIds": "isolated_subnet_ids",
}


class DefaultVpc(pulumi.ComponentResource):
    """`awsx.ec2.DefaultVpc`."""

    TOKEN = "awsx:ec2:DefaultVpc"

    def __init__(self, name: str, args: Mapping[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None):
        """Arguments have wire names."""
        outputs = dict.fromkeys(_WIRE_NAMES.values())
        super().__init__(self.TOKEN, name, {**outputs, **(args or {})}, opts, remote=True)

    def translate_output_property(self, prop: str) -> str:
        return _WIRE_NAMES.get(prop, prop)

    @property
    @pulumi.getter(name="vpcId")
    def vpc_id(self) -> Output[str]:
        return pulumi.get(self, "vpc_id")

    @property
    @pulumi.getter(name="publicSubnetIds")
    def public_subnet_ids(self) -> Output[Sequence[str]]:
        return pulumi.get(self, "public_subnet_ids")

    @property
    @pulumi.getter(name="privateSubnetIds")
    def private_subnet_ids(self) -> Output[Sequence[str]]:
        return pulumi.get(self, "private_subnet_ids")


class Vpc(DefaultVpc):
    """`awsx.ec2.Vpc`."""

    TOKEN = "awsx:ec2:Vpc"

    @property
    @pulumi.getter(name="isolatedSubnetIds")
    def isolated_subnet_ids(self) -> Output[Sequence[str]]:
        return pulumi.get(self, "isolated_subnet_ids")
