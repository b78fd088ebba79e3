"""What is asked before an update and moto does not answer: quotas, versions on offer, Spot scores, IAM's simulation.

The answers have AWS's shapes, and say what the lab's AWS would do: the quotas are those that refuse its launches, the
scores follow from what EC2 is out of, and the simulation reads the policies that the lab enforces.
"""

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.responses.spot_instances import SpotInstances
from moto.iam.access_control import AssumedRoleAccessKey, IAMPolicy, IAMUserAccessKey
from moto.iam.exceptions import NotFoundException
from moto.iam.responses import IamResponse
from moto.servicequotas.responses import ServiceQuotasResponse

from eks_gpu.graph.iam import Call, decide, listed, statements
from eks_gpu.lab.aws import calls
from eks_gpu.lab.aws.capacity import current
from eks_gpu_components.catalog import ADDONS, DEFAULT_KUBERNETES, KUBERNETES, instance_types, kubernetes_support
from eks_gpu_components.catalog.managed_policies import ACCESS_POLICIES, AUTO_MODE_ACCESS_POLICY
from eks_gpu_components.catalog.quotas import COUNTED_QUOTAS, ELASTIC_IPS, VCPU_QUOTAS, VPCS, Quota, quota

LIKELY, UNLIKELY = 9, 1
"""Spot placement scores: of types that EC2 has, and of those that it is out of in each zone."""
ADDON_BUILDS = 3
"""Versions of each add-on that the lab's EKS offers, newest first."""
OLDEST_BUILD = "v1.0.0-eksbuild.1"
"""What the lab's EKS installs if nobody says a version."""
EVERYTHING = "user/moto"
"""Who moto takes the lab's own keys for; they may do everything."""
ACCESS_POLICIES = (
    *ACCESS_POLICIES,
    AUTO_MODE_ACCESS_POLICY,
)
_NO_QUOTA = "The request failed because the specified resource does not exist."
_requests: list[dict[str, Any]] = []
"""Requests for more of a quota, which nobody decides."""


def answer_before() -> None:
    """From now on moto in this process answers them; requests of before are forgotten."""
    _requests.clear()
    for owner, name, ours in (
        (ServiceQuotasResponse, "get_service_quota", _service_quota),
        (ServiceQuotasResponse, "get_aws_default_service_quota", _default_quota),
        (ServiceQuotasResponse, "request_service_quota_increase", _request_quota),
        (ServiceQuotasResponse, "list_requested_service_quota_change_history_by_quota", _requested),
        (SpotInstances, "get_spot_placement_scores", _spot_scores),
        (IamResponse, "simulate_principal_policy", _simulate),
    ):
        setattr(owner, name, ours)


# Service Quotas


def _known(response: Any) -> tuple[Mapping[str, Any], Quota]:
    """What is asked for, and the quota that it is about; refuses a code that the service does not have."""
    asked = json.loads(response.body)
    code = asked.get("ServiceCode"), asked.get("QuotaCode")
    found = next((row for row in (*VCPU_QUOTAS, *COUNTED_QUOTAS) if (row.service, row.code) == code), None)
    if found is None:
        calls.refuse(response, "NoSuchResourceException", _NO_QUOTA, 400)
    return asked, found


def _told(row: Quota, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": row.service,
        "QuotaCode": row.code,
        "QuotaName": row.name,
        "Value": float(value),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": row.service == "iam",
    }


def _value(row: Quota) -> float:
    """What the lab's account has, or the file of its quotas says instead."""
    capacity = current()
    for type_ in instance_types() if row in VCPU_QUOTAS else ():
        for spot in (False, True):
            if quota(type_, spot=spot) == row and (limit := capacity.limit(type_, spot)):
                return limit[1]
    return {ELASTIC_IPS: capacity.account.addresses, VPCS: capacity.account.vpcs}.get(row, row.default)


def _service_quota(response: Any) -> str:
    """Of a quota that the lab's accounts leave alone there is the default and no value, as of many in AWS."""
    _, row = _known(response)
    if row not in (*VCPU_QUOTAS, ELASTIC_IPS, VPCS):
        calls.refuse(response, "NoSuchResourceException", _NO_QUOTA, 400)
    return json.dumps({"Quota": _told(row, _value(row))})


def _default_quota(response: Any) -> str:
    _, row = _known(response)
    return json.dumps({"Quota": _told(row, row.default)})


def _request_quota(response: Any) -> str:
    asked, row = _known(response)
    made = {
        "Id": uuid.uuid4().hex,
        "ServiceCode": row.service,
        "QuotaCode": row.code,
        "QuotaName": row.name,
        "DesiredValue": float(asked["DesiredValue"]),
        "Status": "PENDING",
        "Created": utcnow().timestamp(),
    }
    _requests.append({**made, "region": response.region})
    return json.dumps({"RequestedQuota": made})


