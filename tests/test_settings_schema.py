"""The schema of stacks' files: editors accept what the program accepts, and underline what it refuses."""

import json
import re
from copy import deepcopy
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from components.values.settings import as_data
from components.values.value import problems
from settings import Settings
from tests.programs import ROOT
from tests.test_contract import settings as paths
from tools.settings_schema import FILE, UNITS, rows, unit

STACKS = sorted(ROOT.glob("Pulumi.*.yaml"))
KEY = "eks-gpu:settings"
SCHEMA = json.loads((ROOT / FILE).read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")


def refused(stack: Any) -> list[str]:
    """Places that an editor underlines, each once."""
    found = {"/".join(map(str, error.absolute_path)) for error in Draft7Validator(SCHEMA).iter_errors(stack)}
    return sorted(path.removeprefix(f"config/{KEY}/") for path in found)


def with_settings(**changed: Any) -> Any:
    """Good settings with whole sections changed."""
    good = yaml.safe_load((ROOT / "tests" / "settings.yaml").read_text())
    return {"config": {"aws:region": "us-west-2", KEY: {**good, **changed}}}


def test_it_is_a_schema():
    Draft7Validator.check_schema(SCHEMA)
    assert Draft7Validator.META_SCHEMA["$id"].startswith(SCHEMA["$schema"].rstrip("#"))


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.name)
def test_a_stack_of_ours_names_it_and_is_as_it_says(file):
    text = file.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named and json.loads((file.parent / named[1]).read_text(encoding="utf-8")) == SCHEMA
    assert refused(yaml.safe_load(text)) == []


def test_settings_of_every_section_are_as_it_says():
    assert refused(with_settings()) == []


GPU = {"instance_types": ["g6.xlarge"], "max_gpus": 1}
BROKEN: list[tuple[dict[str, Any], list[str]]] = [
    ({"clutser": {}}, [f"config/{KEY}"]),
    ({"network": {"nat": "singel"}}, ["network/nat"]),
    ({"network": {"private_prefix": 15}}, ["network/private_prefix"]),
    ({"network": {"flow_logs": {"retention_days": "30 days"}}}, ["network/flow_logs/retention_days"]),
    ({"cluster": {}}, ["cluster"]),
    ({"cluster": {"name": "a", "kubernetes_version": 1.35}}, ["cluster/kubernetes_version"]),
    ({"cluster": {"name": "a", "log_types": ["audits"]}}, ["cluster/log_types/0"]),
    ({"cluster": {"name": "a", "system_nodes": {"nodes": 1}}}, ["cluster/system_nodes/nodes"]),
    ({"cluster": {"name": "a", "bootstrap": "yes"}}, ["cluster/bootstrap"]),
    (
        {"cluster": {"name": "a", "access_entries": {"ops": {"principal_arn": "arn:1", "policy": "Admin"}}}},
        ["cluster/access_entries/ops/policy"],
    ),
    ({"gpu_node_groups": {"gpu": {"pool": {**GPU, "max_gpus": 0}}}}, ["gpu_node_groups/gpu/pool/max_gpus"]),
    (
        {"gpu_node_groups": {"gpu": {"pool": {**GPU, "instance_types": ["g6.xlrge"]}}}},
        ["gpu_node_groups/gpu/pool/instance_types/0"],
    ),
    (
        {"gpu_node_groups": {"gpu": {"pool": GPU, "backend": "asg", "drain_s": 5}}},
        ["gpu_node_groups/gpu/backend", "gpu_node_groups/gpu/drain_s"],
    ),
    (
        {"karpenter_gpu_pools": {"gpu": {"pool": {**GPU, "capacity_types": ["spots"]}}}},
        ["karpenter_gpu_pools/gpu/pool/capacity_types/0"],
    ),
    ({"karpenter_gpu_pools": {"gpu": {"pool": GPU, "cluster": {}}}}, ["karpenter_gpu_pools/gpu"]),
    ({"gpu_operator": {"node_image": "bottlerocket"}}, ["gpu_operator/node_image"]),
    ({"cuda_vector_add": {"pool": GPU, "replicas": -1}}, ["cuda_vector_add/pool", "cuda_vector_add/replicas"]),
    (
        {"resnet": {"pool": "bought", "settings": {"hpa": {"max_replicas": 0}, "model": {}}}},
        ["resnet/settings/hpa/max_replicas"],
    ),
]


@pytest.mark.parametrize(("changed", "places"), BROKEN, ids=[str(places) for _, places in BROKEN])
def test_what_the_program_refuses_is_underlined_where_it_stands(changed, places):
    stack = with_settings(**changed)
    assert refused(stack) == places
    assert problems(as_data(Settings), stack["config"][KEY])


@pytest.mark.parametrize(
    ("key", "value"),
    [("aws:region", "us-wset-2"), ("eks-gpu:plan", {"monthly_budget": 1}), ("eks-gpu:plan", {"monthly_budget_usd": 0})],
)
def test_the_keys_beside_the_settings_are_known_too(key, value):
    stack = deepcopy(with_settings())
    stack["config"][key] = value
    assert [path.split("/")[1] for path in refused(stack)] == [key]


def test_other_keys_of_a_stack_are_nobody_s_business():
    stack = with_settings()
    stack["config"]["aws:profile"] = "work"
    assert refused({**stack, "secretsprovider": "awskms://alias/stacks", "encryptedkey": "AQ=="}) == []


def test_the_page_has_every_setting_with_its_meaning():
    known = {path.replace("*", "<name>").replace(".[]", "[]") for path in paths()}
    told = {path.strip("`"): meaning for path, _, _, meaning in rows()}
    assert known == told.keys()
    assert all(told.values())
    assert all(f"| `{path}` | " in PAGE for path in told)


def test_a_number_has_its_unit_and_its_bounds_and_a_setting_its_default():
    found = {path.strip("`"): (takes, default) for path, takes, default, _ in rows()}
    pool = "karpenter_gpu_pools.<name>.pool"
    assert found[f"{pool}.idle_s"] == ("whole number, seconds, 30 or more", "600")
    assert found[f"{pool}.disk_gib"] == ("whole number, GiB, 30 to 65536", "100")
    assert found[f"{pool}.max_gpus"] == ("whole number, accelerators, 1 or more", "required")
    assert found[f"{pool}.capacity_types"] == ("list: `reserved`, `spot`, `on-demand`", "on-demand")
    assert found["spot_node_groups.<name>.drain_s"][0] == "whole number, seconds, 30 to 7140"
    assert found["cluster_autoscaler.gpu_utilization_threshold"] == ("number, over 0, 1 or less", "0.5")
    assert found["cluster"] == ("map", "required")
    assert found["cluster_autoscaler"] == ("map", "none")


def test_every_unit_is_one_of_a_setting():
    names = [path.strip("`").rpartition(".")[2] for path, *_ in rows()]
    assert {unit(name) for name in names} - {""} == {*UNITS.values()}
