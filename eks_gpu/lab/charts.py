"""The Helm charts of a program in the lab: no chart is downloaded, and the lab itself runs the controllers of some of
them.

A chart lies in a registry, and its pods' images in another: neither is on this machine. The program's releases are
installed all the same, by the real provider, from charts of the same name and version without templates. So their
values stand in the cluster, where the lab reads what the controllers are to be told.
"""

import asyncio
import base64
import gzip
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pulumi
import yaml

from eks_gpu.karpenter.settings import DRIVER_OF_GATE, aws_gates, dra, feature_gates, is_on, refused
from eks_gpu.lab import auto_mode, processes
from eks_gpu.lab.autoscaler import start_autoscaler
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import run
from eks_gpu.lab.dra_driver import NAME as DRA_DRIVER
from eks_gpu.lab.dra_driver import remove_dra_driver, start_dra_driver, values_of
from eks_gpu.lab.gangs import TRAINER, end_gang_webhooks, start_gang_controller
from eks_gpu.lab.karpenter import start_karpenter
from eks_gpu.lab.keda import ADAPTER, OPERATOR, remove_keda, start_keda
from eks_gpu.lab.kueue import GROUP as KUEUE
from eks_gpu.lab.kueue import remove_kueue, start_kueue
from eks_gpu.lab.load_balancers import CONTROLLER_CLASSES, player
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.pod_identity import has_role, role_credentials
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.prometheus import PROMETHEUS, STATE_METRICS, start_prometheus, start_state_metrics
from eks_gpu.lab.state import Lab, alone, lost_processes, recorded_lab
from eks_gpu.lab.termination_handler import HANDLER, start_termination_handler
from eks_gpu.pools.software import DRA_DRIVERS

RELEASE = "kubernetes:helm.sh/v3:Release"
AUTO_MODE = "EKS Auto Mode"
EVERY_S = 0.2
_DAEMON_SETS = "/apis/apps/v1/daemonsets"
_SECRETS = "/api/v1/secrets?labelSelector=owner%3Dhelm"


@dataclass(frozen=True)
class Release:
    """A release that Helm has installed."""

    name: str
    namespace: str
    revision: int
    chart: str
    version: str
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the program gave; nothing of the chart's own."""

    def __str__(self) -> str:
        return f"{self.chart} {self.version}"


def without_templates(charts: Path) -> pulumi.ResourceTransform:
    """Makes each release of a program install a chart that has the name and version of its own, and no more."""

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != RELEASE:
            return None
        props = {key: value for key, value in args.props.items() if key not in ("repositoryOpts", "version")}
        name = str(props["chart"]).rstrip("/").rpartition("/")[2]
        props["chart"] = str(write_empty_chart(charts, name, str(args.props.get("version") or "0.0.0")))
        return pulumi.ResourceTransformResult(props=props, opts=args.opts)

    return transform


def after_controllers(lab: Lab) -> pulumi.ResourceTransform:
    """Lets an object wait until the controller works whose chart brings its kind.

    Helm says that a release is there when the chart's pods are ready; here it has none, and returns before.
    """

    async def wait(args: pulumi.ResourceTransformArgs) -> None:
        group = args.type_.partition(":")[2].partition("/")[0]
        chart = next((name for name, played in PLAYED.items() if group in played.groups), "")
        while chart and not _works(lab, chart):
            await asyncio.sleep(EVERY_S)

    return wait


def _works(lab: Lab, chart: str) -> bool:
    """Whether the controller of a chart runs, or nothing will start it."""
    file = lab.folder / RUNNING
    return chart in (json.loads(file.read_text()) if file.exists() else {}) or all(
        release.chart != chart for release in releases(ClusterApi(lab))
    )


def write_empty_chart(charts: Path, name: str, version: str) -> Path:
    """The folder of a chart without templates."""
    folder = charts / f"{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    chart = {"apiVersion": "v2", "name": name, "version": version, "description": "Left empty by the lab"}
    (folder / "Chart.yaml").write_text(json.dumps(chart), encoding="utf-8")  # JSON is YAML
    return folder


def releases(api: ClusterApi) -> list[Release]:
    """Those that are deployed, by name."""
    return _deployed(api.list(_SECRETS))


