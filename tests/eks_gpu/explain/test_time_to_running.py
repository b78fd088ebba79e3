"""Explain: when the pod runs, step by step."""

import pytest

from eks_gpu.explain.explanation import Explanation
from eks_gpu.explain.stack_rooms import stack_rooms
from eks_gpu.graph.graph import Graph
from tests.explanations import POD, groups, karpenter, row
from tests.graphs import healthy, kubernetes, managed_group, release, resource
from tests.karpenter_graphs import node_class, node_pool
from tests.karpenter_graphs import subnet as tagged_subnet

HARD = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}
TOLERANT_OF_NONE = release("gpu-operator", daemonsets={"tolerations": []})


def seconds(found: Explanation, pool: str = "gpu") -> dict[str, int]:
    launch = row(found, pool)["launch"]["time_to_running"]
    steps = {step["step"]: step["seconds"] for step in launch["steps"]}
    assert launch["seconds"] == sum(steps.values())
    assert all(step["assumption"] for step in launch["steps"])
    return steps


def test_the_wait_for_a_gpu_on_a_new_node_of_a_group(explained):
    assert seconds(explained(POD)) == {
        "noticed": 10,
        "launch": 90,
        "driver": 30,
        "image pull": 133,  # 8 GB, assumed
        "model load": 0,
    }


def test_karpenter_notices_sooner_and_a_probe_waits_for_a_model(explained):
    text = POD.replace("      resources", "      startupProbe: {tcpSocket: {port: 80}}\n      resources")
    assert seconds(explained(text, karpenter())) == {
        "noticed": 2,
        "launch": 90,
        "driver": 30,
        "image pull": 133,
        "model load": 26,  # 10 s, and 2 GiB at gp3's 125 MiB/s
    }


def test_a_faster_disk_loads_the_model_sooner(explained):
    text = POD.replace("      resources", "      readinessProbe: {tcpSocket: {port: 80}}\n      resources")
    disk = {"deviceName": "/dev/xvda", "ebs": {"volumeSize": "100Gi", "volumeType": "gp3", "throughput": 500}}
    nodes = node_class(blockDeviceMappings=[disk])
    assert seconds(explained(text, karpenter(nodes=nodes)))["model load"] == 14


SERVER = POD.replace("example/app:1", "vllm/vllm-openai:v0.28.0").replace(
    "      resources", "      readinessProbe: {tcpSocket: {port: 80}}\n      args: [ARGS]\n      resources"
)


@pytest.mark.parametrize(
    ("args", "load", "compilation", "sooner"),
    [
        # 15.3 GiB at gp3's 125 MiB/s, and 16.4 GB at 2,080 MB/s
        (
            "Qwen/Qwen3-8B",
            10 + 125,
            65,
            {"load from S3 with a streamer": 117, "keep vLLM's compile cache on a volume": 59},
        ),
        ("s3://m/q, --served-model-name=Qwen/Qwen3-8B", 18, 65, {"keep vLLM's compile cache on a volume": 59}),
        ("Qwen/Qwen3-8B, --enforce-eager", 10 + 125, 0, {"load from S3 with a streamer": 117}),
    ],
)
def test_a_language_model_loads_its_own_weights_and_vllm_compiles_it(explained, args, load, compilation, sooner):
    found = explained(SERVER.replace("ARGS", args), karpenter())
    on_node = seconds(found)
    assert (on_node["model load"], on_node["compile"]) == (load, compilation)
    told = row(found, "gpu")["launch"]["time_to_running"]["alternatives"]
    of_the_server = {each["change"]: each["saves_s"] for each in told if each["hourly"] is None}
    assert of_the_server == sooner


def test_a_model_that_is_not_known_is_taken_to_have_2_gib(explained):
    on_node = seconds(explained(SERVER.replace("ARGS", "acme/unknown"), karpenter()))
    assert on_node["model load"] == 26
    assert "compile" not in on_node


def test_an_image_whose_size_is_known(explained):
    text = POD.replace("example/app:1", "nvcr.io/nvidia/tritonserver:26.07-py3@sha256:0")
    assert seconds(explained(text))["image pull"] == 258  # 15.5 GB