def _requested(response: Any) -> str:
    _, row = _known(response)
    found = [each for each in _requests if (each["QuotaCode"], each["region"]) == (row.code, response.region)]
    return json.dumps({"RequestedQuotas": [{k: v for k, v in each.items() if k != "region"} for each in found]})


# EKS


def cluster_versions() -> list[dict[str, Any]]:
    """EKS's rows of the Kubernetes versions that the catalog knows."""
    status = {"standard": "STANDARD_SUPPORT", "extended": "EXTENDED_SUPPORT", "ended": "UNSUPPORTED"}
    return [
        {
            "clusterVersion": minor,
            "clusterType": "eks",
            "defaultVersion": minor == DEFAULT_KUBERNETES,
            "endOfStandardSupportDate": _midnight(version.standard_until),
            "endOfExtendedSupportDate": _midnight(version.extended_until),
            "versionStatus": status[kubernetes_support(minor, utcnow().date())],
            "status": status[kubernetes_support(minor, utcnow().date())].lower().replace("_", "-"),
        }
        for minor, version in KUBERNETES.items()
    ]


def _midnight(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def addon_versions(name: str | None, kubernetes: str | None) -> list[dict[str, Any]]:
    """EKS's rows of the add-ons that the catalog knows, each with the same versions for every Kubernetes."""
    minors = [minor for minor in KUBERNETES if kubernetes in (None, minor)]
    builds = [OLDEST_BUILD.removesuffix("1") + str(number) for number in range(ADDON_BUILDS, 0, -1)]
    compatible = [{"clusterVersion": minor, "platformVersions": ["*"], "defaultVersion": False} for minor in minors]
    versions = [
        {"addonVersion": build, "architecture": ["amd64", "arm64"], "compatibilities": compatible} for build in builds
    ]
    wanted = [each for each in sorted(ADDONS) if name in (None, each)]
    return [{"addonName": each, "type": "", "owner": "aws", "addonVersions": versions} for each in wanted if minors]


def access_policies(partition: str) -> list[dict[str, str]]:
    """EKS's rows of its access policies."""
    return [{"name": name, "arn": f"arn:{partition}:eks::aws:cluster-access-policy/{name}"} for name in ACCESS_POLICIES]


# EC2


def _spot_scores(response: Any) -> ActionResult:
    """One row for each region that is asked for: low where every zone is out of every type."""
    names, out = response._get_param("InstanceTypes", []), current().out_of()
    found = []
    for region in response._get_param("RegionNames", []) or [response.region]:
        place = calls.place(response)
        zones = [zone.name for zone in place.ec2.describe_availability_zones([], None, None)]
        has = any((name, zone) not in out for name in names for zone in zones)
        found.append({"Region": region, "Score": LIKELY if has else UNLIKELY})
    return ActionResult({"SpotPlacementScores": found})


# IAM


def _simulate(response: Any) -> ActionResult:
    """Each action on each ARN, by the principal's own policies, with the conditions that the context answers."""
    given = calls.parameters(response)
    documents = list(_documents(response, str(given["PolicySourceArn"])))
    context = {row["ContextKeyName"]: ",".join(row["ContextKeyValues"]) for row in given.get("ContextEntries") or ()}
    rows = []
    for action in given["ActionNames"]:
        for arn in given.get("ResourceArns") or ["*"]:
            decision = decide(documents, Call(action, arn, context=context, complete=False))
            answer = "allowed" if decision.allowed else "explicitDeny" if decision.denied_by else "implicitDeny"
            missing = sorted(_keys(documents) - context.keys()) if decision.allowed is None else []
            rows.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": arn,
                    "EvalDecision": answer,
                    "MatchedStatements": [],
                    "MissingContextValues": missing,
                }
            )
    return ActionResult({"EvaluationResults": rows, "IsTruncated": False})


def _keys(documents: list[Mapping[str, Any]]) -> set[str]:
    """Keys that conditions ask for."""
    conditions = (each.get("Condition") or {} for document in documents for each in statements(document))
    return {key for condition in conditions for keys in condition.values() for key in keys}


def _documents(response: Any, arn: str) -> Iterator[Mapping[str, Any]]:
    """The policies of a user or a role; refuses an ARN that is neither."""
    _, _, resource = arn.rpartition(":")
    kind, _, name = resource.partition("/")
    if resource == EVERYTHING:
        yield {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        return
    place, name = calls.place(response), name.rpartition("/")[2]
    key: Any = object.__new__(IAMUserAccessKey if kind == "user" else AssumedRoleAccessKey)
    key.account_id, key.partition = place.account, place.partition
    key._owner_user_name = key._owner_role_name = name
    try:
        place.iam.get_user(name) if kind == "user" else place.iam.get_role(name)
        policies = key.collect_policies()
    except NotFoundException:
        calls.refuse(response, "NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
    for policy in policies:
        document = IAMPolicy(policy)._policy_json
        yield {**document, "Statement": listed(document.get("Statement"))}
