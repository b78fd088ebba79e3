"""`ServiceRole` of pulumi-eks: an IAM role for one service of AWS, with policies that AWS manages."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from eks_gpu.offline.registered import Made
from eks_gpu.offline.remote.construction import Construction


@dataclass(frozen=True)
class ServiceRole:
    """The role, and the attachments without which it may do nothing."""

    role: Made
    attachments: tuple[Made, ...]

    @property
    def ready(self) -> tuple[Made, ...]:
        """What a resource waits for that needs the role with its policies."""
        return (self.role, *self.attachments)


def service_role(
    it: Construction,
    name: str,
    service: str,
    policies: Iterable[str],
    *,
    description: str | None = None,
    tags: Any = None,
    actions: Sequence[str] = ("sts:AssumeRole",),
) -> ServiceRole:
    """Makes the role. `policies` are names of AWS managed policies; `actions` those of the trust policy."""
    home = it.make("eks:index:ServiceRole", name, {"service": service, "description": description}, custom=False)
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Action": list(actions), "Effect": "Allow", "Principal": {"Service": [service]}}],
    }
    inputs = {"assumeRolePolicy": json.dumps(trust, separators=(",", ":")), "description": description, "tags": tags}
    role = it.make("aws:iam/role:Role", f"{name}-role", inputs, parent=home)
    attached = [
        it.make(
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
            f"{name}-{_hash(policy)}",
            {"policyArn": f"arn:{it.account.partition}:iam::aws:policy/{policy}", "role": role["name"]},
            parent=home,
            needs=[role],
        )
        for policy in policies
    ]
    return ServiceRole(role, tuple(attached))


def _hash(policy: str) -> str:
    """The name is made of the policy's ARN in the partition aws, wherever the stack is."""
    arn = f"arn:aws:iam::aws:policy/{policy}"
    return hashlib.sha1(arn.encode(), usedforsecurity=False).hexdigest()[:8]
