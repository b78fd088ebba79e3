"""The credentials that EKS Pod Identity gives to a controller: those of the role that the program made for it."""

import time
from datetime import UTC, datetime
from typing import Any

from eks_gpu.lab.aws import SETTLES_S
from eks_gpu.lab.problem import LabProblem


def role_credentials(eks: Any, sts: Any, cluster: str, namespace: str, service_account: str) -> dict[str, str]:
    """AWS_* variables of a session of the role. Raises LabProblem where no association gives one, as on AWS."""
    mine = _associations(eks, cluster, namespace, service_account)
    if not mine:
        raise LabProblem(
            f"no Pod Identity association of cluster {cluster} gives a role to service account "
            f"{namespace}/{service_account}: its pods would have no credentials"
        )
    described = eks.describe_pod_identity_association(clusterName=cluster, associationId=mine[0]["associationId"])
    association = described["association"]
    # Pods get no credentials until EKS has spread it; a controller tries again until then.
    time.sleep(max(SETTLES_S - (datetime.now(UTC) - association["modifiedAt"]).total_seconds(), 0))
    role = association["roleArn"]
    session = sts.assume_role(RoleArn=role, RoleSessionName=f"{cluster}-{service_account}")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


def has_role(eks: Any, cluster: str, namespace: str, service_account: str) -> bool:
    """Whether an association of the cluster gives a role to the service account."""
    return bool(_associations(eks, cluster, namespace, service_account))


def _associations(eks: Any, cluster: str, namespace: str, service_account: str) -> list[dict[str, str]]:
    found = eks.list_pod_identity_associations(
        clusterName=cluster, namespace=namespace, serviceAccount=service_account
    )["associations"]
    return [each for each in found if (each["namespace"], each["serviceAccount"]) == (namespace, service_account)]
