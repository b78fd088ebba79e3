"""Reservation: capacity that EC2 holds for the account, described once for all back ends that start nodes in it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, NotRequired, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict

from ..catalog import instance_type
from .arg_words import ReservationKindArg
from .patterns import like
from .validation_messages import refused
from .value import Value
from .words import ReservationKind

CAPACITY_BLOCK: ReservationKind = "capacity-block"


class ReservationArgs(TypedDict):
    """Capacity reserved in EC2: an On-Demand Capacity Reservation, or a Capacity Block for ML. Set one of `id`, `tags`
    and `resource_group_arn`; what else you say is not looked up in AWS, but the plan computes with it.
    """

    id: NotRequired[str]
    """Id of the reservation, such as cr-0123456789abcdef0. Default none."""
    tags: NotRequired[dict[str, str]]
    """Tags that the reservations have, with * for any value; not for node groups. Default none."""
    owner_id: NotRequired[str]
    """Account that owns reservations with these `tags`, 12 digits. Default any account that shares them."""
    resource_group_arn: NotRequired[str]
    """ARN of a resource group of reservations; only for node groups. Default none."""
    kind: NotRequired[ReservationKindArg]
    """on-demand, or capacity-block, which is paid up front and has a start and an end. Default on-demand."""
    instance_type: NotRequired[str]
    """Instance type that is reserved, one of the pool's. Default unknown."""
    instances: NotRequired[int]
    """Number of instances that are reserved; required for node groups. Default unknown."""
    zone: NotRequired[str]
    """Name of the availability zone of the instances. Default unknown."""
    start: NotRequired[str]
    """When the reservation begins, such as 2026-12-01 or 2026-12-01T11:30:00Z, in UTC unless it says otherwise.
    Required for a Capacity Block. Default it has begun.
    """
    end: NotRequired[str]
    """When the reservation ends; required for a Capacity Block. Default it does not end by itself."""
    upfront_usd: NotRequired[float]
    """What the Capacity Block cost, in USD, all of it together. Default unknown, so that no bill has it."""


_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4}) \S+", re.ASCII)
"""A time of an unquoted value in a stack's file, as in 2026-12-01 11:30:00 +0000 UTC. Source: Go, package time."""


def _moment(given: Any) -> datetime:
    """A day, or a moment of one; YAML may have read it already, and Pulumi writes what it read as Go does."""
    try:
        found = given if isinstance(given, date) else datetime.fromisoformat(_GO_TIME.sub(r"\1 \2\3", given))
    except (TypeError, ValueError):
        raise refused("must be a day or a time, as 2026-12-01 or 2026-12-01T11:30:00Z") from None
    moment = found if isinstance(found, datetime) else datetime(found.year, found.month, found.day)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _type_name(name: str) -> str:
    return instance_type(name).name


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string"})]


class Reservation(Value):
    """Capacity reserved in EC2, checked. A rule that looks at a field sees only the fields above it."""

    id: Annotated[str, like(r"cr-[0-9a-f]{8,17}", "the id of a reservation, as cr-0123456789abcdef0")] | None = None
    tags: dict[str, str] | None = None
    resource_group_arn: Annotated[str, like(r"arn:[\w-]+:resource-groups:.+", "the ARN of a resource group")] | None = (
        None
    )
    owner_id: Annotated[str, like(r"\d{12}", "an account, of 12 digits")] | None = None
    kind: ReservationKind = Field(default="on-demand")
    instance_type: Annotated[str, AfterValidator(_type_name)] | None = None
    instances: int | None = Field(default=None, ge=1)
    zone: str | None = None
    start: Moment | None = Field(default=None)
    end: Moment | None = Field(default=None)
    upfront_usd: float | None = Field(default=None, ge=0)

    @field_validator("owner_id")
    @classmethod
    def _selects_by_tags(cls, owner: str | None, info: ValidationInfo) -> str | None:
        if owner and not info.data.get("tags"):
            raise ValueError("must be left out without tags: what is named has one owner")
        return owner

    @field_validator("start", "end")
    @classmethod
    def _block_has_both(cls, moment: datetime | None, info: ValidationInfo) -> datetime | None:
        if moment is None and info.data.get("kind") == CAPACITY_BLOCK:
            raise ValueError("is required: a Capacity Block has a start and an end")
        if info.field_name == "end" and moment and (start := info.data.get("start")) and moment <= start:
            raise ValueError(f"must be after start {written(start)}, got {written(moment)}")
        return moment

    @field_validator("upfront_usd")
    @classmethod
    def _paid_up_front(cls, usd: float | None, info: ValidationInfo) -> float | None:
        if usd is not None and info.data.get("kind") != CAPACITY_BLOCK:
            raise ValueError("only a Capacity Block is paid up front: an on-demand reservation costs by the hour")
        return usd

    @model_validator(mode="after")
    def _named_one_way(self) -> Self:
        ways = ("id", "tags", "resource_group_arn")
        given = [way for way in ways if getattr(self, way)]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(ways)}, got {', '.join(given) or 'none'}")
        return self

    @property
    def is_block(self) -> bool:
        """Whether it is a Capacity Block."""
        return self.kind == CAPACITY_BLOCK

    @property
    def named(self) -> str:
        """What it is called in a sentence: its id, its tags, or its resource group."""
        tags = ", ".join(f"{key}={value}" for key, value in sorted((self.tags or {}).items()))
        return self.id or (f"with {tags}" if tags else self.resource_group_arn or "")

    def facts(self) -> dict[str, Any]:
        """What the plan is told of it, which no object of AWS or Kubernetes has a field for."""
        known: Mapping[str, Any] = {
            "kind": self.kind,
            "instance_type": self.instance_type,
            "instances": self.instances,
            "zone": self.zone,
            "start": self.start and written(self.start),
            "end": self.end and written(self.end),
            "upfront_usd": self.upfront_usd,
        }
        return {key: value for key, value in known.items() if value is not None}


def written(moment: datetime) -> str:
    """`2026-12-01T11:30:00Z`, or the day alone for its first moment."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%d}" if utc.time() == datetime.min.time() else f"{utc:%Y-%m-%dT%H:%M:%SZ}"


def as_text(facts: Any) -> str:
    """Facts as an annotation or a tag has them."""
    return json.dumps(facts, separators=(",", ":"))