def installed(api: ClusterApi) -> tuple[list[Release], set[str]]:
    """Those that are deployed, and the charts of those that Helm is about to change: for a moment none of their
    revisions is deployed.
    """
    secrets = api.list(_SECRETS)
    changing = {_release(each).chart for each in secrets if _status(each) in ("pending-upgrade", "pending-rollback")}
    return _deployed(secrets), changing


def _deployed(secrets: Iterable[Mapping[str, Any]]) -> list[Release]:
    found = [_release(each) for each in secrets if _status(each) == "deployed"]
    return sorted(found, key=lambda release: release.name)


def _status(secret: Mapping[str, Any]) -> str:
    return str(secret["metadata"].get("labels", {}).get("status"))


def _release(secret: Mapping[str, Any]) -> Release:
    """Source: Helm 3, the secrets driver: JSON, gzipped, base64 in Kubernetes' own base64."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    found = json.loads(gzip.decompress(packed))
    chart = found["chart"]["metadata"]
    return Release(
        found["name"],
        found["namespace"],
        int(found["version"]),
        chart["name"],
        chart["version"],
        found.get("config") or {},
    )


def _karpenter(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    settings = release.values.get("settings", {})
    if said := refused(settings):
        raise LabProblem(f"release {release.name}: Helm cannot render the chart, because {said}")
    cluster = settings.get("clusterName", "")
    return start_karpenter(
        lab,
        cluster,
        settings.get("interruptionQueue", ""),
        _credentials(lab, cluster, release, release.values.get("serviceAccount", {})),
        _karpenter_variables(settings, feature_gates(release.values) or {}),
    )


def _karpenter_variables(settings: Mapping[str, Any], gates: Mapping[str, Any]) -> dict[str, str]:
    """What the chart makes of its settings for the controller's environment, which has defaults for the rest."""
    told = {
        "FEATURE_GATES": _gates(gates),
        "AWS_FEATURE_GATES": _gates(aws_gates(settings)),
        "IGNORE_DRA_REQUESTS": "" if dra(settings).ignores_claims else "false",
        "LEGACY_NODE_REPAIR": "true" if is_on(settings.get("legacyNodeRepair")) else "",
        "BATCH_IDLE_DURATION": settings.get("batchIdleDuration", ""),
        "BATCH_MAX_DURATION": settings.get("batchMaxDuration", ""),
    }
    return {name: value for name, value in told.items() if value}


def _gates(given: Mapping[str, Any]) -> str:
    """Gates as the controller has them: `nodeRepair: true` is NodeRepair=true, `draEFA: true` DRAEFA=true."""
    return ",".join(
        f"{name.replace('dra', 'DRA', 1) if name in DRIVER_OF_GATE else name[0].upper() + name[1:]}={str(on).lower()}"
        for name, on in given.items()
    )


def _autoscaler(lab: Lab, release: Release, instead: Mapping[str, str]) -> Lab:
    values = release.values
    cluster = values.get("autoDiscovery", {}).get("clusterName")
    if not cluster:  # the chart renders no Deployment then
        return lab
    account = values.get("rbac", {}).get("serviceAccount", {})
    arguments = {**values.get("extraArgs", {}), **instead}
    return start_autoscaler(lab, cluster, arguments, _credentials(lab, cluster, release, account))


