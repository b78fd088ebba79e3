"""Times a ResNet model behind TensorFlow Serving's REST API, and says what it takes the picture for.

    python resnet_client.py --url http://localhost:8501
    python resnet_client.py --url k8s-resnet-1a2b.elb.us-west-2.amazonaws.com --wait 900 --concurrency 8 --json

Needs Python 3.11 and nothing else, so this one file can be copied into a pod. Exit code: 0 when every request was
answered, 1 when one was not, 2 for wrong input.
"""

import argparse
import base64
import http.client
import json
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

SAMPLE = Path(__file__).with_name("sample.jpg")
REST_PORT = 8501  # TensorFlow Serving's own, for an address without a scheme
RETRY_S = 2.0
MODEL = re.compile(r"[\w.-]+", re.ASCII)
URL = re.compile(
    r"(?P<scheme>https?://)?(?P<host>[\w.-]+|\[[\da-f:.]+\])(?P<port>:\d{1,5})?"
    r"(/|(?P<path>(/[\w.-]+)*/v1/models/(?P<model>[\w.-]+)(/(versions|labels)/[\w.-]+)?:predict))?",
    re.ASCII | re.IGNORECASE,
)

Answer = TypeVar("Answer")


class Failed(Exception):
    """A request without a usable answer; the message is one line."""


class NotReady(Failed):
    """A failure that passes when the load balancer, the pod or the model has come up."""


@dataclass(frozen=True)
class Endpoint:
    predict_url: str
    model: str

    @property
    def status_url(self) -> str:
        return self.predict_url.removesuffix(":predict")

    @classmethod
    def of(cls, url: str, model: str | None) -> "Endpoint":
        """From a host, a server's URL or the full URL of a model. Raises ValueError."""
        if model is not None and not MODEL.fullmatch(model):
            raise ValueError(f"--model must be letters, digits, '-', '_' and '.', got {model!r}")
        given = URL.fullmatch(url)
        if not given or int((given["port"] or ":0")[1:]) > 65535:
            raise ValueError(f"--url must be HOST, http://HOST:PORT or .../v1/models/MODEL:predict, got {url!r}")
        if given["model"] and model not in (None, given["model"]):
            raise ValueError(f"--model must be the one that --url names, {given['model']!r}, got {model!r}")
        name = given["model"] or model or "resnet"
        port = given["port"] or ("" if given["scheme"] else f":{REST_PORT}")
        server = f"{given['scheme'] or 'http://'}{given['host']}{port}"
        return cls(server + (given["path"] or f"/v1/models/{name}:predict"), name)


def call(url: str, body: bytes | None, timeout_s: float) -> Any:
    """The parsed answer to a GET, or to a POST of `body`. Raises NotReady or Failed."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    try:
        # A new connection each time, since a network load balancer spreads connections and not requests.
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            text = response.read()
    except urllib.error.HTTPError as problem:
        with problem:
            passing = problem.code >= 500 or problem.code == 429
            message = f"{url} answers HTTP {problem.code}: {told(problem.read())}"
            raise (NotReady if passing else Failed)(message) from None
    except (OSError, http.client.HTTPException, UnicodeError) as problem:  # UnicodeError: no host name is like this
        raise NotReady(f"{url} {reason(problem, timeout_s)}") from None
    try:
        return json.loads(text)
    except ValueError:
        raise Failed(f"{url} answers with no JSON: {told(text)}") from None


def reason(problem: Exception, timeout_s: float) -> str:
    cause = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    match cause:
        case socket.gaierror():
            return "does not resolve"
        case ConnectionRefusedError():
            return "refuses connections"
        case TimeoutError():
            return f"does not answer within {timeout_s:g} s"
        case ConnectionError() | http.client.HTTPException():
            return "breaks the connection"
        case _:
            return f"cannot be reached: {cause}"


def told(body: bytes) -> str:
    """The `error` of TensorFlow Serving's answer, else the start of whatever answered, on one line."""
    text = body.decode(errors="replace")
    try:
        text = str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        text = text[:200]
    return " ".join(text.split()) or "nothing"


def ensure_available(endpoint: Endpoint, timeout_s: float) -> None:
    """Raises NotReady while no version of the model is loaded."""
    answer = call(endpoint.status_url, None, timeout_s)
    try:
        versions = answer["model_version_status"]
        states = {version["state"]: version["status"]["error_message"] for version in versions}
    except (KeyError, TypeError):
        raise Failed(f"{endpoint.status_url} answers without model_version_status; is it TensorFlow Serving?") from None
    if "AVAILABLE" not in states:
        seen = ", ".join(f"{state} ({error})" if error else state for state, error in states.items())
        raise NotReady(f"model {endpoint.model} is {seen or 'without a version'}, not AVAILABLE")


def predict(endpoint: Endpoint, body: bytes, timeout_s: float) -> int:
    """The class of the one picture in `body`."""
    answer = call(endpoint.predict_url, body, timeout_s)
    match answer:
        case {"predictions": [{"classes": int(found)}]}:
            return found
        case _:
            seen = json.dumps(answer)[:200]
            raise Failed(f"{endpoint.predict_url} answers without an integer predictions[0].classes: {seen}")


def patiently(attempt: Callable[[], Answer], deadline: float, say: Callable[[str], None]) -> Answer:
    """What `attempt` returns once it is past NotReady; raises the last one at `deadline`, in monotonic seconds."""
    said = None
    while True:
        try:
            return attempt()
        except NotReady as problem:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise
            if str(problem) != said:
                said = str(problem)
                say(f"waiting up to {left_s:.0f} s more: {said}")
            time.sleep(min(RETRY_S, left_s))


