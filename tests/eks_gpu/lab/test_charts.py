"""Charts in the lab: installed without templates, their controllers run with the values and the role of the program."""

import base64
import gzip
import json
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from eks_gpu.lab import charts, load_balancers
from eks_gpu.lab.pod_identity import role_credentials
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab
from tests.labs import a_lab
from tests.waiting import until


def test_a_release_installs_an_empty_chart_of_the_same_name_and_version(tmp_path):
    props = {
        "chart": "oci://public.ecr.aws/karpenter/karpenter",
        "version": "1.15.0",
        "repositoryOpts": {"repo": "https://example.com"},
        "values": {"replicas": 2},
        "skipCrds": True,
    }
    args: Any = SimpleNamespace(type_="kubernetes:helm.sh/v3:Release", props=props, opts="options")
    made: Any = charts.without_templates(tmp_path)(args)
    assert made.props == {"chart": str(tmp_path / "karpenter-1.15.0"), "values": {"replicas": 2}, "skipCrds": True}
    assert made.opts == "options"
    assert [file.name for file in (tmp_path / "karpenter-1.15.0").rglob("*")] == ["Chart.yaml"]
    chart = yaml.safe_load((tmp_path / "karpenter-1.15.0" / "Chart.yaml").read_text())
    assert (chart["apiVersion"], chart["name"], chart["version"]) == ("v2", "karpenter", "1.15.0")


def test_what_is_no_release_stays_as_it_is(tmp_path):
    args: Any = SimpleNamespace(type_="kubernetes:apps/v1:Deployment", props={"chart": "x"}, opts=None)
    assert charts.without_templates(tmp_path)(args) is None


