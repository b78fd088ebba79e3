"""What EC2 has for a launch: an account's quotas, and types that a zone is out of.

Every launch of the lab asks here: of auto scaling groups and single instances in moto, and of Karpenter's fleets, whose
machines its own build plays.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eks_gpu.lab.aws.accounts import USED, Account
from eks_gpu.lab.aws.iam_refusals import SPOT_ROLE, SPOT_SERVICE
from eks_gpu.lab.aws.needs import Place
from eks_gpu.lab.aws.refusal import Blanks
from eks_gpu.pools.type_facts import known_type
from eks_gpu_components.catalog import InstanceType
from eks_gpu_components.catalog.quotas import Quota


@dataclass(frozen=True)
class Launch:
    """Instances that somebody asks EC2 for."""

    place: Place
    type: str
    zone: str
    spot: bool = False
    count: int = 1
    may_make_role: bool = True
    """Whether who asks may make the role that Spot needs; auto scaling groups may."""


@dataclass
class Capacity:
    """What one EC2 has, in every region."""

    account: Account = USED
    outages: Path | None = None
    """File with a list of [type, zone]: what EC2 is out of."""
    quotas: Path | None = None
    """File with vCPUs by the code of their quota, which count in place of the account's."""
    refused: Path | None = None
    """File that gets the code of the quota of each launch that one refused, a line each."""
    fleets: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Type, and whether it is Spot, of each instance that is played elsewhere, by id."""
    reservations: Path | None = None
    """File with the capacity reservations that there are."""
    reserved: dict[str, str] = field(default_factory=dict)
    """Reservation of each of these instances that is in one, by the instance's id."""
    ended: set[str] = field(default_factory=set)
    """Ids of those that were terminated."""

    def out_of(self) -> set[tuple[str, str]]:
        """Types that a zone is out of."""
        if self.outages is None or not self.outages.exists():
            return set()
        return {(type_, zone) for type_, zone in json.loads(self.outages.read_text(encoding="utf-8"))}

    def there(self) -> list[dict[str, Any]]:
        """The capacity reservations, as the file has them."""
        if self.reservations is None or not self.reservations.exists():
            return []
        return json.loads(self.reservations.read_text(encoding="utf-8"))

    def limit(self, row: InstanceType, spot: bool) -> tuple[Quota, int] | None:
        """The quota that a launch counts against, and its vCPUs; None for a type that no quota is known for."""
        known = self.account.vcpus(row, spot)
        if known is None or self.quotas is None or not self.quotas.exists():
            return known
        changed: Mapping[str, int] = json.loads(self.quotas.read_text(encoding="utf-8"))
        return known[0], changed.get(known[0].code, known[1])

    def refuse(self, quota: Quota) -> None:
        """Tells who watches that a launch was refused by it."""
        if self.refused:
            with self.refused.open("a", encoding="utf-8") as file:
                file.write(f"{quota.code}\n")

    def used_vcpus(self, place: Place, quota: object, spot: bool) -> int:
        """vCPUs of what runs and counts against a quota."""
        return sum(
            row.vcpus
            for name, of_spot in [*self.fleets.values(), *_instances(place)]
            if of_spot == spot and (row := known_type(name)) and (limit := self.account.vcpus(row, spot))
            if limit[0] == quota
        )


def _instances(place: Place) -> Iterator[tuple[str, bool]]:
    for reservation in place.ec2.reservations.values():
        for instance in reservation.instances:
            if instance.state in ("pending", "running"):
                yield instance.instance_type, instance.lifecycle == "spot"


_current = Capacity()


def current() -> Capacity:
    """What the EC2 of this process has."""
    return _current


@contextmanager
def having(capacity: Capacity) -> Iterator[None]:
    """While it lasts, the EC2 of this process has this."""
    global _current
    before, _current = _current, capacity
    try:
        yield
    finally:
        _current = before


def over_quota(launch: Launch, spot: bool = False) -> Blanks:
    row = known_type(launch.type)
    limit = current().limit(row, spot) if row and launch.spot == spot else None
    if row is None or limit is None:
        return None
    wanted = current().used_vcpus(launch.place, limit[0], spot) + row.vcpus * launch.count
    if wanted <= limit[1]:
        return None
    current().refuse(limit[0])
    return {"limit": limit[1]}


def spot_over_quota(launch: Launch) -> Blanks:
    return over_quota(launch, spot=True)


def no_capacity(launch: Launch) -> Blanks:
    out = current().out_of()
    if launch.spot or (launch.type, launch.zone) not in out:
        return None
    zones = [zone.name for zone in launch.place.ec2.describe_availability_zones([], None, None)]
    others = [name for name in sorted(set(zones)) if (launch.type, name) not in out]
    return {"type": launch.type, "zone": launch.zone, "others": ", ".join(others)}


def no_spot_capacity(launch: Launch) -> Blanks:
    return {} if launch.spot and (launch.type, launch.zone) in current().out_of() else None


def no_spot_role(launch: Launch) -> Blanks:
    """Makes the role where who asks may do so, as EC2 does."""
    if not launch.spot or any(role.name == SPOT_ROLE for role in launch.place.iam.roles.values()):
        return None
    if not launch.may_make_role:
        return {}
    launch.place.iam.create_service_linked_role(SPOT_SERVICE, "Default EC2 Spot Service Linked Role", "")
    return None
