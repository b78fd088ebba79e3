"""An AWS account in one region, with the caller's own credentials: questions, answered or told why not."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, TypeVar

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

from eks_gpu.graph.unread import Unread, What
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog import regions
from eks_gpu_components.catalog.nearest import hint_or_all

T = TypeVar("T")

REGION = "AWS_REGION"
"""Environment variable with the region, for AWS's other tools; boto3 reads another."""

SETTINGS = Config(
    retries={"mode": "standard", "total_max_attempts": 8},
    connect_timeout=5,
    read_timeout=30,
    user_agent_appid="eks-gpu",
)
"""A throttled question is asked again, later each time."""

_DENIED = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"),
        *("AuthorizationErrorException", "AccessDeniedFault"),
    }
)
_WHO_ASKS = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"),
        *("AuthFailure", "SignatureDoesNotMatch", "RequestExpired"),
    }
)
PREFIXES = {"amp": "aps", "elbv2": "elasticloadbalancing", "service-quotas": "servicequotas"}
"""boto3's names of services whose permissions begin otherwise."""
_ACTIONS = {"s3:ListBuckets": "s3:ListAllMyBuckets"}
"""Permissions that are not called as the operation."""


class Denied(Exception):
    """AWS does not let the caller ask. `action` is the permission that it takes, as `eks:DescribeNodegroup`."""

    def __init__(self, action: str):
        super().__init__(action)
        self.action = action


class AccountReader:
    """One account in one region."""

    def __init__(self, session: Session, region: str):
        self.region = region
        self.client: Callable[[str], Any] = cache(
            lambda name: session.client(name, region_name=region, config=SETTINGS)
        )
        """boto3's client of a service."""

    @cached_property
    def caller(self) -> Mapping[str, str]:
        """`Account` and `Arn` of who asks."""
        return self.ask("sts", "get_caller_identity")

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one question, as boto3 gives it. Raises Denied, ClientError for other refusals, and InputError
        where nobody can be asked.
        """
        return self._asked(service, operation, lambda: getattr(self.client(service), operation)(**arguments))

    def rows(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All pages of a question whose answer has a list by this key. Raises as `ask`."""

        def pages() -> list[Any]:
            client = self.client(service)
            if not client.can_paginate(operation):
                return list(getattr(client, operation)(**arguments).get(key) or ())
            return [
                row for page in client.get_paginator(operation).paginate(**arguments) for row in page.get(key) or ()
            ]

        return self._asked(service, operation, pages)

    def action(self, service: str, operation: str) -> str:
        """The permission of an operation: `ec2:DescribeSubnets`."""
        called = f"{PREFIXES.get(service, service)}:{self.client(service).meta.method_to_api_mapping[operation]}"
        return _ACTIONS.get(called, called)

    def _asked(self, service: str, operation: str, question: Callable[[], T]) -> T:
        try:
            return question()
        except ClientError as refusal:
            code = str(refusal.response.get("Error", {}).get("Code", ""))
            if code in _DENIED:
                raise Denied(self.action(service, operation)) from None
            if code in _WHO_ASKS:
                raise InputError(
                    f"AWS does not know who asks: {code}; `aws sts get-caller-identity` shows it"
                ) from None
            raise
        except NoCredentialsError:
            raise InputError("AWS: no credentials are set; `aws configure` or AWS_PROFILE names some") from None
        except BotoCoreError as problem:
            raise InputError(f"AWS does not answer in {self.region}: {' '.join(str(problem).split())}") from None


def unread(denied: Denied, subject: str, what: What) -> Unread:
    """What stays unknown because a question was refused."""
    return Unread(subject, what, f"AWS refuses {denied.action}", f"allow {denied.action}")


def account(region: str, profile: str = "") -> AccountReader:
    """The account of the caller's credentials. Raises InputError for a profile that is not there, or no region."""
    try:
        session = Session(profile_name=profile or None)
    except ProfileNotFound:
        known = Session().available_profiles
        raise InputError(f"--profile: must be one of AWS's, got {profile!r}{hint_or_all(profile, known)}") from None
    found = region or os.environ.get(REGION) or session.region_name or ""
    if found not in regions():
        rule = f"must be a region of AWS, got {found!r}{hint_or_all(found, regions())}" if found else "is required"
        raise InputError(f"--region: {rule}")
    return AccountReader(session, found)


_OF_A_SERVER = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.eks\.amazonaws\.com")
_OF_AN_ARN = re.compile(r"^arn:aws[a-z-]*:eks:([a-z0-9-]+):\d+:cluster/(.+)$")


def region_of(server: str, entry: str) -> str:
    """The region of an EKS cluster by its server, or by the ARN that a kubeconfig calls it; empty if neither tells."""
    of_server, of_arn = _OF_A_SERVER.search(server), _OF_AN_ARN.match(entry)
    return of_server[1] if of_server else of_arn[1] if of_arn else ""


def cluster_at(account: AccountReader, server: str, name: str = "") -> dict[str, Any]:
    """EKS's description of the cluster with this server, or of this name. Raises Denied, and InputError if there is
    none, or if the server is that of several.
    """
    names = account.rows("eks", "list_clusters", "clusters")
    if name and name not in names:
        raise InputError(f"--cluster-name: {account.region} has no cluster {name!r}{hint_or_all(name, names)}")
    described = [account.ask("eks", "describe_cluster", name=each)["cluster"] for each in ([name] if name else names)]
    found = described if name else list(_of_server(described, server))
    if not found:
        raise InputError(
            f"--region: no cluster of account {account.caller['Account']} in {account.region} has the server {server}"
        )
    if len(found) > 1:
        named = ", ".join(each["name"] for each in found)
        raise InputError(f"--cluster-name: is required, {server} is the server of several: {named}")
    return found[0]


def _of_server(described: list[dict[str, Any]], server: str) -> Iterator[dict[str, Any]]:
    wanted = server.rstrip("/").lower()
    yield from (each for each in described if str(each.get("endpoint", "")).rstrip("/").lower() == wanted)
