"""The part of NVIDIA's device plugin that the lab plays: nodes whose pods share GPUs offer each GPU several times."""

from typing import Any

from eks_gpu_components.catalog import DEVICE_PLUGIN_CONFIG_LABEL, GPU_RESOURCE

WHOLE_ANNOTATION = "lab.eks-gpu/whole-gpus"
"""GPUs of a node before they were shared."""

_RESOURCES = f"""
{{{{ $config := index .metadata.labels "{DEVICE_PLUGIN_CONFIG_LABEL}" }}}}
{{{{ $shares := regexFind "[0-9]+$" $config | default "1" | atoi }}}}
{{{{ $whole := index .status.capacity "{GPU_RESOURCE}" | default "0" | atoi }}}}
capacity:
  {GPU_RESOURCE}: {{{{ mul $whole $shares | Quote }}}}
allocatable:
  {GPU_RESOURCE}: {{{{ mul $whole $shares | Quote }}}}
"""
_ANNOTATIONS = f"""
annotations:
  {WHOLE_ANNOTATION}: {{{{ index .status.capacity "{GPU_RESOURCE}" | default "0" | Quote }}}}
"""


def sharing_stage() -> dict[str, Any]:
    """A stage of kwok: a node whose label names a configuration, as time-slicing-4, has that many shares of each GPU.

    The annotation is written first: the node that carries it is played no second time.
    """
    label, annotation = (
        f'.metadata.{kind}["{key}"]'
        for kind, key in (("labels", DEVICE_PLUGIN_CONFIG_LABEL), ("annotations", WHOLE_ANNOTATION))
    )
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "node-shares-gpus"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Node"},
            "selector": {
                "matchExpressions": [
                    {"key": label, "operator": "Exists"},
                    {"key": annotation, "operator": "DoesNotExist"},
                ]
            },
            "weight": 1,  # before the stages without one, which else are drawn by lot
            "next": {
                "patches": [
                    {"root": "metadata", "template": _ANNOTATIONS},
                    {"subresource": "status", "root": "status", "template": _RESOURCES},
                ]
            },
        },
    }
