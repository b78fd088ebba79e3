"""The exported model, loaded by TensorFlow and asked by the client. `tools/resnet_environment` makes what it needs."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.xdist_group("resnet_model"),
    pytest.mark.minutes(3),
]  # what its fixtures bring up is brought up once

ROOT = Path(__file__).parents[2]
RESNET = ROOT / "workloads" / "resnet"
TENSORFLOW_PYTHON = ROOT / ".venv-resnet" / "bin" / "python"
SAMPLE = (RESNET / "sample.jpg").read_bytes()
REFERENCE = """
import json
import numpy
import tensorflow
from export_model import resnet50

rgb = tensorflow.io.decode_jpeg(tensorflow.io.read_file("sample.jpg")).numpy().astype("float32")
bgr = rgb[:, :, ::-1] - numpy.array([103.939, 116.779, 123.68], "float32")  # means of ImageNet's channels
probabilities = resnet50("random").predict(bgr[None], verbose=0)[0]
best = numpy.argsort(probabilities)[:-6:-1]
print(json.dumps({"classes": best.tolist(), "probabilities": probabilities[best].tolist()}))
"""


def export(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [TENSORFLOW_PYTHON, RESNET / "export_model.py", *arguments]
    # A home of its own, since Keras keeps weights there; a proxy that nobody serves stands for a network without them.
    environment = {"HOME": str(home), "https_proxy": "http://127.0.0.1:9"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home)


def client(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, RESNET / "resnet_client.py", *arguments], capture_output=True, text=True)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    done = export("--out", str(out), "--weights", "random", home=out)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}/resnet/1\n"
    return out


@pytest.fixture(scope="module")
def url(models: Path) -> Iterator[str]:
    command = [TENSORFLOW_PYTHON, "-m", "tests.e2e.model_server", models / "resnet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()


def post(url: str, instances: list[Any]) -> dict[str, Any]:
    body = json.dumps({"instances": instances}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/models/resnet:predict", body)) as response:
        return json.load(response)


def b64(content: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(content).decode()}


def test_the_client_times_ten_requests_and_names_a_class_of_imagenet(url):
    done = client("--url", url, "--wait", "60", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["class"] in range(1000)
    assert (report["count"], report["errors"]) == (10, 0)
    assert 0 < report["min_ms"] <= report["p50_ms"] <= report["p95_ms"] <= report["max_ms"]


def test_the_client_says_it_in_a_sentence(url):
    done = client("--url", f"{url}/v1/models/resnet:predict", "--count", "4", "--concurrency", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Prediction class: ")


def test_a_prediction_has_the_class_and_the_five_likeliest(url):
    (prediction,) = post(url, [b64(SAMPLE)])["predictions"]
    assert prediction.keys() == {"classes", "top_5_classes", "top_5_probabilities"}
    assert prediction["classes"] == prediction["top_5_classes"][0]
    probabilities = prediction["top_5_probabilities"]
    assert len(probabilities) == 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1.0001


def test_a_picture_reaches_the_network_in_the_order_and_range_of_its_training(url):
    done = subprocess.run([TENSORFLOW_PYTHON, "-c", REFERENCE], cwd=RESNET, check=True, capture_output=True, text=True)
    expected = json.loads(done.stdout)
    (prediction,) = post(url, [b64(SAMPLE)])["predictions"]
    assert prediction["top_5_classes"] == expected["classes"]
    assert prediction["top_5_probabilities"] == pytest.approx(expected["probabilities"], rel=1e-3)


def test_each_picture_of_a_batch_gets_the_answer_that_it_gets_alone(url):
    alone = post(url, [b64(SAMPLE)])["predictions"][0]
    batch = post(url, [b64(SAMPLE), b64(SAMPLE)])["predictions"]
    assert [prediction["classes"] for prediction in batch] == [alone["classes"]] * 2
    assert batch[1]["top_5_probabilities"] == pytest.approx(alone["top_5_probabilities"], rel=1e-3)


@pytest.mark.parametrize(
    ("instance", "problem"),
    [(b64(b"no picture"), "Unknown image file format"), ({"b64": "%"}, "Unable to base64 decode")],
)
def test_what_is_no_jpeg_is_refused_with_the_reason(url, instance, problem):
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(url, [instance])
    with refused.value as answer:
        assert answer.code == 400
        assert problem in json.load(answer)["error"]


def test_a_broken_jpeg_is_told_by_the_client_without_a_traceback(url, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff" + b"rest" * 10)
    done = client("--url", url, "--image", str(broken))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {url}/v1/models/resnet:predict answers HTTP 400: ")
    assert "Traceback" not in done.stderr


def test_an_unknown_model_is_told(url):
    done = client("--url", url, "--model", "vgg")
    expected = f"error: {url}/v1/models/vgg answers HTTP 404: Could not find any versions of model vgg\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_the_signature_takes_bytes_under_a_name_that_says_so(url):
    with urllib.request.urlopen(f"{url}/v1/models/resnet/metadata") as response:
        metadata = json.load(response)["metadata"]
    signature = metadata["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert signature["inputs"]["image_bytes"]["tensor_shape"]["dim"] == [{"size": "-1", "name": ""}]
    assert signature["outputs"]["classes"]["dtype"] == "DT_INT32"


def test_a_version_that_exists_is_not_overwritten(models):
    done = export("--out", str(models), "--weights", "random", "--version", "1", home=models)
    assert done.returncode == 2
    assert f"--version must be a new one, got 1: {models}/resnet/1 exists" in done.stderr


def test_all_problems_of_the_command_line_come_at_once(tmp_path):
    done = export("--out", str(tmp_path), "--name", "a/b", "--version", "0", home=tmp_path)
    assert done.returncode == 2
    assert "--name must be letters, digits, '-' and '_', got 'a/b'" in done.stderr
    assert "--version must be at least 1, got 0" in done.stderr


def test_weights_out_of_reach_are_told_with_the_way_round(tmp_path):
    done = export("--out", str(tmp_path / "out"), home=tmp_path)
    assert done.returncode == 1
    assert "the ImageNet weights cannot be had: URL fetch failure" in done.stderr
    assert "--weights random" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
