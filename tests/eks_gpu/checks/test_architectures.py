"""An image runs on every node that its pod may come to."""

import pytest

from eks_gpu.graph.graph import Resource
from tests.graphs import findings, gpu_work
from tests.karpenter_graphs import healthy, node_pool, requirement

CHECK, TRAIN = "images-run-on-their-nodes", "Deployment default/train"
ARCH = "kubernetes.io/arch"


def train(image: str, **spec) -> Resource:
    made = gpu_work(**spec)
    made.inputs["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return made


def said(image: str, *architectures: str, **spec):
    pool = node_pool(
        requirement(ARCH, *architectures), requirement("node.kubernetes.io/instance-type", "g5.xlarge", "g5g.xlarge")
    )
    return findings(CHECK, *healthy(gpu=pool, train=train(image, **spec))).get(TRAIN)


def test_a_pool_of_both_architectures_may_start_the_wrong_one():
    assert said("example/app:1-amd64", "amd64", "arm64") == (
        False,
        "example/app:1-amd64 is for amd64, and gpu may start g5g.xlarge, which is arm64",
    )
    assert said("example/app:1-arm64", "amd64", "arm64") == (
        False,
        "example/app:1-arm64 is for arm64, and gpu may start g5.xlarge, which is amd64",
    )


@pytest.mark.parametrize(
    ("architectures", "spec"),
    [(("amd64",), {}), (("amd64", "arm64"), {"nodeSelector": {ARCH: "amd64"}})],
)
def test_the_pool_or_the_pod_may_settle_it(architectures, spec):
    assert said("example/app:1-amd64", *architectures, **spec) == (
        True,
        "example/app:1-amd64 is for amd64, as all nodes are that it may come to",
    )


def test_an_image_of_which_nothing_is_known_is_not_judged():
    assert said("example/app:1", "amd64", "arm64") is None
