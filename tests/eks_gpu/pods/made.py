"""Objects with pods in one line, and what is made of them."""

from typing import Any

import yaml

from eks_gpu.pods.demand import Workload, workloads_of

GPU = "{containers: [{name: a, image: b, resources: {limits: {nvidia.com/gpu: 1}}}]}"
TEMPLATE = f"template: {{spec: {GPU}}}"


def made(text: str, find: Any = None) -> list[Workload]:
    manifest = yaml.safe_load(text)
    return workloads_of({"metadata": {"name": "it"}, **manifest}, find)


def counts(text: str, find: Any = None) -> list[tuple[str, int | None, int | None, int | None]]:
    return [(each.template, each.replicas, each.min_replicas, each.max_replicas) for each in made(text, find)]


def gangs(text: str) -> list[tuple[int, int]]:
    return [(each.gang, each.gang_of) for each in made(text)]
