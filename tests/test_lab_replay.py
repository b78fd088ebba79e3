"""Scenarios, their results, charts without templates, and what leads out of the lab: the parts that need no lab."""

import base64
import gzip
import io
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from eks_gpu_components.catalog import CapacityType
from eks_gpu_lab import charts, cli, load_balancers, report
from eks_gpu_lab.apply import Applied, Destroyed, LabStack, environment_of, lab_stack
from eks_gpu_lab.pod_identity import role_credentials
from eks_gpu_lab.problem import LabProblem
from eks_gpu_lab.replay import Moment, Record, Result, shorten_idle, told
from eks_gpu_lab.scenario import SCENARIOS, Scenario, scenarios
from eks_gpu_lab.state import Lab
from eks_gpu_lab.status import NodeRow, Status
from eks_gpu_planner.problems import InputError

STEP = {"running": 6, "gpu_nodes": {"g4dn.xlarge": 6}, "new_gpu_nodes": {"g4dn.xlarge": 5}}
EXPECTED = {"1 to 6 replicas": {**STEP, "within_s": 120}, "left": []}
MEASURED = {"1 to 6 replicas": {**STEP, "zones": 2, "after_s": 34.5}, "left": []}
PROGRAM = "import pulumi\npulumi.export('a', 1)\n"


