"""A mirror: with it no chart and no image is from anywhere else, and without it nothing changes."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi_kubernetes as kubernetes
import pytest

from components import BadInput, use_mirror
from components.values.mirror import mirrored
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import record
from tests.documentation import run_example
from tests.engine import run
from tests.programs import ROOT, plan_of

MIRROR = "m.example/x"
STACKS = ("dev", "lab", "prod", "staging")


def addresses(value: Any) -> Iterator[str]:
    """Everything in a resource's inputs that names a chart, a repository or an image."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("chart", "repository", "repo", "image") and isinstance(item, str):
                yield item.removeprefix("oci://")
            else:
                yield from addresses(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from addresses(item)


@pytest.mark.parametrize("stack", STACKS)
def test_no_chart_and_no_image_of_the_program_is_from_anywhere_else(stack, tmp_path):
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    settings = "  eks-gpu:settings:\n"
    assert settings in text
    (tmp_path / f"Pulumi.{stack}.yaml").write_text(text.replace(settings, f"{settings}    mirror: {MIRROR}\n"))
    project = replace(Project.load(ROOT), stack_folder=str(tmp_path))
    graph = record(project, project.stack(stack))[0].graph

    kubernetes_objects = [made for made in graph if made.type.startswith("kubernetes:")]
    found = [name for made in kubernetes_objects for name in addresses(dict(made.inputs))]
    assert found and [name for name in found if not name.startswith(f"{MIRROR}/")] == []
    assert {made.urn for made in graph} == {made.urn for made in plan_of(".", stack).graph}


def test_every_release_that_is_moved_names_its_image_but_for_definitions():
    charts = {
        made.inputs["chart"].rpartition("/")[2]: [*addresses(dict(made.inputs["values"]))]
        for made in run_example("mirror").of("kubernetes:helm.sh/v3:Release")
    }
    registry = "123456789012.dkr.ecr.us-west-2.amazonaws.com/mirror"
    assert charts == {"cluster-autoscaler": [f"{registry}/registry.k8s.io/autoscaling/cluster-autoscaler"]}


def program(mirror: str | None, folder: Path) -> Any:
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: own\nversion: 1.0.0\n")

    spec: Any = {"containers": [{"name": "c"}], "initContainers": [{"name": "b", "image": "nvcr.io/b@sha256:1"}]}

    def made() -> None:
        if mirror:
            use_mirror(mirror)
        container = kubernetes.core.v1.ContainerArgs(name="a", image="busybox:1")
        kubernetes.core.v1.Pod("typed", spec=kubernetes.core.v1.PodSpecArgs(containers=[container]))
        kubernetes.core.v1.Pod("plain", spec=spec)
        kubernetes.helm.v3.Release("folder", chart=str(folder))
        kubernetes.helm.v3.Release("other", chart="oci://quay.io/a/other", values={"image": "quay.io/a"})

    return run(made)


def test_other_resources_of_a_program_are_moved_too(tmp_path):
    ran = program(MIRROR, tmp_path)
    pods = {made.name: dict(made.inputs["spec"]) for made in ran.of("kubernetes:core/v1:Pod")}
    assert pods["typed"]["containers"] == [{"name": "a", "image": "m.example/x/docker.io/library/busybox:1"}]
    assert pods["plain"]["initContainers"] == [{"name": "b", "image": "m.example/x/nvcr.io/b@sha256:1"}]
    charts = {made.name: made.inputs["chart"] for made in ran.of("kubernetes:helm.sh/v3:Release")}
    assert charts == {"folder": str(tmp_path), "other": "oci://m.example/x/quay.io/a/other"}
    said = "other: the images of chart other are not moved to the mirror; set them in its values"
    assert ran.log == [("warning", said)]


def test_a_program_without_a_mirror_keeps_what_it_has(tmp_path):
    charts = {made.name: made.inputs["chart"] for made in program(None, tmp_path).of("kubernetes:helm.sh/v3:Release")}
    assert charts == {"folder": str(tmp_path), "other": "oci://quay.io/a/other"}


@pytest.mark.parametrize(
    "address, moved",
    [
        ("a", "m.example/x/docker.io/library/a"),
        ("a/b:1", "m.example/x/docker.io/a/b:1"),
        ("localhost/b", "m.example/x/localhost/b"),
        ("host:5000/b@sha256:0", "m.example/x/host:5000/b@sha256:0"),
        ("m.example/x/a:1", "m.example/x/a:1"),
        ("m.example/xy/a:1", "m.example/x/m.example/xy/a:1"),
    ],
)
def test_an_address_keeps_all_of_itself(address, moved):
    assert mirrored(address, MIRROR) == moved


@pytest.mark.parametrize("registry", ["", "mirror", "https://m.example/x", "m.example/x/", "m.example/X y"])
def test_what_is_no_registry_is_refused(registry):
    with pytest.raises(BadInput, match="mirror must be a registry"):
        use_mirror(registry)


def test_a_wrong_mirror_is_told_with_its_place(tmp_path: Path):
    text = (ROOT / "Pulumi.dev.yaml").read_text()
    changed = text.replace("eks-gpu:settings:\n", "eks-gpu:settings:\n    mirror: https://m\n")
    (tmp_path / "Pulumi.dev.yaml").write_text(changed)
    project = replace(Project.load(ROOT), stack_folder=str(tmp_path))
    with pytest.raises(Exception, match=r"eks-gpu:settings\.mirror must be a registry .*, got 'https://m'"):
        record(project, project.stack("dev"))
