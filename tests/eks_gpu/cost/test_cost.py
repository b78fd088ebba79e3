"""Cost: idle, steady and maximum, line by line."""

from datetime import date
from typing import Any

import pytest

from eks_gpu.cost.cost import Bill
from eks_gpu.graph.graph import Graph
from eks_gpu.io.problems import InputError
from eks_gpu.plan.analysis import analyse
from tests.graphs import (
    TODAY,
    analysed,
    cluster,
    cpu_work,
    deployment,
    gpu_group,
    gpu_work,
    healthy,
    kubernetes,
    launch_template,
    managed_group,
    overrides,
    pod,
    resource,
    subnet,
)


def lines(bill: Bill) -> dict[str, tuple[int, float]]:
    """Line -> quantity and USD an hour."""
    return {item.name: (item.quantity, round(item.hourly, 4)) for item in bill.items}


def idle(*resources: Any, on: date = TODAY, region: str = "us-east-1") -> dict[str, tuple[int, float]]:
    return lines(analyse(Graph(resources), region, on).cost.idle)


GPU = (subnet("a"), launch_template(), gpu_group())


def test_idle_pays_for_what_runs_without_work():
    assert lines(analysed(*healthy()).cost.idle) == {
        "control plane shop": (1, 0.1),
        "pool system: m7i.large, on demand": (2, 0.2016),
        "pool system: disks of 100 GiB": (2, 0.0219),
    }


def test_steady_adds_the_nodes_of_the_stated_replicas():
    steady, before = (lines(bill) for bill in (analysed(*healthy()).cost.steady, analysed(*healthy()).cost.idle))
    assert {name: line for name, line in steady.items() if name not in before} == {
        "pool gpu: g4dn.xlarge, Spot": (2, 0.526),
        "pool gpu: disks of 100 GiB": (2, 0.0219),
    }


def test_maximum_is_every_node_of_the_dearest_type_on_demand():
    maximum = lines(analysed(*healthy()).cost.max)
    assert maximum["pool gpu: g5.xlarge, on demand"] == (4, 4.024)
    assert maximum["pool gpu: disks of 100 GiB"] == (4, 0.0438)


def test_a_month_has_730_hours_and_each_line_its_total():
    found = analysed(*healthy()).cost
    assert found.idle.monthly == pytest.approx(730 * found.idle.hourly)
    plan = found.as_json()
    assert (plan["currency"], plan["region"]) == ("USD", "us-west-2")
    assert plan["idle"]["items"][1] == {
        "name": "pool system: m7i.large, on demand",
        "quantity": 2,
        "hourly": 0.2016,
        "unit_hourly": 0.1008,
        "price_region": "us-east-1",
        "as_of": "2026-07-20",
        "estimate": False,
    }


def test_a_price_of_another_region_is_never_silent():
    assert analysed(*healthy()).cost.idle.notes == (
        "prices of us-east-1 stand in for those of us-west-2 that are not known",
    )
    assert analysed(cluster(), region="us-east-1").cost.idle.notes == ()


@pytest.mark.parametrize(
    ("version", "on", "surcharge"),
    [
        ("1.35", date(2026, 11, 24), False),
        ("1.33", date(2026, 7, 29), False),
        ("1.33", date(2026, 7, 30), True),
        ("1.30", date(2026, 11, 24), True),
        ("", date(2026, 11, 24), False),
    ],
)
def test_an_old_minor_costs_six_times_as_much(version, on, surcharge):
    found = idle(cluster(version=version), on=on)
    assert found.pop("control plane shop") == (1, 0.1)
    assert found == ({f"extended support of Kubernetes {version}": (1, 0.5)} if surcharge else {})


def test_a_cluster_and_its_component_are_one():
    component = resource("eks:index:Cluster", "shop", {"name": "shop", "version": "1.35"})
    inner = "urn:pulumi:dev::shop::eks:index:Cluster$aws:eks/cluster:Cluster::shop-eksCluster"
    child = component.__class__(inner, "aws:eks/cluster:Cluster", "shop-eksCluster")
    assert idle(component, child) == {"control plane shop": (1, 0.1)}