def a_lab(folder: Path) -> Lab:
    return Lab(folder, "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})


def result(**step: Any) -> Result:
    moments = tuple(Moment(t, 3 + n, n, pods, 0.288 + 0.526 * n) for t, n, pods in ((1, 0, 1), (2, 1, 0), (3, 6, 0)))
    measured = {**MEASURED, "1 to 6 replicas": {**MEASURED["1 to 6 replicas"], **step}}
    return Result("karpenter-inference", EXPECTED, measured, moments)


def text(shown: Any) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(shown)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_what_is_as_expected_passes():
    assert (result().passed, result().differences) == (True, [])


@pytest.mark.parametrize(
    ("step", "difference"),
    [
        ({"running": 5}, "1 to 6 replicas: running expected 6, got 5"),
        (
            {"new_gpu_nodes": {"g4dn.12xlarge": 1, "g4dn.xlarge": 1}},
            "1 to 6 replicas: new_gpu_nodes expected 5 g4dn.xlarge, got 1 g4dn.12xlarge, 1 g4dn.xlarge",
        ),
        ({"gpu_nodes": {}}, "1 to 6 replicas: gpu_nodes expected 6 g4dn.xlarge, got none"),
        ({"after_s": 120.5}, "1 to 6 replicas: within_s expected 120, got 120.5"),
    ],
)
def test_a_difference_names_step_quantity_expected_and_measured(step, difference):
    assert result(**step).differences == [difference]
    assert not result(**step).passed


def test_a_step_that_was_never_reached_and_what_is_left_are_differences():
    found = Result("s", EXPECTED, {"left": ["role gpu-1", "queue inference"]}, ())
    assert found.differences == [
        "1 to 6 replicas: expected, and not reached",
        "left: expected nothing, got role gpu-1, queue inference",
    ]


def test_the_json_of_a_replay():
    assert result().as_json() == {
        "scenario": "karpenter-inference",
        "expected": {
            "1 to 6 replicas": {
                "running": 6,
                "gpu_nodes": {"g4dn.xlarge": 6},
                "new_gpu_nodes": {"g4dn.xlarge": 5},
                "within_s": 120,
            },
            "left": [],
        },
        "measured": {
            "1 to 6 replicas": {
                "running": 6,
                "gpu_nodes": {"g4dn.xlarge": 6},
                "new_gpu_nodes": {"g4dn.xlarge": 5},
                "zones": 2,
                "after_s": 34.5,
            },
            "left": [],
        },
        "passed": True,
        "timeline": [
            {"t_s": 1, "nodes": 3, "gpu_nodes": 0, "pending_pods": 1, "hourly": 0.288},
            {"t_s": 2, "nodes": 4, "gpu_nodes": 1, "pending_pods": 0, "hourly": 0.8140000000000001},
            {"t_s": 3, "nodes": 9, "gpu_nodes": 6, "pending_pods": 0, "hourly": 3.444},
        ],
    }


def test_a_node_that_came_and_went_is_remembered():
    def node(name: str, gpus: int) -> NodeRow:
        return NodeRow(name, "g4dn.xlarge", CapacityType.ON_DEMAND, "us-west-2a", 1, True, gpus, 0.526)

    record = Record()
    record.add(Status((node("system", 0), node("a", 1)), 2, 3))
    record.add(Status((node("system", 0),), 0, 0))
    assert list(record.seen) == ["a"]
    assert [(m.nodes, m.gpu_nodes, m.pending_pods, m.hourly) for m in record.moments] == [
        (2, 1, 2, 1.052),
        (1, 0, 0, 0.526),
    ]


def test_the_report_ends_with_measured_against_expected():
    scenario = Scenario.load("karpenter-inference")
    shown = text(report.replayed(result(), scenario))
    assert shown.startswith("Karpenter buys one g4dn.xlarge for each ResNet replica")
    assert ["new", "GPU", "nodes", "5", "g4dn.xlarge", "5", "g4dn.xlarge"] in [
        line.split() for line in shown.splitlines()
    ]
    assert shown.rstrip().endswith("as expected")
    differs = text(report.replayed(result(running=5), scenario))
    assert differs.rstrip().endswith("differs from expected\n1 to 6 replicas: running expected 6, got 5")


def test_the_timeline_is_as_high_as_the_peak_and_empty_at_zero():
    assert report.bars([0, 1, 2, 4, 8]) == " ▂▃▅█"
    assert report.bars([0, 0]) == "  "
    assert report.bars([0, 8, 0, 0, 4, 0], width=3) == "█ ▅"


def test_quantities_are_told_in_words():
    told_ = [told(value) for value in (6, 34.5, {"g4dn.xlarge": 5}, {}, [], ["a", "b"])]
    assert told_ == ["6", "34.5", "5 g4dn.xlarge", "none", "nothing", "a, b"]


@pytest.mark.parametrize("name", scenarios())
def test_every_scenario_can_be_read_and_names_a_workload_of_its_project(name):
    scenario = Scenario.load(name)
    assert (scenario.folder / f"Pulumi.{scenario.stack}.yaml").exists()
    assert len({step.name for step in scenario.steps}) == len(scenario.steps)


def test_five_g4dn_xlarge_more_is_what_the_inference_scenario_expects():
    assert Scenario.load("karpenter-inference").expected() == {
        "up": {
            "running": 1,
            "gpu_nodes": {"g4dn.xlarge": 1},
            "new_gpu_nodes": {"g4dn.xlarge": 1},
            "within_s": 60,
        },
        "1 to 6 replicas": {
            "running": 6,
            "gpu_nodes": {"g4dn.xlarge": 6},
            "new_gpu_nodes": {"g4dn.xlarge": 5},
            "within_s": 120,
        },
        "6 to 0 replicas": {"running": 0, "gpu_nodes": {}, "new_gpu_nodes": {}, "within_s": 90},
        "left": [],
    }


def test_an_unknown_scenario_is_wrong_input_with_the_nearest():
    with pytest.raises(InputError, match="no scenario is named karpenter-inferense; nearest: karpenter-inference"):
        Scenario.load("karpenter-inferense")
    assert CliRunner().invoke(cli.app, ["replay", "nonsense-xyz"]).exception.__class__ is InputError


def test_a_scenario_with_mistakes_is_told_all_of_them(tmp_path, monkeypatch):
    broken = yaml.safe_load((SCENARIOS / "karpenter-inference.yaml").read_text())
    broken["steps"][0]["within_s"] = 0
    broken["steps"][1]["expect"]["runing"] = 6
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(broken))
    monkeypatch.setattr("eks_gpu_lab.scenario.SCENARIOS", tmp_path)
    with pytest.raises(InputError) as problem:
        Scenario.load("broken")
    assert "within_s" in str(problem.value)
    assert "runing" in str(problem.value)


