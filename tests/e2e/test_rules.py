"""Rules of GpuObservability as Prometheus' own tests judge them, over hours and with GPUs that nobody here has."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.observability.dashboards import dashboards
from components.observability.rules import rule_groups
from components.observability.settings import GpuObservabilitySettings
from components.values.gpu_pool import GpuPool
from components.values.value import check
from eks_gpu.lab.toolchain import is_built, toolchain

pytestmark = [
    pytest.mark.xdist_group("lab_metrics"),
    pytest.mark.minutes(2),  # what the lab of the group takes
    pytest.mark.skipif(not is_built("promtool"), reason="promtool is not built: `make replays` builds it"),
]
POOLS: Any = {
    "gpu": {"instance_types": ["g6.12xlarge"], "max_gpus": 10},
    "kept": {"instance_types": ["g5.xlarge"], "max_gpus": 4, "idle_s": 7200, "capacity_types": ["spot"]},
    "ready": {"instance_types": ["g5.12xlarge"], "max_gpus": 16, "warm_gpus": 2},
    "always": {"instance_types": ["g4dn.xlarge"], "max_gpus": 2, "nodes": 1},
}
SETTINGS = check(GpuObservabilitySettings, {"dcgm_exporter": "chart"})
HOUR = 60
"""In minutes, one sample each."""


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    told = ", ".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{told}}}", "values": values}


def node(name: str, pool: str, of: str, capacity_type: str, gpus: int, minutes: str = "x600", **more: str) -> list[Any]:
    labels = {
        "label_node_kubernetes_io_instance_type": of,
        "label_karpenter_sh_capacity_type": capacity_type,
        "label_karpenter_sh_nodepool": pool,
        **more,
    }
    resource = {"node": name, "resource": "nvidia_com_gpu"}
    return [
        series("kube_node_labels", f"1+0{minutes}", node=name, **labels),
        series("kube_node_created", f"0+0{minutes}", node=name),
        series("kube_node_status_allocatable", f"{gpus}+0{minutes}", **resource),
    ]


def pod(name: str, on: str, gpus: int, phase: str, values: str, created_s: int = 0) -> list[Any]:
    labels = {"namespace": "ml", "pod": name}
    asked = {**labels, "node": on, "container": "c", "resource": "nvidia_com_gpu"}
    running = [series("kube_pod_status_phase", values, **labels, phase=phase)]
    absent = values.replace("1", str(created_s))
    return [
        *running,
        series("kube_pod_container_resource_requests", values.replace("1", str(gpus)), **asked),
        series("kube_pod_created", absent, **labels),
    ]


def judged(tmp_path: Path, told: list[Any], **expected: Any) -> str:
    """What promtool says of a story; empty if it is as expected."""
    pools = {name: check(GpuPool, pool) for name, pool in POOLS.items()}
    rules = {"groups": rule_groups(pools, SETTINGS, "us-west-2", auto_mode=False)}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules, width=1000), encoding="utf-8")
    test = {"interval": "1m", "input_series": told, **expected}
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(whole, width=1000), encoding="utf-8")
    command = [toolchain(["promtool"])["promtool"], "test", "rules", "test.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ""


def silent(alert: str, minute: int) -> list[Any]:
    """That an alert does not fire in a minute. Where it does, promtool names it."""
    return [{"alertname": alert, "eval_time": f"{minute}m", "exp_alerts": []}]


def value(query: str, minute: int, **of: float) -> dict[str, Any]:
    """What a query answers in a minute: labels as text -> value."""
    samples = [{"labels": labels, "value": number} for labels, number in of.items()]
    return {"expr": query, "eval_time": f"{minute}m", "exp_samples": samples}


def test_every_query_is_one(tmp_path):
    found = [(title, query.expr) for each in dashboards(SETTINGS) for title, query in each.queries()]
    rules = [{"record": f"panel_{number}", "expr": expr} for number, (_, expr) in enumerate(found)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [toolchain(["promtool"])["promtool"], "check", "rules", "rules.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(found)} rules found" in done.stdout


def test_a_story_that_is_not_so_is_found_out(tmp_path):
    told = node("a", "gpu", "g6.12xlarge", "on-demand", 4)
    assert "FAILED" in judged(tmp_path, told, promql_expr_test=[value("sum(eks_gpu:pool:gpus)", 5, **{"{}": 8})])


def test_a_node_is_idle_since_its_last_pod_and_an_alert_fires_after_an_hour(tmp_path):
    told = [
        *node("a", "gpu", "g6.12xlarge", "on-demand", 4),
        *pod("train", "a", 1, "Running", "1+0x30 stale"),
    ]
    queries = [
        value("sum by (pool, node) (eks_gpu:node:gpus_idle)", 10, **{'{pool="gpu", node="a"}': 3}),
        value("sum(eks_gpu:node:gpus_idle)", 40, **{"{}": 4}),
        value("time() - max(eks_gpu:node:idle_since_timestamp_seconds)", 50, **{"{}": 20 * 60}),
        value("sum(eks_gpu:pool:hourly_usd)", 50, **{"{}": 4.6016}),
    ]
    alerts = silent("GpuNodeWithoutWork", 30 + HOUR - 5)
    assert judged(tmp_path, told, promql_expr_test=queries, alert_rule_test=alerts) == ""
    assert "GpuNodeWithoutWork" in judged(tmp_path, told, alert_rule_test=silent("GpuNodeWithoutWork", 30 + HOUR + 5))


def test_a_pool_that_keeps_idle_nodes_is_given_its_time(tmp_path):
    told = node("b", "kept", "g5.xlarge", "spot", 1)
    early = silent("GpuNodeWithoutWork", 2 * HOUR + 5)
    assert judged(tmp_path, told, alert_rule_test=early) == ""
    assert "GpuNodeWithoutWork" in judged(tmp_path, told, alert_rule_test=silent("GpuNodeWithoutWork", 2 * HOUR + 20))


def test_what_is_kept_ready_is_idle_without_an_alert_and_what_is_more_is_not(tmp_path):
    held = pod("holds", "e", 1, "Running", "1+0x600")
    placeholder = [{**each, "series": each["series"].replace('"ml"', '"ready-warm"')} for each in held]
    kept = [*node("e", "ready", "g5.12xlarge", "on-demand", 4), *node("f", "always", "g4dn.xlarge", "on-demand", 1)]
    long = silent("GpuNodeWithoutWork", 5 * HOUR)
    assert judged(tmp_path, kept, alert_rule_test=long) == ""
    assert judged(tmp_path, [*kept, *placeholder], alert_rule_test=long) == ""
    more = [*kept, *node("g", "ready", "g5.12xlarge", "on-demand", 4)]
    assert "GpuNodeWithoutWork" in judged(tmp_path, more, alert_rule_test=long)
    assert "GpuNodeWithoutWork" in judged(tmp_path, [*more, *placeholder], alert_rule_test=long)


def test_a_pool_is_at_its_ceiling_where_no_further_node_fits(tmp_path):
    one, other = (node(name, "gpu", "g6.12xlarge", "on-demand", 4) for name in ("a", "c"))
    assert judged(tmp_path, one, alert_rule_test=silent("GpuPoolAtCeiling", HOUR)) == ""
    assert "GpuPoolAtCeiling" in judged(tmp_path, [*one, *other], alert_rule_test=silent("GpuPoolAtCeiling", HOUR))


def test_a_fixed_number_of_nodes_is_at_no_ceiling(tmp_path):
    one, its_heir = (node(name, "always", "g4dn.xlarge", "on-demand", 1) for name in ("f", "g"))
    assert judged(tmp_path, [*one, *its_heir], alert_rule_test=silent("GpuPoolAtCeiling", HOUR)) == ""


def test_a_pod_may_wait_for_its_budget_and_no_longer(tmp_path):
    told = pod("waits", "", 4, "Pending", "1+0x600")
    assert judged(tmp_path, told, alert_rule_test=silent("GpuPodPendingTooLong", 15)) == ""
    assert "GpuPodPendingTooLong" in judged(tmp_path, told, alert_rule_test=silent("GpuPodPendingTooLong", 18))


def test_a_gpu_that_a_pod_has_and_does_not_use(tmp_path):
    labels = {"node": "a", "gpu": "0", "exported_namespace": "ml", "exported_pod": "train"}
    idle = [series("DCGM_FI_DEV_GPU_UTIL", "0+0x600", **labels)]
    once = [series("DCGM_FI_DEV_GPU_UTIL", "0+0x40 7 0+0x600", **labels)]
    at = silent("GpuHeldWithoutWork", HOUR + 5)
    assert "GpuHeldWithoutWork" in judged(tmp_path, idle, alert_rule_test=at)
    assert judged(tmp_path, once, alert_rule_test=at) == ""
    assert judged(tmp_path, [series("DCGM_FI_DEV_GPU_UTIL", "0+0x600", node="a", gpu="0")], alert_rule_test=at) == ""


def test_a_node_without_a_price_costs_nothing_that_is_shown_and_is_told(tmp_path):
    told = [*node("a", "gpu", "g6.12xlarge", "reserved", 4), *node("b", "kept", "g5.xlarge", "spot", 1)]
    queries = [value("sum by (pool) (eks_gpu:pool:hourly_usd)", 30, **{'{pool="kept"}': 0.44264})]
    assert judged(tmp_path, told, promql_expr_test=queries) == ""
    assert "GpuNodeWithoutPrice" in judged(tmp_path, told, alert_rule_test=silent("GpuNodeWithoutPrice", 30))


def test_groups_of_eks_and_shares_of_gpus(tmp_path):
    """A managed group, and four pods on each GPU: a GPU is free by the part that no pod has asked for."""
    managed = {
        "label_karpenter_sh_nodepool": "",
        "label_karpenter_sh_capacity_type": "",
        "label_eks_amazonaws_com_capacity_type": "SPOT",
        "label_eks_amazonaws_com_nodegroup": "kept-us-west-2a-spot-1a2b3c",
    }
    told = [
        *node("d", "", "g5.xlarge", "", 4, **managed),
        *pod("a", "d", 1, "Running", "1+0x600"),
    ]
    queries = [
        value(
            "sum by (pool, capacity_type) (eks_gpu:node:gpus_idle)", 30, **{'{pool="kept", capacity_type="spot"}': 0.75}
        ),
        value("sum(eks_gpu:pool:hourly_usd)", 30, **{"{}": 0.44264}),
    ]
    assert judged(tmp_path, told, promql_expr_test=queries) == ""
