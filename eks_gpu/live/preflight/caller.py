"""Whether the caller may do what the plan takes: IAM's own simulation of the caller's policies."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.graph.graph import Resource
from eks_gpu.live.preflight.creates import ANY, CREATES, LINK_ROLE, PASS_ROLE, is_about_all
from eks_gpu.live.preflight.inquiry import Inquiry, Refused, fails, holds, named, texts, unjudged

MAY_CREATE, MAY_CHANGE, MAY_PASS = "caller-may-create", "caller-may-change-and-delete", "caller-may-pass-roles"
KNOWN = "caller-is-known"

_ARN = re.compile(r"arn:(?P<partition>[^:]+):(?P<service>iam|sts)::(?P<account>\d*):(?P<kind>[^/]+)/?(?P<name>.*)")
_SUFFIX = "-0000000"
"""What stands for the end of a name that Pulumi makes."""
_ONE_OF_AWS = "AWSReservedSSO_"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as IAM can simulate it."""

    arn: str
    """Of the user or the role; empty where it cannot be simulated."""
    everything: bool = False
    """Whether it is the root user of the account, who may do everything that the organization allows."""
    why: str = ""
    """Why it cannot be simulated; a clause."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The simulation's answer for one action on one ARN."""

    allowed: bool | None
    why: str = ""


class Permitted:
    """What the caller may do; each question is asked once."""

    def __init__(self, inquiry: Inquiry):
        self._inquiry = inquiry
        self._decided: dict[tuple[str, str, str], Decided] = {}

    @cached_property
    def caller(self) -> Caller:
        """The caller's user or role."""
        arn = self._inquiry.caller["Arn"]
        found = _ARN.fullmatch(arn)
        if found is None:
            return Caller("", why=f"{arn} is neither a user nor a role")
        if found["kind"] == "root":
            return Caller(arn, everything=True)
        if found["kind"] == "user":
            return Caller(arn)
        if found["kind"] != "assumed-role":
            return Caller("", why=f"{arn} is neither a user nor a role, and only those can be simulated")
        role = found["name"].partition("/")[0]
        about = f"the ARN of the caller's role {role}"
        answer = self._inquiry.ask(self._inquiry.home, "iam", "get_role", about, RoleName=role)
        if not isinstance(answer, Refused):
            return Caller(answer["Role"]["Arn"])
        if role.startswith(_ONE_OF_AWS):
            return Caller("", why=f"{role} is of IAM Identity Center, and its ARN is not known: {answer.why}")
        return Caller(f"arn:{found['partition']}:iam::{found['account']}:role/{role}")

    def may(self, action: str, arn: str, region: str, service: str = "") -> Decided:
        """Whether the caller may do it; `service` is who gets a role that is passed."""
        self.ask([action], [arn], region, service)
        return self._decided[action, arn, service]

    def ask(self, actions: Iterable[str], arns: Iterable[str], region: str, service: str = "") -> None:
        """Asks for each action on each ARN at once."""
        wanted_actions, wanted = list(dict.fromkeys(actions)), list(dict.fromkeys(arns))
        pairs = [(a, r, service) for a in wanted_actions for r in wanted]
        if not pairs or all(pair in self._decided for pair in pairs):
            return
        caller = self.caller
        if caller.everything or not caller.arn:
            self._decided |= dict.fromkeys(pairs, Decided(True if caller.everything else None, caller.why))
            return
        context = {"aws:RequestedRegion": region, **({"iam:PassedToService": service} if service else {})}
        found = self._inquiry.rows(
            self._inquiry.home,
            "iam",
            "simulate_principal_policy",
            "EvaluationResults",
            "what the caller may do",
            PolicySourceArn=caller.arn,
            ActionNames=wanted_actions,
            ResourceArns=wanted,
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in context.items()
            ],
        )
        told = {} if isinstance(found, Refused) else dict(_decisions(found))
        why = found.why if isinstance(found, Refused) else "IAM's simulation says nothing of it"
        for action, arn, of in pairs:
            self._decided[action, arn, of] = told.get((action.lower(), arn), Decided(None, why))


def _decisions(rows: list[Any]) -> Iterator[tuple[tuple[str, str], Decided]]:
    """By action and ARN; of several ARNs IAM may tell each in a row of its own, or within one row."""
    for row in rows:
        action = str(row["EvalActionName"]).lower()
        for one in row.get("ResourceSpecificResults") or ():
            yield (action, str(one["EvalResourceName"])), _decision(one.get("EvalResourceDecision"), {**row, **one})
        if not row.get("ResourceSpecificResults"):
            yield (action, str(row.get("EvalResourceName") or ANY)), _decision(row.get("EvalDecision"), row)


def _decision(decision: Any, row: Mapping[str, Any]) -> Decided:
    if decision == "allowed":
        return Decided(True)
    if (row.get("OrganizationsDecisionDetail") or {}).get("AllowedByOrganizations") is False:
        return Decided(False, "the organization's policies do not allow it")
    if (row.get("PermissionsBoundaryDecisionDetail") or {}).get("AllowedByPermissionsBoundary") is False:
        return Decided(False, "the permissions boundary does not allow it")
    if decision == "explicitDeny":
        return Decided(False, "a policy denies it")
    missing = [str(key) for key in row.get("MissingContextValues") or ()]
    if missing:
        return Decided(None, f"it depends on {', '.join(missing)}")
    return Decided(False)


