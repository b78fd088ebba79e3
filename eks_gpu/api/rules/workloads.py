"""Rules of what makes pods, and of the budget for their disruption."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.api import names
from eks_gpu.api.rules.common import is_share
from eks_gpu.api.rules.registry import judges, rule
from eks_gpu.api.said import Finding, Refused, Unjudged

for _kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
    judges(f"apps.v1.{_kind}", "metadata spec", "spec")
judges(
    "apps.v1.DeploymentSpec",
    "minReadySeconds>=0 paused progressDeadlineSeconds>=0 replicas>=0 revisionHistoryLimit>=0 selector strategy "
    "template",
    "selector template",
)
judges("apps.v1.DeploymentStrategy", "type:|Recreate|RollingUpdate rollingUpdate")
judges("apps.v1.RollingUpdateDeployment", "maxSurge maxUnavailable")
judges("apps.v1.ReplicaSetSpec", "minReadySeconds>=0 replicas>=0 selector template", "selector template")
judges("apps.v1.DaemonSetSpec", "minReadySeconds>=0 revisionHistoryLimit>=0 selector template", "selector template")
judges(
    "apps.v1.StatefulSetSpec",
    "minReadySeconds>=0 replicas>=0 revisionHistoryLimit>=0 selector serviceName~dns_label "
    "podManagementPolicy:|OrderedReady|Parallel template",
    "selector template",
)
judges("batch.v1.Job", "metadata spec", "spec")
judges(
    "batch.v1.JobSpec",
    "activeDeadlineSeconds>=0 backoffLimit>=0 completionMode:NonIndexed|Indexed completions>=0 parallelism>=0 "
    "suspend template ttlSecondsAfterFinished>=0",
    "template",
)
judges("batch.v1.CronJob", "metadata spec", "spec")
judges(
    "batch.v1.CronJobSpec",
    "concurrencyPolicy:|Allow|Forbid|Replace failedJobsHistoryLimit>=0 jobTemplate schedule "
    "startingDeadlineSeconds>=0 successfulJobsHistoryLimit>=0 suspend",
    "schedule jobTemplate",
)
judges("batch.v1.JobTemplateSpec", "metadata spec", "spec")


@rule("apps.v1.DeploymentSpec", "apps.v1.StatefulSetSpec", "apps.v1.DaemonSetSpec", "apps.v1.ReplicaSetSpec")
def _workload(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    selector, template = given.get("selector") or {}, given.get("template") or {}
    wanted, found = selector.get("matchLabels") or {}, (template.get("metadata") or {}).get("labels") or {}
    if selector.get("matchExpressions"):
        yield Unjudged(f"{path}.selector.matchExpressions")
    elif not wanted and given.get("selector") is not None:
        yield Refused(f"{path}.selector", "must select something")
    if missing := [f"{key}={value}" for key, value in wanted.items() if found.get(key) != value]:
        yield Refused(f"{path}.template.metadata.labels", f"must have what the selector wants: {', '.join(missing)}")
    spec = template.get("spec") or {}
    if spec.get("restartPolicy") not in (None, "", "Always"):
        yield Refused(f"{path}.template.spec.restartPolicy", f"must be Always, got {spec['restartPolicy']!r}")
    if spec.get("activeDeadlineSeconds") is not None:
        yield Refused(f"{path}.template.spec.activeDeadlineSeconds", "must be left out")
    deadline = given.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= (given.get("minReadySeconds") or 0):
        yield Refused(f"{path}.progressDeadlineSeconds", f"must be greater than minReadySeconds, got {deadline}")
    elif deadline is None and (given.get("minReadySeconds") or 0) >= 600:
        yield Unjudged(f"{path}.minReadySeconds")


@rule("apps.v1.DeploymentStrategy")
def _strategy(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("type") == "Recreate" and given.get("rollingUpdate") is not None:
        yield Refused(f"{path}.rollingUpdate", "must be left out, because the type is Recreate")


@rule("apps.v1.RollingUpdateDeployment")
def _rolling(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    surge, unavailable = given.get("maxSurge", "25%"), given.get("maxUnavailable", "25%")
    for key, value in (("maxSurge", surge), ("maxUnavailable", unavailable)):
        yield from is_share(value, f"{path}.{key}")
    if isinstance(unavailable, str) and names.is_percent(unavailable) and int(unavailable[:-1]) > 100:
        yield Refused(f"{path}.maxUnavailable", f"must be at most 100%, got {unavailable}")
    if surge in (0, "0%") and unavailable in (0, "0%"):
        yield Refused(f"{path}.maxUnavailable", "must not be 0 where maxSurge is 0")


@rule("batch.v1.JobSpec")
def _job(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    spec = (given.get("template") or {}).get("spec") or {}
    policy = spec.get("restartPolicy")
    if policy in (None, "", "Always"):
        yield Refused(f"{path}.template.spec.restartPolicy", f"must be OnFailure or Never, got {policy or 'none'}")
    if given.get("completionMode") == "Indexed":
        if given.get("completions") is None:
            yield Refused(f"{path}.completions", "is required, because completionMode is Indexed")
        if (given.get("completions") or 0) > 10**5 or (given.get("parallelism") or 0) > 10**5:
            yield Unjudged(f"{path}.completions")


_MINUTE, _HOUR, _DAY, _WEEKDAY = r"(\*|[0-9]|[1-5][0-9])", r"(\*|[0-9]|1[0-9]|2[0-3])", r"(\*|[1-9])", r"(\*|[0-6])"
_EVERY = "(/[1-9])?"
_CRON = re.compile(rf"{_MINUTE}{_EVERY} {_HOUR}{_EVERY} {_DAY}{_EVERY} \* {_WEEKDAY}")
"""Schedules that nobody disputes."""


@rule("batch.v1.CronJobSpec")
def _cron(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    schedule = given.get("schedule") or ""
    if schedule and not _CRON.fullmatch(schedule):
        if len(schedule.split()) == 5 or schedule.startswith("@") or "TZ" in schedule:
            yield Unjudged(f"{path}.schedule")
        else:
            yield Refused(f"{path}.schedule", f"must have five parts, as */5 * * * *, got {schedule!r}")


judges("policy.v1.PodDisruptionBudget", "metadata spec")
judges(
    "policy.v1.PodDisruptionBudgetSpec",
    "maxUnavailable minAvailable selector unhealthyPodEvictionPolicy:IfHealthyBudget|AlwaysAllow",
)


@rule("policy.v1.PodDisruptionBudgetSpec")
def _budget(given: Mapping[str, Any], path: str) -> Iterator[Finding]:
    if given.get("minAvailable") is not None and given.get("maxUnavailable") is not None:
        yield Refused(path, "must have one of minAvailable and maxUnavailable")
    for key in ("minAvailable", "maxUnavailable"):
        value = given.get(key)
        if value is not None:
            yield from is_share(value, f"{path}.{key}")
            if isinstance(value, str) and names.is_percent(value) and int(value[:-1]) > 100:
                yield Refused(f"{path}.{key}", f"must be at most 100%, got {value}")
