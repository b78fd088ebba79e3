"""Log groups in CloudWatch: the names that AWS chooses, and how long it keeps them."""

# Source: CloudWatch Logs API, PutRetentionPolicy.
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def control_plane_log_group(cluster_name: str) -> str:
    """Name of the log group that EKS writes a control plane's log into, and makes where it is missing, without a
    retention. Source: Amazon EKS User Guide, "Send control plane logs to CloudWatch Logs".
    """
    return f"/aws/eks/{cluster_name}/cluster"
