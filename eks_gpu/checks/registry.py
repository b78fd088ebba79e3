"""The registry of checks, their input, and their findings."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any

from eks_gpu.checks.names import subject
from eks_gpu.checks.sources import Source, is_sure
from eks_gpu.checks.waiver import Waiver
from eks_gpu.cost.admission import Room, Verdict
from eks_gpu.cost.cost import Cost
from eks_gpu.cost.scaling import Scaling
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.graph.unknown import Asked, Remembered, listening
from eks_gpu.graph.unread import Unread, What
from eks_gpu.io.documentation import link
from eks_gpu.pods.demand import Workload
from eks_gpu.pools.cluster_of import Owners, same_cluster
from eks_gpu.pools.clusters import Cluster
from eks_gpu.pools.pool import Pool
from eks_gpu.pools.scope import EVERYWHERE, Scope, scope_of
from eks_gpu.pools.software import Software


@dataclass(frozen=True)
class Finding:
    """The result of one check for one subject."""

    id: str
    subject: str
    passed: bool | None
    """None without a verdict: the check needs something that the plan does not know."""
    message: str
    """What holds, what goes wrong, or why there is no verdict."""
    severity: str = "error"
    """error or warning: a warning fails no plan."""
    fix: str = ""
    """What to change, empty where it does not fail."""
    waived: str = ""
    """Why the stack accepts the failure; empty if it does not."""

    @property
    def fails_plan(self) -> bool:
        """Whether it is an error without a waiver."""
        return self.failed and not self.waived and self.severity == "error"

    @property
    def failed(self) -> bool:
        """Whether the check fails, as an error or a warning, with or without a waiver."""
        return self.passed is False

    @property
    def sources(self) -> tuple[Source, ...]:
        """Where the rule of its check is from; empty for a check that this version does not have."""
        return CHECKS[self.id].sources if self.id in CHECKS else ()

    def as_json(self) -> dict[str, Any]:
        """The plan's row."""
        return {
            "id": self.id,
            "subject": self.subject,
            "passed": self.passed,
            "message": self.message,
            "severity": self.severity,
            "fix": self.fix or None,
            "waived": self.waived or None,
            "sources": [source.as_json() for source in self.sources],
        }


