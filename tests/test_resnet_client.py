"""resnet_client.py against a server that plays TensorFlow Serving's REST API: what it prints, waits for and refuses."""

import base64
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from eks_gpu_components.catalog import TENSORFLOW_SERVING_IMAGE
from tests.fake_serving import CAT, PREDICT, STATUS, Server, state
from workloads.resnet import resnet_client
from workloads.resnet.resnet_client import Endpoint, Failed, measure, percentile

RESNET = Path(__file__).parent.parent / "workloads" / "resnet"
FIGURES = ["mean_ms", "p50_ms", "p95_ms", "min_ms", "max_ms"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(resnet_client, "RETRY_S", 0.01)
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server, capsys: pytest.CaptureFixture[str]):
    """Exit code, stdout and stderr; the server's address is written as SERVER, the seconds left as N."""

    def run(*arguments: str, url: str = "") -> tuple[int, str, str]:
        code = resnet_client.main(["--url", url or server.url, *arguments])
        out, err = capsys.readouterr()
        return code, out, re.sub(r"up to \d+ s", "up to N s", err.replace(server.url, "SERVER"))

    return run


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# What is sent and printed


def test_three_requests_warm_up_and_ten_are_timed(client, server):
    code, out, err = client()
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"Prediction class: 281, mean \d+\.\d ms, p50 \d+\.\d ms, p95 \d+\.\d ms, \d+\.\d requests/s\n", out
    )
    assert len(server.bodies) == 13


def test_the_picture_travels_as_base64(client, server):
    client("--count", "1", "--warmup", "0")
    (body,) = server.bodies
    assert body == {"instances": [{"b64": base64.b64encode((RESNET / "sample.jpg").read_bytes()).decode()}]}


def test_another_picture_comes_from_a_file_or_a_url(client, server, tmp_path):
    (tmp_path / "cat.jpg").write_bytes(b"\xff\xd8\xffcat")
    server.plans["/dog.jpg"] = [b"\xff\xd8\xffdog"]
    client("--count", "1", "--warmup", "0", "--image", str(tmp_path / "cat.jpg"))
    client("--count", "1", "--warmup", "0", "--image", f"{server.url}/dog.jpg")
    pictures = [base64.b64decode(body["instances"][0]["b64"]) for body in server.bodies]
    assert pictures == [b"\xff\xd8\xffcat", b"\xff\xd8\xffdog"]


def test_json_has_the_figures(client):
    code, out, err = client("--json", "--count", "4")
    report = json.loads(out)
    assert (code, err) == (0, "")
    assert list(report) == ["class", "count", "errors", "failures", "requests_per_s", *FIGURES]
    assert {"class": 281, "count": 4, "errors": 0, "failures": {}}.items() <= report.items()
    assert 0 < report["min_ms"] <= report["p50_ms"] <= report["p95_ms"] <= report["max_ms"]


@pytest.mark.parametrize(
    ("url", "model", "predict"),
    [
        ("nlb.example.com", None, "http://nlb.example.com:8501/v1/models/resnet:predict"),
        ("nlb.example.com:80", None, "http://nlb.example.com:80/v1/models/resnet:predict"),
        ("http://nlb.example.com", None, "http://nlb.example.com/v1/models/resnet:predict"),
        ("https://nlb.example.com:8501/", "vgg", "https://nlb.example.com:8501/v1/models/vgg:predict"),
        ("http://a/gpu/v1/models/vgg/versions/2:predict", None, "http://a/gpu/v1/models/vgg/versions/2:predict"),
        ("http://[::1]:8501", None, "http://[::1]:8501/v1/models/resnet:predict"),
    ],
)
def test_a_host_a_server_and_a_model_are_all_addresses(url, model, predict):
    endpoint = Endpoint.of(url, model)
    assert endpoint.predict_url == predict
    assert endpoint.status_url == predict.removesuffix(":predict")


# Figures


