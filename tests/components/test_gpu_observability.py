"""GpuObservability: where it runs, who reaches it, what is kept, what it scrapes, and what is refused."""

import json
from typing import Any

import pytest

from components.gpu_observability import GpuObservability
from components.keda_operator import NAMESPACE as KEDA_NAMESPACE
from components.values.value import BadInput
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.engine import run
from tests.given import CLUSTER

RELEASE = "kubernetes:helm.sh/v3:Release"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
NAMESPACE = "kubernetes:core/v1:Namespace"
POOL: Any = {"instance_types": ["g6.xlarge"], "max_gpus": 8, "capacity_types": ["spot", "on-demand"]}
NEURON: Any = {"instance_types": ["inf2.xlarge"], "max_gpus": 2}
BOTTLEROCKET: Any = {**POOL, "node_image": "bottlerocket"}
ON_SYSTEM_NODES = {
    "nodeSelector": {"eks-gpu-components/role": "system"},
    "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists", "effect": "NoSchedule"}],
}
DASHBOARDS = {"metrics-eks-gpu-capacity", "metrics-eks-gpu-devices", "metrics-eks-gpu-demand"}


def observability(
    pools: Any = None,
    auto_mode: bool = False,
    preview: bool = False,
    namespace: str = "monitoring",
    operator_exporter: bool = False,
    **settings: Any,
):
    args: Any = {
        "cluster": {**CLUSTER, "auto_mode": auto_mode},
        "pools": {"gpu": POOL} if pools is None else pools,
        "operator_exporter": operator_exporter,
        "settings": settings,
        "namespace": namespace,
    }
    return run(lambda: GpuObservability("metrics", args), preview=preview)


def values(**given: Any) -> dict[str, Any]:
    return observability(**given).one(RELEASE, "metrics").inputs["values"]


def refusal(**given: Any) -> list[str]:
    with pytest.raises(BadInput) as refused:
        observability(**given)
    return refused.value.problems


def test_both_charts_are_pinned():
    made = observability()
    stack, exporter = made.one(RELEASE, "metrics").inputs, made.one(RELEASE, "metrics-exporter").inputs
    assert (stack["chart"], stack["version"]) == ("kube-prometheus-stack", "88.5.3")
    assert stack["repositoryOpts"] == {"repo": "https://prometheus-community.github.io/helm-charts"}
    assert (exporter["chart"], exporter["version"]) == ("dcgm-exporter", "4.8.2")


@pytest.mark.parametrize(
    "part",
    [("prometheus", "prometheusSpec"), ("prometheusOperator",), ("kube-state-metrics",), ("grafana",)],
    ids=".".join,
)
def test_all_of_it_runs_on_system_nodes(part):
    placed: Any = values()
    for key in part:
        placed = placed[key]
    assert {key: placed[key] for key in ON_SYSTEM_NODES} == ON_SYSTEM_NODES


def test_on_auto_mode_it_runs_on_nodes_that_eks_starts():
    spec = values(auto_mode=True)["prometheus"]["prometheusSpec"]
    assert spec["nodeSelector"] == {"eks.amazonaws.com/compute-type": "auto"}


def test_the_volume_is_encrypted_and_goes_with_the_release():
    made = observability(disk_gib=50, retention_days=7)
    storage = made.one("kubernetes:storage.k8s.io/v1:StorageClass").inputs
    assert storage["provisioner"] == "ebs.csi.aws.com"
    assert storage["parameters"] == {"type": "gp3", "encrypted": "true"}
    assert (storage["reclaimPolicy"], storage["volumeBindingMode"]) == ("Delete", "WaitForFirstConsumer")
    spec = made.one(RELEASE, "metrics").inputs["values"]["prometheus"]["prometheusSpec"]
    assert (spec["retention"], spec["retentionSize"]) == ("7d", "40GiB")
    assert spec["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"
    claim = spec["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"] == {"requests": {"storage": "50Gi"}}
    assert (
        claim["storageClassName"] == made.one("kubernetes:storage.k8s.io/v1:StorageClass").outputs["metadata"]["name"]
    )
    # A destroy that forgets it with the cluster would leave the disk.
    assert made.one(RELEASE, "metrics").options.get("deletedWith") is None


def test_auto_mode_makes_disks_itself():
    storage = observability(auto_mode=True).one("kubernetes:storage.k8s.io/v1:StorageClass").inputs
    assert storage["provisioner"] == "ebs.csi.eks.amazonaws.com"


def test_the_exporter_runs_on_gpu_nodes_alone_and_tolerates_the_taints_of_their_pools():
    pools = {"gpu": POOL, "own": {**POOL, "taint": {"key": "team", "value": "a", "effect": "NoSchedule"}}}
    release = observability(pools).one(RELEASE, "metrics-exporter").inputs
    terms = release["values"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]} in terms["nodeSelectorTerms"][0][
        "matchExpressions"
    ]
    assert release["values"]["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "team", "operator": "Exists", "effect": "NoSchedule"},
    ]
    assert release["values"]["serviceMonitor"] == {"enabled": False}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dcgm_exporter": "operator"}, None),
        ({"operator_exporter": True}, None),
        ({"dcgm_exporter": "none"}, None),
        ({"pools": {"inf": NEURON}}, None),
        ({"pools": {"gpu": BOTTLEROCKET}}, "pools gpu have no metrics of their GPUs: on nodes of Bottlerocket"),
        ({"auto_mode": True}, "pools gpu have no metrics of their GPUs: on nodes of Auto Mode"),
    ],
    ids=[
        "the operator brings it",
        "the program has an operator",
        "nobody wants it",
        "no GPU",
        "bottlerocket",
        "auto-mode",
    ],
)
def test_the_exporter_is_left_out_where_it_would_see_no_gpu_or_be_the_second(given, said):
    made = observability(**given)
    assert [release.name for release in made.of(RELEASE)] == ["metrics"]
    told = [message for _, message in made.log]
    assert any(said in message for message in told) if said else not told


