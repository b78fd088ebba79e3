"""The AWS account that an offline run simulates."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eks_gpu.offline.project import ANSWERS_FILE
from eks_gpu_components.catalog import partition

if TYPE_CHECKING:
    from eks_gpu.offline.recorder import Unanswered

ACCOUNT = "123456789012"

Properties = Mapping[str, Any]
"""Inputs, outputs, arguments or results, by wire name."""


class Account:
    """A region of a stand-in account, and what was assumed of it."""

    def __init__(self, region: str):
        self.region, self.partition = region, partition(region)
        self.assumed: set[str] = set()
        """What was taken from the catalog though an account may differ, a sentence each."""

    def arn(self, service: str, resource: str) -> str:
        """An ARN; IAM's have no region."""
        region = "" if service == "iam" else self.region
        return f"arn:{self.partition}:{service}:{region}:{ACCOUNT}:{resource}"


def unanswered(key: str, what: str) -> "Unanswered":
    """The error for what only a real account can tell, with the way to tell it."""
    from eks_gpu.offline.recorder import Unanswered  # which imports Pulumi: a saved plan is read without

    return Unanswered(
        f"the program asks for {what}, which only a cloud account can tell. "
        f"Give the answer in {ANSWERS_FILE} beside Pulumi.yaml, under the key {json.dumps(key)}."
    )


def shown(args: Properties) -> str:
    """Arguments as a person would write a call."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in args.items())


def digest(text: str) -> str:
    """What an id of AWS's has after its prefix, the same in every run."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:17]
