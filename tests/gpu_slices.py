"""Stacks whose pool has slices of GPUs (MIG), cut by the GPU operator."""

from typing import Any

from eks_gpu.graph.graph import Resource
from tests import graphs
from tests.graphs import GPU_TAGS, TEMPLATE, gpu_group, gpu_work, launch_template, overrides, release, tags, user_data


def operator(**values: Any) -> Resource:
    """The GPU operator on an image that has the driver, with slices of their own names."""
    in_image: dict[str, Any] = {"driver": {"enabled": False}, "toolkit": {"enabled": False}}
    return release("gpu-operator", **(in_image | {"mig": {"strategy": "mixed"}} | values))


def healthy(config: str = "all-1g.5gb", **instead: Any) -> list[Resource]:
    """One group of a p4d.24xlarge, and work on a slice."""
    told = {
        f"{TEMPLATE}/resources/nvidia.com/{name}": count for name, count in {"gpu": "0", "mig-1g.5gb": "56"}.items()
    }
    expected = {key: value for key, value in GPU_TAGS.items() if "accelerator" not in key}
    expected[f"{TEMPLATE}/label/nvidia.com/mig.config"] = config
    group = gpu_group(tags=tags({**expected, **told}), mixedInstancesPolicy=overrides("p4d.24xlarge"), maxSize=1)
    node = launch_template(userData=user_data(labels=f"nvidia.com/gpu.present=true,nvidia.com/mig.config={config}"))
    work = gpu_work()
    (container,) = work.inputs["spec"]["template"]["spec"]["containers"]
    container["resources"] = {"limits": {"nvidia.com/mig-1g.5gb": 1}}
    parts = {"gpu": group, "gpu_template": node, "device_plugin": operator(), "train": work, **instead}
    return graphs.healthy(**parts)
