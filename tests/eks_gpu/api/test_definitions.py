"""An object of Karpenter that the API server refuses by its definition."""

import pytest

from tests.eks_gpu.api.asked import of, said


@pytest.mark.parametrize(
    ("kind", "path", "value", "refused"),
    [
        ("NodePool", "weight", 101, "spec.weight must be at most 100, got 101"),
        ("NodePool", "replicas", 2, "spec is refused: "),
        ("EC2NodeClass", "amiSelectorTerms", [{"alias": "ubuntu@latest"}], "spec.amiSelectorTerms[0].alias is refused"),
        ("EC2NodeClass", "instanceProfile", "nodes", "spec is refused: must specify exactly one of"),
        ("EC2NodeClass", "metadataOptions", {"httpTokens": "must"}, "must be one of required, optional, got 'must'"),
    ],
)
def test_an_object_of_karpenter_that_is_refused(kind, path, value, refused):
    made = of(kind)
    made["spec"][path] = value
    assert any(refused in found for found in said(made)), said(made)
