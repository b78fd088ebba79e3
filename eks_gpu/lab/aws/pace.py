"""Throttling and delays of AWS: some calls are throttled, and new IAM objects can be used only after some seconds."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from moto.core.utils import utcnow

from eks_gpu.lab.aws import calls
from eks_gpu.lab.aws.refusal import Blanks, Request

THROTTLING = {
    "ec2": ("RequestLimitExceeded", "Request limit exceeded.", 503),
    "autoscaling": ("Throttling", "Rate exceeded", 400),
    "iam": ("Throttling", "Rate exceeded", 400),
    "eks": ("ThrottlingException", "Rate exceeded", 400),
    "events": ("ThrottlingException", "Rate exceeded", 400),
    "logs": ("ThrottlingException", "Rate exceeded", 400),
    "ssm": ("ThrottlingException", "Rate exceeded", 400),
}
"""Code, words and status by service. Source: botocore's _retry.json, and the services' common errors."""


@dataclass
class Pace:
    """How one AWS paces its callers."""

    throttled_every: int = 0
    """0: no call is throttled."""
    settles_s: float = 0
    """Age in seconds at which a role can be used."""
    calls: Counter[str] = field(default_factory=Counter)
    """By service, so far."""


_current = Pace()


@contextmanager
def pacing(pace: Pace) -> Iterator[None]:
    """While it lasts, the AWS of this process paces its callers so."""
    global _current
    before, _current = _current, pace
    try:
        yield
    finally:
        _current = before


def throttle(response: Any) -> None:
    """Refuses the call if it is one of those that are throttled."""
    service = response.service_name
    if service not in THROTTLING or not _current.throttled_every:
        return
    _current.calls[service] += 1
    if _current.calls[service] % _current.throttled_every == 0:
        calls.refuse(response, *THROTTLING[service])


def role_is_new(request: Request) -> Blanks:
    """The role of a cluster that IAM has not spread yet."""
    arn = request.given.get("roleArn")
    role = next((role for role in request.place.iam.roles.values() if role.arn == arn), None)
    age_s = (utcnow() - role.create_date).total_seconds() if role else _current.settles_s
    return {"role": arn} if age_s < _current.settles_s else None
