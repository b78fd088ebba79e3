"""What a stack that was destroyed has left in its account, what that costs a month, and how it is ended."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader, Denied, unread
from eks_gpu.live.audit.belongings import Belongings
from eks_gpu.live.audit.left_behind import (
    BALANCER,
    CLUSTER,
    INSTANCE,
    KINDS,
    LOG_GROUP,
    MASTER_KEY,
    PROFILE,
    PROVIDER,
    TARGET_GROUP,
    Kind,
)

AT_ONCE = 6
"""Questions that AWS is asked at the same time."""
_TAGS_AT_ONCE = 20
"""Load balancers that one question for tags may name. Source: ELBv2 API, DescribeTags."""
_ALIVE = ("Enabled", "Disabled")
"""States of a key that costs."""


@dataclass(frozen=True)
class Leftover:
    """Something that is there, and should not be."""

    kind: str
    id: str
    known_by: str
    """Why it is the stack's; a clause."""
    monthly: float | None
    """USD; None where it is paid by use, or no price is known."""
    delete: str
    """The command that ends it."""
    region: str
    certain: bool = True
    """Whether it is this stack's, and not possibly another's."""

    def as_json(self) -> dict[str, Any]:
        """A row of the answer."""
        monthly = None if self.monthly is None else round(self.monthly, 2)
        return {
            "kind": self.kind,
            "id": self.id,
            "region": self.region,
            "known_by": self.known_by,
            "certain": self.certain,
            "monthly": monthly,
            "delete": self.delete,
        }


@dataclass(frozen=True)
class Audit:
    """The answer of one stack."""

    project: str
    stack: str
    account: str
    at: datetime
    left: tuple[Leftover, ...]
    """The costliest first."""
    unread: tuple[Unread, ...]

    @property
    def certain(self) -> list[Leftover]:
        """What is this stack's without doubt."""
        return [each for each in self.left if each.certain]

    @property
    def in_order(self) -> list[Leftover]:
        """The same in the order in which it can be ended: what uses another thing before it."""
        order = [kind.what for kind in KINDS]
        return sorted(self.certain, key=lambda each: order.index(each.kind))

    @property
    def stands(self) -> bool:
        """Whether a cluster of the stack is there: then it was not destroyed, or not to the end."""
        return any(each.kind == CLUSTER.what for each in self.left)

    @property
    def failed(self) -> bool:
        """Whether something is left, or may be where nobody could look."""
        return bool(self.certain or self.unread)

    @property
    def monthly(self) -> float:
        """USD of what is certain and has a price."""
        return sum(each.monthly or 0 for each in self.certain)

    def as_json(self) -> dict[str, Any]:
        """The answer for `--json`."""
        return {
            "project": self.project,
            "stack": self.stack,
            "account": self.account,
            "at": self.at.isoformat(timespec="seconds"),
            "left": [each.as_json() for each in self.left],
            "monthly": round(self.monthly, 2),
            "unread": [row.as_json() for row in self.unread],
        }


def audit(project: str, stack: str, belongings: Belongings, accounts: Mapping[str, AccountReader], home: str) -> Audit:
    """Looks in each region of the stack; `home` is the one where what belongs to no region is asked for.

    Raises InputError where AWS does not answer.
    """
    readers = [
        _Reader(account, belongings, kind)
        for region, account in accounts.items()
        for kind in KINDS
        if region == home or not kind.everywhere
    ]
    number = accounts[home].caller["Account"]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(_Reader.answer, readers))
    left = [each for found, _ in answers for each in found]
    left.sort(key=lambda each: (not each.certain, -(each.monthly or 0), each.kind, each.id))
    rows = tuple(row for _, row in answers if row)
    return Audit(project, stack, number, datetime.now(UTC), tuple(left), rows)


