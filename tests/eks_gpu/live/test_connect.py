"""A kubeconfig that is none: one message, and no crash."""

import re

import pytest
import yaml

from eks_gpu.io.problems import InputError
from eks_gpu.live.cluster import connect

WORKING = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "it",
    "clusters": [{"name": "shop", "cluster": {"server": "https://127.0.0.1:9"}}],
    "contexts": [{"name": "it", "context": {"cluster": "shop", "user": "me"}}],
    "users": [{"name": "me", "user": {"token": "a"}}],
}


def said(tmp_path, text, context=""):
    file = tmp_path / "config"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as refused:
        connect(file, context)
    (problem,) = refused.value.problems
    assert "\n" not in problem
    return problem


def test_a_kubeconfig_that_works(tmp_path):
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(WORKING))
    assert connect(file).context == "it"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "kubeconfig: not valid YAML: "),
        ("a: }", "kubeconfig: not valid YAML: "),
        (b"\x00\x01", "kubeconfig: not valid YAML: "),
        (b"\xff\xfe\xfa", "kubeconfig: "),
        ("- a", "kubeconfig: "),
        ("hello", "kubeconfig: "),
        ("", "kubeconfig: .*file is empty"),
        (yaml.safe_dump({**WORKING, "contexts": [1]}), "kubeconfig: "),
        (yaml.safe_dump({**WORKING, "contexts": "it"}), "kubeconfig: "),
        (yaml.safe_dump({**WORKING, "current-context": "other"}), "kubeconfig: .*other"),
    ],
)
def test_a_file_that_is_no_kubeconfig(text, message, tmp_path):
    assert re.match(message, said(tmp_path, text))


def test_an_unknown_context(tmp_path):
    assert said(tmp_path, yaml.safe_dump(WORKING), "its") == (
        "--context: must be one of the kubeconfig's, got 'its'; nearest: it"
    )
