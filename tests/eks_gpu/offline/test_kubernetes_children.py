"""Kubernetes by any door: the children of YAML files, kustomizations and charts are in the plan."""

import json
import textwrap
from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import pytest
import requests

from eks_gpu.io.problems import InputError
from eks_gpu.offline import renderers
from eks_gpu.offline.kubernetes_children import KubernetesChildren
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from eks_gpu.pods.demand import workloads
from eks_gpu.pools.readers import pools
from eks_gpu.pools.software import software
from tests.engine import REGION, Run, run

TRAIN = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: train, namespace: ml}
spec:
  replicas: 3
  selector: {matchLabels: {app: train}}
  template:
    metadata: {labels: {app: train}}
    spec:
      containers:
      - {name: train, image: train, resources: {limits: {nvidia.com/gpu: 1}}}
"""
POOL = """
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: gpu}
spec:
  template:
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: gpu}
      requirements:
      - {key: node.kubernetes.io/instance-type, operator: In, values: [g5.xlarge]}
"""
BOTH = f"{TRAIN}---{POOL}"
SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: front}, spec: {type: LoadBalancer}}"
HELM = """#!/bin/sh
here=$(dirname "$0")
echo "$@" > $here/asked
cat > $here/values
cat $here/answer
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The working directory of the program, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def helm(tmp_path, monkeypatch) -> Path:
    """A helm on PATH that prints the file `answer`, and keeps what it was asked."""
    place = tmp_path / "bin"
    place.mkdir()
    (place / "helm").write_text(HELM)
    (place / "helm").chmod(0o755)
    (place / "answer").write_text(BOTH)
    monkeypatch.setenv("PATH", f"{place}:/usr/bin:/bin")
    return place


@pytest.fixture
def no_programs(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(renderers.sys, "executable", str(tmp_path / "venv" / "python"))


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))


def seen(ran: Run) -> tuple[list[tuple[str, int | None]], list[str]]:
    """Workloads with their replicas, and the names of the pools."""
    return [(made.name, made.replicas) for made in workloads(ran.graph)], [
        made.name for made in pools(ran.graph, REGION)
    ]


def unread(ran: Run) -> list[tuple[str, str]]:
    return [(row.subject, row.what) for row in ran.graph.unread]


def directory(folder: Path) -> str:
    write(folder, {"app/kustomization.yaml": "resources: [all.yaml]", "app/all.yaml": BOTH})
    return "app"


def chart(folder: Path, name: str = "chart") -> str:
    write(folder, {f"{name}/Chart.yaml": "{apiVersion: v2, name: app, version: 1.0.0}"})
    return f"./{name}"


DOORS = {
    "yaml.ConfigFile": lambda folder: k8s.yaml.ConfigFile("it", file="all.yaml"),
    "yaml.ConfigGroup": lambda folder: k8s.yaml.ConfigGroup("it", files=["*.yaml"]),
    "yaml.v2.ConfigFile": lambda folder: k8s.yaml.v2.ConfigFile("it", file="all.yaml"),
    "yaml.v2.ConfigGroup of files": lambda folder: k8s.yaml.v2.ConfigGroup("it", files=["*.yaml"]),
    "yaml.v2.ConfigGroup of text": lambda folder: k8s.yaml.v2.ConfigGroup("it", yaml=BOTH),
    "kustomize.Directory": lambda folder: k8s.kustomize.Directory("it", directory(folder)),
    "kustomize.v2.Directory": lambda folder: k8s.kustomize.v2.Directory("it", directory=directory(folder)),
    "helm.v3.Chart": lambda folder: k8s.helm.v3.Chart("it", k8s.helm.v3.LocalChartOpts(path=chart(folder))),
    "helm.v4.Chart": lambda folder: k8s.helm.v4.Chart("it", chart=chart(folder)),
    "helm.v3.Release": lambda folder: k8s.helm.v3.Release("it", chart=chart(folder)),
}


@pytest.mark.filterwarnings("ignore:explicit use of file_id")  # the SDK's ConfigGroup makes its files with it
@pytest.mark.parametrize("door", DOORS)
def test_what_a_file_or_chart_makes_is_in_the_plan(folder, helm, door):
    write(folder, {"all.yaml": BOTH})

    ran = run(lambda: DOORS[door](folder))

    assert seen(ran) == ([("train", 3)], ["gpu"])
    assert ran.graph.unread == ()


