"""Why a node pool's requirements leave nothing: which of them, or which pair, must go."""

from components.catalog.narrowing import Place, offering, why_empty, with_a_driver
from components.catalog.requirements import Required

OF_TYPE = "karpenter.k8s.aws/instance"
ARCH = ("kubernetes.io/arch", "In", "amd64")
WEST = Place(region="us-west-2", zones=("us-west-2a", "us-west-2b"))


def said(*requirements, wanted=None, place=WEST):
    """Indexes of the culprits, and what is said of them."""
    rows = [Required(key, how, tuple(values), path=f"[{i}]") for i, (key, how, *values) in enumerate(requirements)]
    found = why_empty(rows, place, wanted)
    return found and ([rows.index(each) for each in found.culprits], found.says)


def test_requirements_that_leave_a_node_are_not_explained():
    assert said(ARCH, (f"{OF_TYPE}-family", "In", "g5", "g4")) is None


def test_a_requirement_that_no_type_meets_is_named_alone():
    size = (f"{OF_TYPE}-size", "In", "xlarge")
    assert said(ARCH, (f"{OF_TYPE}-family", "In", "g6d"), size) == (
        [1],
        f"[1] {OF_TYPE}-family In [g6d] leaves no instance type: g6d is no instance family; nearest: g6",
    )


def test_a_place_or_capacity_type_that_is_none_is_named_too():
    assert said(ARCH, ("topology.kubernetes.io/zone", "In", "us-east-1a")) == (
        [1],
        "[1] topology.kubernetes.io/zone In [us-east-1a] leaves no zone of the pool: us-east-1a is no zone of "
        "us-west-2, but of us-east-1; nearest: us-west-2a",
    )
    assert said(ARCH, ("karpenter.sh/capacity-type", "In", "ondemand")) == (
        [1],
        "[1] karpenter.sh/capacity-type In [ondemand] leaves no capacity type: ondemand is no capacity type; "
        "nearest: on-demand",
    )


def test_two_that_exclude_each_other_are_named_together():
    assert said(ARCH, (f"{OF_TYPE}-family", "In", "g5g"), (f"{OF_TYPE}-size", "In", "xlarge")) == (
        [0, 1],
        f"[0] kubernetes.io/arch In [amd64] and [1] {OF_TYPE}-family In [g5g] leave no instance type together: "
        "without the last, c1.xlarge would be left",
    )
    above, below = (f"{OF_TYPE}-cpu", "Gt", "8"), (f"{OF_TYPE}-cpu", "Lt", "4")
    assert (said(ARCH, above, below) or [None])[0] == [1, 2]
    assert said(ARCH, above, below, (f"{OF_TYPE}-family", "In", "g5")) == (
        [2],
        f"[2] {OF_TYPE}-cpu Lt [4] leaves no instance type: it excludes [1] {OF_TYPE}-cpu Gt [8]",
    )


def test_a_pair_is_named_where_no_single_one_suffices():
    family, size = (f"{OF_TYPE}-family", "In", "g5g"), (f"{OF_TYPE}-cpu", "Gt", "8")
    assert said(ARCH, family, size, (f"{OF_TYPE}-cpu", "Lt", "4")) == (
        [0, 3],
        f"[0] kubernetes.io/arch In [amd64] and [3] {OF_TYPE}-cpu Lt [4] leave no instance type: without them, "
        "g5g.16xlarge would be left",
    )


def test_a_family_of_another_maker_is_named_with_whose_it_is():
    family = (f"{OF_TYPE}-family", "In", "g4ad")
    assert said(ARCH, family) is None
    assert said(ARCH, family, (f"{OF_TYPE}-size", "In", "2xlarge"), wanted=offering("nvidia.com/gpu")) == (
        [1],
        f"[1] {OF_TYPE}-family In [g4ad] leaves no instance type with nvidia.com/gpu: g4ad's GPU is AMD's, so its "
        "nodes never offer nvidia.com/gpu; nearest: g4dn",
    )
    assert said(ARCH, family, wanted=offering("amd.com/gpu")) is None
    assert said(ARCH, (f"{OF_TYPE}-category", "In", "m"), wanted=offering("nvidia.com/gpu")) == (
        [1],
        f"[1] {OF_TYPE}-category In [m] leaves no instance type with nvidia.com/gpu: none of its types has an "
        "accelerator",
    )


def test_a_family_without_a_driver_is_named():
    assert said(ARCH, (f"{OF_TYPE}-family", "In", "g7"), wanted=with_a_driver()) == (
        [1],
        f"[1] {OF_TYPE}-family In [g7] leaves no instance type with an accelerator that an image of EKS has a driver "
        "for: no image of EKS has a driver for g7's rtx-pro-4500; nearest: g7e",
    )


def test_auto_mode_starts_fewer_types():
    family = ("eks.amazonaws.com/instance-family", "In", "g6f")
    assert (said(family, place=Place("eks.amazonaws.com", "us-west-2")) or [None])[0] == [0]
    assert said((f"{OF_TYPE}-family", "In", "g6f")) is None
