"""Rules and dashboards of the metrics: of series that exist, and with the prices of the catalog."""

import re
from typing import Any

import pytest

from components.catalog.metrics import EXPORTERS
from components.observability.dashboards import dashboards
from components.observability.rules import as_label, rule_groups
from components.observability.settings import GpuObservabilitySettings
from components.values.gpu_pool import GpuPool
from components.values.value import check
from tests.promql import series

POOLS: Any = {
    "gpu": {"instance_types": ["g6.xlarge", "g5.xlarge"], "max_gpus": 4, "capacity_types": ["spot", "on-demand"]},
    "gpu-large": {"instance_types": ["g6.12xlarge"], "max_gpus": 10},
}
READY: Any = {**POOLS, "ready": {**POOLS["gpu"], "warm_gpus": 2}}
EXPORTED = {name for exporter in EXPORTERS for name in exporter.metrics}


def groups(pools: Any = POOLS, auto_mode: bool = False, region: str = "us-west-2", **settings: Any):
    checked = {name: check(GpuPool, pool) for name, pool in pools.items()}
    return rule_groups(
        checked, check(GpuObservabilitySettings, {"dcgm_exporter": "chart", **settings}), region, auto_mode
    )


def rules(**given: Any) -> list[dict[str, Any]]:
    return [rule for group in groups(**given) for rule in group["rules"]]


def constants(name: str, **given: Any) -> dict[str, str]:
    """Labels as text -> expression."""
    return {
        ",".join(f"{key}={value}" for key, value in rule["labels"].items()): rule["expr"]
        for rule in rules(**given)
        if rule.get("record") == name
    }


def queries(**settings: Any) -> list[tuple[str, str]]:
    """Title and query of each panel."""
    made = dashboards(check(GpuObservabilitySettings, {"dcgm_exporter": "chart", **settings}))
    return [(f"{one.uid}: {title}", query.expr) for one in made for title, query in one.queries()]


def unknown(query: str) -> set[str]:
    recorded = {rule["record"] for rule in rules(pools=READY, planned_hourly_usd=3.5) if "record" in rule}
    return series(query) - recorded - EXPORTED - {"up"}


@pytest.mark.parametrize(("title", "query"), queries(planned_hourly_usd=3.5))
def test_a_panel_asks_for_series_that_exist(title, query):
    assert series(query)
    assert unknown(query) == set()


def test_rules_ask_for_series_that_exist():
    asked = {rule.get("record") or rule["alert"]: unknown(rule["expr"]) for rule in rules()}
    assert {name: found for name, found in asked.items() if found} == {}


def test_a_series_of_another_name_is_found_out():
    assert unknown('sum by (pool) (kube_node_label{pool="kube_pod"}) / rate(kube_node_labels[5m])') == {
        "kube_node_label"
    }


def test_every_metric_of_the_catalog_is_asked_for():
    asked = {name for _, query in queries() for name in series(query)}
    asked |= {name for rule in rules() for name in series(rule["expr"])}
    assert EXPORTED - asked == set()


def test_prices_are_those_of_the_catalog():
    place = "managed_by=own,price_region=us-west-2,as_of=2026-01-01"
    found = constants("eks_gpu:price:hourly_usd")
    assert found[f"instance_type=g5.xlarge,capacity_type=on-demand,{place},estimate=false"] == "vector(1.006)"
    assert found[f"instance_type=g5.xlarge,capacity_type=spot,{place},estimate=true"] == "vector(0.44264)"
    assert found[f"instance_type=g6.12xlarge,capacity_type=on-demand,{place},estimate=false"] == "vector(4.6016)"
    assert len(found) == 5


BLOCK: Any = {
    "id": "cr-0123456789abcdef0",
    "kind": "capacity-block",
    "instance_type": "g6.12xlarge",
    "instances": 2,
    "start": "2026-12-01",
    "end": "2026-12-02",
    "upfront_usd": 96.0,
}
ON_DEMAND: Any = {"id": "cr-0123456789abcdef1"}


