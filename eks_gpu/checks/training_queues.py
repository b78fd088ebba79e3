"""Training queues: what waits in one has a way out of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from eks_gpu.checks.names import subject
from eks_gpu.checks.registry import Context, Problem, Said, check, no_verdict, verdict
from eks_gpu.checks.sources import Source
from eks_gpu.checks.workloads import scheduled
from eks_gpu.cost.admission import ACCELERATOR_RESOURCES, node_resources, untolerated
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.io.documents import parse_first
from eks_gpu.io.problems import InputError
from eks_gpu.karpenter.objects import part
from eks_gpu.pods.cluster_queues import ClusterQueue, Queues, queues
from eks_gpu.pods.demand import Workload
from eks_gpu.pods.durations import seconds
from eks_gpu.pods.quantities import PODS, written
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.software import GPU_OPERATOR, Software
from eks_gpu_components.catalog import (
    COLD_START_S,
    DRIVER_S,
    KUEUE_CHART,
    KUEUE_GROUP,
    KUEUE_INTEGRATIONS,
)

_READ = date(2026, 11, 30)
_API = Source("Kueue 0.17.0, apis/kueue/v1beta2", _READ)
_ASSIGNER = Source("Kueue 0.17.0, pkg/scheduler/flavorassigner", _READ)
_CONFIGURATION = Source("Kueue 0.17.0, apis/config/v1beta2 and charts/kueue/values.yaml", _READ)
_RUN = Source("Kueue 0.17.0 with Karpenter in the lab", _READ)
_JOB_WEBHOOK = Source("Kueue 0.17.0, pkg/controller/jobs/job/job_webhook.go, and jobframework/setup.go", _READ)
_KUEUE = KUEUE_CHART.short_name


@check(
    "queues-lead-to-quota",
    subject="LocalQueue, ClusterQueue, workload that names a queue",
    fix="name what the stack has",
    relies_on=("software",),
    sources=(_API,),
)
def lead(context: Context) -> Iterator[Said]:
    """Jobs are suspended and never admitted, because a name on the way from job to quota is of nothing.

    A job names a LocalQueue of its namespace, this a ClusterQueue, this its flavors; and the ClusterQueue must take
    jobs of the namespace: without a namespaceSelector it takes none. If another stack makes the cluster, it may have
    what is missing here.
    """
    found = queues(context.graph)
    elsewhere = context.of_another_stack
    for _, given in kubernetes_objects(context.graph):
        if not str(given["apiVersion"]).startswith(f"{KUEUE_GROUP}/"):
            continue
        name, namespace = given["metadata"]["name"], str(given["metadata"].get("namespace") or "default")
        if given["kind"] == "LocalQueue":
            yield verdict(subject(given), _of_local(found, namespace, name, elsewhere), "it leads to a ClusterQueue")
        if given["kind"] == "ClusterQueue":
            queue = found.shared[name]
            missing = [flavor for flavor in queue.quotas if flavor not in found.flavors and not elsewhere]
            problems = [Problem(f"the stack has no ResourceFlavor {flavor}") for flavor in missing]
            if queue.selector is None:
                said = "it has no namespaceSelector, and so takes jobs of no namespace"
                problems.append(Problem(said, "set namespaceSelector, {} for all"))
            problems += _limits_alone(queue)
            yield verdict(subject(given), problems, "its flavors are there")
    for work in _queued(context):
        known = elsewhere or (work.namespace, work.queue) in found.local
        said = f"namespace {work.namespace} has no LocalQueue {work.queue}"
        # Without any queue in the stack somebody may have made them by hand.
        severity = "" if found.local else "warning"
        yield verdict(str(work), None if known else Problem(said), f"LocalQueue {work.queue} is there", severity)


def _limits_alone(queue: ClusterQueue) -> Iterator[Problem]:
    """Limits that Kueue refuses without a cohort. Source: Kueue 0.17.0, pkg/webhooks/clusterqueue_webhook.go."""
    quotas = [quota for given in queue.quotas.values() for quota in given.values()]
    limits = {"borrowingLimit": [each.borrows for each in quotas], "lendingLimit": [each.lends for each in quotas]}
    for name, given in limits.items():
        if not queue.cohort and any(each is not None for each in given):
            yield Problem(f"Kueue refuses it: {name} is for queues of a cohort, and it has none", f"leave {name} out")


def _of_local(found: Queues, namespace: str, name: str, elsewhere: bool) -> Iterator[Problem]:
    wanted = found.local[namespace, name]
    queue = found.shared.get(wanted)
    if queue is None:
        if not elsewhere:
            yield Problem(f"the stack has no ClusterQueue {wanted}")
    elif queue.selector is not None and queue.takes_from(namespace) is False:
        fix = f"add {namespace} to the namespaceSelector of ClusterQueue {wanted}"
        yield Problem(f"ClusterQueue {wanted} takes no jobs of namespace {namespace}", fix)


def _queued(context: Context) -> Iterator[Workload]:
    """Those that name a queue; of several templates the first."""
    seen = set()
    for work in context.workloads:
        if work.queue and work.resource not in seen:
            seen.add(work.resource)
            yield work


@check(
    "quotas-are-what-pools-can-have",
    subject="ResourceFlavor with accelerators",
    fix="lower nominalQuota of its ClusterQueues to what the pools can have, or raise the pools' limits",
    relies_on=("nodes",),
    sources=(_API, _RUN),
)
def can_have(context: Context) -> Iterator[Said]:
    """A gang is admitted, some of its pods get no node, and the others hold GPUs that cost money and compute nothing.

    The quotas of all ClusterQueues count together. The pools of a flavor are those whose nodes have its labels.
    """
    found = queues(context.graph)
    for flavor, labels in found.flavors.items():
        given: dict[str, int] = {}
        for queue in found.shared.values():
            for resource, quota in queue.quotas.get(flavor, {}).items():
                if resource in ACCELERATOR_RESOURCES:
                    given[resource] = given.get(resource, 0) + quota.nominal
        given = {resource: amount for resource, amount in given.items() if amount}
        pools = [pool for pool in context.pools if _has_labels(pool, labels)]
        if not given or (not pools and context.of_another_stack):
            continue
        problems = []
        for resource, amount in given.items():
            there = _together(pools, resource)
            if not pools:
                problems.append(Problem("no pool's nodes have its labels", "take the labels of a pool's nodes"))
            elif there is not None and amount > there:
                names = ", ".join(pool.name for pool in pools)
                problems.append(Problem(f"its queues give away {amount} {resource}, and {names} can have {there}"))
        names = ", ".join(pool.name for pool in pools)
        yield verdict(f"ResourceFlavor {flavor}", problems, f"{names} can have what its queues give away")


def _has_labels(pool: Pool, labels: Mapping[str, str]) -> bool:
    late = dict(pool.late_labels)
    return any(
        all({**node.labels, **late}.get(key) == value for key, value in labels.items()) for node in pool.candidates
    )


def _together(pools: Iterable[Pool], resource: str) -> int | None:
    """What the pools can have of a resource; None without a limit."""
    total = 0
    for pool in pools:
        each = max((node_resources(pool, row).get(resource, 0) for row in pool.types), default=0)
        devices = max((row.accelerators for row in pool.types), default=0)
        if pool.static:
            total += pool.min_nodes * each
        elif pool.max_gpus is not None and devices:
            total += pool.max_gpus // devices * each
        elif each:
            return None
    return total


@check(
    "gangs-fit-their-queue",
    subject="workload that names a queue",
    fix="raise the queue's quota, or make the gang smaller",
    sources=(_ASSIGNER, _RUN),
)
def fit(context: Context) -> Iterator[Said]:
    """The job waits for ever, because its pods together ask for more than its queue can ever have.

    What a queue may borrow of its cohort counts as its own. Of a resource that it has no flavor for it has nothing. All
    pods of one template get the same flavor, which alone must have enough, and whose taints they must tolerate.
    """
    found = queues(context.graph)
    members: dict[tuple[str, int], list[Workload]] = {}
    for work in scheduled(context):
        if work.queue and found.of(work.namespace, work.queue):
            members.setdefault((work.resource, work.gang_of), []).append(work)
    for gang in members.values():
        first = gang[0]
        queue = found.of(first.namespace, first.queue)
        assert queue, first.queue
        name = f"{first.kind} {first.namespace}/{first.name}"
        if first.partly:
            yield no_verdict(name, f"what its pods ask for is known in part: {first.partly}")
            continue
        problems = list(_too_large(found, queue, gang)) or list(_without_a_flavor(found, queue, gang))
        yield verdict(name, problems, f"queue {first.queue} can have all of its pods at once")


def _without_a_flavor(found: Queues, queue: ClusterQueue, gang: Sequence[Workload]) -> Iterator[Problem]:
    """Why none of a group's flavors is for all pods of one template."""
    for work in gang:
        pods = work.gang or 1
        for covered, flavors in queue.groups:
            asked = {name: amount * pods for name, amount in work.requests.items() if name in covered and amount}
            kept_off = {name: untolerated(work.pod, found.taints.get(name, ())) for name in flavors}
            usable = [name for name in flavors if not kept_off[name]]
            if not asked or any(
                all(amount <= found.most(queue, name, resource) for resource, amount in asked.items())
                for name in usable
            ):
                continue
            if not usable:
                told = "; ".join(f"{kept_off[name]} of ResourceFlavor {name}" for name in flavors)
                fix = "add it to the tolerations of the pods or of the ResourceFlavor, or leave nodeTaints out"
                yield Problem(f"it gets no flavor: {told}", fix)
                continue
            resource, amount = max(asked.items(), key=lambda each: each[0] in ACCELERATOR_RESOURCES)
            has = ", ".join(f"{name} {written(resource, found.most(queue, name, resource))}" for name in usable)
            said = f"its {pods} pods get one flavor together and ask for {written(resource, amount)} of {resource}"
            yield Problem(f"{said}, and the flavors have {has}", "give one flavor enough quota, or split the job")