def test_a_release_installs_an_empty_chart_of_the_same_name_and_version(tmp_path):
    props = {
        "chart": "oci://public.ecr.aws/karpenter/karpenter",
        "version": "1.14.1",
        "repositoryOpts": {"repo": "https://example.com"},
        "values": {"replicas": 2},
        "skipCrds": True,
    }
    args: Any = SimpleNamespace(type_="kubernetes:helm.sh/v3:Release", props=props, opts="options")
    made: Any = charts.without_templates(tmp_path)(args)
    assert made.props == {"chart": str(tmp_path / "karpenter-1.14.1"), "values": {"replicas": 2}, "skipCrds": True}
    assert made.opts == "options"
    assert [file.name for file in (tmp_path / "karpenter-1.14.1").rglob("*")] == ["Chart.yaml"]
    chart = yaml.safe_load((tmp_path / "karpenter-1.14.1" / "Chart.yaml").read_text())
    assert (chart["apiVersion"], chart["name"], chart["version"]) == ("v2", "karpenter", "1.14.1")


def test_what_is_no_release_stays_as_it_is(tmp_path):
    args: Any = SimpleNamespace(type_="kubernetes:apps/v1:Deployment", props={"chart": "x"}, opts=None)
    assert charts.without_templates(tmp_path)(args) is None


def secret(name: str, revision: int, chart: str, values: dict[str, Any] | None) -> dict[str, Any]:
    release = {
        "name": name,
        "namespace": "kube-system",
        "version": revision,
        "chart": {"metadata": {"name": chart, "version": "1.14.1"}},
        "config": values,
    }
    packed = base64.b64encode(gzip.compress(json.dumps(release).encode()))
    return {"data": {"release": base64.b64encode(packed).decode()}}


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
        charts.Release("a", "kube-system", 1, "keda", "1.14.1", {}),
        charts.Release("b", "kube-system", 2, "karpenter", "1.14.1", {"settings": {}}),
    ]


@pytest.fixture
def controllers(tmp_path, monkeypatch):
    """Controllers whose starts and ends are only told."""
    told: list[Any] = []
    monkeypatch.setattr(charts, "role_credentials", lambda eks, sts, *of: "/".join(of))
    monkeypatch.setattr(charts, "start_karpenter", lambda lab, *given: told.append(("karpenter", *given)))
    monkeypatch.setattr(charts, "start_autoscaler", lambda lab, *given: told.append(("autoscaler", *given)))
    lab = Lab(tmp_path, "us-west-2", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})
    lab.certificate.parent.mkdir()
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
        return {"association": {"roleArn": "arn:karpenter"}}

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


class Autoscaling:
    """Groups with tags."""

    def __init__(self, **tags: str):
        self.tags = [{"ResourceId": "gpu", "Key": key, "Value": value} for key, value in tags.items()]
        self.written: list[dict[str, str]] = []

    def describe_auto_scaling_groups(self) -> dict[str, Any]:
        return {"AutoScalingGroups": [{"Tags": self.tags}]}

    def create_or_update_tags(self, Tags: list[dict[str, str]]) -> None:  # noqa: N803
        self.written += Tags


def test_a_replay_shortens_how_long_a_group_keeps_empty_nodes_and_nothing_else():
    key = "k8s.io/cluster-autoscaler/node-template/autoscaling-options/scaledownunneededtime"
    groups = Autoscaling(**{"k8s.io/cluster-autoscaler/enabled": "true", key: "600s"})
    shorten_idle(groups, 10)
    assert groups.written == [{"ResourceId": "gpu", "Key": key, "Value": "10s"}]


def test_what_a_scenario_shortens_is_told():
    shown = text(report.replayed(result(), Scenario.load("spot-autoscaling-groups")))
    assert "Shortened for the replay: scale-down-delay-after-add 10s, idle_s 10." in shown


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


RELEASES = (
    charts.Release("karpenter", "kube-system", 1, "karpenter", "1.14.1"),
    charts.Release("nvidia-device-plugin", "nvidia", 1, "nvidia-device-plugin", "0.20.0"),
)