def test_children_are_named_as_the_provider_names_them(folder):
    write(folder, {"all.yaml": f"{BOTH}---\n{SERVICE}\n---\n{{apiVersion: v1, kind: List, items: [{SERVICE_B}]}}"})

    ran = run(lambda: k8s.yaml.v2.ConfigFile("file", file="all.yaml"))

    file = "urn:pulumi:dev::project::kubernetes:yaml/v2:ConfigFile"
    assert {resource.urn: resource.expanded_from for resource in ran.graph} == {
        f"{file}::file": "",
        f"{file}$kubernetes:apps/v1:Deployment::file:ml/train": f"{file}::file",
        f"{file}$kubernetes:karpenter.sh/v1:NodePool::file:gpu": f"{file}::file",
        f"{file}$kubernetes:core/v1:Service::file:default/front": f"{file}::file",
        f"{file}$kubernetes:core/v1:Service::file:default/back": f"{file}::file",
    }


SERVICE_B = SERVICE.replace("front", "back")


@pytest.mark.parametrize(("prefix", "names"), [("mine", {"mine:default/front"}), ("", {"default/front"})])
def test_a_prefix_takes_the_place_of_the_components_name(folder, prefix, names):
    ran = run(lambda: k8s.yaml.v2.ConfigGroup("group", objs=[json_of(SERVICE)], resource_prefix=prefix))

    assert {resource.name for resource in ran.graph if resource.custom} == names


def json_of(text: str):
    from eks_gpu.io.documents import parse, plain

    return plain(parse(text)[0])


def test_children_have_the_provider_and_the_dependencies_of_their_component(folder):
    def program():
        access = k8s.Provider("access", kubeconfig="{}")
        first = k8s.core.v1.Namespace("first", opts=pulumi.ResourceOptions(provider=access))
        options = pulumi.ResourceOptions(provider=access, depends_on=[first])
        k8s.yaml.v2.ConfigGroup("group", yaml=SERVICE, opts=options)

    ran = run(program)

    (service,) = ran.of("kubernetes:core/v1:Service")
    assert service.provider.startswith("urn:pulumi:dev::project::pulumi:providers:kubernetes::access::")
    assert ran.one("kubernetes:core/v1:Namespace").urn in service.dependencies


def test_a_definition_and_a_namespace_come_before_what_needs_them(folder):
    text = """
    {apiVersion: example.org/v1, kind: Thing, metadata: {name: thing, namespace: ml}}
    ---
    {apiVersion: v1, kind: Namespace, metadata: {name: ml}}
    ---
    apiVersion: apiextensions.k8s.io/v1
    kind: CustomResourceDefinition
    metadata: {name: things.example.org}
    spec: {group: example.org, names: {kind: Thing}}
    """

    ran = run(lambda: k8s.yaml.v2.ConfigGroup("group", yaml=textwrap.dedent(text)))

    thing = ran.one("kubernetes:example.org/v1:Thing")
    assert {made.name for urn in thing.dependencies if (made := ran.graph.get(urn))} == {
        "group:ml",
        "group:things.example.org",
    }


def test_the_program_gets_its_children_as_outputs(folder):
    def program():
        group = k8s.yaml.v2.ConfigGroup("group", yaml=BOTH)
        pulumi.export("many", group.resources.apply(lambda made: len(made or ())))

    assert run(program).exports == {"many": 2}


def test_data_of_a_secret_is_in_no_row(folder):
    ran = run(
        lambda: k8s.yaml.v2.ConfigGroup(
            "g", yaml="{apiVersion: v1, kind: Secret, metadata: {name: s}, data: {a: aGk=}}"
        )
    )

    assert ran.one("kubernetes:core/v1:Secret").inputs["data"] == "[secret]"


@pytest.mark.parametrize(
    "door",
    [
        lambda secret: k8s.yaml.v2.ConfigGroup("it", yaml=secret),
        lambda secret: k8s.yaml.v2.ConfigGroup("it", objs=secret.apply(lambda text: [json_of(text)])),
        lambda secret: k8s.yaml.v2.ConfigFile("it", file=secret),
    ],
)
def test_what_is_secret_is_not_read(door):
    (row,) = run(lambda: door(pulumi.Output.secret(SERVICE))).graph.unread

    assert (row.what, row.subject.endswith(" it")) == ("pods", True)
    assert row.why.endswith("of it is secret, or known later only")


def test_secret_values_of_a_chart_are_masked_for_helm(folder, helm):
    def program():
        values = {"password": pulumi.Output.secret("key"), "replicas": 2}
        k8s.helm.v4.Chart("it", chart=chart(folder), values=values)

    run(program)

    assert json.loads((helm / "values").read_text()) == {"password": "[secret]", "replicas": 2}


def test_options_of_a_chart_that_cannot_be_read_end_no_plan():
    children = KubernetesChildren()

    assert children.template({"jsonOpts": "[secret]"}) == {"result": []}
    assert [(row.subject, row.what) for row in children.unread] == [("a helm.v3.Chart", "software")]