def _too_large(found: Queues, queue: ClusterQueue, gang: Sequence[Workload]) -> Iterator[Problem]:
    asked: dict[str, int] = {}
    for work in gang:
        for resource, amount in work.requests.items():
            asked[resource] = asked.get(resource, 0) + amount * (work.gang or 1)
    if PODS in queue.covered:  # which Kueue counts only where a queue covers them
        asked[PODS] = sum(work.gang or 1 for work in gang)
    for resource, amount in asked.items():
        if not amount:
            continue
        flavors = next((flavors for resources, flavors in queue.groups if resource in resources), None)
        if flavors is None:
            fix = f"add {resource} to coveredResources, with a quota in each flavor"
            yield Problem(f"it asks for {resource}, which ClusterQueue {queue.name} does not cover", fix)
            continue
        most = sum(found.most(queue, flavor, resource) for flavor in flavors)
        if amount > most:
            pods = sum(work.gang or 1 for work in gang)
            told = f"its {pods} pods together ask" if pods > 1 else "its pod asks"
            has = f"ClusterQueue {queue.name} can have {written(resource, most)}"
            yield Problem(f"{told} for {written(resource, amount)} of {resource}, and {has}")


@check(
    "jobs-name-their-queue",
    subject="job without a queue that asks for accelerators of a queue's pool",
    severity="warning",
    fix="give the job the label kueue.x-k8s.io/queue-name",
    sources=(_CONFIGURATION, _RUN),
)
def name_theirs(context: Context) -> Iterator[Said]:
    """The job starts beside the queue and takes GPUs that Kueue believes to be free, so others find no room.

    Where Kueue manages jobs without a queue name, the job is suspended until it names one.
    """
    found = queues(context.graph)
    guarded = [
        pool.name
        for pool in context.pools
        for flavor, labels in found.flavors.items()
        if labels and _has_labels(pool, labels) and any(flavor in queue.quotas for queue in found.shared.values())
    ]
    for release in context.charts(_KUEUE) if guarded else ():
        given = configuration(release)
        kinds = _kinds(given)
        manages = given.get("manageJobsWithoutQueueName") is True
        for work in scheduled(context):
            if work.kind.lower() not in kinds or not work.pod.requests_any(ACCELERATOR_RESOURCES):
                continue
            taken = [each.pool for each in context.verdicts[work.urn] if each.admits and each.pool in guarded]
            how = "Kueue suspends it until it names a queue" if manages else "it starts beside the queue"
            said = f"it may run on {', '.join(taken)} and names no queue, so {how}"
            if taken:
                yield verdict(str(work), None if work.queue else Problem(said), f"it names queue {work.queue}")