def test_the_network_and_its_load_balancers():
    endpoint = {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}
    assert idle(
        resource("aws:ec2/natGateway:NatGateway", "nat", {}),
        resource("aws:ec2/eip:Eip", "nat", {}),
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", "ecr", endpoint),
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", {"vpcEndpointType": "Gateway"}),
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", "wall", {**endpoint, "vpcEndpointType": "GatewayLoadBalancer"}),
        resource("aws:lb/loadBalancer:LoadBalancer", "alb", {}),
        kubernetes("Service", "web", {"type": "LoadBalancer"}, "core/v1"),
        kubernetes("Service", "inner", {"type": "ClusterIP"}, "core/v1"),
        kubernetes("Ingress", "web", {}, "networking.k8s.io/v1"),
    ) == {
        "NAT gateway": (1, 0.045),
        "public IPv4 address": (1, 0.005),
        "interface endpoint in a zone": (3, 0.03),
        "network load balancer": (1, 0.0225),
        "application load balancer": (2, 0.045),
    }


def test_volumes_and_claims():
    claim = {"resources": {"requests": {"storage": "100Gi"}}}
    sets = {"replicas": 3, "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}]}
    found = idle(
        resource("aws:ebs/volume:Volume", "scratch", {"size": 200, "type": "gp3"}),
        kubernetes("PersistentVolumeClaim", "models", claim, "core/v1"),
        kubernetes("StatefulSet", "db", sets),
    )
    assert found == {
        "volume scratch of 200 GiB": (1, 0.0219),
        "volume claim models of 100 GiB": (1, 0.011),
        "volume claim db/data of 100 GiB": (3, 0.0329),
    }


def test_a_claim_of_no_quantity_is_wrong_input():
    claim = {"resources": {"requests": {"storage": "100GB"}}}
    with pytest.raises(InputError) as problem:
        idle(kubernetes("PersistentVolumeClaim", "models", claim, "core/v1"))
    assert str(problem.value) == (
        "PersistentVolumeClaim models: spec.resources.requests.storage must be a Kubernetes quantity such as 500m, 2 "
        "or 1.5Gi, got '100GB'; nearest: 100G"
    )


def test_a_mixed_group_pays_for_both_kinds():
    policy = overrides("m7i.large", "m6a.large", onDemandBaseCapacity=1)
    group = gpu_group("mixed", minSize=3, mixedInstancesPolicy=policy)
    assert idle(group) == {
        "pool mixed: m7i.large, on demand": (1, 0.1008),
        "pool mixed: m6a.large, Spot": (2, 0.0691),
    }


def test_a_type_without_price_is_said():
    found = analysed(gpu_group(mixedInstancesPolicy=overrides("p5e.48xlarge")), region="us-east-1").cost
    assert found.max.hourly == 0
    assert found.max.notes == ("no price is known for pool gpu: p5e.48xlarge, on demand",)


def test_replicas_share_nodes_and_use_those_that_are_there_first():
    four = analysed(*healthy(web=cpu_work(replicas=4)))
    assert lines(four.cost.steady)["pool system: m7i.large, on demand"] == (2, 0.2016)
    shared = analysed(*GPU, gpu_work(replicas=3), gpu_group("big", mixedInstancesPolicy=overrides("g4dn.12xlarge")))
    assert lines(shared.cost.steady)["pool gpu: g4dn.xlarge, Spot"] == (3, 0.789)


def test_new_nodes_come_from_the_cheapest_pool_until_it_is_full():
    dearer = gpu_group("dear", mixedInstancesPolicy=overrides("g5.xlarge"))
    found = lines(analysed(*GPU, dearer, gpu_work(replicas=6)).cost.steady)
    assert found["pool gpu: g4dn.xlarge, Spot"][0] == 4
    assert found["pool dear: g5.xlarge, Spot"][0] == 2


def test_replicas_beyond_every_ceiling_are_said():
    found = analysed(*GPU, gpu_work(replicas=6), region="us-east-1").cost
    assert found.steady.notes == (
        "2 of Deployment default/train find no room: the pools that take them are at their maximum",
    )


def test_a_node_takes_as_many_pods_as_it_has_addresses():
    many = deployment("many", pod({"cpu": "1m"}), replicas=60)  # 29 on an m7i.large
    found = analysed(managed_group(), many, region="us-east-1").cost
    assert found.steady.notes == (
        "2 of Deployment default/many find no room: the pools that take them are at their maximum",
    )


def test_workloads_share_no_gpu():
    found = lines(analysed(*GPU, gpu_work("a", replicas=1), gpu_work("b", replicas=2)).cost.steady)
    assert found["pool gpu: g4dn.xlarge, Spot"] == (3, 0.789)