def test_the_operators_exporter_is_scraped_by_its_own_label():
    (monitor,) = (
        each
        for each in values(operator_exporter=True)["prometheus"]["additionalPodMonitors"]
        if each["name"] == "dcgm-exporter"
    )
    assert monitor["selector"] == {"matchLabels": {"app": "nvidia-dcgm-exporter"}}
    assert [each["port"] for each in monitor["podMetricsEndpoints"]] == ["metrics"]


def test_controllers_are_scraped_by_the_labels_and_ports_of_their_charts():
    chart = values()["prometheus"]
    assert {
        each["name"]: (each["selector"]["matchLabels"], each["podMetricsEndpoints"][0]["port"])
        for each in chart["additionalPodMonitors"]
    } == {
        "karpenter": ({"app.kubernetes.io/name": "karpenter"}, "http-metrics"),
        "keda": ({"app": "keda-operator"}, "metrics"),
        "model-server": ({"app.kubernetes.io/name": "llm-inference"}, "http"),
        "dcgm-exporter": ({"app.kubernetes.io/name": "dcgm-exporter"}, "metrics"),
    }
    (kueue,) = chart["additionalServiceMonitors"]
    assert (kueue["endpoints"][0]["port"], kueue["endpoints"][0]["scheme"]) == ("https", "https")
    assert kueue["endpoints"][0]["bearerTokenFile"].endswith("/serviceaccount/token")


def test_nobody_gets_in_without_a_password_and_none_is_in_the_state():
    made = observability()
    grafana = made.one(RELEASE, "metrics").inputs["values"]["grafana"]
    assert grafana["grafana.ini"]["auth.anonymous"] == {"enabled": False}
    assert grafana["grafana.ini"]["users"] == {"allow_sign_up": False}
    assert "password" not in json.dumps([each.inputs for each in made.graph]).lower()
    assert "admin" not in grafana
    assert values(grafana_secret="mine")["grafana"]["admin"] == {"existingSecret": "mine"}


def test_grafana_reads_config_maps_of_its_own_namespace_alone():
    grafana = values()["grafana"]
    assert grafana["rbac"]["namespaced"] is True
    for sidecar in ("dashboards", "datasources"):
        told = grafana["sidecar"][sidecar]
        assert (told["resource"], told["searchNamespace"]) == ("configmap", "monitoring")


def test_only_its_own_namespace_and_readers_reach_it():
    rules = observability(readers=["keda", "ml"]).one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    own, readers = rules["ingress"]
    assert own == {"from": [{"podSelector": {}}]}
    named = [each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in readers["from"]]
    assert (named, readers["ports"]) == (["keda", "ml"], [{"protocol": "TCP", "port": 9090}])
    alone = observability(readers=[]).one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    assert alone["ingress"] == [own]


def test_the_operator_of_keda_reaches_it_where_its_component_runs_it():
    rules = observability().one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["ingress"]
    assert {"matchLabels": {"kubernetes.io/metadata.name": KEDA_NAMESPACE}} in [
        each["namespaceSelector"] for each in rules[1]["from"]
    ]


def test_dashboards_carry_the_label_of_the_sidecar():
    made = {each.name: each.inputs for each in observability().of(CONFIG_MAP)}
    assert made.keys() == DASHBOARDS
    for name, inputs in made.items():
        assert inputs["metadata"]["labels"] == {"grafana_dashboard": "1"}
        (content,) = inputs["data"].values()
        assert f"metrics-{json.loads(content)['uid']}" == name


