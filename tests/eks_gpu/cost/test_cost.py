"""Cost: idle, steady and maximum, line by line."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from eks_gpu.cost.bill import Item, bill
from eks_gpu.cost.cost import Bill
from eks_gpu.cost.money import Marks
from eks_gpu.graph.graph import Graph
from eks_gpu.io.problems import InputError
from eks_gpu.plan import analysis
from eks_gpu.plan.analysis import analyse
from eks_gpu.pods.demand import workloads
from eks_gpu_components.catalog import Price
from tests.graphs import (
    TODAY,
    analysed,
    autoscaler,
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
        "pool gpu: g4dn.xlarge, Spot": (2, 0.3998),
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


@pytest.mark.parametrize(
    ("region", "spot", "maximum"),  # two g4dn.xlarge at 38 % of on demand; four g5.xlarge and all that stands
    [
        ("us-west-2", 2 * 0.38 * 0.526, 4 * 1.006 + 0.3673),
        ("eu-central-1", 2 * 0.38 * 0.658, 4 * 1.258 + 0.3673),
        ("ap-northeast-1", 2 * 0.38 * 0.71, 4 * 1.459 + 0.3673),
        ("ap-south-1", 2 * 0.38 * 0.579, 4 * 1.208 + 0.3673),
    ],
)
def test_one_stack_has_another_bill_in_each_region(region, spot, maximum):
    found = analysed(*healthy(), region=region).cost
    nodes = next(item for item in found.steady.items if item.name == "pool gpu: g4dn.xlarge, Spot")
    assert (nodes.hourly, found.max.hourly) == pytest.approx((spot, maximum), abs=1e-4)
    assert (nodes.unit and nodes.unit.region, found.max.borrowed_from) == (region, ("us-east-1",))
    # The system's nodes and all disks; a control plane costs the same everywhere.
    assert found.max.borrowed == pytest.approx(0.2673, abs=1e-4)


def test_a_total_says_what_of_it_is_borrowed_unknown_or_an_estimate():
    total = analysed(*healthy()).cost.as_json()["steady"]
    assert {name: total[name] for name in ("hourly", "borrowed_hourly", "borrowed_from", "unpriced")} == {
        "hourly": 0.7452,
        "borrowed_hourly": 0.2454,
        "borrowed_from": ["us-east-1"],
        "unpriced": [],
    }
    # 10 % and 53 % of 2 x 0.526, where the estimate is 38 %
    assert (total["lowest_hourly"], total["highest_hourly"]) == (0.4506, 0.903)
    unknown = gpu_group(mixedInstancesPolicy=overrides("p5e.48xlarge"))
    bill = analysed(unknown, region="us-east-1").cost.max
    assert (bill.as_json()["unpriced"], bill.marks) == (["pool gpu: p5e.48xlarge, on demand"], Marks(missing=True))


def test_a_price_of_another_region_is_never_silent():
    assert analysed(*healthy()).cost.idle.notes == (
        "prices of us-east-1 are used where those of us-west-2 are not known",
    )
    assert analysed(cluster(), region="us-east-1").cost.idle.notes == ()


def test_the_regions_without_a_price_are_those_of_what_is_priced():
    price = Price(1.0, "us-east-1", "2026-11-24")
    items = [Item("a", 1, price, region="ap-northeast-1"), Item("b", 1, price, region="eu-west-1")]
    note = "prices of us-east-1 are used where those of ap-northeast-1, eu-west-1 are not known"
    assert bill("us-west-2", items).notes == (note,)
    assert bill("us-west-2", [Item("c", 1, price, region="us-east-1")]).marks == Marks()


@pytest.mark.parametrize(
    ("version", "on", "surcharge"),
    [
        ("1.35", date(2026, 11, 24), False),
        ("1.33", date(2026, 7, 29), False),
        ("1.33", date(2026, 7, 30), True),
        ("1.32", date(2026, 11, 24), True),
        ("1.30", date(2026, 11, 24), False),  # nobody can buy it any more
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


def test_a_key_costs_a_dollar_a_month_in_every_region():
    found = analysed(resource("aws:kms/key:Key", "secrets", {}), region="eu-west-1").cost.idle
    assert lines(found) == {"customer-managed key": (1, 0.0014)}
    assert (round(found.monthly, 2), found.borrowed_from) == (1.0, ())


def test_what_is_paid_by_use_and_what_has_no_price_is_listed():
    found = analysed(
        resource("aws:ec2/natGateway:NatGateway", "nat", {}),
        resource("aws:ec2/subnet:Subnet", "a", {}),
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", {"vpcEndpointType": "Gateway"}),
        resource("aws:sqs/queue:Queue", "events", {}),
        resource("aws:sqs/queuePolicy:QueuePolicy", "events", {}),
        resource("aws:iam/role:Role", "node", {}),
        resource("aws:rds/instance:Instance", "db", {}),
        resource("aws:ec2/instance:Instance", "bastion", {}),
        kubernetes("Service", "web", {"type": "LoadBalancer"}, "core/v1"),
    ).cost
    assert found.as_json()["not_priced"] == [
        "data transfer",
        "data through NAT gateways",
        "requests to queues",
        "capacity units and public addresses of load balancers",
        "aws:rds/instance:Instance db",
        "aws:ec2/instance:Instance bastion",
    ]


def test_logs_of_a_control_plane_are_paid_by_use():
    logs = {"name": "shop", "enabledClusterLogTypes": ["audit"]}
    assert analysed(resource("aws:eks/cluster:Cluster", "shop", logs)).cost.not_priced == (
        "data transfer",
        "log ingestion and storage",
    )


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


def test_the_volume_of_prometheus_which_its_operator_makes():
    def release(**spec: Any):
        values = {"prometheus": {"prometheusSpec": spec}}
        inputs = {"chart": "kube-prometheus-stack", "name": "prometheus", "namespace": "monitoring", "values": values}
        return resource("kubernetes:helm.sh/v3:Release", "prometheus", inputs)

    claim = {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "100Gi"}}}}}
    assert idle(release(storageSpec=claim)) == {"volume claim prometheus/prometheus of 100 GiB": (1, 0.011)}
    assert idle(release(storageSpec=claim, replicas=2)) == {
        "volume claim prometheus/prometheus of 100 GiB": (2, 0.0219)
    }
    assert idle(release()) == {}


def test_samples_are_paid_by_use():
    workspace = resource("aws:amp/workspace:Workspace", "metrics", {})
    assert analysed(workspace).cost.not_priced == (
        "data transfer",
        "samples in Amazon Managed Service for Prometheus",
    )


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
    assert lines(shared.cost.steady)["pool gpu: g4dn.xlarge, Spot"] == (3, 0.5996)


def test_new_nodes_come_from_the_cheapest_pool_until_it_is_full():
    dearer = gpu_group("dear", mixedInstancesPolicy=overrides("g5.xlarge"))
    found = lines(analysed(*GPU, dearer, gpu_work(replicas=6)).cost.steady)
    assert found["pool gpu: g4dn.xlarge, Spot"][0] == 4
    assert found["pool dear: g5.xlarge, Spot"][0] == 2


def scaled_work(**spec: Any) -> Any:
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "train"}}
    return kubernetes("HorizontalPodAutoscaler", "train", {**target, **spec}, "autoscaling/v2")


def test_demand_is_at_most_what_autoscalers_and_jobs_may_have():
    at_once = {"parallelism": 1, "completions": 8, "template": gpu_work().inputs["spec"]["template"]}
    job = kubernetes("Job", "batch", at_once, "batch/v1")
    found = analysed(*GPU, gpu_work(replicas=1), scaled_work(minReplicas=1, maxReplicas=3), job).cost
    assert lines(found.steady)["pool gpu: g4dn.xlarge, Spot"] == (2, 0.3998)
    assert lines(found.demand_max)["pool gpu: g4dn.xlarge, Spot"] == (4, 0.7995)
    assert found.as_json()["demand_max"]["hourly"] == round(found.demand_max.hourly, 4)


def test_demand_beyond_every_ceiling_is_said():
    found = analysed(*GPU, gpu_work(replicas=1), scaled_work(minReplicas=1, maxReplicas=9), region="us-east-1").cost
    assert found.demand_max.notes == (
        "5 of Deployment default/train find no room: the pools that take them are at their maximum",
    )


def test_demand_without_a_known_number_has_no_total(monkeypatch):
    work = replace(workloads(Graph([gpu_work(replicas=1)]))[0], max_replicas=None)
    monkeypatch.setattr(analysis, "workloads", lambda graph: [work])
    found = analysed(*GPU, region="us-east-1").cost
    plan = found.as_json()["demand_max"]
    assert (plan["hourly"], plan["monthly"]) == (None, None)
    assert plan["notes"] == ["how many pods Deployment default/train may have is not known"]
    assert (found.demand_max.marks, found.steady.marks) == (Marks(estimate=True, missing=True), Marks(estimate=True))


def test_a_group_that_nothing_scales_has_its_desired_size_at_every_level():
    group = gpu_group(desiredCapacity=2)
    found = analysed(cluster(), *GPU[:2], group, gpu_work(replicas=1), region="us-east-1").cost
    assert [lines(bill)["pool gpu: g4dn.xlarge, Spot"] for bill in (found.idle, found.steady, found.demand_max)] == [
        (2, 0.3998)
    ] * 3
    assert lines(found.max)["pool gpu: g5.xlarge, on demand"] == (2, 2.012)
    scaled = analysed(cluster(), *GPU[:2], group, autoscaler(), region="us-east-1").cost
    assert "pool gpu: g4dn.xlarge, Spot" not in lines(scaled.idle)
    assert lines(scaled.max)["pool gpu: g5.xlarge, on demand"] == (4, 4.024)
    elsewhere = analysed(*GPU[:2], group, region="us-east-1").cost  # somebody else's cluster may have an autoscaler
    assert lines(elsewhere.max)["pool gpu: g5.xlarge, on demand"] == (4, 4.024)


def test_replicas_beyond_every_ceiling_are_said():
    found = analysed(*GPU, gpu_work(replicas=6), region="us-east-1").cost
    assert found.steady.notes == (
        "2 of Deployment default/train find no room: the pools that take them are at their maximum",
    )


def test_a_node_takes_as_many_pods_as_it_has_addresses():
    many = deployment("many", pod({"cpu": "1m"}), replicas=60)  # 29 on an m7i.large, 2 of them EKS's own
    found = analysed(managed_group(), many, region="us-east-1").cost
    assert found.steady.notes == (
        "6 of Deployment default/many find no room: the pools that take them are at their maximum",
    )


def test_workloads_share_no_gpu():
    found = lines(analysed(*GPU, gpu_work("a", replicas=1), gpu_work("b", replicas=2)).cost.steady)
    assert found["pool gpu: g4dn.xlarge, Spot"] == (3, 0.5996)
