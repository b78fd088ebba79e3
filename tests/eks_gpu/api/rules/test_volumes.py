"""A claim of a volume, and what the API server refuses of it."""

import pytest

from eks_gpu.api.judged import judged
from tests.eks_gpu.api.asked import of, said

MODES = "ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"accessModes": []}, "spec.accessModes is required"),
        (
            {"accessModes": ["ReadWriteOnc"]},
            f"spec.accessModes[0] must be one of {MODES}, got 'ReadWriteOnc'; nearest: ReadWriteOnce",
        ),
        (
            {"accessModes": ["ReadWriteOnce", "ReadWriteOncePod"]},
            "spec.accessModes must have nothing beside ReadWriteOncePod",
        ),
        ({"resources": {}}, "spec.resources is required"),
        ({"resources": {"limits": {"storage": "1Gi"}}}, "spec.resources.requests.storage is required"),
        (
            {"resources": {"requests": {"storage": "0"}}},
            "spec.resources.requests.storage must be greater than 0, got 0",
        ),
        ({"volumeMode": ""}, "spec.volumeMode must be one of Filesystem, Block, got ''"),
        ({"storageClassName": "Fast"}, "spec.storageClassName must be at most 253"),
        ({"dataSource": {"kind": "PersistentVolumeClaim"}}, "spec.dataSource.name is required"),
    ],
)
def test_a_claim_that_is_refused(change, refused):
    made = of("PersistentVolumeClaim")
    made["spec"] |= change
    (found,) = said(made)
    assert found.startswith(refused)


def test_a_claim_is_filled_from_what_has_a_group_or_is_a_claim():
    made = of("PersistentVolumeClaim", "copied")
    made["spec"]["dataSourceRef"] = {"kind": "VolumeSnapshot", "name": "a"}
    assert said(made) == ["spec.dataSourceRef must be a PersistentVolumeClaim where there is no apiGroup"]
    made["spec"]["dataSourceRef"] |= {"apiGroup": "example.com"}
    assert said(made) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"dataSource": {"kind": "Populator", "name": "a"}}, "spec.dataSource"),
        ({"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "a"}}, "spec.dataSource"),
        (
            {"dataSource": None, "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "a", "namespace": "b"}},
            "spec.dataSourceRef.namespace",
        ),
    ],
)
def test_a_source_that_features_decide_is_not_judged(change, field):
    made = of("PersistentVolumeClaim")
    made["spec"] |= change
    found = judged(made)
    assert found and (found.refused, found.unjudged) == ((), (field,))
