"""AWS without an account: moto in a process of ours, and stand-in Pulumi providers that make their objects in it."""

LAB_KEYS = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
"""The lab's own, for boto3: they may do everything. Other credentials may do what their role's policies allow."""

SERVICE_CIDR = "172.20.0.0/16"
"""Of a cluster's Services, as EKS has it by default; the lab's API server has the same."""

THROTTLED_EVERY = 100
"""Of so many calls of a service the lab throttles the last. The next one is not, so that one retry is enough."""

SETTLES_S = 2.0
"""Seconds in the lab until a new role can be used, and a new Pod Identity association gives credentials."""
