"""The accounts that the lab can play: what each may have in a region."""

from dataclasses import dataclass

from eks_gpu_components.catalog import InstanceType
from eks_gpu_components.catalog.instance_types import quota_family
from eks_gpu_components.catalog.quotas import Quota, quota


@dataclass(frozen=True)
class Account:
    """An account's quotas in one region, and whether anybody used Spot in it."""

    standard_vcpus: int
    """Of types without an accelerator; on demand and Spot each have as many."""
    accelerator_vcpus: int
    """Of each other family: G and VT, P, Inf, Trn."""
    addresses: int
    """Elastic IPs."""
    vpcs: int
    """The default VPC is one of them."""
    spot_role: bool
    """Whether AWSServiceRoleForEC2Spot exists at the start."""

    def vcpus(self, row: InstanceType, spot: bool) -> tuple[Quota, int] | None:
        """The quota that a launch counts against, and its vCPUs; None for a type that no quota is known for."""
        found = quota(row, spot=spot)
        standard = quota_family(row) == "Standard"
        return None if found is None else (found, self.standard_vcpus if standard else self.accelerator_vcpus)


ACCOUNTS = {
    # EC2's and VPC's default values. Source: Service Quotas, "AWS default quota value".
    "new": Account(standard_vcpus=5, accelerator_vcpus=0, addresses=5, vpcs=5, spot_role=False),
    "used": Account(standard_vcpus=100_000, accelerator_vcpus=100_000, addresses=100, vpcs=100, spot_role=True),
}
"""By the name that `eks-gpu lab up --account` takes."""
USED = ACCOUNTS["used"]