def _termination_handler(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    if not release.values.get("enableSqsTerminationDraining"):  # the chart renders a DaemonSet that asks its own node
        return lab
    account = release.values.get("serviceAccount", {})
    cluster = _cluster_with_role(lab, release.namespace, account.get("name", release.name))
    return start_termination_handler(lab, release.values, _credentials(lab, cluster, release, account))


def _keda(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    """A trigger that asks no AWS needs no role, and then the program gives none. The metrics API may be left out."""
    account = {"name": OPERATOR, **release.values.get("serviceAccount", {}).get("operator", {})}
    cluster = _cluster_with_role(lab, release.namespace, account["name"])
    has_one = has_role(aws_client(lab, "eks"), cluster, release.namespace, account["name"])
    credentials = _credentials(lab, cluster, release, account) if has_one else {}
    metrics = release.values.get("metricsServer", {})
    adapter = is_on(metrics.get("enabled", True)) and metrics.get("replicaCount", 1) != 0
    return start_keda(lab, release.namespace, credentials, adapter=adapter)


def _cluster_with_role(lab: Lab, namespace: str, account: str) -> str:
    """For a release whose values name no cluster: the one whose Pod Identity knows its service account, or all."""
    eks = aws_client(lab, "eks")
    clusters: list[str] = eks.list_clusters()["clusters"]
    return next((each for each in clusters if has_role(eks, each, namespace, account)), ", ".join(clusters))


def _kueue(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    told = release.values.get("managerConfig", {}).get("controllerManagerConfigYaml") or "{}"
    return start_kueue(lab, yaml.safe_load(told))


def _dra_driver(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    return start_dra_driver(lab, release.values)


def plain_dra_drivers(api: ClusterApi) -> list[Release]:
    """The driver of a DaemonSet that no chart brings, as if it were a release."""
    return [
        Release(found["metadata"]["name"], "", int(found["metadata"].get("generation", 1)), DRA_DRIVER, "", values)
        for found in api.list(_DAEMON_SETS)
        if (values := values_of(found)) is not None
    ]


def _prometheus(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    rules = release.values.get("additionalPrometheusRulesMap", {}).values()
    lab = start_state_metrics(lab, release.values.get(STATE_METRICS, {}))
    return start_prometheus(lab, [group for each in rules for group in each.get("groups", ())])[0]


def _gangs(name: str, group: str) -> "Played":
    return Played(
        lambda lab, release, _: start_gang_controller(lab, name),
        (name,),
        lambda lab: end_gang_webhooks(ClusterApi(lab), name),
        (group,),
    )


def _credentials(lab: Lab, cluster: str, release: Release, account: Mapping[str, Any]) -> dict[str, str]:
    name = account.get("name", release.name)
    return role_credentials(aws_client(lab, "eks"), aws_client(lab, "sts"), cluster, release.namespace, name)


def _load_balancers(lab: Lab, _: Release, __: Mapping[str, str]) -> Lab:
    return run(lab, player("load-balancers", CONTROLLER_CLASSES))


def _auto_modes(eks: Any) -> list[Release]:
    """Auto Mode of each cluster that has it, as if it were a release: AWS installs it with the cluster."""
    return [
        Release(cluster["name"], "kube-system", 1, AUTO_MODE, cluster["version"], cluster["kubernetesNetworkConfig"])
        for cluster in auto_mode.auto_mode_clusters(eks)
    ]


def _auto_mode(lab: Lab, release: Release, _: Mapping[str, str]) -> Lab:
    return auto_mode.start_auto_mode(lab, release.name, release.values)


@dataclass(frozen=True)
class Played:
    """How the lab runs what a chart would install."""

    start: Callable[[Lab, Release, Mapping[str, str]], Lab]
    """Takes the autoscaler's arguments that count in place of them."""
    processes: tuple[str, ...]
    settle: Callable[[Lab], None] = lambda _: None
    """Returns when they have nothing left to take away."""
    groups: tuple[str, ...] = ()
    """API groups of the kinds that come with them."""
    stays: bool = False
    """Whether what they have brought, such as definitions of kinds, stays when their release changes."""


PLAYED = {
    AUTO_MODE: Played(
        _auto_mode, ("auto-mode", "auto-mode-load-balancers", "karpenter", "karpenter-pricing"), auto_mode.settle
    ),
    HANDLER: Played(_termination_handler, (HANDLER,)),
    "aws-load-balancer-controller": Played(_load_balancers, ("load-balancers",)),
    "cluster-autoscaler": Played(_autoscaler, ("cluster-autoscaler",)),
    **{
        name: Played(_dra_driver, (DRA_DRIVER,), lambda lab: remove_dra_driver(ClusterApi(lab))) for name in DRA_DRIVERS
    },
    "jobset": _gangs("jobset", "jobset.x-k8s.io"),
    "karpenter": Played(_karpenter, ("karpenter", "karpenter-pricing")),
    "keda": Played(_keda, (OPERATOR, ADAPTER), lambda lab: remove_keda(ClusterApi(lab)), ("keda.sh",), stays=True),
    "lws": _gangs("lws", "leaderworkerset.x-k8s.io"),
    "kubeflow-trainer": _gangs(TRAINER, "trainer.kubeflow.org"),
    # After those whose kinds it queues: it looks for kinds when it starts, and then with growing pauses.
    "kueue": Played(_kueue, ("kueue",), lambda lab: remove_kueue(ClusterApi(lab)), (KUEUE,)),
    "kube-prometheus-stack": Played(_prometheus, (STATE_METRICS, PROMETHEUS)),
}
"""By chart, in the order in which they are started."""
RUNNING = "releases.json"
"""File of the lab with the charts whose controllers run, and the revision of each."""


class Controllers:
    """The controllers that run because a chart of theirs is installed; a file remembers them between commands."""

    def __init__(self, lab: Lab, autoscaler_arguments: Mapping[str, str] | None = None):
        self._lab, self._api, self._file = lab, ClusterApi(lab), lab.folder / RUNNING
        self._eks = aws_client(lab, "eks")
        self._autoscaler_arguments = autoscaler_arguments or {}

    def follow(self) -> None:
        """Starts the controller of each release that is new, ends that of each that is gone; both for a changed one.

        Raises LabProblem for one that has ended by itself: what waits for it would wait in vain.
        """
        deployed, changing = installed(self._api)
        found = (*plain_dra_drivers(self._api), *deployed, *_auto_modes(self._eks))
        wanted = {release.chart: release for release in found if release.chart in PLAYED}
        if {AUTO_MODE, "karpenter"} <= wanted.keys():
            raise LabProblem(f"the lab has one Karpenter, which plays {AUTO_MODE}: a chart cannot bring a second one")
        running: dict[str, int] = json.loads(self._file.read_text()) if self._file.exists() else {}
        for chart, revision in list(running.items()):
            if chart in changing:
                continue
            if chart not in wanted or wanted[chart].revision != revision:
                if chart not in wanted or not PLAYED[chart].stays:
                    PLAYED[chart].settle(self._lab)
                self._end(PLAYED[chart].processes)
                del running[chart]
                self._remember(running)
        self._demand_at_work([name for chart in running for name in PLAYED[chart].processes])
        for chart, release in sorted(wanted.items(), key=lambda each: list(PLAYED).index(each[0])):
            if chart not in running:
                PLAYED[chart].start(self._lab, release, self._autoscaler_arguments)
                running[chart] = release.revision
                self._remember(running)

    def _remember(self, running: Mapping[str, int]) -> None:
        """The file whole or not at all: objects that wait for a controller read it meanwhile."""
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(json.dumps(running))
        unfinished.replace(self._file)

    def _demand_at_work(self, names: list[str]) -> None:
        with alone(self._lab.folder):  # another command may end one to start it again
            lab = self._lab.now() or self._lab
            lost = lost_processes(replace(lab, processes=tuple(each for each in lab.processes if each.name in names)))
        if lost:
            raise LabProblem(lost)

    def _end(self, names: tuple[str, ...]) -> None:
        with alone(self._lab.folder):
            lab = recorded_lab() or self._lab
            processes.end([process for process in lab.processes if process.name in names])
            replace(lab, processes=tuple(each for each in lab.processes if each.name not in names)).save()


@contextmanager
def followed(controllers: Controllers, on_problem: Callable[[], None]) -> Iterator[None]:
    """While it lasts, controllers come and go with their releases.

    For one that cannot be started `on_problem` is called, and LabProblem raised at the end.
    """
    done, problems = threading.Event(), list[Exception]()

    def follow() -> None:
        while not done.wait(EVERY_S):
            try:
                controllers.follow()
            except OSError:  # the API server is busy: the next round asks again
                continue
            except Exception as problem:  # the engine would wait for what no controller brings
                known = isinstance(problem, LabProblem)
                problems.append(problem if known else LabProblem(f"{type(problem).__name__}: {problem}"))
                on_problem()
                break

    thread = threading.Thread(target=follow, name="controllers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        if problems:
            raise problems[0]
    controllers.follow()
