"""Policies of IAM that let somebody read."""

from collections.abc import Iterable
from typing import Any


def reading(sid: str, actions: Iterable[str]) -> dict[str, Any]:
    """The policy document that allows these actions and nothing else."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions)), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