@dataclass(frozen=True, kw_only=True)
class Context:
    """The stack as input of the checks."""

    graph: Graph
    region: str
    on: date
    pools: Sequence[Pool]
    """Pools with nodes of their own, so without Fargate profiles."""
    workloads: Sequence[Workload]
    software: Sequence[Software]
    clusters: Sequence[Cluster]
    verdicts: Mapping[str, Sequence[Verdict]]
    cost: Cost
    budget: float | None = None
    """USD a month."""
    cold_start_budget_s: int | None = None
    """Seconds from Pending to Ready that a workload may wait for a new node."""
    left_over: Mapping[str, int] = field(default_factory=dict)
    """Pods without a node in the steady state, by workload."""
    buffers: Sequence[Workload] = ()
    """Pods of CapacityBuffers, which nobody creates and for which nodes are kept ready."""
    buffer_verdicts: Mapping[str, Sequence[Verdict]] = field(default_factory=dict)
    not_kept: Mapping[str, int] = field(default_factory=dict)
    """Pods that hold a place and find none while nothing else runs, by workload."""
    waivers: Sequence[Waiver] = ()
    rooms: Sequence[Room] = ()
    """What each pool takes, Fargate profiles too; verdicts are in their order."""
    unread: Sequence[Unread] = ()
    """What the stack has and the planner does not read."""
    owners: Owners | None = None
    """Which cluster each resource is of; None if it does not matter."""
    scaling: Scaling | None = None
    """What scales its groups; None if something does."""
    cluster: str = ""
    """Name of the one cluster that all of this is of; empty for the whole stack, or where nobody says."""

    @property
    def scaled_groups(self) -> list[Pool]:
        """Groups that the cluster autoscaler plans for: not those that nothing scales, or nobody knows what."""
        groups = (pool for pool in self.pools if pool.chooses_node_itself)
        return [pool for pool in groups if self.scaling is None or self.scaling.is_certain(pool)]

    @property
    def of_another_stack(self) -> bool:
        """Whether another stack makes the cluster: then what is missing here may be there."""
        if self.cluster:
            return all(cluster.name != self.cluster for cluster in self.clusters)
        # Its name is not known, as behind a kubeconfig of another stack's outputs.
        return not self.clusters and self.owners is not None and self.owners.has_provider

    @cached_property
    def by_cluster(self) -> "list[Context]":
        """The stack as each of its clusters sees it, with what is of no cluster; itself if there are not several."""
        if self.owners is None or self.cluster:
            return [self]
        owner = {resource.urn: self._owner(resource) for resource in self.graph}
        owner |= {pool.urn: pool.cluster for pool in (*self.pools, *(room.pool for room in self.rooms))}
        # Groups of auto scaling say their cluster in tags and user data, which is the pool's to read.
        made = [cluster.name for cluster in self.clusters]
        names = list(dict.fromkeys(filter(None, (*made, *owner.values()))))
        return [self._seen_by(name, owner) for name in names] or [self]

    def _owner(self, resource: Resource) -> str:
        return self.owners.of(resource) if self.owners else ""

    def _seen_by(self, name: str, owner: Mapping[str, str]) -> "Context":
        def here(urn: str) -> bool:
            return same_cluster(owner.get(urn, ""), name)

        return replace(
            self._with_pools(lambda pool: here(pool.urn)),
            cluster=name,
            region=self.owners.region_of_cluster(name, self.region) if self.owners else self.region,
            graph=self.graph.only(lambda resource: here(resource.urn)),
            workloads=[workload for workload in self.workloads if here(workload.resource)],
            buffers=[workload for workload in self.buffers if here(workload.resource)],
            software=[release for release in self.software if here(release.urn)],
            clusters=[cluster for cluster in self.clusters if cluster.name == name],
        )

    def within(self, scope: Scope) -> "Context":
        """The stack with those pools alone that a scope may have: of one it may be unknown."""
        if scope not in self._scoped:
            self._scoped[scope] = self if scope.is_whole else self._with_pools(lambda pool: _may_be_in(scope, pool))
        return self._scoped[scope]

    @cached_property
    def _scoped(self) -> "dict[Scope, Context]":
        return {}

    def _with_pools(self, keep: Callable[[Pool], bool]) -> "Context":
        """The stack with some of its pools, and what is said of them."""
        kept = [keep(pool) for pool in self.pools]
        kept_rooms = [keep(room.pool) for room in self.rooms] or kept
        return replace(
            self,
            pools=[pool for pool, one in zip(self.pools, kept, strict=True) if one],
            rooms=[room for room, one in zip(self.rooms, kept_rooms, strict=False) if one],
            verdicts=Remembered(
                {
                    urn: [verdict for verdict, one in zip(verdicts, kept_rooms, strict=True) if one]
                    for urn, verdicts in self.verdicts.items()
                },
                self.verdicts.asked if isinstance(self.verdicts, Remembered) else {},
            ),
        )

    @property
    def names(self) -> set[str]:
        """Names of what is in the cluster, as findings give them as subjects."""
        objects = (subject(manifest) for resource, manifest in kubernetes_objects(self.graph) if self._owner(resource))
        pools = (pool.name for pool in self.pools if pool.cluster)
        releases = [release.name for release in self.software if release.cluster]
        workloads = (str(workload) for workload in self.workloads if workload.cluster)
        return {*objects, *pools, *releases, *(f"release {name}" for name in releases), *workloads}

    @property
    def gpu_pools(self) -> list[Pool]:
        """Pools with accelerators of either maker."""
        return [pool for pool in self.pools if pool.accelerator]

    def charts(self, *charts: str) -> list[Software]:
        """Releases of these charts."""
        return [release for release in self.software if release.chart in charts]


def _may_be_in(scope: Scope, pool: Pool) -> bool:
    with listening(alone=True) as asked:
        meets = scope.meets(scope_of(pool))
    return meets or bool(asked)


@dataclass(frozen=True, slots=True)
class Problem:
    """What goes wrong, and what to change about this subject; both without a full stop."""

    says: str
    fix: str = ""
    """Empty if the check's own fix applies."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a check found for one subject. Without problems the check holds, and `holds` says what."""

    subject: str
    problems: tuple[Problem, ...]
    holds: str
    severity: str = ""
    """error or warning, where it is not the check's own."""
    certain: bool = False
    """Whether it holds or fails whatever the unknown properties are that the check has read."""
    unjudged: str = ""
    """Why there is no verdict, a clause; empty where there is one."""


