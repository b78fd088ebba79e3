"""Cost of pools that NodePools make: the type that the provisioner takes, limits, and what Auto Mode adds."""

from eks_gpu.cost.cost import Bill
from tests.graphs import analysed, gpu_work
from tests.karpenter_graphs import ARCH, ON_DEMAND, PREFIX, healthy, healthy_auto_mode, karpenter, node_pool, types


def lines(bill: Bill, pool_name: str) -> dict[str, tuple[int, float]]:
    prefix = f"pool {pool_name}: "
    found = {item.name: (item.quantity, round(item.hourly, 4)) for item in bill.items}
    return {name.removeprefix(prefix): line for name, line in found.items() if name.startswith(prefix)}


def test_idle_is_free_and_steady_takes_the_cheapest_type_on_spot():
    cost = analysed(*healthy()).cost
    assert lines(cost.idle, "gpu") == {}
    assert lines(cost.steady, "gpu") == {"g4dn.xlarge, Spot": (2, 0.3998), "disks of 100 GiB": (2, 0.0219)}


def test_steady_takes_the_cheapest_type_that_the_pod_fits():
    made = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge", "g4dn.2xlarge"))
    small, large = gpu_work("small", replicas=1), gpu_work("large", replicas=1, nodeSelector={f"{PREFIX}-cpu": "8"})
    cost = analysed(*healthy(gpu=made, train=[small, large])).cost
    assert lines(cost.steady, "gpu") == {
        "g4dn.2xlarge, on demand": (1, 0.752),
        "g4dn.xlarge, on demand": (1, 0.526),
        "disks of 100 GiB": (2, 0.0219),
    }


def test_the_heavier_pool_comes_first_even_when_it_is_dearer():
    cheap = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge"), name="cheap")
    dear = node_pool(ARCH, ON_DEMAND, types("g5.xlarge"), name="dear", weight=10, limits={"nvidia.com/gpu": "1"})
    cost = analysed(*healthy(gpu=[cheap, dear])).cost
    assert lines(cost.steady, "dear")["g5.xlarge, on demand"] == (1, 1.006)  # up to its limit
    assert lines(cost.steady, "cheap")["g4dn.xlarge, on demand"] == (1, 0.526)


def test_a_limit_on_cpu_stops_nodes_too():
    found = analysed(*healthy(gpu=node_pool(limits={"nvidia.com/gpu": "4", "cpu": "4"})))
    assert lines(found.cost.steady, "gpu")["g4dn.xlarge, Spot"] == (1, 0.1999)
    assert "1 of Deployment default/train find no room" in found.cost.steady.notes[0]


def test_a_limit_counts_the_nodes_that_are_there_not_their_number():
    made = node_pool(ARCH, ON_DEMAND, types("g5.xlarge", "g5.12xlarge"), limits={"nvidia.com/gpu": "7"})
    found = analysed(*healthy(gpu=made, train=gpu_work(replicas=2, gpus=4)))
    assert lines(found.cost.steady, "gpu")["g5.12xlarge, on demand"] == (1, 5.672)
    assert "1 of Deployment default/train find no room" in found.cost.steady.notes[0]


def test_a_pod_joins_a_node_only_where_it_selects_one_like_it():
    made = node_pool(ARCH, ON_DEMAND, types("g5.12xlarge"), limits={"nvidia.com/gpu": "8"})

    def nodes(*zones: str) -> int:
        work = [gpu_work(zone, 1, nodeSelector={"topology.kubernetes.io/zone": zone}) for zone in zones]
        return lines(analysed(*healthy(gpu=made, train=work)).cost.steady, "gpu")["g5.12xlarge, on demand"][0]

    assert nodes("us-west-2a") == 1
    assert nodes("us-west-2a", "us-west-2b") == 2


def test_maximum_is_the_limit_in_the_dearest_type_on_demand():
    assert lines(analysed(*healthy()).cost.max, "gpu") == {
        "g5.xlarge, on demand": (4, 4.024),
        "disks of 100 GiB": (4, 0.0438),
    }
    large = node_pool(ARCH, types("g4dn.xlarge", "g4dn.12xlarge"), limits={"nvidia.com/gpu": "8"})
    assert lines(analysed(*healthy(gpu=large)).cost.max, "gpu") == {
        "g4dn.12xlarge, on demand": (2, 7.824),
        "disks of 100 GiB": (2, 0.0219),
    }


def test_what_is_left_of_a_limit_under_one_node_costs_nothing():
    made = node_pool(ARCH, types("g4dn.12xlarge"), limits={"nvidia.com/gpu": "10"})
    assert lines(analysed(*healthy(gpu=made)).cost.max, "gpu") == {
        "g4dn.12xlarge, on demand": (2, 7.824),
        "disks of 100 GiB": (2, 0.0219),
    }


def test_a_mix_of_types_under_two_limits_is_in_the_maximum():
    # 64 + 32 + 4 vCPUs with three GPUs cost more than three of 32, or one of 64.
    limits = {"nvidia.com/gpu": "4", "cpu": "100"}
    made = node_pool(ARCH, types("g4dn.xlarge", "g4dn.8xlarge", "g4dn.16xlarge"), limits=limits)
    found = lines(analysed(*healthy(gpu=made)).cost.max, "gpu")
    assert found["g4dn.8xlarge, on demand"] == (3, 6.528)
    mixed = 4.352 + 2.176 + 0.526
    assert 6.528 + found["what a mix of types may cost more, at most"][1] >= mixed


def test_auto_mode_adds_its_share():
    cost = analysed(*healthy_auto_mode()).cost
    assert lines(cost.steady, "gpu") == {
        "g4dn.xlarge, on demand": (2, 1.052),
        "Auto Mode on g4dn.xlarge": (2, 0.1262),
        "disks of 80 GiB": (2, 0.0175),
    }
    assert lines(cost.max, "gpu") == {
        "g5.xlarge, on demand": (4, 4.024),
        "Auto Mode on g5.xlarge": (4, 0.4829),
        "disks of 80 GiB": (4, 0.0351),
    }


def test_pools_without_a_ceiling_are_left_out_of_the_maximum_with_a_note():
    notes = analysed(*healthy_auto_mode()).cost.max.notes
    assert notes[:2] == (
        "pool general-purpose has no ceiling and is left out",
        "pool system has no ceiling and is left out",
    )


def test_a_static_pool_is_paid_while_idle():
    made = node_pool(ARCH, ON_DEMAND, types("g4dn.xlarge"), replicas=2, limits={"nodes": "2"})
    on = karpenter(featureGates={"staticCapacity": True})
    assert lines(analysed(*healthy(gpu=made, karpenter=on)).cost.idle, "gpu")["g4dn.xlarge, on demand"] == (2, 1.052)
    assert lines(analysed(*healthy(gpu=made)).cost.idle, "gpu") == {}