def test_percentiles_lie_between_the_two_nearest_values():
    assert percentile([10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 50) == 55
    assert percentile([10, 20, 30, 40, 50, 60, 70, 80, 90, 100], 95) == pytest.approx(95.5)
    assert percentile([1, 2, 9], 50) == 2
    assert percentile([7], 95) == 7
    assert percentile([1, 9], 0) == 1
    assert percentile([1, 9], 100) == 9


def test_a_failed_request_counts_as_an_error_and_not_as_a_latency(monkeypatch):
    clock = iter([0.0, 1.0, 1.010, 2.0, 9.0, 10.0, 10.030, 20.0])  # start, three requests, end
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    outcomes: Iterator[Any] = iter([281, Failed("no"), 281])

    def request() -> int:
        match next(outcomes):
            case Failed() as problem:
                raise problem
            case found:
                return found

    assert measure(request, count=3, concurrency=1) == {
        "class": 281,
        "count": 3,
        "errors": 1,
        "failures": {"no": 1},
        "requests_per_s": 0.1,
        "mean_ms": 20.0,
        "p50_ms": 20.0,
        "p95_ms": 29.0,
        "min_ms": 10.0,
        "max_ms": 30.0,
    }


def test_concurrent_requests_are_in_flight_together(client, server):
    together = threading.Barrier(4)
    server.before_predict = lambda: together.wait(5)  # a fourth request opens it, or it breaks
    code, _, err = client("--warmup", "0", "--count", "8", "--concurrency", "4")
    assert (code, err) == (0, "")


def test_without_concurrency_there_is_one_request_at_a_time(client, monkeypatch):
    threads = []

    def measuring(request: Callable[[], int], count: int, concurrency: int) -> dict[str, Any]:
        def noted() -> int:
            threads.append(threading.get_ident())
            return request()

        return measure(noted, count, concurrency)

    monkeypatch.setattr(resnet_client, "measure", measuring)
    code, _, err = client("--warmup", "0", "--count", "5")
    assert (code, err) == (0, "")
    assert threads == [threads[0]] * 5


# Waiting


def test_it_waits_for_a_model_that_loads(client, server):
    server.plans[STATUS] = [state("START"), state("LOADING"), state("LOADING"), state("AVAILABLE")]
    code, out, err = client("--wait", "20")
    assert code == 0
    assert out.startswith("Prediction class: 281")
    assert err == (
        "waiting up to N s more: model resnet is START, not AVAILABLE\n"
        "waiting up to N s more: model resnet is LOADING, not AVAILABLE\n"
    )


def test_one_loaded_version_is_enough(client, server):
    old, new = state("AVAILABLE"), state("LOADING")
    server.plans[STATUS] = [{"model_version_status": new["model_version_status"] + old["model_version_status"]}]
    assert client()[0] == 0


def test_it_waits_for_a_server_that_is_not_up(client, server, monkeypatch):
    late: list[Server] = []
    port = free_port()
    monkeypatch.setattr(time, "sleep", lambda _: late or late.append(Server(port)))
    try:
        code, _, err = client("--wait", "20", url=f"http://127.0.0.1:{port}")
    finally:
        for started in late:
            started.stop()
    assert code == 0
    assert err == f"waiting up to N s more: http://127.0.0.1:{port}/v1/models/resnet refuses connections\n"


def test_it_waits_for_a_name_that_does_not_resolve_yet(client, server, monkeypatch):
    resolve = socket.getaddrinfo
    unknown = [socket.gaierror(-2, "Name or service not known")]

    def getaddrinfo(host: str, *arguments: Any, **named: Any) -> Any:
        if unknown:
            raise unknown.pop()
        return resolve("127.0.0.1", *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    url = f"http://nlb.invalid:{server.server_port}"
    code, _, err = client("--wait", "20", url=url)
    assert (code, err) == (0, f"waiting up to N s more: {url}/v1/models/resnet does not resolve\n")


def test_it_waits_while_pods_are_missing_or_have_too_much_to_do(client, server):
    unavailable = (503, b"<html>\n<h1>503 Service Temporarily Unavailable</h1></html>")
    server.plans[PREDICT] = [unavailable, unavailable, (429, {"error": "queue full"}), CAT]
    code, _, err = client("--wait", "20")
    assert code == 0
    assert err == (
        f"waiting up to N s more: SERVER{PREDICT} answers HTTP 503: "
        "<html> <h1>503 Service Temporarily Unavailable</h1></html>\n"
        f"waiting up to N s more: SERVER{PREDICT} answers HTTP 429: queue full\n"
    )


def test_without_wait_the_first_failure_ends_it_with_a_hint(client, server):
    server.plans[STATUS] = [state("LOADING"), state("AVAILABLE")]
    code, out, err = client()
    assert (code, out) == (1, "")
    assert err == (
        "error: model resnet is LOADING, not AVAILABLE\nIf it is still coming up, give it time: --wait 900\n"
    )
    assert server.bodies == []


def test_the_wait_ends_with_what_was_waited_for(client, server):
    server.plans[STATUS] = [state("END", "Failed to allocate memory")]
    code, _, err = client("--wait", "0.05")
    assert code == 1
    assert err.endswith("error: model resnet is END (Failed to allocate memory), not AVAILABLE\n")


def test_a_failure_that_does_not_pass_is_not_waited_for(client, server):
    code, _, err = client("--wait", "60", "--model", "vgg")
    assert code == 1
    assert err == "error: SERVER/v1/models/vgg answers HTTP 404: Could not find any versions of model /v1/models/vgg\n"


# Failures


def test_the_servers_own_words_are_told_and_nothing_is_timed(client, server):
    server.plans[PREDICT] = [(400, {"error": "Unknown image file format.\nOne of JPEG, PNG"})]
    code, out, err = client()
    assert (code, out) == (1, "")
    assert err == f"error: SERVER{PREDICT} answers HTTP 400: Unknown image file format. One of JPEG, PNG\n"


def test_timed_requests_that_fail_are_counted_by_reason(client, server):
    server.plans[PREDICT] = [CAT, (500, {"error": "out of memory"}), CAT, (500, {"error": "out of memory"}), CAT]
    code, out, err = client("--warmup", "0", "--count", "5", "--json")
    reason = f"{server.url}{PREDICT} answers HTTP 500: out of memory"
    report = json.loads(out)
    assert code == 1
    assert (report["count"], report["errors"], report["failures"]) == (5, 2, {reason: 2})
    assert err == f"error: 2 of 5 requests: SERVER{PREDICT} answers HTTP 500: out of memory\n"


def test_when_all_timed_requests_fail_there_are_no_figures(client, server):
    server.plans[PREDICT] = [(500, b"")]
    code, out, err = client("--warmup", "0", "--count", "2")
    assert (code, out) == (1, "No answer to 2 requests\n")
    assert err == f"error: 2 of 2 requests: SERVER{PREDICT} answers HTTP 500: nothing\n"


def test_a_slow_answer_is_a_failure_after_the_timeout(client, server):
    given_up = threading.Event()
    server.before_predict = given_up.wait
    try:
        code, _, err = client("--warmup", "0", "--count", "2", "--concurrency", "2", "--timeout", "0.1")
    finally:
        given_up.set()
    assert (code, err) == (1, f"error: 2 of 2 requests: SERVER{PREDICT} does not answer within 0.1 s\n")


def test_a_connection_that_breaks_is_told(client, server):
    server.plans[PREDICT] = [None]
    code, _, err = client("--warmup", "0", "--count", "1")
    assert (code, err) == (1, f"error: 1 of 1 requests: SERVER{PREDICT} breaks the connection\n")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"<html>hello</html>", "answers with no JSON: <html>hello</html>"),
        ({"predictions": [[0.1, 0.9]]}, 'an integer predictions[0].classes: {"predictions": [[0.1, 0.9]]}'),
        ({"predictions": [{"classes": "cat"}]}, 'predictions[0].classes: {"predictions": [{"classes": "cat"}]}'),
        ({"predictions": []}, 'answers without an integer predictions[0].classes: {"predictions": []}'),
        ([], "answers without an integer predictions[0].classes: []"),
    ],
)
def test_an_answer_of_another_shape_is_shown(client, server, answer, problem):
    server.plans[PREDICT] = [answer]
    code, out, err = client("--wait", "60")
    assert (code, out) == (1, "")
    assert err.startswith(f"error: SERVER{PREDICT} answers with")
    assert err.endswith(problem + "\n")


