"""Quotas: what the plan needs of each, what the account has and uses, and the command that asks AWS for more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, unjudged
from eks_gpu.live.preflight.needs import Need, needs
from eks_gpu.live.preflight.usage import SUMMARY, Usage, Used
from eks_gpu.live.quota_requests import increase
from eks_gpu_components.catalog.quotas import VCPU_QUOTAS, Quota

CHECK = "quotas-are-enough"
OPEN = ("PENDING", "CASE_OPENED")
"""States of a request that AWS has not decided."""


@dataclass(frozen=True)
class Row:
    """One quota, as the account has it."""

    need: Need
    value: int | None
    """None if nobody can tell."""
    used: Used
    adjustable: bool = True
    pending: int | None = None
    """What a request that is not decided asks for; None without one."""
    why: str = ""
    """Why the value is not known; a clause."""

    @property
    def others(self) -> int:
        """What is used by others than the plan's clusters."""
        return max(0, (self.used.usage or 0) - self.used.own)

    @property
    def wanted(self) -> int | None:
        """The value with which the plan's maximum fits."""
        return None if self.need.needed is None else self.need.needed + self.others

    @property
    def short(self) -> bool | None:
        """Whether the plan's maximum does not fit; None if nobody can tell."""
        if self.value is None:
            return None
        if self.wanted is None:
            return True if self.value <= self.others else None
        if self.wanted > self.value:
            return True
        return None if self.used.usage is None else False

    @property
    def stops_up(self) -> bool:
        """Whether already what `pulumi up` makes does not fit."""
        return self.value is not None and self.need.at_once + self.others > self.value

    @property
    def region(self) -> str:
        """Where the quota is asked for: IAM's are of the whole account."""
        return self.need.region

    @property
    def desired(self) -> int | None:
        return self.wanted if self.short and self.adjustable else None

    def command(self, separator: str = " ") -> str:
        """What asks AWS for enough; empty where nothing is short, or AWS never gives more."""
        if self.desired is None:
            return ""
        return increase(self.need.quota, self.desired, self.region, separator)

    @property
    def subject(self) -> str:
        where = f" in {self.need.where}" if self.need.where else ""
        return f"{self.need.quota.name}{where}, {self.need.quota.code}"

    def finding(self) -> Finding:
        """Whether it is enough."""
        need, of_whom = self.need, "vCPUs" if self.need.quota in VCPU_QUOTAS else ""
        unit = f" {of_whom}" if of_whom else ""
        most = "no limit" if need.needed is None else f"{need.needed}{unit}"
        usage = "an unknown number" if self.used.usage is None else str(self.used.usage)
        own = f", {self.used.own} of it by the plan's own clusters," if self.used.own else ""
        has = f"the account has {self.value}{unit} and uses {usage}{own}" if self.value is not None else self.why
        if self.short is None:
            why = self.why or self.used.why or "a pool of the plan has no maximum"
            return unjudged(CHECK, self.subject, f"the maximum needs {most}; {has}: {why}" if has != why else f"{why}")
        if not self.short:
            return holds(CHECK, self.subject, f"the maximum needs {most}, and {has}")
        by = f" ({need.by})" if need.by else ""
        if self.stops_up:
            says = f"`pulumi up` itself needs {need.at_once}{unit}{by}, and {has}: the update fails"
            if need.needed is None or need.needed > need.at_once:
                says += f"; the maximum needs {most}"
        elif of_whom:
            says = f"the maximum needs {most}, and {has}: pods beyond it stay Pending"
        else:
            says = f"the plan needs {most}, and {has}"
        if self.pending is not None:
            says += f"; a request for {self.pending} is with AWS already"
        return fails(CHECK, self.subject, says, self.command() or self._no_command())

    def _no_command(self) -> str:
        if self.need.needed is None:
            return "give the pool a maximum, and ask for what that needs"
        return "AWS does not raise this quota: use another account or region, or make less"

    def as_json(self) -> dict[str, Any]:
        """A row of `quotas`."""
        return {
            "code": self.need.quota.code,
            "name": self.need.quota.name,
            "service": self.need.quota.service,
            "region": self.region,
            "where": self.need.where or None,
            "capacity_type": self.need.capacity_type or None,
            "needed": self.need.needed,
            "at_once": self.need.at_once,
            "value": self.value,
            "usage": self.used.usage,
            "own": self.used.own,
            "short": self.short,
            "command": self.command() or None,
            "pending": self.pending,
        }


def quotas(inquiry: Inquiry) -> Iterator[Row]:
    """A row for each quota that the plan uses."""
    usage = Usage(inquiry)
    values: dict[tuple[Quota, str], tuple[int | None, bool, str]] = {}
    for need in needs(inquiry):
        key = need.quota, need.region
        if key not in values:
            values[key] = _value(inquiry, usage, need)
        value, adjustable, why = values[key]
        row = Row(need, value, usage.of(need), adjustable, why=why)
        yield _with_pending(inquiry, row) if row.short else row


def _value(inquiry: Inquiry, usage: Usage, need: Need) -> tuple[int | None, bool, str]:
    """The value, whether AWS may raise it, and why it is not known."""
    counted = need.quota
    if counted in SUMMARY and not isinstance(usage.summary, Refused):
        told = usage.summary.get(f"{SUMMARY[counted]}Quota")
        if told is not None:
            return int(told), True, ""
    about = f"quotas of {counted.service} in {need.region}"
    asked: dict[str, Any] = {"ServiceCode": counted.service, "QuotaCode": counted.code}
    answer = inquiry.ask(need.region, "service-quotas", "get_service_quota", about, **asked)
    if isinstance(answer, Refused) and answer.missing:  # what was never changed may have its default alone
        answer = inquiry.ask(need.region, "service-quotas", "get_aws_default_service_quota", about, **asked)
        if isinstance(answer, Refused) and answer.missing:
            inquiry.not_read(about, "values", answer)
    if isinstance(answer, Refused):
        return None, True, answer.why
    return int(answer["Quota"]["Value"]), bool(answer["Quota"].get("Adjustable", True)), ""


def _with_pending(inquiry: Inquiry, row: Row) -> Row:
    """With a request that AWS has not decided yet, of which the largest counts."""
    counted = row.need.quota
    found = inquiry.rows(
        row.region,
        "service-quotas",
        "list_requested_service_quota_change_history_by_quota",
        "RequestedQuotas",
        f"requests for more of {counted.code}",
        ServiceCode=counted.service,
        QuotaCode=counted.code,
    )
    if isinstance(found, Refused):
        return row
    asked = [int(each["DesiredValue"]) for each in found if each.get("Status") in OPEN]
    return Row(row.need, row.value, row.used, row.adjustable, max(asked, default=None), why=row.why)