def findings(inquiry: Inquiry, permitted: Permitted) -> Iterator[Finding]:
    """Whether the caller may create, change and delete what the plan makes, and hand its roles to AWS."""
    caller, arn = permitted.caller, inquiry.caller["Arn"]
    if caller.why:
        yield unjudged(KNOWN, arn, caller.why)
        inquiry.not_read(
            "what the caller may do", "values", Refused("iam:SimulatePrincipalPolicy", "no answer", caller.why)
        )
    else:
        who = "is the root user, who may do everything" if caller.everything else f"is simulated as {caller.arn}"
        yield holds(KNOWN, arn, who)
    types: dict[tuple[str, str], list[Resource]] = {}
    for resource in inquiry.plan.graph:
        if resource.custom and resource.type.startswith("aws:"):
            types.setdefault((resource.type, inquiry.region_of(resource)), []).append(resource)
    unknown = sorted({type_ for type_, _ in types if type_ not in CREATES})
    for type_ in unknown:
        yield unjudged(MAY_CREATE, type_, "it is not known which actions of AWS it takes")
    for (type_, region), resources in types.items():
        if type_ in CREATES:
            yield from _of_type(inquiry, permitted, type_, region, resources)
    yield from _passes(inquiry, permitted, types)


def _of_type(
    inquiry: Inquiry, permitted: Permitted, type_: str, region: str, resources: list[Resource]
) -> Iterator[Finding]:
    rights = CREATES[type_]
    own = [_arn(rights.arn, each, inquiry, region) for each in resources]
    made_on = [_arn(rights.made_on or rights.arn, each, inquiry, region) for each in resources]
    calls = [(action, made_on) for action in rights.create]
    calls += [(action, own) for action in (*rights.read, *rights.to_change)]
    calls = [(action, [ANY] if is_about_all(action) else arns) for action, arns in calls]
    together: dict[tuple[str, ...], list[str]] = {}
    for action, arns in calls:
        together.setdefault(tuple(arns), []).append(action)
    for arns, actions in together.items():
        permitted.ask(actions, arns, region)
    subject = type_ if len(inquiry.regions) == 1 else f"{type_} in {region}"
    count, names = len(resources), named(each.name for each in resources)
    for id_, wanted, does in (
        (MAY_CREATE, rights.to_create, "create"),
        (MAY_CHANGE, rights.to_change, "update or delete"),
    ):
        if not wanted:
            continue
        asked = [(a, arn) for a, arns in calls if a in wanted for arn in arns]
        yield _verdict(
            id_,
            subject,
            permitted,
            [(a, arn, permitted.may(a, arn, region)) for a, arn in asked],
            f"to {does} {count} ({names})",
            "error" if id_ == MAY_CREATE else "warning",
        )


def _verdict(
    id_: str, subject: str, permitted: Permitted, told: list[tuple[str, str, Decided]], task: str, severity: str
) -> Finding:
    refused = [(action, arn, why) for action, arn, why in told if why.allowed is False]
    if refused:
        actions = named((action for action, _, _ in refused), 20)
        whys = named(filter(None, (decided.why for _, _, decided in refused)))
        arns = named((arn for _, arn, _ in refused), 2)
        says = f"{task} the caller needs {actions} on {arns}" + (
            f", and {whys}" if whys else ", which no policy allows"
        )
        return fails(id_, subject, says, f"allow {actions} to {permitted.caller.arn}", severity)
    open_ = [(action, decided) for action, _, decided in told if decided.allowed is None]
    if open_:
        whys = named(decided.why for _, decided in open_)
        return unjudged(id_, subject, f"{task} the caller needs {named((a for a, _ in open_), 20)}: {whys}")
    return holds(id_, subject, f"{task} the caller has the permissions")


def _passes(
    inquiry: Inquiry, permitted: Permitted, types: Mapping[tuple[str, str], list[Resource]]
) -> Iterator[Finding]:
    """PassRole, by role."""
    wanted: dict[tuple[str, str, str], list[str]] = {}
    for (type_, region), resources in types.items():
        rights = CREATES.get(type_)
        for key, service in ((rights.passes or {}) if rights else {}).items():
            for resource in resources:
                for role in _roles(resource.inputs.get(key), inquiry):
                    wanted.setdefault((role, service, region), []).append(f"{type_.rpartition(':')[2]} {resource.name}")
    for (role, service, region), by in wanted.items():
        told = [(PASS_ROLE, role, permitted.may(PASS_ROLE, role, region, service))]
        to = f" to {service}" if service else ""
        task = f"to hand the role{to} for {named(by)}"
        yield _verdict(MAY_PASS, f"role {role.rpartition('/')[2]}", permitted, told, task, "error")


def _roles(value: Any, inquiry: Inquiry) -> Iterator[str]:
    for text in texts(value):
        if ":role/" in text:
            yield inquiry.real(text)
        elif text and "/" not in text and ":" not in text and inquiry.plan.graph.by_id(text, "aws:iam/role:Role"):
            yield f"arn:{inquiry.partition}:iam::{inquiry.account}:role/{text}"


class _Blanks(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "unknown"


def _arn(template: str, resource: Resource, inquiry: Inquiry, region: str) -> str:
    """An ARN that the resource may have; what AWS decides has a stand-in."""
    given = {key: value for key, value in resource.inputs.items() if isinstance(value, str)}
    name = next((given[key] for key in NAME_KEYS if given.get(key)), f"{resource.name}{_SUFFIX}")
    queue = str(given.get("queueUrl", "")).rpartition("/")[2] or "unknown"
    place = {"partition": inquiry.partition, "region": region, "account": inquiry.account}
    return template.format_map(_Blanks({**given, **place, "name": name, "queueName": queue}))


NAME_KEYS = ("name", "nodeGroupName", "fargateProfileName")


def may_link(permitted: Permitted, inquiry: Inquiry, service: str, role: str, region: str) -> Decided:
    """Whether the caller may let AWS make a service's own role."""
    arn = f"arn:{inquiry.partition}:iam::{inquiry.account}:role/aws-service-role/{service}/{role}"
    return permitted.may(LINK_ROLE, arn, region)
