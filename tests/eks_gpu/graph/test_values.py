"""Values that are unknown or secret: how they are read, and what of them is shown."""

import copy
import pickle
from typing import Any

import pytest

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import Asked, listening
from eks_gpu.graph.values import HIDDEN, UNKNOWN, decoded, replaced, shown, unknowns, written

ANY = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def secret(value: Any) -> dict[str, Any]:
    return {**SECRET, "value": value}


def told(value: Any) -> Any:
    return replaced(decoded(value), {}, "urn")


def test_what_is_unknown_stays_itself_in_a_copy_and_in_another_process():
    for value in (UNKNOWN, HIDDEN):
        assert pickle.loads(pickle.dumps(value)) is value
        assert copy.deepcopy(value) is value


def test_who_asks_hears_whether_an_update_will_tell_or_nobody():
    found = told({"a": ANY, "b": {**SECRET, "ciphertext": "x"}, "c": 1})
    with listening() as heard:
        assert (found.get("a"), found.get("b"), found["c"]) == (None, None, 1)
    assert heard == {Asked("urn", "a"), Asked("urn", "b", secret=True)}


def test_paths_are_written_as_a_person_would():
    value = decoded({"a": [{"b": ANY}, 1], "c": {**SECRET, "ciphertext": "x"}})
    assert [written(path) for path in unknowns(value)] == ["a[0].b", "c"]
    assert list(unknowns(value, which=HIDDEN)) == [("c",)]


def test_a_secret_keeps_its_shape_when_it_is_shown():
    value = {"a": secret({"b": ["x", 3, True], "c": ""}), "d": "y", "e": ANY, "f": [ANY, secret("z")]}
    assert shown(value) == {"a": {"b": ["[secret]", "[secret]", "[secret]"], "c": ""}, "d": "y", "f": ["[secret]"]}
    assert told(value)["a"] == {"b": ["x", 3, True], "c": ""}


KUBECONFIG = "apiVersion: v1\nkind: Config\nusers:\n- name: a\n  user: {token: t}\n"


@pytest.mark.parametrize(
    ("type_", "inputs", "found"),
    [
        ("pulumi:providers:aws", {"region": "eu-west-1", "accessKey": "A", "x": "y"}, {"region": "eu-west-1"}),
        ("pulumi:providers:kubernetes", {"kubeconfig": "c", "enableServerSideApply": "true"}, None),
        (
            "kubernetes:core/v1:Secret",
            {"stringData": {"a": "b"}, "metadata": {"name": "s"}},
            {"metadata": {"name": "s"}},
        ),
        (
            "kubernetes:helm.sh/v3:Release",
            {"values": {"adminPassword": "p", "replicas": 2}},
            {"values": {"replicas": 2}},
        ),
        ("kubernetes:helm.sh/v3:Release", {"repositoryOpts": {"repo": "https://a", "password": "p"}}, None),
        ("kubernetes:core/v1:Pod", {"env": [{"name": "HF_TOKEN", "value": "t"}]}, {"env": [{"name": "HF_TOKEN"}]}),
        ("aws:ssm/parameter:Parameter", {"type": "SecureString", "value": "v"}, {"type": "SecureString"}),
        ("a:b:C", {"text": KUBECONFIG}, {}),
        ("a:b:C", {"text": '{"values": {"apiKey": "p", "size": 1}}'}, None),
        ("a:b:C", {"text": '{"kind": "Secret", "data": {}}'}, {}),
        ("a:b:C", {"pem": "-----BEGIN RSA PRIVATE KEY-----\nx"}, {}),
    ],
)
def test_what_is_secret_by_nature_is_masked_without_being_called_so(type_, inputs, found):
    masked = shown(inputs, type_)
    for value in ("A", "y", "c", "b", "p", "t", "v", KUBECONFIG):
        assert f"'{value}'" not in repr(masked) and f'"{value}"' not in repr(masked)
    assert "[secret]" in repr(masked)
    if found is not None:
        assert _without_masks(masked) == found


def _without_masks(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: _without_masks(item) for key, item in value.items() if item != "[secret]"}
        return {key: item for key, item in kept.items() if item != {}}
    return [_without_masks(item) for item in value] if isinstance(value, list) else value


def test_a_resource_that_nobody_recorded_shows_no_secret_either():
    made = Resource("urn", "kubernetes:core/v1:Secret", "s", inputs={"stringData": {"a": "hunter2"}})
    assert made.shown == {"stringData": {"a": "[secret]"}}
    assert "hunter2" not in repr(made)


@pytest.mark.parametrize(
    "inputs",
    [
        {"metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 1}},
        {"spec": {"volumes": [{"name": "a", "secret": {"secretName": "s"}}], "automountServiceAccountToken": True}},
        {"spec": {"imagePullSecrets": [{"name": "s"}], "serviceAccountName": "a"}},
        {"text": '{"size": 1,  "tokens": ["a"]}', "list": "[not JSON", "braces": "{a}"},
        {"keyName": "k", "kmsKeyId": "k", "secretId": "s", "tokenExpirationSeconds": 3600},
        {"userData": "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n"},
        {"values": {"existingSecret": "s", "secret": {"create": False}}},
    ],
)
def test_what_is_no_secret_is_shown(inputs):
    assert shown(inputs, "a:b:C") == inputs
