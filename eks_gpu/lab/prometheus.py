"""Prometheus in the lab, and kube-state-metrics: the rules of a program on the metrics of the lab's controllers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from eks_gpu.lab.control_plane import run, wait_for
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.programs import Program
from eks_gpu.lab.scraped import Way, expose, folder
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import toolchain
from eks_gpu_components.catalog.metrics import KUBE_STATE_METRICS

PROMETHEUS, STATE_METRICS = "prometheus", KUBE_STATE_METRICS.job
RESOURCES = ("nodes", "pods")
"""What kube-state-metrics tells of where nobody says: enough for GPUs, and little enough for a laptop."""
EVERY = "1s"
"""How often it asks and computes: nobody waits half a minute for a test."""


@dataclass(frozen=True)
class Server:
    """A Prometheus that runs."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of an expression now, each with `metric` and `value`. Raises LabProblem for one that is none."""
        return self._ask("query", query=expression)["result"]

    def rules(self) -> list[dict[str, Any]]:
        """All rules, each with `health` and, if it failed, `lastError`."""
        return [rule for group in self._ask("rules")["groups"] for rule in group["rules"]]

    def targets(self) -> dict[str, str]:
        """Job -> health of what is scraped: up, down or unknown."""
        return {each["labels"]["job"]: each["health"] for each in self._ask("targets")["activeTargets"]}

    def _ask(self, what: str, **given: str) -> Any:
        answer = urllib3.request("GET", f"{self.url}/api/v1/{what}?{urlencode(given)}", timeout=30).json()
        if answer["status"] != "success":
            raise LabProblem(f"{PROMETHEUS} refuses {given}: {answer['error']}")
        return answer["data"]


def start_state_metrics(lab: Lab, values: Mapping[str, Any]) -> Lab:
    """Starts kube-state-metrics and returns when it works; the lab with it. It is built if need be.

    `values` are those of its chart: what it tells of, and which labels of nodes. Raises LabProblem.
    """
    ports = free_ports(("metrics", "own"))
    program = Program(
        STATE_METRICS,
        (
            str(toolchain([STATE_METRICS])[STATE_METRICS]),
            f"--kubeconfig={lab.kubeconfig}",
            f"--resources={','.join(values.get('collectors') or RESOURCES)}",
            f"--metric-labels-allowlist={','.join(values.get('metricLabelsAllowlist') or ())}",
            f"--host={LOOPBACK}",
            f"--port={ports['metrics']}",
            f"--telemetry-host={LOOPBACK}",
            f"--telemetry-port={ports['own']}",
        ),
        f"http://{LOOPBACK}:{ports['metrics']}/healthz",
    )
    lab = run(lab, program)
    wait_for(lab, program)
    expose(lab, KUBE_STATE_METRICS.job, ports["metrics"], Way.ABOUT_OTHERS)
    return lab


def start_prometheus(lab: Lab, groups: Sequence[Mapping[str, Any]]) -> tuple[Lab, Server]:
    """Starts Prometheus with groups of rules, and returns when it answers; the lab with it. It is built if need be.

    It scrapes what the lab exposes, from when it does. Raises LabProblem.
    """
    home, port = lab.folder / PROMETHEUS, free_ports((PROMETHEUS,))[PROMETHEUS]
    home.mkdir(exist_ok=True)
    (home / "rules.yaml").write_text(yaml.safe_dump({"groups": [dict(each) for each in groups]}), encoding="utf-8")
    config = home / "prometheus.yaml"
    config.touch(mode=0o600)  # the token of an administrator is in it
    config.write_text(yaml.safe_dump(_configuration(lab)), encoding="utf-8")
    url = f"http://{LOOPBACK}:{port}"
    program = Program(
        PROMETHEUS,
        (
            str(toolchain([PROMETHEUS])[PROMETHEUS]),
            f"--config.file={config}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            "--log.level=warn",
        ),
        f"{url}/-/ready",
    )
    lab = run(lab, program)
    wait_for(lab, program)
    (home / "url").write_text(f"{url}\n", encoding="utf-8")
    return lab, Server(url)


def _configuration(lab: Lab) -> dict[str, Any]:
    def scraped(way: Way, **more: Any) -> dict[str, Any]:
        found = [{"files": [f"{folder(lab)}/{way}.*.json"], "refresh_interval": EVERY}]
        return {"job_name": str(way), "file_sd_configs": found, **more}

    as_administrator = {"authorization": {"credentials": lab.token}, "tls_config": {"insecure_skip_verify": True}}
    return {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            scraped(Way.PLAIN),
            scraped(Way.ABOUT_OTHERS, honor_labels=True),
            scraped(Way.SECRET, scheme="https", **as_administrator),
        ],
    }