def secret(
    name: str, revision: int, chart: str, values: dict[str, Any] | None, status: str = "deployed"
) -> dict[str, Any]:
    release = {
        "name": name,
        "namespace": "kube-system",
        "version": revision,
        "chart": {"metadata": {"name": chart, "version": "1.15.0"}},
        "config": values,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return {"metadata": {"labels": {"status": status}}, "data": {"release": base64.b64encode(packed).decode()}}


class Cluster:
    """An API server with releases and Services."""

    def __init__(self, *items: dict[str, Any]):
        self.items, self.replaced = list(items), {}

    def list(self, path: str) -> list[dict[str, Any]]:
        return self.items

    def replace(self, path: str, manifest: dict[str, Any]) -> None:
        self.replaced[path] = manifest


def test_releases_are_read_from_what_helm_keeps():
    api: Any = Cluster(secret("b", 2, "karpenter", {"settings": {}}), secret("a", 1, "keda", None))
    assert charts.releases(api) == [
        charts.Release("a", "kube-system", 1, "keda", "1.15.0", {}),
        charts.Release("b", "kube-system", 2, "karpenter", "1.15.0", {"settings": {}}),
    ]


ACCOUNTS = {("kube-system", "aws-node-termination-handler"), ("kube-system", "keda-operator")}
"""Namespaces and service accounts that have a role."""


@pytest.fixture
def controllers(tmp_path, monkeypatch):
    """Controllers whose starts and ends are only told."""
    told: list[Any] = []
    monkeypatch.setattr(charts, "role_credentials", lambda eks, sts, *of: "/".join(of))
    monkeypatch.setattr(charts, "start_karpenter", lambda lab, *given: told.append(("karpenter", *given)))
    monkeypatch.setattr(charts, "start_autoscaler", lambda lab, *given: told.append(("autoscaler", *given)))
    monkeypatch.setattr(charts, "start_termination_handler", lambda lab, *given: told.append(("handler", *given)))
    monkeypatch.setattr(
        charts,
        "start_keda",
        lambda lab, *given, adapter: told.append(("keda", *given, *([] if adapter else ["without its metrics API"]))),
    )
    monkeypatch.setattr(charts, "start_kueue", lambda lab, *given: told.append(("kueue", *given)))
    monkeypatch.setattr(charts, "start_state_metrics", lambda lab, values: told.append(("state-metrics", values)))
    monkeypatch.setattr(charts, "start_prometheus", lambda lab, groups: (told.append(("prometheus", groups)), None))
    monkeypatch.setattr(charts, "start_gang_controller", lambda lab, name: told.append((name,)))
    monkeypatch.setattr(charts, "remove_keda", lambda api: told.append("keda is removed"))
    monkeypatch.setattr(charts, "remove_kueue", lambda api: told.append("kueue is removed"))
    monkeypatch.setattr(charts, "end_gang_webhooks", lambda api, name: told.append(f"webhooks of {name} end"))
    monkeypatch.setattr(charts, "has_role", lambda eks, cluster, *of: cluster == "gaia" and of in ACCOUNTS)
    monkeypatch.setattr(charts.auto_mode, "auto_mode_clusters", lambda eks: [])
    lab = Lab(tmp_path, "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})
    lab.certificate.parent.mkdir()
    eks = SimpleNamespace(list_clusters=lambda: {"clusters": ["another", "gaia"]})
    monkeypatch.setattr(charts, "aws_client", lambda lab, service: eks)
    made = charts.Controllers(lab, {"scale-down-unneeded-time": "10s"})
    monkeypatch.setattr(made, "_end", lambda names: told.append(("end", *names)))

    def follow(*items: dict[str, Any]) -> list[Any]:
        told.clear()
        monkeypatch.setattr(made, "_api", Cluster(*items))
        made.follow()
        return list(told)

    return follow


KARPENTER = {
    "serviceAccount": {"name": "its-account"},
    "settings": {
        "clusterName": "gaia",
        "interruptionQueue": "gaia-1",
        "featureGates": {"nodeRepair": False, "spotToSpotConsolidation": True},
    },
}


def test_karpenter_runs_from_its_release_with_its_values_until_the_release_goes(controllers):
    gates = {"FEATURE_GATES": "NodeRepair=false,SpotToSpotConsolidation=true"}
    started = ("karpenter", "gaia", "gaia-1", "gaia/kube-system/its-account", gates)
    installed = secret("karpenter", 1, "karpenter", KARPENTER)
    assert controllers(installed) == [started]
    assert controllers(installed) == []
    assert controllers(secret("karpenter", 2, "karpenter", KARPENTER)) == [
        ("end", "karpenter", "karpenter-pricing"),
        started,
    ]
    assert controllers() == [("end", "karpenter", "karpenter-pricing")]


def test_karpenter_waits_for_further_pods_as_long_as_its_release_says(controllers):
    values = {"settings": {"clusterName": "gaia", "batchIdleDuration": "10s", "batchMaxDuration": "2m"}}
    told = {"BATCH_IDLE_DURATION": "10s", "BATCH_MAX_DURATION": "2m"}
    assert controllers(secret("karpenter", 1, "karpenter", values))[0][-1] == told


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"enableDRA": True}, {"AWS_FEATURE_GATES": "DRANVIDIAGPU=true,DRAEFA=true", "IGNORE_DRA_REQUESTS": "false"}),
        (
            {"awsFeatureGates": {"draNVIDIAGPU": True, "nodeClassCEL": False}, "ignoreDRARequests": True},
            {"AWS_FEATURE_GATES": "DRANVIDIAGPU=true,NodeClassCEL=false", "IGNORE_DRA_REQUESTS": "false"},
        ),
        ({"awsFeatureGates": {"draEFA": False, "draNVIDIAGPU": None}}, {"AWS_FEATURE_GATES": "DRAEFA=false"}),
        ({"ignoreDRARequests": False}, {"IGNORE_DRA_REQUESTS": "false"}),
        ({"enableDRA": False, "ignoreDRARequests": True}, {}),
        ({"featureGates": {"terminateFirstDrift": True}}, {"FEATURE_GATES": "TerminateFirstDrift=true"}),
        ({"legacyNodeRepair": True}, {"LEGACY_NODE_REPAIR": "true"}),
    ],
)
def test_karpenter_gets_the_gates_that_its_chart_makes_of_the_settings(controllers, settings, told):
    values = {"settings": {"clusterName": "gaia", **settings}}
    assert controllers(secret("karpenter", 1, "karpenter", values))[0][-1] == told


def test_settings_with_which_helm_cannot_render_the_chart_start_no_karpenter(controllers):
    values = {"settings": {"clusterName": "gaia", "enableDRA": True, "ignoreDRARequests": False}}
    with pytest.raises(LabProblem, match=r"release karpenter: .*settings\.enableDRA excludes settings\.ignoreDRA"):
        controllers(secret("karpenter", 1, "karpenter", values))


def test_without_a_queue_in_its_values_karpenter_hears_of_no_interruption(controllers):
    values = {"settings": {"clusterName": "gaia"}}
    assert controllers(secret("karpenter", 1, "karpenter", values)) == [
        ("karpenter", "gaia", "", "gaia/kube-system/karpenter", {})
    ]


def test_the_autoscaler_takes_the_charts_arguments_and_a_scenarios_in_place_of_them(controllers):
    arguments = {"expander": "least-waste", "scale-down-unneeded-time": "600s"}
    account = {"serviceAccount": {"name": "its-account"}}
    values = {"autoDiscovery": {"clusterName": "gaia"}, "extraArgs": arguments, "rbac": account}
    assert controllers(secret("autoscaler", 1, "cluster-autoscaler", values)) == [
        (
            "autoscaler",
            "gaia",
            {"expander": "least-waste", "scale-down-unneeded-time": "10s"},
            "gaia/kube-system/its-account",
        )
    ]


