"""AWS without an account: moto in a process of ours, and stand-in Pulumi providers that make their objects in it."""

LAB_KEYS = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
"""The lab's own, for boto3: they may do everything. Other credentials may do what their role's policies allow."""