@pytest.mark.parametrize(
    ("reservations", "hourly"),
    [
        ([BLOCK], "vector(2)"),
        ([{**BLOCK, "upfront_usd": 0.0}], "vector(0)"),
        ([ON_DEMAND], "vector(4.6016)"),
        ([{**BLOCK, "upfront_usd": None}], None),
        ([{**BLOCK, "instances": None}], None),
        ([BLOCK, ON_DEMAND], None),
    ],
    ids=["block", "block for nothing", "on demand", "block of no price", "block of no number", "one of two"],
)
def test_a_reserved_node_costs_its_part_of_the_reservation_if_that_is_known(reservations, hourly):
    pool = {"instance_types": ["g6.12xlarge"], "max_gpus": 8, "capacity_types": ["reserved"]}
    found = constants("eks_gpu:price:hourly_usd", pools={"gpu": {**pool, "reservations": reservations}})
    assert [*found.values()] == ([hourly] if hourly else [])


def test_auto_mode_adds_its_surcharge_where_it_runs_the_node():
    found = constants(
        "eks_gpu:price:hourly_usd", auto_mode=True, pools={"gpu": {**POOLS["gpu"], "capacity_types": ["on-demand"]}}
    )
    by = {key.split(",")[2]: float(expr[7:-1]) for key, expr in found.items() if "g6.xlarge" in key}
    assert by["managed_by=auto-mode"] == pytest.approx(1.12 * by["managed_by=own"], rel=1e-4)


def test_a_pool_says_its_ceiling_in_gpus_and_in_money():
    assert constants("eks_gpu:pool:max_gpus") == {"pool=gpu": "vector(4)", "pool=gpu-large": "vector(10)"}
    assert constants("eks_gpu:pool:gpus_per_node") == {"pool=gpu": "vector(1)", "pool=gpu-large": "vector(4)"}
    dearest = float(constants("eks_gpu:pool:max_hourly_usd")["pool=gpu-large"][7:-1])
    (price,) = (float(expr[7:-1]) for key, expr in constants("eks_gpu:price:hourly_usd").items() if "12xlarge" in key)
    assert dearest == pytest.approx(2 * price, rel=1e-4)  # 10 GPUs are two nodes of four


def test_the_line_of_the_plan_is_there_if_it_is_said():
    assert constants("eks_gpu:plan:hourly_usd") == {}
    said = [rule for rule in rules(planned_hourly_usd=3.5) if rule.get("record") == "eks_gpu:plan:hourly_usd"]
    assert said == [{"record": "eks_gpu:plan:hourly_usd", "expr": "vector(3.5)"}]
    assert "eks_gpu:plan:hourly_usd" in {query for _, query in queries(planned_hourly_usd=3.5)}


def test_a_group_belongs_to_the_pool_whose_name_it_has_and_to_no_other():
    """`gpu` and `gpu-large` in a zone: the one name begins the other."""
    patterns = {
        rule["labels"]["pool"]: re.search(r'nodegroup=~"([^"]+)"', rule["expr"])[1]  # pyright: ignore[reportOptionalSubscript]
        for rule in rules()
        if rule.get("record") == "eks_gpu:node:info"
    }
    groups = {
        "gpu-us-west-2a-spot-1a2b3c": "gpu",
        "eks-gpu-us-west-2b-on-demand-4d5e": "gpu",
        "gpu-us-west-2-lax-1a-on-demand-9": "gpu",
        "gpu-large-us-west-2a-on-demand-7f": "gpu-large",
        "other-gpu-us-west-2a-spot-1": None,
    }
    for group, pool in groups.items():
        assert [name for name, pattern in patterns.items() if re.fullmatch(pattern, group)] == ([pool] if pool else [])


def test_a_node_without_group_belongs_to_the_only_pool_that_has_its_type():
    shared: Any = {**POOLS, "gpu-large": {"instance_types": ["g5.xlarge"], "max_gpus": 10}}
    own = [
        re.findall(r'instance_type=~"([^"]+)"', rule["expr"])
        for rule in rules(pools=shared)
        if rule.get("record") == "eks_gpu:node:info"
    ]
    assert own == [["g6[.]xlarge"], []]


