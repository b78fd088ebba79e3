"""Triggers on SQS queues: KEDA may ask how many messages wait."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from eks_gpu.checks import sources
from eks_gpu.checks.interruption import QUEUE, queue_arn
from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.roles import ASSOCIATION, last, policies, role_named
from eks_gpu.checks.scalers import KEDA_CODE, scaled, triggers
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.iam import Call
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.software import KEDA, Software
from eks_gpu_components.catalog import SERVICE_ACCOUNT_ROLE_ANNOTATION, partition
from eks_gpu_components.catalog.keda import KEDA_OPERATOR, QUEUE_ACTION, SQS_TRIGGER

_OPERATOR, _ELSEWHERE, _NOBODY = "operator", "elsewhere", "nobody"
_QUEUE_POLICY = "aws:sqs/queuePolicy:QueuePolicy"


@check(
    "triggers-may-read-their-queue",
    subject="ScaledObject or ScaledJob with a trigger on an SQS queue",
    fix=f"allow the role of KEDA's operator {QUEUE_ACTION} on the queue, as queue_arns of KedaOperator does",
    relies_on=("values",),
    sources=(KEDA_CODE, sources.IAM_GUIDE),
)
def may_read(context: Context) -> Iterator[Said]:
    """AWS refuses KEDA the number of messages: no pod starts for them, and pods that run, with their nodes, stay.

    The check follows the TriggerAuthentication to the role that it names, or to that of KEDA's operator by Pod
    Identity or its service account's annotation. Keys in a Secret, a workload's own role and roles of another stack
    are not judged.
    """
    for _, manifest in scaled(context.graph):
        for trigger in triggers(manifest):
            if trigger.get("type") == SQS_TRIGGER:
                yield from _judged(subject(manifest), trigger, manifest, context)


def _judged(subject: str, trigger: Mapping[str, Any], manifest: Mapping[str, Any], context: Context) -> Iterator[Said]:
    values = part(trigger, "metadata")
    asks_as = _identity(trigger, manifest, context.graph)
    if asks_as == _NOBODY:
        said = "its trigger on a queue has no identity: KEDA asks with keys, and there are none"
        fix = "name a TriggerAuthentication with podIdentity.provider: aws in authenticationRef"
        yield verdict(subject, Problem(said, fix), "")
        return
    releases = context.charts(KEDA)
    given = _given_role(releases[0], context.graph) if asks_as == _OPERATOR and releases else asks_as
    if asks_as == _OPERATOR and releases and not given and not context.of_another_stack:
        account = f"{releases[0].namespace}/{_account(releases[0])}"
        said = f"nothing gives a role to service account {account}, as which KEDA asks for its messages"
        yield verdict(subject, Problem(said, "add a Pod Identity association"), "")
        return
    role = role_named(last(given), context.graph)
    url = str(values.get("queueURL") or "")
    if role is None or not url:
        return
    queue = _queue(url, context.graph)
    arn = queue_arn(queue) if queue else _arn(url, str(values.get("awsRegion") or context.region))
    decision = policies(role, context.graph).decide(Call(QUEUE_ACTION, arn, complete=False))
    if decision.allowed is None or (decision.allowed is False and _has_policy(queue, context.graph)):
        yield no_verdict(
            subject, f"policies that only AWS can judge decide whether role {role.name} may ask {last(url)}"
        )
        return
    refusal = f"{decision.denied_by} denies role {role.name}" if decision.denied_by else f"role {role.name} lacks"
    problem = None if decision.allowed else Problem(f"{refusal} {QUEUE_ACTION} on queue {last(url)}")
    yield verdict(subject, problem, f"role {role.name} may ask for the messages of {last(url)}")


def _identity(trigger: Mapping[str, Any], manifest: Mapping[str, Any], graph: Graph) -> str:
    """ARN of a role, the operator's, nobody's, or one that is known elsewhere. Source: KEDA 2.21, pkg/scalers/aws."""
    reference, values = part(trigger, "authenticationRef"), part(trigger, "metadata")
    if not reference.get("name"):
        keys = any(str(key).startswith("awsAccessKeyID") for key in values)
        return _OPERATOR if values.get("identityOwner") == "operator" else _ELSEWHERE if keys else _NOBODY
    found = _authentication(reference, manifest, graph)
    pods = part(found, "spec", "podIdentity") if found else {}
    if pods.get("provider") != "aws" or pods.get("identityOwner") == "workload":
        return _OPERATOR if not pods and values.get("identityOwner") == "operator" else _ELSEWHERE
    return str(pods.get("roleArn") or _OPERATOR)


def _authentication(
    reference: Mapping[str, Any], manifest: Mapping[str, Any], graph: Graph
) -> Mapping[str, Any] | None:
    kind = str(reference.get("kind") or "TriggerAuthentication")
    place = "" if kind.startswith("Cluster") else str(manifest["metadata"].get("namespace") or "default")
    for _, other in kubernetes_objects(graph):
        metadata = other["metadata"]
        where = "" if kind.startswith("Cluster") else str(metadata.get("namespace") or "default")
        if (other["kind"], metadata["name"], where) == (kind, reference["name"], place):
            return other
    return None


def _account(release: Software) -> str:
    """The operator's service account. Source: chart 2.20.2, templates/manager."""
    named = release.value("serviceAccount", "operator", "name") or release.value("serviceAccount", "name")
    return str(named or KEDA_OPERATOR)


def _given_role(release: Software, graph: Graph) -> str:
    """ARN of the role that the operator's pods have."""
    for found in graph.of(ASSOCIATION):
        if (found.inputs.get("namespace"), found.inputs.get("serviceAccount")) == (
            release.namespace,
            _account(release),
        ):
            return str(found.inputs.get("roleArn") or "")
    annotated = release.value("serviceAccount", "operator", "annotations", default={})
    by_value = release.value("podIdentity", "aws", "irsa", "roleArn")
    return str(annotated.get(SERVICE_ACCOUNT_ROLE_ANNOTATION) or by_value or "")


def _queue(url: str, graph: Graph) -> Resource | None:
    return next((queue for queue in graph.of(QUEUE) if url in (queue["url"], queue.id)), None)


def _arn(url: str, region: str) -> str:
    """ARN of a queue by its URL, whose path is the account and the name."""
    account, _, name = urlsplit(url).path.strip("/").rpartition("/")
    return f"arn:{partition(region)}:sqs:{region}:{account or '*'}:{name}"


def _has_policy(queue: Resource | None, graph: Graph) -> bool:
    """Whether a policy of the queue's own may allow it."""
    if queue is None:
        return False
    keys = {queue.id, queue["url"], queue["arn"]} - {"", None}
    beside = (found.inputs.get("policy") for found in graph.of(_QUEUE_POLICY) if found.inputs.get("queueUrl") in keys)
    return any(policy for policy in (queue.inputs.get("policy"), *beside))