def test_apply_tells_which_charts_run_in_the_lab_and_which_are_skipped():
    done = Applied({"same": 3, "create": 98}, 58.6, RELEASES, {"url": "http://a:8501", "kubeconfig": "[secret]"})
    assert text(report.applied(done, Path("/l"))).splitlines() == [
        "up after 59 s; resources: 98 create, 3 same",
        "charts whose controllers the lab runs itself: karpenter 1.14.1",
        "charts skipped, nothing of them runs here: nvidia-device-plugin 0.20.0",
        "outputs:",
        "  url: http://a:8501",
        "  kubeconfig: [secret]",
        "the engine's words are in /l",
    ]


def test_destroy_tells_what_is_left():
    assert text(report.destroyed(Destroyed(98, 22.5, ()))).splitlines() == [
        "98 resources deleted after 22 s; nothing is left in AWS or the cluster"
    ]
    assert text(report.destroyed(Destroyed(97, 22.5, ("role node",)))).splitlines() == [
        "97 resources deleted after 22 s; left:",
        "  role node",
    ]


def service(kind: str, of: str | None, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "resnet", "namespace": "inference", "uid": "1-2-3"},
        "spec": {"type": kind, "loadBalancerClass": of},
        "status": {"loadBalancer": status},
    }


def test_a_service_that_waits_for_a_load_balancer_gets_a_name():
    api: Any = Cluster(service("LoadBalancer", "service.k8s.aws/nlb"))
    load_balancers.reconcile(api, "us-west-2")
    ((path, manifest),) = api.replaced.items()
    assert path == "/api/v1/namespaces/inference/services/resnet/status"
    (ingress,) = manifest["status"]["loadBalancer"]["ingress"]
    assert ingress["hostname"].startswith("k8s-inferenc-resnet-")
    assert ingress["hostname"].endswith(".elb.us-west-2.amazonaws.com")


@pytest.mark.parametrize(
    "other",
    [
        service("ClusterIP", None),
        service("LoadBalancer", None),
        service("LoadBalancer", "eks.amazonaws.com/nlb"),
        service("LoadBalancer", "service.k8s.aws/nlb", ingress=[{"hostname": "a"}]),
    ],
)
def test_a_service_that_is_not_the_controllers_or_has_a_name_stays_as_it_is(other):
    api: Any = Cluster(other)
    assert load_balancers.reconcile(api, "us-west-2") == []
    assert api.replaced == {}


def test_nothing_of_a_persons_accounts_reaches_the_engine(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "pul-1")
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    with environment_of({"AWS_REGION": "us-west-2"}):
        outward = {name for name in os.environ if name.startswith(("AWS_", "PULUMI_", "KUBE"))}
        assert outward == {"AWS_REGION"}
    assert os.environ["AWS_PROFILE"] == "production"
    assert os.environ["KUBECONFIG"] == "/home/me/.kube/config"


@pytest.fixture
def project(tmp_path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "__main__.py").write_text(PROGRAM)
    (root / "Pulumi.yaml").write_text("name: small\nmain: .\nruntime: {name: python, options: {virtualenv: venv}}\n")
    (root / "Pulumi.dev.yaml").write_text(
        "encryptionsalt: v1:abc\nconfig:\n  aws:region: us-west-2\n  small:key: {secure: v1:xyz}\n  small:n: [1]\n"
    )
    return root


def test_the_engine_gets_the_stacks_values_in_the_lab_and_no_secret(tmp_path, project):
    stack: LabStack = lab_stack(a_lab(tmp_path / "lab"), project, "dev")
    stack._write_settings()
    written = tmp_path / "lab" / "projects" / "small"
    assert yaml.safe_load((written / "Pulumi.yaml").read_text()) == {"name": "small", "runtime": "python"}
    assert yaml.safe_load((written / "Pulumi.dev.yaml").read_text()) == {
        "config": {"aws:region": "us-west-2", "small:key": "[secret]", "small:n": [1]}
    }


def test_a_stack_of_another_region_is_wrong_input(tmp_path, project):
    (project / "Pulumi.eu.yaml").write_text("config:\n  aws:region: eu-west-1\n")
    with pytest.raises(InputError) as problem:
        lab_stack(a_lab(tmp_path), project, "eu")
    assert str(problem.value) == (
        "Pulumi.eu.yaml:2: aws:region must be the lab's, us-west-2, got eu-west-1; "
        "or `eks-gpu lab up --region eu-west-1`"
    )