def verdict(
    subject: str,
    problems: Problem | Iterable[Problem] | None,
    holds: str,
    severity: str = "",
    *,
    certain: bool = False,
) -> Said:
    """One problem, several, or none; `severity` in place of the check's own; `certain` if no unknown property that
    the check has read can change the verdict.
    """
    given = (problems,) if isinstance(problems, Problem) else tuple(problems or ())
    return Said(subject, given, holds, severity, certain)


def no_verdict(subject: str, why: str) -> Said:
    """What a check says that needs what the plan does not know; `why` is a clause."""
    return Said(subject, (), "", unjudged=why)


@dataclass(frozen=True, slots=True)
class Check:
    """One guarantee."""

    id: str
    severity: str
    """error or warning."""
    subject: str
    """What the check looks at, such as `node pool with limits`."""
    fix: str
    """What to change, whatever the subject; a clause."""
    function: Callable[[Context], Iterator[Said]]
    relies_on: frozenset[What] = frozenset()
    """What must be read for a failure to be certain: the check fails because the stack lacks something."""
    each_cluster: bool = True
    """Whether it looks at one cluster at a time."""
    sources: tuple[Source, ...] = ()
    """Where the rule is from. One that is not sure makes the check a warning."""
    scope: Scope = EVERYWHERE
    """The pools that it is asked about."""
    of_a_program: bool = False
    """Whether it speaks of what a program does or sends, and so has nothing to say of a cluster that runs."""

    @property
    def reason(self) -> str:
        """What goes wrong for the user if the check fails; a sentence."""
        return str(self.function.__doc__).partition("\n")[0]

    @property
    def details(self) -> str:
        """More for readers of the page, such as what passes and what the check looks at; may be empty."""
        return " ".join(str(self.function.__doc__).partition("\n")[2].split())

    @property
    def fix_as_sentence(self) -> str:
        """What to change, as a sentence."""
        return f"{self.fix[0].upper()}{self.fix[1:]}."

    @property
    def link(self) -> str:
        """Address of its row on the page of checks; empty where the pages have no address."""
        return link(f"checks.md#{self.id}")

    def findings(self, context: Context) -> Iterator[Finding]:
        """The findings for a stack, passed subjects too; of several clusters, each by itself.

        What two clusters have under one name is told apart: `gpu (north)`. What is of no cluster is told once.
        """
        parts = context.by_cluster if self.each_cluster else [context]
        if len(parts) == 1:
            yield from self._of_one(parts[0])
            return
        names = [part.names for part in parts]
        several = {name for found in names for name in found if sum(name in other for other in names) > 1}
        told = set()
        for part in parts:
            for finding in self._of_one(part):
                shown = finding
                if finding.subject in several:
                    shown = replace(finding, subject=f"{finding.subject} ({part.cluster})")
                if shown not in told:
                    told.add(shown)
                    yield shown

    def _of_one(self, context: Context) -> Iterator[Finding]:
        for said, asked in _with_asked(self.function(context.within(self.scope)), context):
            if said.unjudged:
                yield Finding(self.id, said.subject, None, said.unjudged, said.severity or self.severity)
            elif asked and not said.certain:
                yield Finding(self.id, said.subject, None, _unknown(asked), self.severity)
            elif not said.problems:
                yield Finding(self.id, said.subject, True, said.holds, self.severity)
            else:
                yield self._failure(said, context)

    def _failure(self, said: Said, context: Context) -> Finding:
        message = "; ".join(problem.says for problem in said.problems)
        severity = said.severity or self.severity
        if unread := [row for row in context.unread if row.what in self.relies_on and row.hides]:
            why = f"{message}; what is missing may be in {_listed(row.subject for row in unread)}, which is not read"
            return Finding(self.id, said.subject, None, why, severity)
        fix = "; ".join(dict.fromkeys(problem.fix or self.fix for problem in said.problems))
        place = f" ({context.cluster})" if context.cluster else ""
        covering = [one for one in context.waivers if one.covers(self.id, f"{said.subject}{place}")]
        waived = next((one.reason for one in covering if one.counts(context.on)), "")
        if covering and not waived:
            message += f"; the waiver of it ended on {covering[-1].until}"
        return Finding(self.id, said.subject, False, message, severity, fix, waived)


