"""A pod that the API server refuses."""

import pytest

from tests.eks_gpu.api.asked import of, said


@pytest.mark.parametrize(
    ("field", "value", "refused"),
    [
        ("tolerations", [{"key": "a", "operator": "Exists", "value": "x"}], "tolerations[0].value must be left out"),
        ("tolerations", [{"value": "x"}], "tolerations[0].operator must be Exists where there is no key"),
        ("nodeSelector", {"a": True}, "nodeSelector.a must be a text, got True"),
        ("restartPolicy", "Sometimes", "restartPolicy must be one of"),
        ("containers", [], "spec.containers is required"),
        ("volumes", [{"name": "scratch"}, {"name": "scratch"}], "volumes[1] has the same name as another"),
        ("securityContext", {"runAsUser": -1}, "securityContext.runAsUser must be at least 0, got -1"),
    ],
)
def test_a_pod_that_is_refused(field, value, refused):
    made = of("Pod")
    made["spec"][field] = value
    assert any(refused in found for found in said(made)), said(made)
