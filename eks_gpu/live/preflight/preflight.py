"""Preflight: whether an account can take what a plan creates, and run it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.graph.secrets import redacted
from eks_gpu.graph.unread import Unread
from eks_gpu.io.problems import InputError
from eks_gpu.live.account import Denied, account
from eks_gpu.live.preflight import caller, existing, images, names, places, roles, spot, versions
from eks_gpu.live.preflight.inquiry import AT_HOME, Inquiry
from eks_gpu.live.preflight.quotas import Row, quotas
from eks_gpu.plan.plan import Plan
from eks_gpu_components.catalog import partition, regions


@dataclass(frozen=True)
class Preflight:
    """What an account said to a plan."""

    plan: Plan
    account: str
    caller: str
    """ARN of who asked."""
    at: datetime
    quotas: Sequence[Row]
    checks: Sequence[Finding]
    """Each thing that was asked, quotas too."""
    unread: Sequence[Unread]

    @property
    def failed(self) -> bool:
        """Whether something fails, or could not be asked."""
        return any(finding.fails_plan for finding in self.checks) or bool(self.unread)

    def as_json(self) -> dict[str, Any]:
        """The contract of `eks-gpu preflight --json`: keys may be added, and none is removed."""
        return redacted(
            {
                "project": self.plan.project,
                "stack": self.plan.stack,
                "region": self.plan.region or None,
                "account": self.account,
                "caller": self.caller,
                "at": self.at.isoformat(timespec="seconds"),
                "quotas": [row.as_json() for row in self.quotas],
                "checks": [finding.as_json() for finding in self.checks],
                "unread": [row.as_json() for row in self.unread],
            },
            self.plan.secrets,
        )


def preflight(plan: Plan, profile: str = "") -> Preflight:
    """Asks the account of the caller's credentials. Raises InputError where nobody can be asked."""
    inquiry = inquiry_of(plan, profile)
    try:
        who = inquiry.caller
    except Denied as denied:
        raise InputError(f"AWS refuses {denied.action}, without which nobody knows whose account it is") from None
    found: list[Finding] = []
    off = set()
    for region, finding in places.region_findings(inquiry):
        found.append(finding)
        off |= {region} if finding.failed else set()
    if off:
        inquiry = Inquiry(
            plan,
            {at: reader for at, reader in inquiry.accounts.items() if at not in off},
            inquiry.at_home,
            inquiry.unread,
        )
    rows: list[Row] = []
    if inquiry.accounts:
        rows, more = _asked(inquiry)
        found += more
    return Preflight(plan, who["Account"], who["Arn"], datetime.now(UTC), rows, found, inquiry.unread)


def inquiry_of(plan: Plan, profile: str = "") -> Inquiry:
    """The plan, and the account in each of its regions. Raises InputError for a plan without a region."""
    where = [
        plan.region,
        *(pool.region for pool in plan.analysis.pools),
        *(need.region for need in plan.analysis.quotas),
    ]
    used = [region for region in dict.fromkeys(where) if region]
    if not used:
        raise InputError("aws:region is required: the plan is in no region of AWS")
    readers = {region: account(region, profile) for region in used}
    home = AT_HOME[partition(used[0])]
    return Inquiry(plan, readers, account(home, profile) if home in regions() else readers[used[0]])


def _asked(inquiry: Inquiry) -> tuple[list[Row], list[Finding]]:
    permitted = caller.Permitted(inquiry)
    rows = list(quotas(inquiry))
    return rows, [
        *(row.finding() for row in rows),
        *roles.findings(inquiry, permitted),
        *names.findings(inquiry),
        *versions.findings(inquiry),
        *places.findings(inquiry),
        *images.findings(inquiry),
        *existing.findings(inquiry),
        *spot.findings(inquiry),
        *caller.findings(inquiry, permitted),
    ]