# --- wrong input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            lambda: k8s.yaml.v2.ConfigFile("file", file="gone.yaml"),
            r"test_kubernetes_children.py:\d+: ConfigFile file: gone.yaml: no such file",
        ),
        (
            lambda: k8s.yaml.v2.ConfigFile("file", file="broken.yaml"),
            r"^broken.yaml:3:\d+: not valid YAML",
        ),
        (
            lambda: k8s.yaml.ConfigFile("file", file="broken.yaml"),
            r"^broken.yaml:3:\d+: not valid YAML",
        ),
        (
            lambda: k8s.yaml.ConfigFile("group", file="more/odd.yml"),
            r"^more/odd.yml:\d+:\d+: not valid YAML",
        ),
        (
            lambda: k8s.yaml.ConfigGroup("group", yaml=["a: 1\nc: ["]),
            r"^YAML of a yaml.ConfigFile or ConfigGroup:3:\d+: not valid YAML",
        ),
        (
            lambda: k8s.yaml.v2.ConfigFile("file", file="odd.yaml"),
            r"^odd.yaml:1: a Kubernetes object needs apiVersion and kind, got name$",
        ),
        (
            lambda: k8s.kustomize.v2.Directory("app", directory="nowhere"),
            r"Directory app: nowhere/kustomization.yaml: no such file",
        ),
        (
            lambda: k8s.helm.v4.Chart("app", chart="./nowhere"),
            r"Chart app: nowhere/Chart.yaml: no such file",
        ),
        (
            lambda: k8s.helm.v3.Release("app", chart="app", value_yaml_files=[pulumi.FileAsset("gone.yaml")]),
            r"test_kubernetes_children.py:\d+: valueYamlFiles: gone.yaml: no such file",
        ),
    ],
)
def test_a_missing_or_broken_file_is_one_message(folder, program, said):
    write(folder, {"broken.yaml": "a: 1\nb: [", "odd.yaml": "name: odd", "more/odd.yml": "kind: {"})

    with pytest.raises(InputError, match=said):
        run(program)


# --- charts ----------------------------------------------------------------------------------------------------------


def test_helm_is_asked_as_the_provider_would(folder, helm):
    values = k8s.helm.v4.Chart
    run(lambda: values("app", chart=chart(folder), namespace="ml", name="named", values={"a": 1}, skip_crds=True))

    assert (helm / "asked").read_text().split() == (
        ["template", "named", "./chart", "--namespace", "ml", "--values", "-", "--skip-crds", "--no-hooks"]
    )
    assert json.loads((helm / "values").read_text()) == {"a": 1}


def test_values_of_files_are_under_those_of_the_program(folder, helm):
    write(folder, {"one.yaml": "{a: {one: 1, two: 1}, b: [1]}", "two.yaml": "{a: {two: 2}}"})
    files = [pulumi.FileAsset("one.yaml"), pulumi.FileAsset("two.yaml")]

    def program():
        k8s.helm.v3.Release("app", chart="karpenter", version="1.9.0", value_yaml_files=files, values={"b": [3]})

    (release,) = software(run(program).graph)
    assert release.values == {"a": {"one": 1, "two": 2}, "b": [3]}


def test_a_hook_that_tests_is_no_child_and_another_one_is(folder, helm):
    hook = "{apiVersion: v1, kind: Pod, metadata: {name: %s, annotations: {helm.sh/hook: %s}}, spec: {containers: []}}"
    (helm / "answer").write_text(f"{hook % ('try', 'test')}\n---\n{hook % ('before', 'pre-install')}")

    ran = run(lambda: k8s.helm.v3.Chart("it", k8s.helm.v3.LocalChartOpts(path=chart(folder), namespace="ml")))

    assert [made.name for made in ran.graph if made.custom] == ["ml/before"]


def test_what_a_chart_keeps_is_kept(folder, helm):
    (helm / "answer").write_text(
        SERVICE.replace("name: front", "name: front, annotations: {helm.sh/resource-policy: keep}")
    )

    ran = run(lambda: k8s.helm.v4.Chart("it", chart=chart(folder)))

    assert ran.one("kubernetes:core/v1:Service").options == {"retainOnDelete": True}


def test_a_chart_that_helm_refuses_is_not_read(folder, helm):
    (helm / "helm").write_text("#!/bin/sh\necho 'Error: image.tag is required' >&2; exit 1\n")

    ran = run(lambda: k8s.helm.v4.Chart("it", chart=chart(folder)))

    (row,) = ran.graph.unread
    assert row.why == "`helm template it ./chart` failed: image.tag is required"


@pytest.mark.parametrize("door", ["helm.v3.Chart", "helm.v4.Chart", "helm.v3.Release"])
def test_without_helm_a_local_chart_is_not_read(folder, no_programs, door):
    ran = run(lambda: DOORS[door](folder))

    (row,) = ran.graph.unread
    assert (row.what, row.why) == ("software", "no helm is here to render the chart")
    assert row.subject == f"chart ./chart of {door.rpartition('.')[2]} it"


