"""Log groups in CloudWatch whose names AWS chooses."""


def control_plane_log_group(cluster_name: str) -> str:
    """Name of the log group that EKS writes a control plane's log into, and makes where it is missing, without a
    retention. Source: Amazon EKS User Guide, "Send control plane logs to CloudWatch Logs".
    """
    return f"/aws/eks/{cluster_name}/cluster"
