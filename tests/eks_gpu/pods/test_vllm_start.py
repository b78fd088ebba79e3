"""What a server of vLLM loads and compiles before it answers."""

from typing import Any

import pytest

from eks_gpu.pods.vllm_start import FOLDER, HUB, S3, VOLUME, vllm_start

NAME = "Qwen/Qwen3-8B"
ON_VOLUME = ["/models/qwen", f"--served-model-name={NAME}"]
CLAIMED = {"persistentVolumeClaim": {"claimName": "kept"}}


def pod(args: list[str], mounts: dict[str, dict[str, Any]] | None = None, **env: str) -> dict[str, Any]:
    """A server, with volumes by the path that they are mounted at."""
    paths = mounts or {}
    container = {
        "name": "server",
        "image": "vllm/vllm-openai:v0.28.0",
        "args": args,
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
        "volumeMounts": [{"name": path.strip("/"), "mountPath": path} for path in paths],
    }
    return {"containers": [container], "volumes": [{"name": path.strip("/"), **paths[path]} for path in paths]}


@pytest.mark.parametrize(
    ("args", "mounts", "place"),
    [
        ([NAME], {}, HUB),
        ([f"--model={NAME}"], {"/models": CLAIMED}, HUB),
        (["s3://models/qwen", f"--served-model-name={NAME}"], {}, S3),
        (ON_VOLUME, {"/models": CLAIMED}, VOLUME),
        (ON_VOLUME, {"/": {"emptyDir": {}}, "/models/": CLAIMED}, VOLUME),
        (ON_VOLUME, {"/models": CLAIMED, "/models/qwen": {"emptyDir": {}}}, FOLDER),
        (ON_VOLUME, {"/models": {"emptyDir": {}}}, FOLDER),
        (ON_VOLUME, {"/mod": CLAIMED}, FOLDER),
        (ON_VOLUME, {}, FOLDER),
    ],
)
def test_where_the_weights_are(args, mounts, place):
    start = vllm_start(pod(args, mounts))
    assert start
    assert (start.model, start.place) == (NAME, place)
    assert start.weights_mib / 1024 == pytest.approx(15.26, abs=0.01)


def test_a_quantised_checkpoint_has_fewer_weights():
    start = vllm_start(pod([NAME, "--quantization=fp8"]))
    assert start
    assert start.weights_mib / 1024 == pytest.approx(8.8, abs=0.1)


@pytest.mark.parametrize(
    ("mounts", "env", "cached"),
    [
        ({"/cache": CLAIMED}, {"VLLM_CACHE_ROOT": "/cache"}, True),
        ({"/cache": CLAIMED}, {"VLLM_CACHE_ROOT": "/cache/vllm"}, True),
        ({"/cache": {"nfs": {"server": "files", "path": "/"}}}, {"VLLM_CACHE_ROOT": "/cache"}, True),
        ({"/cache": CLAIMED}, {}, False),
        ({"/cache": CLAIMED}, {"VLLM_CACHE_ROOT": "/other"}, False),
        ({"/cache": {"emptyDir": {}}}, {"VLLM_CACHE_ROOT": "/cache"}, False),
        ({"/cache": {"hostPath": {"path": "/cache"}}}, {"VLLM_CACHE_ROOT": "/cache"}, False),
        ({"/root/.cache": CLAIMED}, {}, True),
        ({"/home/me": CLAIMED}, {"HOME": "/home/me"}, True),
        ({"/root/.cache": CLAIMED}, {"XDG_CACHE_HOME": "/tmp"}, False),
    ],
)
def test_what_is_compiled_is_kept_where_the_cache_lies_on_a_volume_that_outlasts_the_pod(mounts, env, cached):
    start = vllm_start(pod([NAME], mounts, **env))
    assert start
    assert (start.compiles, start.cached) == (True, cached)


def test_an_eager_server_compiles_nothing():
    start = vllm_start(pod([NAME, "--enforce-eager"]))
    assert start
    assert not start.compiles


@pytest.mark.parametrize(
    "spec", [{}, pod(["acme/unknown"]), {"containers": [{"name": "app", "image": "example/app:1"}]}]
)
def test_of_another_server_nothing_is_known(spec):
    assert vllm_start(spec) is None


def test_of_several_servers_the_one_with_the_most_weights_counts():
    small, large = pod([NAME]), pod(["Qwen/Qwen3-32B"])
    start = vllm_start({"containers": [*large["containers"], *small["containers"]]})
    assert start
    assert start.model == "Qwen/Qwen3-32B"