@dataclass(frozen=True)
class _Reader:
    """One kind in one region."""

    account: AccountReader
    belongings: Belongings
    kind: Kind

    def answer(self) -> tuple[list[Leftover], Unread | None]:
        """What is left of the kind, or why nobody knows."""
        try:
            return list(self._left()), None
        except Denied as denied:
            return [], unread(denied, f"{self.kind.what}s", "network")
        except ClientError as refusal:
            error = refusal.response.get("Error", {})
            why = f"AWS answers {error.get('Code', 'an error')}"
            return [], Unread(f"{self.kind.what}s", "network", why, "look with AWS's command line")

    def _left(self) -> Iterator[Leftover]:
        list_ = _LISTS.get(self.kind, _Reader.rows)
        for row in list_(self):
            known_by = "" if self.kind.has_ended(row) else self._known_by(row)
            if known_by:
                yield self._leftover(row, known_by)

    def _leftover(self, row: Any, known_by: str) -> Leftover:
        kind, region = self.kind, self.account.region
        id_ = kind.id_of(row)
        command = kind.delete.format(id_) + ("" if kind.everywhere else f" --region {region}")
        return Leftover(kind.what, id_, known_by, kind.monthly(row, region), command, region, kind is not PROVIDER)

    def _known_by(self, row: Any) -> str:
        kind, ours = self.kind, self.belongings
        if kind in _KNOWN_BY:
            return _KNOWN_BY[kind](self, row)
        tags = kind.tags_of(row)
        return ours.by_cluster(tags) or ours.by_name(kind.name_of(row), kind.types) or ours.by_tags(tags, kind.types)

    def rows(self) -> Iterable[Any]:
        """All of the kind."""
        kind = self.kind
        return self.account.rows(kind.service, kind.operation, kind.key, **(kind.arguments or {}))

    def instances(self) -> Iterable[Any]:
        """Without their reservations."""
        return [each for reservation in self.rows() for each in reservation["Instances"]]

    def tagged(self) -> Iterator[Any]:
        """Load balancers or target groups, with the tags that their list does not have."""
        rows = list(self.rows())
        for start in range(0, len(rows), _TAGS_AT_ONCE):
            some = {row[self.kind.id]: row for row in rows[start : start + _TAGS_AT_ONCE]}
            for told in self.account.ask("elbv2", "describe_tags", ResourceArns=list(some))["TagDescriptions"]:
                yield {**some[told["ResourceArn"]], "Tags": told["Tags"]}

    def keys(self) -> Iterator[Any]:
        """Keys that cost, each with its description; none is asked for where the program makes none."""
        for row in self.rows() if self.descriptions else ():
            told = self.account.ask("kms", "describe_key", KeyId=row["KeyId"])["KeyMetadata"]
            if told.get("KeyState") in _ALIVE:
                yield told

    @property
    def descriptions(self) -> set[str]:
        """What the program says of its keys."""
        return {
            str(said) for each in self.belongings.graph.of(*self.kind.types) if (said := each.inputs.get("description"))
        }

    def providers(self) -> Iterator[Any]:
        """Those of EKS in this region whose cluster is gone."""
        if not self.belongings.makes(self.kind.types):
            return
        names = self.account.rows("eks", "list_clusters", "clusters")
        told = [self.account.ask("eks", "describe_cluster", name=name)["cluster"] for name in names]
        issuers = {str(((each.get("identity") or {}).get("oidc") or {}).get("issuer", "")) for each in told}
        for row in self.rows():
            url = str(row["Arn"]).partition("oidc-provider/")[2]
            if url.startswith(f"oidc.eks.{self.account.region}.") and f"https://{url}" not in issuers:
                yield row


def _is_ours(reader: _Reader, name: Any) -> str:
    """A cluster that is there is the first to end: the rest goes with it."""
    return "the program's cluster has this name" if name in reader.belongings.clusters else ""


def _is_described(reader: _Reader, row: Any) -> str:
    said = row.get("Description")
    return f"the program describes its key so: {said}" if said in reader.descriptions else ""


def _had_a_cluster(reader: _Reader, row: Any) -> str:
    return "the issuer of an EKS cluster that is gone; nobody can tell of which"


def _is_karpenters(reader: _Reader, row: Any) -> str:
    """Karpenter makes a profile for each role of a node class, and ends it with the node class."""
    ours, name, path = reader.belongings, str(row["InstanceProfileName"]), str(row.get("Path", ""))
    for cluster in sorted(ours.clusters):
        if name.startswith(f"{cluster}_") or f"/{cluster}/" in path:
            return f"Karpenter made it for cluster {cluster}"
    return ours.by_name(name, reader.kind.types)


def _is_a_log(reader: _Reader, row: Any) -> str:
    """EKS makes a cluster's log group anew if the last lines come after it was deleted."""
    name = str(row["logGroupName"])
    for cluster in sorted(reader.belongings.clusters):
        if name.startswith((f"/aws/eks/{cluster}/", f"/aws/containerinsights/{cluster}/")):
            return f"the logs of cluster {cluster}"
    return reader.belongings.by_name(name, reader.kind.types)


_LISTS: Mapping[Kind, Callable[[_Reader], Iterable[Any]]] = {
    INSTANCE: _Reader.instances,
    BALANCER: _Reader.tagged,
    TARGET_GROUP: _Reader.tagged,
    MASTER_KEY: _Reader.keys,
    PROVIDER: _Reader.providers,
}
"""How a kind is listed, where that takes more than one question."""
_KNOWN_BY: Mapping[Kind, Callable[[_Reader, Any], str]] = {
    CLUSTER: _is_ours,
    MASTER_KEY: _is_described,
    PROVIDER: _had_a_cluster,
    PROFILE: _is_karpenters,
    LOG_GROUP: _is_a_log,
}
"""By what a kind is known that has neither tags nor a name of the program's own."""