@pytest.mark.parametrize(
    ("image", "pull", "said"),
    [
        ("registry.k8s.io/pause:3.10", 0, "0.32 MB at 60 MB/s"),
        ("public.ecr.aws/amazonlinux/amazonlinux:2023-minimal", 1, "37 MB at 60 MB/s"),
        ("nvcr.io/nvidia/tritonserver:26.07-py3", 258, "15.5 GB at 60 MB/s"),
        ("example/app:1", 133, "8 GB at 60 MB/s, a size that is assumed"),
        ("registry.example:5000/app", 133, "8 GB at 60 MB/s, a size that is assumed"),
        (
            "example/app:1}, {name: sidecar, image: nvcr.io/nvidia/tritonserver",
            392,
            "23.5 GB at 60 MB/s, of which 8 GB are assumed",
        ),
    ],
)
def test_a_size_that_nobody_knows_is_called_assumed(explained, image, pull, said):
    containers = f"[{{name: app, resources: {{limits: {{nvidia.com/gpu: 1}}}}, image: {image}}}]"
    text = f"{POD[: POD.index('containers:')]}containers: {containers}\n"
    launch = row(explained(text), "gpu")["launch"]["time_to_running"]
    (step,) = [step for step in launch["steps"] if step["step"] == "image pull"]
    assert (step["seconds"], step["assumption"]) == (pull, said)


def test_a_pod_without_accelerator_waits_for_no_driver(explained):
    text = POD.replace("          nvidia.com/gpu: 1\n", "").replace("operator: Exists", "value: wrong")
    assert seconds(explained(text), "system") == {
        "noticed": 10,
        "launch": 60,
        "driver": 0,
        "image pull": 8,
        "model load": 0,
    }
    (taker,) = explained(text).takers
    assert taker.launch.seconds_on_node == 8


def driver_step(found: Explanation) -> tuple[int, str]:
    (step,) = [step for step in row(found, "gpu")["launch"]["time_to_running"]["steps"] if step["step"] == "driver"]
    return step["seconds"], step["assumption"]


PLAIN = managed_group("gpu", instanceTypes=["g4dn.xlarge"], taints=[])
NOBODY = (0, "nothing installs the driver, which the image lacks: the node never offers its GPU")


def test_a_driver_that_an_operator_installs_takes_minutes(explained):
    installed = (240, "the GPU operator installs driver and toolkit: 3 to 5 minutes")
    operator = release("gpu-operator")
    assert driver_step(explained(POD, groups(gpu=PLAIN, device_plugin=operator))) == installed


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"device_plugin": release("gpu-operator", driver={"enabled": False})},
        {"gpu": managed_group("gpu", instanceTypes=["g4dn.xlarge"], taints=[HARD]), "device_plugin": TOLERANT_OF_NONE},
    ],
)
def test_a_driver_that_nothing_installs_is_never_there(more, explained):
    assert driver_step(explained(POD, groups(**{"gpu": PLAIN} | more))) == NOBODY


def test_a_driver_that_another_stack_may_install(explained):
    others = [found for found in healthy(gpu=PLAIN) if not found.type.endswith(":Cluster")]
    assert driver_step(explained(POD, stack_rooms(Graph(others), "us-west-2"))) == (
        240,
        "nothing in this stack installs the driver; 3 to 5 minutes if a GPU operator from elsewhere does",
    )


def test_bare_metal_takes_longest(explained):
    metal = node_pool(
        {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["g4dn.metal"]},
        limits={"nvidia.com/gpu": "8"},
    )
    assert seconds(explained(POD, karpenter(metal)))["launch"] == 1200


def test_pods_that_find_a_node_kept_ready_wait_for_no_node(explained):
    spec = {"replicas": 2, "podTemplateRef": {"name": "spare"}}
    needs = {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}
    container = {"name": "main", "image": "registry.k8s.io/pause:3.10", "resources": needs}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    template = {"spec": {"containers": [container], "tolerations": tolerations}}
    kept = stack_rooms(
        Graph(
            [
                *(node_pool(), node_class(), tagged_subnet("a"), tagged_subnet("b")),
                kubernetes("CapacityBuffer", "spare", spec, group="autoscaling.x-k8s.io/v1beta1"),
                resource(
                    "kubernetes:core/v1:PodTemplate", "spare", {"metadata": {"name": "spare"}, "template": template}
                ),
            ]
        ),
        "us-west-2",
    )
    launch, cold = (row(explained(POD, stack), "gpu")["launch"] for stack in (kept, karpenter()))

    on_node = {"image pull", "model load"}
    steps = sum(step["seconds"] for step in launch["time_to_running"]["steps"] if step["step"] in on_node)
    assert launch["kept_ready"] == {"pods": 2, "seconds": steps}
    assert cold["kept_ready"] is None
    large = POD.replace("nvidia.com/gpu: 1", "nvidia.com/gpu: 4")
    assert row(explained(large, kept), "gpu")["launch"] is None