def test_without_a_cluster_name_the_autoscalers_chart_runs_nothing(controllers):
    assert controllers(secret("autoscaler", 1, "cluster-autoscaler", {"extraArgs": {}})) == []


def handler(revision: int, **values: Any) -> dict[str, Any]:
    name = "aws-node-termination-handler"
    return secret(name, revision, name, {"serviceAccount": {"create": True, "name": name}, **values})


def test_the_termination_handler_runs_in_queue_mode_as_the_role_of_its_cluster(controllers):
    values = {"enableSqsTerminationDraining": True, "queueURL": "https://queue"}
    account = {"serviceAccount": {"create": True, "name": "aws-node-termination-handler"}}
    assert controllers(handler(1, **values)) == [
        ("handler", {**account, **values}, "gaia/kube-system/aws-node-termination-handler")
    ]
    assert controllers(handler(2)) == [("end", "aws-node-termination-handler")]  # its pods ask their own nodes then
    assert controllers() == [("end", "aws-node-termination-handler")]


def test_keda_asks_aws_as_the_role_of_its_operator_until_its_release_goes(controllers):
    assert controllers(secret("keda", 1, "keda", {})) == [("keda", "kube-system", "gaia/kube-system/keda-operator")]
    assert controllers() == ["keda is removed", ("end", "keda-operator", "keda-adapter")]


def test_keda_keeps_the_objects_of_its_kinds_while_its_release_changes(controllers):
    first, second = {}, {"metricsServer": {"enabled": False}}
    assert controllers(secret("keda", 1, "keda", first)) == [("keda", "kube-system", "gaia/kube-system/keda-operator")]
    changing = [secret("keda", 1, "keda", first, "superseded"), secret("keda", 2, "keda", second, "pending-upgrade")]
    assert controllers(*changing) == []
    assert controllers(secret("keda", 1, "keda", first, "superseded"), secret("keda", 2, "keda", second)) == [
        ("end", "keda-operator", "keda-adapter"),
        ("keda", "kube-system", "gaia/kube-system/keda-operator", "without its metrics API"),
    ]


def test_keda_without_a_role_asks_as_nobody(controllers):
    account = {"serviceAccount": {"operator": {"name": "its-account"}}}
    assert controllers(secret("keda", 1, "keda", account)) == [("keda", "kube-system", {})]


def test_kueue_is_configured_as_its_release_says(controllers):
    told = {"managerConfig": {"controllerManagerConfigYaml": "waitForPodsReady: {timeout: 5m}"}}
    assert controllers(secret("kueue", 1, "kueue", told)) == [("kueue", {"waitForPodsReady": {"timeout": "5m"}})]
    assert controllers(secret("kueue", 2, "kueue", {})) == ["kueue is removed", ("end", "kueue"), ("kueue", {})]


def test_prometheus_has_the_rules_of_its_release(controllers):
    group = {"name": "nodes", "rules": [{"record": "a", "expr": "b"}]}
    told = {
        "additionalPrometheusRulesMap": {"gpu": {"groups": [group]}},
        "kube-state-metrics": {"collectors": ["nodes"]},
    }
    stack = secret("prometheus", 1, "kube-prometheus-stack", told)
    assert controllers(stack) == [("state-metrics", {"collectors": ["nodes"]}), ("prometheus", [group])]
    assert controllers() == [("end", "kube-state-metrics", "prometheus")]
    bare = secret("prometheus", 2, "kube-prometheus-stack", {})
    assert controllers(bare) == [("state-metrics", {}), ("prometheus", [])]


@pytest.mark.parametrize("name", ["jobset", "lws"])
def test_controllers_of_gangs_come_and_go_with_their_charts(controllers, name):
    assert controllers(secret("gangs", 1, name, {})) == [(name,)]
    assert controllers() == [f"webhooks of {name} end", ("end", name)]


class Aws:
    """EKS with one association, and STS."""

    def list_pod_identity_associations(self, **_: str) -> dict[str, Any]:
        return {
            "associations": [
                {"namespace": "kube-system", "serviceAccount": "karpenter", "associationId": "a-1"},
            ]
        }

    def describe_pod_identity_association(self, **given: str) -> dict[str, Any]:
        assert given == {"clusterName": "gaia", "associationId": "a-1"}
        return {"association": {"roleArn": "arn:karpenter", "modifiedAt": datetime(2026, 1, 1, tzinfo=UTC)}}

    def assume_role(self, **given: str) -> dict[str, Any]:
        assert given == {"RoleArn": "arn:karpenter", "RoleSessionName": "gaia-karpenter"}
        return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}}


def test_a_controller_calls_aws_as_the_role_that_the_program_made_for_it():
    assert role_credentials(Aws(), Aws(), "gaia", "kube-system", "karpenter") == {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_SESSION_TOKEN": "c",
    }


