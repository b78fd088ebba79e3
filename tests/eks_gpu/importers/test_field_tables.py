"""The tables of fields that `import` is asked about are those of Karpenter's own definitions."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from eks_gpu.api.definitions import definitions
from tests.imports import imported, node_pool, write
from tests.programs import ROOT

AUTO_MODE = "eks_gpu/lab/crds/eks.amazonaws.com_nodeclasses.yaml"
OVERLAY = {"apiVersion": "karpenter.sh/v1alpha1", "kind": "NodeOverlay", "metadata": {"name": "shares"}}
REQUIREMENT = {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g6.xlarge"]}
TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
REFERENCE = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}


def leaves(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Paths of the fields that hold no other: `[]` is an item of a list, `*` any key of a map."""
    if schema.get("properties"):
        for key, below in schema["properties"].items():
            yield from leaves(below, f"{path}.{key}".lstrip("."))
    elif isinstance(schema.get("items"), dict):
        yield from leaves(schema["items"], f"{path}[]")
    elif isinstance(schema.get("additionalProperties"), dict):
        yield from leaves(schema["additionalProperties"], f"{path}.*")
    else:
        yield path


def auto_mode() -> dict[str, Any]:
    definition = yaml.safe_load((ROOT / AUTO_MODE).read_text(encoding="utf-8"))
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("node_pool_v1", "karpenter.sh/v1/NodePool"),
        ("ec2_node_class_v1", "karpenter.k8s.aws/v1/EC2NodeClass"),
        ("auto_mode_node_class", ""),
    ],
)
def test_a_table_has_every_field_of_its_definition_and_no_other(table, kind):
    schema = definitions()[kind] if kind else auto_mode()
    lines = (ROOT / "tests/field_paths" / f"{table}.txt").read_text(encoding="utf-8").splitlines()
    named = {line.partition(" ")[0] for line in lines}
    wanted = {f"spec.{path}" for path in leaves(schema["properties"]["spec"])}
    assert {path for path in named if path.startswith("spec.")} == wanted


@pytest.mark.parametrize(
    "field",
    [
        {"capacity": {"nvidia.com/gpu": "4"}},
        {"price": "0.5"},
        {"priceAdjustment": "-10%"},
        {"weight": 10},
    ],
    ids=lambda field: next(iter(field)),
)
def test_a_node_overlay_is_told_as_a_whole(field, tmp_path):
    overlay = {**OVERLAY, "spec": {"requirements": [REQUIREMENT], **field}}
    _, found = imported(write(tmp_path, overlay, node_pool()))
    about = [each.place.path for each in found if "no NodeOverlay" in each.message]
    assert about == ["spec"]


def test_a_node_claim_is_told_because_a_pool_makes_it(tmp_path):
    spec = {
        "nodeClassRef": REFERENCE,
        "requirements": [{**REQUIREMENT, "minValues": 1}],
        "resources": {"requests": {"nvidia.com/gpu": "1"}},
        "taints": [TAINT],
        "startupTaints": [TAINT],
        "expireAfter": "720h",
        "terminationGracePeriod": "24h",
    }
    claim = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": {"name": "gpu-1"}, "spec": spec}
    _, found = imported(write(tmp_path, claim, node_pool()))
    assert [each.message for each in found if "NodeClaim" in each.message] == [
        "import takes no NodeClaim: keep its file"
    ]