def test_a_server_of_another_kind_is_told(client, server):
    server.plans[STATUS] = [{"status": "ok"}]
    code, _, err = client("--wait", "60")
    assert code == 1
    assert err == f"error: SERVER{STATUS} answers without model_version_status; is it TensorFlow Serving?\n"


# Wrong input


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["--url", "ftp://host"],
            "--url must be HOST, http://HOST:PORT or .../v1/models/MODEL:predict, got 'ftp://host'",
        ),
        (["--url", "host:99999"], ".../v1/models/MODEL:predict, got 'host:99999'"),
        (["--url", "http://host/v1/models/vgg"], "MODEL:predict, got 'http://host/v1/models/vgg'"),
        (["--model", "a/b"], "--model must be letters, digits, '-', '_' and '.', got 'a/b'"),
        (
            ["--url", "http://host/v1/models/vgg:predict", "--model", "resnet"],
            "--model must be the one that --url names, 'vgg', got 'resnet'",
        ),
        (["--count", "0"], "--count must be at least 1, got 0"),
        (["--warmup", "-1"], "--warmup must be at least 0, got -1"),
        (["--concurrency", "0"], "--concurrency must be at least 1, got 0"),
        (["--wait", "nan"], "--wait must be at least 0, got nan"),
        (["--timeout", "0"], "--timeout must be above 0 and at most 3600, got 0"),
        (["--timeout", "1e12"], "--timeout must be above 0 and at most 3600, got 1e+12"),
        (["--image", "no-such.jpg"], "--image cannot be read: [Errno 2] No such file or directory: 'no-such.jpg'"),
        (["--image", __file__], 'which begins with b\'"""resnet_cl\''),
    ],
)
def test_wrong_input_is_refused_with_rule_and_value(capsys, arguments, problem):
    with pytest.raises(SystemExit) as ended:
        resnet_client.main(["--url", "host", *arguments])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith(problem + "\n")


def test_all_problems_come_at_once(capsys):
    with pytest.raises(SystemExit):
        resnet_client.main(["--url", "ftp://host", "--count", "0", "--timeout", "-1", "--image", "no-such.jpg"])
    problems = capsys.readouterr().err.split("error: ")[1].splitlines()
    assert [line.split()[0] for line in problems] == ["--count", "--timeout", "--url", "--image"]


# What belongs together


def test_the_model_is_made_with_the_tensorflow_that_serves_it():
    assert TENSORFLOW_SERVING_IMAGE == "tensorflow/serving:2.20.0-gpu"
    assert f"FROM {TENSORFLOW_SERVING_IMAGE}\n" in (RESNET / "Dockerfile").read_text()
    assert re.findall(r"^tensorflow(?:-cpu)?==\S+", (RESNET / "requirements.txt").read_text(), re.MULTILINE) == [
        "tensorflow==2.20.0",
        "tensorflow-cpu==2.20.0",
    ]


def test_the_image_runs_as_a_numbered_user_other_than_root():
    assert re.findall(r"^USER (.*)$", (RESNET / "Dockerfile").read_text(), re.MULTILINE) == ["65532:65532"]
