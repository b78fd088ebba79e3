"""Kubernetes objects by other doors on the real engine: `check` says of preview and state what the plan said before."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eks_gpu.foreign import documents
from eks_gpu.foreign.judged import Judged, judge
from eks_gpu.foreign.stack import foreign
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.toolchain import toolchain
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import Plan, make_plan
from tests.e2e.own_lab import own_lab

REGION = "us-west-2"
PROGRAM = """
import os
from pathlib import Path
import pulumi
import pulumi_kubernetes as k8s

here = os.path.dirname(os.path.abspath(__file__))
opts = pulumi.ResourceOptions(provider=k8s.Provider("cluster"))
"""
DOORS = {
    "yaml-config-file": 'k8s.yaml.ConfigFile("app", file=here + "/app/all.yaml", opts=opts)',
    "yaml-config-group": 'k8s.yaml.ConfigGroup("app", files=[here + "/app/*.yaml"], opts=opts)',
    "yaml-v2-config-file": 'k8s.yaml.v2.ConfigFile("app", file=here + "/app/all.yaml", opts=opts)',
    "yaml-v2-config-group": 'k8s.yaml.v2.ConfigGroup("app", yaml=Path(here, "app/all.yaml").read_text(), opts=opts)',
    "kustomize": 'k8s.kustomize.Directory("app", here + "/app", opts=opts)',
    "kustomize-v2": 'k8s.kustomize.v2.Directory("app", directory=here + "/app", opts=opts)',
    "helm-v3-chart": 'k8s.helm.v3.Chart("app", k8s.helm.v3.LocalChartOpts(path=here + "/chart"), opts=opts)',
    "helm-v4-chart": 'k8s.helm.v4.Chart("app", chart=here + "/chart", opts=opts)',
}
POOL = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: %(name)s, annotations: {pulumi.com/skipAwait: "true"}}
spec:
  limits: {%(limit)s: "4"}
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}
      taints: [{key: nvidia.com/gpu, value: "true", effect: NoSchedule}]
      requirements:
      - {key: node.kubernetes.io/instance-type, operator: In, values: [g5.xlarge, g6.xlarge]}
      - {key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}
"""
WORKLOAD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: default, annotations: {pulumi.com/skipAwait: "true"}}
spec:
  replicas: %(replicas)s
  selector: {matchLabels: {app: %(name)s}}
  template:
    metadata: {labels: {app: %(name)s}}
    spec:
      tolerations: [{key: %(tolerated)s, operator: Exists}]
      containers:
      - {name: model, image: "registry.example/model:1", resources: {limits: {nvidia.com/gpu: %(gpus)s}}}
"""
NODE_CLASS = """
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: gpu, annotations: {pulumi.com/skipAwait: "true"}}
spec:
  role: nodes
  amiSelectorTerms: [{alias: al2023@v20261120}]
  subnetSelectorTerms: [{tags: {team: gpu}}]
  securityGroupSelectorTerms: [{tags: {team: gpu}}]
"""
OBJECTS = "---".join(
    (
        NODE_CLASS,
        POOL % {"name": "capped", "limit": "nvidia.com/gpu"},
        POOL % {"name": "uncapped", "limit": "gpu"},  # no node has such a resource, so nothing is limited
        WORKLOAD % {"name": "fits", "replicas": 2, "tolerated": "nvidia.com/gpu", "gpus": 1},
        WORKLOAD % {"name": "intolerant", "replicas": 1, "tolerated": "other", "gpus": 1},
        WORKLOAD % {"name": "too-big", "replicas": 3, "tolerated": "nvidia.com/gpu", "gpus": 8},
    )
)
POOLS = {"capped": 4, "uncapped": None}
"""Pool -> the GPUs that it may start."""
ADMITTED = {"fits": ["capped", "uncapped"], "intolerant": [], "too-big": []}


@dataclass(frozen=True)
class Seen:
    """One program's plan, and what `check` says of it when the real engine has brought it up."""

    plan: Plan
    preview: Judged
    """Of the preview before it came up."""
    state: Judged
    unchanged: Judged
    """Of the preview after it came up, which leaves out what stays as it is."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        helm = toolchain(["helm"])["helm"]  # the real provider looks for it too
        patch.setenv("PATH", f"{helm.parent}{os.pathsep}{os.environ['PATH']}")
        with own_lab(tmp_path_factory.mktemp("lab")) as made:
            yield made


def written(door: str, folder: Path) -> Path:
    """The project of one door, with all that the eight may read."""
    project = folder / door
    for name in ("app", "chart/templates"):
        (project / name).mkdir(parents=True)
    (project / "Pulumi.yaml").write_text(f"{{name: {door}, runtime: python}}")
    (project / "Pulumi.dev.yaml").write_text(f"config: {{'aws:region': {REGION}}}")
    (project / "__main__.py").write_text(f"{PROGRAM}{DOORS[door]}\n")
    (project / "app" / "all.yaml").write_text(OBJECTS)
    if "kustomize" in door:
        (project / "app" / "kustomization.yaml").write_text("resources: [all.yaml]")
    (project / "chart" / "Chart.yaml").write_text("{apiVersion: v2, name: app, version: 1.0.0}")
    (project / "chart" / "templates" / "all.yaml").write_text(OBJECTS)
    return project


@pytest.fixture(scope="module", params=DOORS)
def seen(request: pytest.FixtureRequest, lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("doors")
    project = Project.load(written(request.param, folder))
    stack = lab_stack(lab, project.root, "dev")

    def judged(read: Any, document: dict[str, Any]) -> Judged:
        (folder / "document.json").write_text(json.dumps(document))
        return judge(foreign(read(folder / "document.json"), REGION, whole=True))

    plan = make_plan(project, project.stack("dev"))
    before = judged(documents.preview, stack.preview_document())
    stack.up()
    try:
        return Seen(
            plan,
            before,
            judged(documents.state, stack.state_document()),
            judged(documents.preview, stack.preview_document()),
        )
    finally:
        stack.destroy()


pytestmark = [
    pytest.mark.xdist_group("doors"),  # of one lab
    pytest.mark.minutes(2),
    pytest.mark.filterwarnings("ignore:explicit use of file_id"),  # the SDK's ConfigGroup makes its files with it
]


def test_the_plan_reads_every_pool_and_workload(seen):
    found = seen.plan.analysis
    assert {pool.name: pool.max_gpus for pool in found.pools} == POOLS
    assert {each.name: found.admitted_by(each) for each in found.workloads} == ADMITTED


@pytest.mark.parametrize("document", ["preview", "state"])
def test_check_says_of_a_document_what_the_plan_said(seen, document):
    told = getattr(seen, document)
    assert verdicts(told.findings) == verdicts(seen.plan.analysis.findings)
    assert pools(told.analysis.pools) == pools(seen.plan.analysis.pools)
    assert told.as_json()["cost"] == seen.plan.as_json()["cost"]


def test_a_preview_without_what_stays_as_it_is_is_no_green_one(seen):
    (row,) = seen.unchanged.analysis.unread
    assert re.fullmatch(r"[89] unchanged resources", row.subject)
    assert seen.unchanged.failed


def pools(found: Any) -> list[dict[str, Any]]:
    """By name: the engine registers objects of a file in an order of its own."""
    return sorted((pool.as_json() for pool in found), key=lambda row: row["name"])


def verdicts(findings: Any) -> set[tuple[Any, ...]]:
    return {(found.id, found.subject, found.passed, found.severity, found.message) for found in findings}