@pytest.mark.parametrize(
    "given",
    [{"pools": {"inf": NEURON}}, {"pools": {"gpu": BOTTLEROCKET}}, {"auto_mode": True}, {"dcgm_exporter": "none"}],
    ids=["no GPU", "bottlerocket", "auto-mode", "nobody wants it"],
)
def test_no_dashboard_and_no_alert_is_of_what_nobody_exports(given):
    made = observability(**given)
    assert {each.name for each in made.of(CONFIG_MAP)} == DASHBOARDS - {"metrics-eks-gpu-devices"}
    assert "DCGM" not in json.dumps(made.one(RELEASE, "metrics").inputs["values"])


def test_without_grafana_the_dashboards_are_there_for_another():
    made = observability(grafana=False)
    assert made.one(RELEASE, "metrics").inputs["values"]["grafana"] == {"enabled": False}
    assert {each.name for each in made.of(CONFIG_MAP)} == DASHBOARDS


def test_alerts_go_where_a_secret_says():
    assert values()["alertmanager"] == {"enabled": False}
    told = values(alertmanager_secret="pager")["alertmanager"]
    assert (told["enabled"], told["alertmanagerSpec"]["configSecret"]) == (True, "pager")
    assert told["alertmanagerSpec"]["useExistingSecret"] is True


def test_a_managed_workspace_is_written_to_and_nothing_else_is_allowed():
    made = observability(managed_prometheus=True)
    arn = made.one("aws:amp/workspace:Workspace").outputs["arn"]
    policy = json.loads(made.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])
    assert [(each["Action"], each["Resource"]) for each in policy["Statement"]] == [("aps:RemoteWrite", arn)]
    association = made.one("aws:eks/podIdentityAssociation:PodIdentityAssociation").inputs
    assert (association["namespace"], association["serviceAccount"]) == ("monitoring", "prometheus")
    chart = made.one(RELEASE, "metrics").inputs["values"]["prometheus"]
    assert chart["serviceAccount"]["name"] == "prometheus"
    (write,) = chart["prometheusSpec"]["remoteWrite"]
    assert write["url"].startswith("https://aps-workspaces.us-west-2.amazonaws.com/workspaces/ws-")
    assert write["url"].endswith("/api/v1/remote_write")
    assert write["sigv4"] == {"region": "us-west-2"}
    assert observability().of("aws:amp/workspace:Workspace") == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"pools": {}}, "pools must name one or more: there is nothing to watch"),
        ({"retention_days": 91}, "settings.retention_days must be at most 90, got 91"),
        ({"retention_days": 0}, "settings.retention_days must be at least 1, got 0"),
        ({"disk_gib": 4}, "settings.disk_gib must be at least 5, got 4"),
        ({"idle_alert_s": 60}, "settings.idle_alert_s must be at least 600, got 60"),
        ({"dcgm_exporter": "both"}, "settings.dcgm_exporter must be one of chart, operator, none, got 'both'"),
        (
            {"grafana": False, "grafana_secret": "mine"},
            "settings: grafana_secret needs grafana: without it nothing reads the Secret",
        ),
        (
            {"grafana_secret": "Mine!"},
            "settings.grafana_secret must be the name of an object, as grafana-admin, got 'Mine!'",
        ),
        (
            {"operator_exporter": True, "dcgm_exporter": "chart"},
            "settings.dcgm_exporter must not be chart: the GPU operator brings a DCGM exporter, and two on a node "
            "compete for its profiling counters: leave it out, or set the operator's to no",
        ),
        ({"namespace": "kube-system"}, "namespace must be one of its own, got 'kube-system'"),
        ({"pools": {"gpu": {**POOL, "max_gpus": 0}}}, "pools.gpu.max_gpus must be at least 1, got 0"),
    ],
)
def test_what_cannot_work_is_refused(given, problem):
    assert refusal(**given) == [problem]


def test_a_price_that_nobody_knows_is_said(monkeypatch):
    monkeypatch.setattr("components.observability.node_prices.on_demand_price", lambda name, region: None)
    made = observability()
    assert "no price is known for g6.xlarge (on-demand)" in " ".join(message for _, message in made.log)
    rules = made.one(RELEASE, "metrics").inputs["values"]["additionalPrometheusRulesMap"]["eks-gpu"]["groups"]
    priced = [rule["labels"] for rule in rules[0]["rules"] if rule["record"] == "eks_gpu:price:hourly_usd"]
    assert [each["capacity_type"] for each in priced] == ["spot"]
    assert "eks_gpu:pool:max_hourly_usd" not in [rule["record"] for rule in rules[0]["rules"]]


def test_every_input_is_one_of_the_sdks():
    made = observability(managed_prometheus=True)
    assert [problem for resource in made.graph for problem in problems(resource.type, resource.inputs)] == []


def test_the_example_of_the_page_runs():
    assert run_example("gpu_observability").one(RELEASE, "observability").inputs["chart"] == "kube-prometheus-stack"
