"""Quotas of an account in one region: vCPUs of EC2, which an instance counts against with its own, and of networks."""

from dataclasses import dataclass

from .instance_types import InstanceType, quota_family


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota as in Service Quotas: `aws service-quotas get-service-quota --service-code ec2 --quota-code CODE`."""

    name: str
    code: str
    default: int = 0
    """Value in a new account. Source: each service's page of endpoints and quotas, AWS General Reference."""
    service: str = "ec2"
    """Its service code in Service Quotas."""


# Source: EC2 User Guide, "On-Demand Instance quotas" and "Spot Instance quotas"; codes as ListServiceQuotas answers.
_STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"
_ON_DEMAND = {
    "DL": Quota("Running On-Demand DL instances", "L-6E869C2A"),
    "F": Quota("Running On-Demand F instances", "L-74FC7D96"),
    "G and VT": Quota("Running On-Demand G and VT instances", "L-DB2E81BA"),
    "HPC": Quota("Running On-Demand HPC instances", "L-F7808C92"),
    "High Memory": Quota("Running On-Demand High Memory instances", "L-43DA4232"),
    "Inf": Quota("Running On-Demand Inf instances", "L-1945791B"),
    "P": Quota("Running On-Demand P instances", "L-417A185B"),
    "Standard": Quota(f"Running On-Demand {_STANDARD} instances", "L-1216C47A", default=5),
    "Trn": Quota("Running On-Demand Trn instances", "L-2C3B7624"),
    "X": Quota("Running On-Demand X instances", "L-7295265B"),
}
_SPOT = {
    "DL": Quota("All DL Spot Instance Requests", "L-85EED4F7"),
    "F": Quota("All F Spot Instance Requests", "L-88CF9481"),
    "G and VT": Quota("All G and VT Spot Instance Requests", "L-3819A6DF"),
    "Inf": Quota("All Inf Spot Instance Requests", "L-B5D1601B"),
    "P": Quota("All P Spot Instance Requests", "L-7212CCBC"),
    "Standard": Quota(f"All {_STANDARD} Spot Instance Requests", "L-34B43A08", default=5),
    "Trn": Quota("All Trn Spot Instance Requests", "L-6B0D517C"),
    "X": Quota("All X Spot Instance Requests", "L-E3A00192"),
}

VCPU_QUOTAS = (*_ON_DEMAND.values(), *_SPOT.values())
"""Quotas of EC2 that count vCPUs, on demand and Spot."""
ELASTIC_IPS = Quota("EC2-VPC Elastic IPs", "L-0263D0A3", default=5)
VPCS = Quota("VPCs per Region", "L-F678F1CE", 5, "vpc")
INTERNET_GATEWAYS = Quota("Internet gateways per Region", "L-A4707A72", 5, "vpc")
NAT_GATEWAYS = Quota("NAT gateways per Availability Zone", "L-FE5A380F", 5, "vpc")
SECURITY_GROUPS = Quota("VPC security groups per Region", "L-E79EC296", 2_500, "vpc")
GATEWAY_ENDPOINTS = Quota("Gateway VPC endpoints per Region", "L-1B52E74A", 20, "vpc")
CLUSTERS = Quota("Clusters", "L-1194D53C", 100, "eks")
NODE_GROUPS_OF_A_CLUSTER = Quota("Managed node groups per cluster", "L-6D54EA21", 30, "eks")
NODES_OF_A_GROUP = Quota("Nodes per managed node group", "L-BD136A63", 450, "eks")
FARGATE_PROFILES_OF_A_CLUSTER = Quota("Fargate profiles per cluster", "L-33415657", 10, "eks")
AUTO_SCALING_GROUPS = Quota("Auto Scaling groups per region", "L-CDE20ADC", 500, "autoscaling")
NETWORK_LOAD_BALANCERS = Quota("Network Load Balancers per Region", "L-69A177A2", 50, "elasticloadbalancing")
APPLICATION_LOAD_BALANCERS = Quota("Application Load Balancers per Region", "L-53DA6B97", 50, "elasticloadbalancing")
ROLES = Quota("Roles per account", "L-FE177D64", 1_000, "iam")
POLICIES = Quota("Customer managed policies per account", "L-E95E4862", 1_500, "iam")
INSTANCE_PROFILES = Quota("Instance profiles per account", "L-6E65F664", 1_000, "iam")
IDENTITY_PROVIDERS = Quota("OpenId connect providers per account", "L-858F3967", 100, "iam")

COUNTED_QUOTAS = (
    *(ELASTIC_IPS, VPCS, INTERNET_GATEWAYS, NAT_GATEWAYS, SECURITY_GROUPS, GATEWAY_ENDPOINTS),
    *(CLUSTERS, NODE_GROUPS_OF_A_CLUSTER, NODES_OF_A_GROUP, FARGATE_PROFILES_OF_A_CLUSTER, AUTO_SCALING_GROUPS),
    *(NETWORK_LOAD_BALANCERS, APPLICATION_LOAD_BALANCERS),
    *(ROLES, POLICIES, INSTANCE_PROFILES, IDENTITY_PROVIDERS),
)
"""Quotas that count things other than vCPUs."""


def quota(row: InstanceType, *, spot: bool = False) -> Quota | None:
    """The quota that a node of the type counts against; None where Spot has none, for HPC and High Memory."""
    return (_SPOT if spot else _ON_DEMAND).get(quota_family(row))