def configuration(release: Software) -> Mapping[str, Any]:
    """Kueue's own configuration, as far as a release's values have it."""
    text = release.value("managerConfig", "controllerManagerConfigYaml", default="")
    try:
        found = parse_first(text) if isinstance(text, str) else text
    except InputError:
        return {}
    return found if isinstance(found, Mapping) else {}


def _kinds(given: Mapping[str, Any]) -> set[str]:
    """Kinds that Kueue queues, in lower case; without a word of it those of its chart."""
    named = part(given, "integrations").get("frameworks")
    frameworks = set(named) if isinstance(named, list) else set(KUEUE_INTEGRATIONS.values())
    return {kind for kind, framework in KUEUE_INTEGRATIONS.items() if framework in frameworks}


@check(
    "kueue-lets-jobs-through",
    subject="release of Kueue that names its frameworks",
    fix="add batch/job to integrations.frameworks",
    sources=(_JOB_WEBHOOK, _RUN),
)
def let_through(context: Context) -> Iterator[Said]:
    """Every Job of the namespaces that Kueue manages is refused, those that a JobSet or TrainJob is made of too.

    Kueue 0.17 has a webhook for Jobs also if it does not queue them, and that one panics. Without any framework named
    Kueue queues Jobs.
    """
    for release in context.charts(_KUEUE):
        named = part(configuration(release), "integrations").get("frameworks")
        if not named or not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            continue
        name, lets = f"release {release.name}", _JOB in named
        if not lets and not release.version.removeprefix("v").startswith(_PANICS):
            yield no_verdict(name, f"what Kueue {release.version or 'of no version'} does without {_JOB} is not known")
            continue
        said = f"its frameworks are {', '.join(named)}, and without {_JOB} its webhook for Jobs panics"
        yield verdict(name, None if lets else Problem(said), f"{_JOB} is among its frameworks")


