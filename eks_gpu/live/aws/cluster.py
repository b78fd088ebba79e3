"""The cluster itself, as EKS describes it."""

from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.live.aws.wire import Row, resource, told
from eks_gpu.pools.clusters import RESOURCE

_AS_THEY_ARE = (
    *("name", "version", "roleArn", "accessConfig", "computeConfig", "deletionProtection", "kubernetesNetworkConfig"),
    *("storageConfig", "tags", "upgradePolicy", "zonalShiftConfig"),
)
_OF_THE_VPC = ("subnetIds", "securityGroupIds", "endpointPrivateAccess", "endpointPublicAccess", "publicAccessCidrs")


def cluster(described: Row) -> Resource:
    """What `DescribeCluster` tells."""
    vpc = described.get("resourcesVpcConfig") or {}
    own = told({key: vpc.get(key) for key in _OF_THE_VPC})
    inputs: dict[str, Any] = {
        **{key: described.get(key) for key in _AS_THEY_ARE},
        "vpcConfig": own,
        "encryptionConfig": next(iter(described.get("encryptionConfig") or ()), None),
        "enabledClusterLogTypes": _logged(described),
    }
    outputs = {
        "arn": described.get("arn"),
        "endpoint": described.get("endpoint"),
        "status": described.get("status"),
        "identities": [{"oidcs": [{"issuer": issuer(described)}]}] if issuer(described) else None,
        "vpcConfig": told({**own, **{key: vpc.get(key) for key in ("clusterSecurityGroupId", "vpcId")}}),
    }
    return resource(RESOURCE, str(described["name"]), inputs, outputs=outputs)


def issuer(described: Row) -> str:
    """Address of the cluster's OIDC provider; empty without one."""
    return str(((described.get("identity") or {}).get("oidc") or {}).get("issuer") or "")


def _logged(described: Row) -> list[str]:
    setups = (described.get("logging") or {}).get("clusterLogging") or ()
    return [kind for setup in setups if setup.get("enabled") for kind in setup.get("types") or ()]
