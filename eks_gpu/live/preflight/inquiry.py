"""An inquiry: one plan, the account in each of its regions, and what could not be asked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from eks_gpu.checks import Finding
from eks_gpu.graph.graph import Resource
from eks_gpu.graph.regions import region_of
from eks_gpu.graph.unread import Unread, What
from eks_gpu.live.account import AccountReader, Denied
from eks_gpu.offline.account import ACCOUNT
from eks_gpu.plan.plan import Plan
from eks_gpu.pools.clusters import Cluster, clusters
from eks_gpu.pools.pool import Pool
from eks_gpu_components.catalog import partition

AT_HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""Region of each partition that no account has to enable, and where IAM's quotas are."""


@dataclass(frozen=True, slots=True)
class Refused:
    """AWS did not answer a question: the caller may not ask it, or it cannot be answered."""

    action: str
    """Permission that the question takes, as `eks:DescribeClusterVersions`."""
    code: str = ""
    """AWS's code of another refusal than a missing permission."""
    message: str = ""

    @property
    def why(self) -> str:
        """A clause."""
        return f"{self.action} answers {self.code}: {self.message}" if self.code else f"AWS refuses {self.action}"

    @property
    def missing(self) -> bool:
        """Whether AWS says that there is no such thing."""
        return any(word in self.code for word in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist", "NoSuchEntity"))


@dataclass
class Inquiry:
    """A plan that an account is asked about. Questions that get no answer become rows of `unread`."""

    plan: Plan
    accounts: Mapping[str, AccountReader]
    """The account in each region that the plan has something in."""
    at_home: AccountReader
    """The account in the region that it cannot turn off, which tells of the others and of IAM's quotas."""
    unread: list[Unread] = field(default_factory=list)

    def ask(
        self, region: str, service: str, operation: str, about: str, what: What = "values", **arguments: Any
    ) -> dict[str, Any] | Refused:
        """One answer. `about` is what stays unknown without it; what is not there is no row of `unread`."""
        return self._asked(region, service, operation, about, what, lambda of: of.ask(service, operation, **arguments))

    def rows(
        self, region: str, service: str, operation: str, key: str, about: str, what: What = "values", **arguments: Any
    ) -> list[Any] | Refused:
        """A list, all its pages."""
        return self._asked(
            region, service, operation, about, what, lambda of: of.rows(service, operation, key, **arguments)
        )

    def _asked(self, region: str, service: str, operation: str, about: str, what: What, question: Any) -> Any:
        account = self.accounts.get(region, self.at_home)
        action = account.action(service, operation)
        try:
            return question(account)
        except Denied as denied:
            refused = Refused(denied.action)
            self.not_read(about, what, refused)
        except ClientError as error:
            told = error.response.get("Error", {})
            refused = Refused(action, str(told.get("Code", "")), " ".join(str(told.get("Message", "")).split()))
            if not refused.missing:
                self.not_read(about, what, refused)
        return refused

    def not_read(self, about: str, what: What, refused: Refused) -> None:
        """Notes what stays unknown, each once."""
        how = f"ask again, or look in the console: {refused.action}" if refused.code else f"allow {refused.action}"
        row = Unread(about, what, refused.why, how)
        if row not in self.unread:
            self.unread.append(row)

    @property
    def regions(self) -> tuple[str, ...]:
        return tuple(self.accounts)

    @cached_property
    def home(self) -> str:
        """A region in which questions about the whole account can be asked."""
        return next(iter(self.accounts))

    @cached_property
    def caller(self) -> Mapping[str, str]:
        """`Account` and `Arn` of who asks."""
        return self.accounts[self.home].caller

    @property
    def account(self) -> str:
        return self.caller["Account"]

    @property
    def partition(self) -> str:
        return partition(self.home)

    @cached_property
    def clusters(self) -> list[Cluster]:
        """Clusters that the plan makes."""
        return clusters(self.plan.graph)

    @property
    def pools(self) -> Sequence[Pool]:
        return self.plan.analysis.pools

    def region_of(self, resource: Resource) -> str:
        """The region of a resource; the stack's own where its own is not known."""
        found = region_of(resource, self.plan.graph.get, self.plan.region)
        return found if found in self.accounts else self.home

    def region_of_cluster(self, cluster: Cluster) -> str:
        made = self.plan.graph.get(cluster.urn)
        return self.region_of(made) if made else self.home

    def in_region(self, region: str, *types: str) -> list[Resource]:
        """Resources of these types that the plan makes in a region."""
        return [each for each in self.plan.graph.of(*types) if self.region_of(each) == region]

    @cached_property
    def standing(self) -> dict[str, Any]:
        """EKS's description of each cluster of the plan that is there already, by name; Refused where it is unknown."""
        found: dict[str, Any] = {}
        for cluster in self.clusters:
            region = self.region_of_cluster(cluster)
            about = f"whether cluster {cluster.name} is there"
            answer = self.ask(region, "eks", "describe_cluster", about, name=cluster.name)
            if not isinstance(answer, Refused):
                found[cluster.name] = answer["cluster"]
            elif not answer.missing:
                found[cluster.name] = answer
        return found

    @property
    def is_up(self) -> bool | None:
        """Whether one of the plan's clusters is there, and the stack so may be up; None if nobody knows."""
        if any(isinstance(each, dict) for each in self.standing.values()):
            return True
        return None if self.standing or not self.clusters else False

    @cached_property
    def own_vpcs(self) -> set[str]:
        """Ids of the VPCs of the plan's clusters that are there."""
        found = (each for each in self.standing.values() if isinstance(each, dict))
        vpcs = (str((each.get("resourcesVpcConfig") or {}).get("vpcId") or "") for each in found)
        return set(filter(None, vpcs))

    def real(self, arn: str) -> str:
        """An ARN that the program made with the account's number, in the caller's account."""
        return arn.replace(f":{ACCOUNT}:", f":{self.account}:")


def holds(id_: str, subject: str, message: str) -> Finding:
    return Finding(id_, subject, True, message)


def fails(id_: str, subject: str, message: str, fix: str, severity: str = "error") -> Finding:
    return Finding(id_, subject, False, message, severity, fix)


def unjudged(id_: str, subject: str, why: str) -> Finding:
    return Finding(id_, subject, None, why)


def named(names: Iterable[str], most: int = 3) -> str:
    """`a, b, c and 4 more`."""
    found = list(dict.fromkeys(names))
    more = len(found) - most
    return ", ".join(found[:most]) + (f" and {more} more" if more > 0 else "")


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)


def chunks(values: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])
