"""LeaderWorkerSet: its API, and what pods are told by its controller. Source: LeaderWorkerSet 0.8.0."""

LEADER_WORKER_SET_GROUP = "leaderworkerset.x-k8s.io"
LEADER_WORKER_SET_API_VERSION = f"{LEADER_WORKER_SET_GROUP}/v1"

GROUP_KEY_LABEL = "leaderworkerset.sigs.k8s.io/group-key"
"""Label of all pods of one group, and of no others."""
LEADER_ADDRESS, GROUP_SIZE, WORKER_INDEX = "LWS_LEADER_ADDRESS", "LWS_GROUP_SIZE", "LWS_WORKER_INDEX"
"""Environment variables of every container: the DNS name of the group's leader, the pods of the group, and which of
them this is; the leader is 0.
"""
