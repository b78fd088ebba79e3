"""Amazon Managed Service for Prometheus: where samples are written too, and all that IAM allows there."""

from typing import Any


def writer_policy(workspace_arn: str) -> dict[str, Any]:
    """The IAM policy of Prometheus' pod: it may write samples to one workspace. Source: Amazon Managed Service for
    Prometheus User Guide, "IAM permissions and policies".
    """
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Write", "Effect": "Allow", "Action": "aps:RemoteWrite", "Resource": workspace_arn}],
    }


def remote_write(endpoint: str, region: str) -> dict[str, Any]:
    """Where samples are written, signed with the role of the pod. `endpoint` is the workspace's, with a slash at its
    end. Source: the same guide, "Set up metrics ingestion from a new Prometheus server using Helm".
    """
    return {
        "url": f"{endpoint}api/v1/remote_write",
        "sigv4": {"region": region},
        "queueConfig": {"maxSamplesPerSend": 1000, "maxShards": 200, "capacity": 2500},
    }