@pytest.mark.parametrize("account", [("karpenter", "karpenter"), ("kube-system", "other")])
def test_without_its_pod_identity_association_a_controller_has_no_credentials(account):
    with pytest.raises(LabProblem, match=f"gives a role to service account {'/'.join(account)}: its pods would have"):
        role_credentials(Aws(), Aws(), "gaia", *account)


def test_a_controller_that_ended_by_itself_stops_the_engine_and_is_the_error(controllers, tmp_path):
    installed = secret("karpenter", 1, "karpenter", KARPENTER)
    lab = a_lab(tmp_path).start("kwok", ["/bin/false"])
    until(lambda: lab.ended())
    controllers(installed)
    assert controllers(installed) == []  # another program's end is for the next command to tell

    lab = lab.start("karpenter", ["/bin/sh", "-c", "echo panic: not ok"])
    until(lambda: len(lab.ended()) == 2)
    with pytest.raises(LabProblem) as problem:
        controllers(installed)
    assert str(problem.value).splitlines() == [
        f"karpenter (pid {lab.processes[-1].pid}) has ended; its log {lab.log('karpenter')} ends with:",
        "  panic: not ok",
    ]
    assert controllers() == [("end", "karpenter", "karpenter-pricing")]


def test_a_controller_that_cannot_start_stops_the_engine_and_is_the_error():
    stopped = threading.Event()

    class Broken:
        def follow(self) -> None:
            raise ValueError("no such flag")

    broken: Any = Broken()
    with pytest.raises(LabProblem) as problem, charts.followed(broken, stopped.set):
        stopped.wait(2)
    assert str(problem.value) == "ValueError: no such flag"
    assert stopped.is_set()


def service(kind: str, of: str | None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "resnet", "namespace": "inference", "uid": "1-2-3"},
        "spec": {"type": kind, "loadBalancerClass": of},
        "status": {"loadBalancer": status},
    }


CONTROLLER, AUTO_MODE = "service.k8s.aws/nlb", "eks.amazonaws.com/nlb"


def named(player: Any, *services: dict[str, Any]) -> Any:
    """By path, what gets a name of the process that the lab would start."""
    api: Any = Cluster(*services)
    load_balancers.reconcile(api, "us-west-2", player.command[3:])
    return api.replaced


@pytest.fixture
def players(monkeypatch, tmp_path) -> dict[str, Any]:
    """What plays load balancers, by process name: the chart's release, and a cluster with Auto Mode."""
    started: dict[str, Any] = {}
    for module in (charts, charts.auto_mode):
        monkeypatch.setattr(module, "run", lambda lab, program: started.update({program.name: program}) or lab)
    monkeypatch.setattr(charts.auto_mode, "start_karpenter", lambda lab, cluster: lab)
    for chart, values in (
        ("aws-load-balancer-controller", {}),
        (charts.AUTO_MODE, {"elasticLoadBalancing": {"enabled": True}}),
    ):
        release = charts.Release("gaia", "kube-system", 1, chart, "1", values)
        charts.PLAYED[chart].start(a_lab(tmp_path), release, {})
    return started


@pytest.mark.parametrize(
    ("player", "of"),
    [
        ("load-balancers", CONTROLLER),
        ("auto-mode-load-balancers", AUTO_MODE),
        ("auto-mode-load-balancers", None),  # its class is the default of its clusters
    ],
)
def test_a_service_that_waits_for_a_load_balancer_gets_a_name(players, player, of):
    ((path, manifest),) = named(players[player], service("LoadBalancer", of)).items()
    assert path == "/api/v1/namespaces/inference/services/resnet/status"
    (ingress,) = manifest["status"]["loadBalancer"]["ingress"]
    assert ingress["hostname"].startswith("k8s-inferenc-resnet-")
    assert ingress["hostname"].endswith(".elb.us-west-2.amazonaws.com")


@pytest.mark.parametrize(
    ("player", "other"),
    [
        ("load-balancers", service("ClusterIP", None)),
        ("load-balancers", service("LoadBalancer", None)),
        ("load-balancers", service("LoadBalancer", AUTO_MODE)),
        ("load-balancers", service("LoadBalancer", CONTROLLER, ingress=[{"hostname": "a"}])),
        ("auto-mode-load-balancers", service("ClusterIP", None)),
        ("auto-mode-load-balancers", service("LoadBalancer", CONTROLLER)),
        ("auto-mode-load-balancers", service("LoadBalancer", AUTO_MODE, ingress=[{"hostname": "a"}])),
    ],
)
def test_a_service_that_is_anothers_or_has_a_name_stays_as_it_is(players, player, other):
    assert named(players[player], other) == {}