def test_the_helm_that_the_toolchain_built_is_found(folder, no_programs, tmp_path):
    built = tmp_path / "cache" / "eks-gpu" / "lab" / "helm-0123456789ab" / "bin" / "helm"
    built.parent.mkdir(parents=True)
    built.write_text("#!/bin/sh\nexit 0\n")
    built.chmod(0o755)

    assert run(lambda: DOORS["helm.v4.Chart"](folder)).graph.unread == ()


@pytest.mark.parametrize("door", ["kustomize.Directory", "kustomize.v2.Directory"])
def test_without_kubectl_a_kustomization_is_not_read(folder, no_programs, door):
    (row,) = run(lambda: DOORS[door](folder)).graph.unread

    assert (row.what, row.why) == ("pods", "no kubectl is here to render the kustomization")


def remote_chart(name: str):
    fetch = k8s.helm.v3.FetchOpts(repo="https://example.org/charts")
    given = {"version": "3.12.2", "namespace": "kube-system", "values": {"a": 1}}
    return k8s.helm.v3.Chart("it", k8s.helm.v3.ChartOpts(chart=name, fetch_opts=fetch, **given))


def test_a_chart_of_a_repository_is_known_by_name_version_and_values():
    ran = run(lambda: remote_chart("metrics-server"))

    (found,) = software(ran.graph)
    assert (found.chart, found.version, found.namespace, found.values) == (
        *("metrics-server", "3.12.2", "kube-system"),
        {"a": 1},
    )
    assert unread(ran) == [("chart metrics-server of Chart it", "software")]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("prometheus", ["software"]),
        ("karpenter-nodepools", ["nodes"]),
        ("oci://example.org/karpenter-resources", ["nodes"]),
        ("oci://public.ecr.aws/karpenter/karpenter", []),
        ("nvidia-device-plugin", []),
    ],
)
@pytest.mark.parametrize(
    "kind", [lambda name: k8s.helm.v3.Release("it", chart=name), lambda name: k8s.helm.v4.Chart("it", chart=name)]
)
def test_a_chart_of_a_repository_is_unread_unless_checks_judge_its_values(kind, name, what):
    assert [row.what for row in run(lambda: kind(name)).graph.unread] == what


def test_a_file_of_another_machine_is_not_read():
    address = "https://example.org/plugin.yml"

    ran = run(lambda: k8s.yaml.v2.ConfigFile("plugin", file=address))

    assert unread(ran) == [(f"file {address} of ConfigFile plugin", "pods")]


def planned(folder: Path, program: str):
    """The graph of a project with this program."""
    write(
        folder, {"Pulumi.yaml": "{name: shop, runtime: python}", "Pulumi.dev.yaml": "config: {aws:region: us-west-2}"}
    )
    write(folder, {"__main__.py": f"import pulumi_kubernetes as k8s\n{program}\n"})
    project = Project.load(folder)
    return record(project, project.stack("dev"))[0].graph


def test_a_file_whose_address_does_not_answer_is_not_read(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise requests.ConnectionError("no network here")

    monkeypatch.setattr(requests, "get", refuse)
    graph = planned(tmp_path, 'k8s.yaml.ConfigFile("plugin", file="https://example.org/plugin.yml")')

    assert [(row.subject, row.what, row.why) for row in graph.unread] == [
        ("file https://example.org/plugin.yml", "pods", "its address did not answer (ConnectionError)")
    ]


def test_a_file_whose_address_answers_is_read(tmp_path, monkeypatch):
    answer = requests.Response()
    answer.status_code, answer._content = 200, BOTH.encode()
    monkeypatch.setattr(requests, "get", lambda *_, **__: answer)

    graph = planned(tmp_path, 'k8s.yaml.ConfigFile("all", file="https://example.org/all.yml")')

    assert ([made.name for made in workloads(graph)], graph.unread) == (["train"], ())


def test_a_plan_has_the_rows_and_where_they_are_from(tmp_path):
    write(tmp_path, {"all.yaml": BOTH})
    graph = planned(tmp_path, 'k8s.yaml.v2.ConfigFile("file", file="all.yaml")')

    (work,) = graph.of("kubernetes:apps/v1:Deployment")
    assert work.expanded_from == work.parent == "urn:pulumi:dev::shop::kubernetes:yaml/v2:ConfigFile::file"


def test_a_missing_file_is_named_with_the_programs_line(tmp_path):
    with pytest.raises(InputError) as told:
        planned(tmp_path, 'k8s.yaml.v2.ConfigFile("file", file="gone.yaml")')

    assert told.value.problems == ["__main__.py:2: ConfigFile file: gone.yaml: no such file"]