def test_neuron_devices_count_as_well():
    (share,) = (
        rule["expr"]
        for rule in rules(pools={"inf": {"instance_types": ["inf2.xlarge"], "max_gpus": 2}})
        if rule.get("record") == "eks_gpu:node:requested_share"
    )
    assert 'resource=~"aws_amazon_com_neuron|aws_amazon_com_neuroncore"' in share


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("node.kubernetes.io/instance-type", "label_node_kubernetes_io_instance_type"),
        ("eks.amazonaws.com/capacityType", "label_eks_amazonaws_com_capacity_type"),
        ("karpenter.sh/nodepool", "label_karpenter_sh_nodepool"),
    ],
)
def test_a_label_has_the_name_that_kube_state_metrics_gives_it(key, label):
    assert as_label(key) == label


def test_a_pool_that_keeps_idle_nodes_is_given_its_own_time():
    kept = {"gpu": {**POOLS["gpu"], "idle_s": 7200}}
    assert constants("eks_gpu:pool:idle_alert_seconds", pools=kept) == {"pool=gpu": "vector(7800)"}
    assert constants("eks_gpu:pool:idle_alert_seconds", idle_alert_s=1800)["pool=gpu"] == "vector(1800)"


def test_a_pool_that_keeps_gpus_ready_has_them_without_an_alert():
    ready = {"gpu": {**POOLS["gpu"], "warm_gpus": 2}, "train": {**POOLS["gpu-large"], "nodes": 1}}
    assert constants("eks_gpu:pool:warm_gpus", pools=ready) == {"pool=gpu": "vector(2)"}
    assert constants("eks_gpu:pool:idle_alert_seconds", pools=ready) == {"pool=gpu": "vector(3600)"}
    placeholders = 'namespace!~"gpu-warm"'
    found = {rule.get("record") or rule["alert"]: rule["expr"] for rule in rules(pools=ready)}
    for name in ("eks_gpu:node:requested_share", "eks_gpu:pod:gpus_requested", "GpuHeldWithoutWork"):
        assert placeholders in found[name]
    assert not [rule for rule in rules() if "-warm" in rule["expr"] or rule.get("record") == "eks_gpu:pool:warm_gpus"]


def test_a_fixed_number_of_nodes_is_at_no_ceiling():
    fixed = {"nodes": 1, "instance_types": ["g5.xlarge"], "max_gpus": 1}
    some: Any = {**POOLS, "always": fixed, "a.b": fixed}
    told, without = (
        next(rule["expr"] for rule in rules(pools=pools) if rule.get("alert") == "GpuPoolAtCeiling")
        for pools in (some, POOLS)
    )
    assert told.startswith('eks_gpu:pool:gpus{pool!~"always|a[.]b"} + on (pool) eks_gpu:pool:gpus_per_node > ')
    assert told.replace('{pool!~"always|a[.]b"}', "") == without


def test_alerts_are_named_and_say_what_to_do():
    found = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert {name: rule["labels"]["severity"] for name, rule in found.items()} == {
        "GpuNodeWithoutWork": "warning",
        "GpuPoolAtCeiling": "warning",
        "GpuPodPendingTooLong": "warning",
        "GpuNodeWithoutPrice": "info",
        "GpuHeldWithoutWork": "info",
    }
    assert found["GpuPodPendingTooLong"]["expr"].endswith("> 960")
    assert "GpuHeldWithoutWork" not in {rule.get("alert") for rule in rules(dcgm_exporter="none")}


def test_panels_fill_rows_and_none_covers_another():
    for each in dashboards(check(GpuObservabilitySettings, {"dcgm_exporter": "chart"})):
        covered = [
            (x, y)
            for panel in each.as_json()["panels"]
            for place in [panel["gridPos"]]
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ]
        assert len(covered) == len(set(covered))
        assert max(x for x, _ in covered) == 23
        assert [panel["id"] for panel in each.as_json()["panels"]] == [*range(1, len(each.panels) + 1)]


def test_a_zero_is_shown_only_where_somebody_answers():
    """Without kube-state-metrics there is no number: a zero would be a green that nobody has seen."""
    zeros = [query for _, query in queries() if re.search(r"\b0 \*", query)]
    assert len(zeros) == 5
    assert all(re.search(r'0 \* max\(up\{job="(kube-state-metrics|karpenter)"\} == 1\)', query) for query in zeros)
    assert not [query for _, query in queries() if "vector(" in query]
