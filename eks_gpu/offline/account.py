"""The AWS account that an offline run simulates."""

import json

from eks_gpu.graph import values
from eks_gpu.offline.questions import ANSWERS_FILE, Question, Unanswered
from eks_gpu_components.catalog import partition, stand_ins
from eks_gpu_components.catalog.stand_ins import ACCOUNT, Properties, digest

__all__ = ["ACCOUNT", "Account", "Properties", "digest", "shown", "unanswered"]


class Account:
    """A region of a stand-in account, and what was assumed of it."""

    def __init__(self, region: str):
        self.region = region
        """Empty where nothing says one: then nothing of AWS can be told."""
        self.assumed: set[str] = set()
        """What was taken from the catalog though an account may differ, a sentence each."""

    @property
    def partition(self) -> str:
        return partition(self.region)

    def at(self, region: str) -> "Account":
        """The same account in another region; what is assumed there is assumed here."""
        if region == self.region:
            return self
        other = Account(region)
        other.assumed = self.assumed
        return other

    def arn(self, service: str, resource: str) -> str:
        """An ARN; IAM's have no region."""
        return stand_ins.arn(self.region, service, resource)


def unanswered(key: str, what: str, args: Properties | None = None) -> Unanswered:
    """The error for what only a real account can tell, with the way to tell it."""
    return Unanswered(
        f"the program asks for {what}, which only a cloud account can tell. "
        f"Give the answer in {ANSWERS_FILE} beside Pulumi.yaml, under the key {json.dumps(key)}.",
        Question(key, what, args or {}),
    )


def shown(args: Properties) -> str:
    """Arguments as a person would write a call; unknown ones are left out."""
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in values.shown(args).items())