def _with_asked(said: Iterator[Said], context: Context) -> Iterator[tuple[Said, frozenset[Asked]]]:
    """What a check says of each subject, with the unknown properties that it wanted to read for it.

    What it read before the first subject it may have read for all of them, but for what is of the first subject alone.
    """
    shared: frozenset[Asked] = frozenset()
    first = True
    while True:
        with listening() as heard:
            found = next(said, None)
        if found is None:
            return
        of_it = frozenset(_of_subject(heard, found.subject, context)) if heard else frozenset()
        yield found, of_it | shared
        if first:
            shared = frozenset(each for each in of_it if not _is_of(each, found.subject))
            first = False


def _of_subject(heard: Iterable[Asked], subject: str, context: Context) -> Iterator[Asked]:
    """Without what was read of another pool, or of another resource of the subject's kind: the check passed it over."""
    pools = {pool.urn: pool.name for pool in context.pools}
    own = _own_name(subject)
    kinds = {resource.type for resource in context.graph if own in (resource.name, resource["name"])}
    for each in heard:
        pool = each.by or pools.get(each.urn, "")
        resource = context.graph.get(each.urn)
        passed_over = (
            pool != subject
            if pool and subject in pools.values()
            else resource is not None and resource.type in kinds and own not in (resource.name, resource["name"])
        )
        if not passed_over:
            yield each


def _own_name(subject: str) -> str:
    """`web` of `Deployment default/web`, and of `Job default/web tasks.0`, which names a pod template."""
    words = subject.split(" ")
    return (words[1] if len(words) == 3 and "/" in words[1] else words[-1]).rpartition("/")[2]


def _is_of(asked: Asked, subject: str) -> bool:
    """Whether the property is of the subject's own resource, or of one that is named after it, as its template."""
    own, name = _own_name(subject), asked.urn.rpartition("::")[2]
    return asked.by == subject or name.startswith(own) or own.startswith(name)


def _unknown(asked: Collection[Asked]) -> str:
    names = _listed(map(str, sorted(asked)), "and")
    why = "is secret" if all(each.secret for each in asked) else "only pulumi up will tell"
    return f"it needs {names}, which {why}"


def _listed(names: Iterable[str], word: str = "or") -> str:
    *shown, last = dict.fromkeys(names)
    return f"{', '.join(shown)} {word} {last}" if shown else last


CHECKS: dict[str, Check] = {}
"""By id, in the order of registration."""


def check(
    id_: str,
    *,
    subject: str,
    fix: str,
    severity: str = "error",
    relies_on: Iterable[What] = (),
    each_cluster: bool = True,
    sources: Iterable[Source] = (),
    scope: Scope = EVERYWHERE,
    of_a_program: bool = False,
) -> Callable[[Callable[[Context], Iterator[Said]]], Any]:
    """Registers a function that says something of each subject the check applies to.

    Its docstring's first line says what goes wrong for the user where the check does not hold; the rest is for readers
    of `docs/checks.md`, which `make pages` writes. `relies_on` is what must all be read for a failure to be certain.
    `sources` is where the rule is from; a rule of one source that is not sure is a warning, whatever `severity` is.
    The function sees the pools of its `scope` and no others. A check `of_a_program` is not asked about a cluster that
    runs.
    """

    def register(function: Callable[[Context], Iterator[Said]]) -> Callable[[Context], Iterator[Said]]:
        if id_ in CHECKS:
            raise ValueError(f"two checks are named {id_}")
        rests_on = tuple(sources)
        level = severity if is_sure(rests_on) else "warning"
        needed = frozenset(relies_on)
        CHECKS[id_] = Check(id_, level, subject, fix, function, needed, each_cluster, rests_on, scope, of_a_program)
        return function

    return register


def findings(context: Context) -> list[Finding]:
    """The findings of every check, passed ones too, by check and then by subject in the order of registration."""
    asked = [each for each in CHECKS.values() if not (each.of_a_program and context.graph.running)]
    return [finding for each in asked for finding in each.findings(context)]
