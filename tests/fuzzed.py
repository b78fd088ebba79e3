"""`python -m tests.fuzzed import|explain|check NUMBER [SEED]`: malformed documents at one command, told as JSON."""

import io
import json
import re
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from eks_gpu.io.problems import InputError
from tests.committed import committed
from tests.malformed import as_json, broken

HERE = committed() / "tests"
DAY = date(2026, 11, 24)
MANIFESTS = """
apiVersion: v1
kind: Pod
metadata: {name: train, labels: {app: train}}
spec:
  nodeSelector: {nvidia.com/gpu.present: "true"}
  tolerations: [{key: nvidia.com/gpu, operator: Equal, value: "true", effect: NoSchedule}]
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - matchExpressions: [{key: node.kubernetes.io/instance-type, operator: In, values: [g5.xlarge]}]
  initContainers: [{name: fetch, image: a, resources: {requests: {cpu: 500m}}}]
  containers: [{name: main, image: b, resources: {limits: {nvidia.com/gpu: 1, memory: 10Gi, cpu: "3"}}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec: {schedule: "0 1 * * *", jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: b}]}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: serve}
spec: {replicas: 3, template: {spec: {containers: [{name: a, image: b, resources: {limits: {nvidia.com/gpu: 2}}}]}}}
"""


def importing() -> tuple[list[Any], Callable[[Any], str], Callable[[Path], Any]]:
    from eks_gpu.importers.importing import import_file
    from eks_gpu.importers.yaml_output import written

    def run(file: Path) -> None:
        answer, findings = import_file(file, DAY)
        findings.in_order()
        written(answer, file.name)

    seeds = [list(yaml.safe_load_all(file.read_text())) for file in sorted((HERE / "imported").glob("*.yaml"))]
    return seeds, _documents, run


def explaining() -> tuple[list[Any], Callable[[Any], str], Callable[[Path], Any]]:
    from eks_gpu.explain.explain import explain
    from eks_gpu.explain.pod_file import read_pods
    from eks_gpu.explain.stack_rooms import stack_rooms
    from eks_gpu.foreign import documents
    from eks_gpu.foreign.stack import foreign

    told = foreign(documents.state(HERE / "recorded" / "spot-autoscaling-groups.state.json"))
    stack = stack_rooms(told.graph, told.region)

    def run(file: Path) -> None:
        for each in explain(stack, read_pods(file)[0]):
            each.as_json()

    return [list(yaml.safe_load_all(MANIFESTS))], _documents, run


def checking() -> tuple[list[Any], Callable[[Any], str], Callable[[Path], Any]]:
    from eks_gpu.foreign.judged import judge
    from eks_gpu.foreign.render import render
    from eks_gpu.foreign.stack import foreign
    from eks_gpu.io.terminal import Terminal
    from eks_gpu.plan.junit import junit
    from eks_gpu.plan.sarif import Told, sarif

    terminal = Terminal(file=io.StringIO())

    def run(file: Path) -> None:
        judged = judge(foreign(_document(file)), DAY)
        json.dumps(judged.as_json(), allow_nan=False)
        terminal.print(render(judged))
        junit({"p/s": judged.findings})
        json.dumps(sarif(Told(judged.findings, lambda _: "")), allow_nan=False)
        for finding in judged.findings:
            judged.urn_of(finding)

    seed = json.loads((HERE / "recorded" / "spot-autoscaling-groups.preview.json").read_text())
    kinds = (
        "autoscaling/group",
        "launchTemplate",
        "NodePool",
        "subnet:",
        "eks/cluster",
        "Deployment",
        "Release",
        "iam/",
    )
    few = [step for step in seed["steps"] if any(kind in step["newState"]["type"] for kind in kinds)]
    pool = {"urn": "urn:pulumi:dev::a::kubernetes:karpenter.sh/v1:NodePool::gpu", "custom": True}
    pool |= {"type": "kubernetes:karpenter.sh/v1:NodePool", "inputs": NODE_POOL}
    aws = {"urn": "urn:pulumi:dev::a::pulumi:providers:aws::a", "type": "pulumi:providers:aws", "custom": True}
    aws |= {"inputs": {"region": "us-west-2"}}
    state = {"version": 3, "deployment": {"resources": [aws, *(step["newState"] for step in few), pool]}}
    return [{**seed, "steps": [*few, {"op": "create", "newState": pool}]}, state], as_json, run


def _document(file: Path) -> Any:
    """As a state what looks like one."""
    from eks_gpu.foreign import documents

    text = file.read_text(encoding="utf-8", errors="surrogatepass")
    return documents.state(file) if '"deployment"' in text else documents.preview(file)


NODE_POOL = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodePool",
    "metadata": {"name": "gpu"},
    "spec": {
        "limits": {"nvidia.com/gpu": "4"},
        "disruption": {"consolidateAfter": "30s", "budgets": [{"nodes": "10%"}]},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                "requirements": [{"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["g4dn"]}],
                "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
            },
        },
    },
}
COMMANDS = {"import": importing, "explain": explaining, "check": checking}


def _documents(data: Any) -> str:
    documents = data if isinstance(data, list) else [data]
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, allow_unicode=True)  # 13 s less than in Python


def main(command: str, number: int, seed: int = 1) -> dict[str, Any]:
    seeds, write, run = COMMANDS[command]()
    told: dict[str, Any] = {"documents": 0, "answers": 0, "refused": 0, "crashes": [], "slowest_cpu_s": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "document.yaml"
        for text in broken(seeds, number, seed, write):
            file.write_text(text, encoding="utf-8", errors="surrogatepass")
            started = time.process_time()
            try:
                run(file)
                told["answers"] += 1
            except InputError:
                told["refused"] += 1
            except Exception as crash:  # whatever it is: it is what is looked for
                told["crashes"].append("".join(traceback.format_exception(crash)[-3:]))
                if len(told["crashes"]) > 20:
                    break
            told["documents"] += 1
            told["slowest_cpu_s"] = max(told["slowest_cpu_s"], time.process_time() - started)
    told["peak_mib"] = peak_mib()
    return told


def peak_mib() -> int:
    """Most memory that this process has had. What the system counts for getrusage begins with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024**2  # macOS, which counts in bytes


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(int, sys.argv[2:])), indent=1))