def percentile(sorted_values: list[float], percent: float) -> float:
    """Linear between the two nearest values, so that p50 is the median."""
    position = (len(sorted_values) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(sorted_values) - 1)
    return sorted_values[below] + (sorted_values[above] - sorted_values[below]) * (position - below)


def measure(request: Callable[[], int], count: int, concurrency: int) -> dict[str, Any]:
    """Sends `count` requests, `concurrency` at a time. Latencies are of the answered ones, in milliseconds."""

    def timed(_: int) -> tuple[float, int | Failed]:
        start = time.perf_counter()
        try:
            outcome = request()
        except Failed as problem:
            outcome = problem
        return (time.perf_counter() - start) * 1000, outcome

    start = time.perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        results = list(pool.map(timed, range(count)))
    wall_s = time.perf_counter() - start

    latencies = sorted(ms for ms, outcome in results if not isinstance(outcome, Failed))
    classes = [outcome for _, outcome in results if not isinstance(outcome, Failed)]
    failures = Counter(str(outcome) for _, outcome in results if isinstance(outcome, Failed))
    report: dict[str, Any] = {
        "class": classes[0] if classes else None,
        "count": count,
        "errors": count - len(classes),
        "failures": dict(failures),
        "requests_per_s": round(len(classes) / wall_s, 2),
    }
    if latencies:
        figures = {
            "mean_ms": fmean(latencies),
            "p50_ms": percentile(latencies, 50),
            "p95_ms": percentile(latencies, 95),
            "min_ms": latencies[0],
            "max_ms": latencies[-1],
        }
        report |= {name: round(value, 2) for name, value in figures.items()}
    return report


def picture(source: str) -> bytes:
    """A JPEG's bytes, from a file or a URL. Raises ValueError."""
    try:
        if source.startswith(("http://", "https://")):
            with urllib.request.urlopen(source, timeout=60) as response:
                content = response.read()
        else:
            content = Path(source).read_bytes()
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise ValueError(f"--image cannot be read: {problem}") from None
    if not content.startswith(b"\xff\xd8\xff"):
        raise ValueError(f"--image must be a JPEG, got {source!r}, which begins with {content[:12]!r}")
    return content


def options(arguments: list[str] | None) -> argparse.Namespace:
    """The checked command line, with `endpoint` and `content`. Exits with 2 and all problems."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--url", required=True, help="a host (port 8501), http://host:port, or a model's full URL")
    add("--model", help="the model's name in the server; default: resnet")
    add("--image", default=str(SAMPLE), metavar="FILE|URL", help=f"a JPEG; default: {SAMPLE.name} next to this file")
    add("--count", type=int, default=10, help="timed requests; default: 10")
    add("--warmup", type=int, default=3, help="requests before them, not timed; default: 3")
    add("--concurrency", type=int, default=1, help="timed requests in flight at once; default: 1")
    add("--timeout", type=float, default=60, metavar="SECONDS", help="for each request; default: 60")
    add("--wait", type=float, default=0, metavar="SECONDS", help="for name, server and model to come up; default: 0")
    add("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(arguments)

    problems = []
    for name, least in {"count": 1, "warmup": 0, "concurrency": 1, "wait": 0}.items():
        if not getattr(given, name) >= least:  # so that NaN fails too
            problems.append(f"--{name} must be at least {least}, got {getattr(given, name):g}")
    if not 0 < given.timeout <= 3600:
        problems.append(f"--timeout must be above 0 and at most 3600, got {given.timeout:g}")
    try:
        given.endpoint = Endpoint.of(given.url, given.model)
    except ValueError as problem:
        problems.append(str(problem))
    try:
        given.content = picture(given.image)
    except ValueError as problem:
        problems.append(str(problem))
    if problems:
        parser.error("\n  ".join(problems))
    return given


def benchmark(given: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    body = json.dumps({"instances": [{"b64": base64.b64encode(given.content).decode()}]}).encode()
    deadline = time.monotonic() + given.wait

    def request() -> int:
        return predict(given.endpoint, body, given.timeout)

    patiently(lambda: ensure_available(given.endpoint, given.timeout), deadline, say)
    for _ in range(given.warmup):
        patiently(request, deadline, say)  # behind a load balancer a model that is up can still be out of reach
    return measure(request, given.count, given.concurrency)


def sentence(report: dict[str, Any]) -> str:
    if report["class"] is None:
        return f"No answer to {report['count']} requests"
    return (
        f"Prediction class: {report['class']}, mean {report['mean_ms']:.1f} ms, p50 {report['p50_ms']:.1f} ms, "
        f"p95 {report['p95_ms']:.1f} ms, {report['requests_per_s']:.1f} requests/s"
    )


def main(arguments: list[str] | None = None) -> int:
    given = options(arguments)

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        report = benchmark(given, say)
    except NotReady as problem:
        say(f"error: {problem}" + ("" if given.wait else "\nIf it is still coming up, give it time: --wait 900"))
        return 1
    except Failed as problem:
        say(f"error: {problem}")
        return 1
    except KeyboardInterrupt:
        return 130
    print(json.dumps(report) if given.json else sentence(report))
    for failure, times in report["failures"].items():
        say(f"error: {times} of {report['count']} requests: {failure}")
    return 1 if report["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
