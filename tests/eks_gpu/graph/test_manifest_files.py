"""`--manifests`: one file an object, and none that the program no longer makes."""

import pytest
import yaml

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.manifest_files import WRITTEN, write_manifests
from eks_gpu.io.problems import InputError


def made(kind: str, name: str, namespace: str = "", provider: str = "", group: str = "core/v1", **more) -> Resource:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    urn = f"urn:pulumi:dev::p::kubernetes:{group}:{kind}::{namespace}{name}{provider}"
    type_ = f"kubernetes:{group}:{kind}"
    return Resource(urn, type_, f"{namespace}-{name}", inputs={"metadata": metadata, **more}, provider=provider)


def files(folder) -> set[str]:
    return {file.name for file in folder.iterdir()} - {WRITTEN}


def test_objects_whose_names_would_meet_have_a_file_each(tmp_path):
    one, other = made("ConfigMap", "c", "a-b", data={"x": "1"}), made("ConfigMap", "b-c", "a", data={"x": "2"})
    assert write_manifests(Graph([one, other, made("Pod", "c", "a-b")]), tmp_path) == 3
    assert len(files(tmp_path)) == 3
    assert "pod-a-b-c.yaml" in files(tmp_path)
    told = [yaml.safe_load((tmp_path / name).read_text()) for name in files(tmp_path)]
    assert {(each["kind"], each["metadata"]["name"], (each.get("data") or {}).get("x")) for each in told} == {
        ("ConfigMap", "c", "1"),
        ("ConfigMap", "b-c", "2"),
        ("Pod", "c", None),
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (made("Ingress", "a", group="networking.k8s.io/v1"), made("Ingress", "a", group="extensions/v1beta1")),
        (made("Pod", "a", provider="east"), made("Pod", "a", provider="west")),
        (made("Role", "a:b"), made("Role", "a-b")),
    ],
)
def test_a_file_is_never_shared(tmp_path, one, other):
    write_manifests(Graph([one, other]), tmp_path)
    assert len(files(tmp_path)) == 2


def test_one_object_of_two_resources_is_refused_and_nothing_is_written(tmp_path):
    twice = [made("Pod", "a", "web"), made("Pod", "a", "web")]
    twice[1] = Resource(**{**vars(twice[1]), "urn": "urn:2", "name": "second"})
    with pytest.raises(InputError) as refused:
        write_manifests(Graph(twice), tmp_path / "out")
    assert refused.value.problems == ["web-a and second: both are Pod a in namespace web, of one cluster: remove one"]
    assert not (tmp_path / "out").exists()


def test_what_the_last_run_wrote_and_this_one_does_not_is_removed(tmp_path):
    (tmp_path / "own.yaml").write_text("of the user")
    write_manifests(Graph([made("Pod", "a"), made("Pod", "b")]), tmp_path)
    write_manifests(Graph([made("Pod", "b")]), tmp_path)
    assert files(tmp_path) == {"own.yaml", "pod-b.yaml"}


def test_a_list_that_somebody_changed_removes_nothing_elsewhere(tmp_path):
    folder = tmp_path / "out"
    write_manifests(Graph([made("Pod", "a")]), folder)
    (tmp_path / "precious.yaml").write_text("x")
    (folder / WRITTEN).write_text(f"../precious.yaml\n{tmp_path}/precious.yaml\n")
    write_manifests(Graph([]), folder)
    assert (tmp_path / "precious.yaml").exists()


@pytest.mark.parametrize("link", ["pod-a.yaml", WRITTEN])
def test_a_link_is_not_followed(tmp_path, link):
    outside, folder = tmp_path / "outside", tmp_path / "out"
    outside.write_text("x")
    folder.mkdir()
    (folder / link).symlink_to(outside)
    with pytest.raises(InputError) as refused:
        write_manifests(Graph([made("Pod", "a")]), folder)
    assert refused.value.problems == [f"{folder / link}: must not be a link, which leads out of the folder"]
    assert outside.read_text() == "x"


@pytest.mark.parametrize("name", ["../../x", "a/b", ".hidden", "a\x1bb", "n" * 300, "UPPER"])
def test_a_name_makes_no_other_file(tmp_path, name):
    folder = tmp_path / "out"
    write_manifests(Graph([made("Pod", name), made("Pod", "upper")]), folder)
    assert len(files(folder)) == 2
    assert {file.name for file in tmp_path.iterdir()} == {"out"}
