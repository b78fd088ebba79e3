"""Disks of pods: their driver, and where they are made."""

from dataclasses import replace

import pytest

from tests.graphs import kubernetes
from tests.whole_graphs import failure, holds, storage_class

DRIVER, PLACE = "storage-classes-have-their-driver", "volumes-are-made-where-pods-run"


def claim(name: str):
    return kubernetes("PersistentVolumeClaim", "models", {"storageClassName": name}, group="core/v1")


def with_claims(name: str):
    template = {"metadata": {"labels": {}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    spec = {"template": template, "volumeClaimTemplates": [{"spec": {"storageClassName": name}}]}
    return kubernetes("StatefulSet", "db", spec)


@pytest.mark.parametrize(
    ("made", "subject"),
    [
        (claim("gp2"), "PersistentVolumeClaim default/models"),
        (with_claims("gp2"), "StatefulSet default/db"),
        (
            replace(storage_class(), inputs={**storage_class().inputs, "provisioner": "kubernetes.io/aws-ebs"}),
            "StorageClass gp3",
        ),
    ],
)
def test_a_disk_without_its_driver(made, subject):
    assert failure(DRIVER, storage_class=made, disks=None) == (subject, "nothing installs its driver ebs.csi.aws.com")
    assert holds(DRIVER, storage_class=made)


def test_claims_of_other_classes_need_another_driver():
    assert holds(DRIVER, storage_class=[claim("efs"), with_claims("fsx")], disks=None)


@pytest.mark.parametrize("mode", [None, "Immediate"])
def test_a_disk_that_is_made_before_its_pod_has_a_node(mode):
    early = replace(storage_class(), inputs={**storage_class().inputs, "volumeBindingMode": mode})
    assert failure(PLACE, storage_class=early) == ("StorageClass gp3", "volumeBindingMode is Immediate")
    other = replace(early, inputs={**early.inputs, "provisioner": "efs.csi.aws.com"})
    assert holds(PLACE, storage_class=other)