_JOB = KUEUE_INTEGRATIONS["job"]
_PANICS = "0.17."
"""Versions whose webhook for Jobs is the same whether they are queued or not."""


@check(
    "gangs-outwait-a-cold-start",
    subject="release of Kueue that waits for pods to be Ready",
    fix="raise waitForPodsReady.timeout",
    sources=(_CONFIGURATION, _RUN),
)
def outwait(context: Context) -> Iterator[Said]:
    """Kueue suspends a gang on an empty pool before its nodes and images are there, and does so again and again."""
    least = COLD_START_S if context.charts(GPU_OPERATOR) else COLD_START_S - DRIVER_S
    scaled = [pool.name for pool in context.gpu_pools if pool.scales_to_zero]
    for release in context.charts(_KUEUE) if scaled else ():
        given = part(configuration(release), "waitForPodsReady")
        if not given or given.get("enable") is False:
            continue
        waits = _seconds(given.get("timeout"))
        said = f"it waits for {waits} s, and the first pod of {', '.join(scaled)} may start after {least} s"
        problem = Problem(said, f"set waitForPodsReady.timeout to {COLD_START_S}s or more")
        yield verdict(f"release {release.name}", problem if waits < least else None, f"it waits for {waits} s")


_WITHOUT_A_WORD_S = 300
"""What Kueue waits where its configuration does not say."""


def _seconds(text: Any) -> int:
    try:
        return int(seconds(str(text))) if text else _WITHOUT_A_WORD_S
    except ValueError:
        return _WITHOUT_A_WORD_S
