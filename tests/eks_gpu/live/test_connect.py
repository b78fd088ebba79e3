"""The way to an API server: a kubeconfig that is none is one message, and one that is busy is waited for."""

import re
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from eks_gpu.io.problems import InputError
from eks_gpu.live.cluster import PATIENCE, Refused, connect

WORKING = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "it",
    "clusters": [{"name": "shop", "cluster": {"server": "https://127.0.0.1:9"}}],
    "contexts": [{"name": "it", "context": {"cluster": "shop", "user": "me"}}],
    "users": [{"name": "me", "user": {"token": "a"}}],
}


def said(tmp_path, text, context=""):
    file = tmp_path / "config"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as refused:
        connect(file, context)
    (problem,) = refused.value.problems
    assert "\n" not in problem
    return problem


def test_a_kubeconfig_that_works(tmp_path):
    file = tmp_path / "config"
    file.write_text(yaml.safe_dump(WORKING))
    assert connect(file).context == "it"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "kubeconfig: not valid YAML: "),
        ("a: }", "kubeconfig: not valid YAML: "),
        (b"\x00\x01", "kubeconfig: not valid YAML: "),
        (b"\xff\xfe\xfa", "kubeconfig: "),
        ("- a", "kubeconfig: "),
        ("hello", "kubeconfig: "),
        ("", "kubeconfig: .*file is empty"),
        (yaml.safe_dump({**WORKING, "contexts": [1]}), "kubeconfig: "),
        (yaml.safe_dump({**WORKING, "contexts": "it"}), "kubeconfig: "),
        (yaml.safe_dump({**WORKING, "current-context": "other"}), "kubeconfig: .*other"),
    ],
)
def test_a_file_that_is_no_kubeconfig(text, message, tmp_path):
    assert re.match(message, said(tmp_path, text))


def test_an_unknown_context(tmp_path):
    assert said(tmp_path, yaml.safe_dump(WORKING), "its") == (
        "--context: must be one of the kubeconfig's, got 'its'; nearest: it"
    )


def busy(times: int) -> tuple[HTTPServer, list[str]]:
    """A server that refuses as a busy API server does, so many times, and then answers: the lab's is never so busy."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            refused = len(asked) <= times
            self.send_response(429 if refused else 200)
            if refused:
                self.send_header("Retry-After", "0")
            body = b'{"message": "too many requests"}' if refused else b'{"gitVersion": "v1.36.3"}'
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, asked


@pytest.mark.parametrize(("times", "answered"), [(2, True), (9, False)])
def test_a_busy_api_server_is_waited_for_and_not_for_ever(tmp_path, monkeypatch, times, answered):
    monkeypatch.setattr("eks_gpu.live.cluster.PATIENCE", PATIENCE.new(backoff_factor=0))
    server, asked = busy(times)
    try:
        file = tmp_path / "kubeconfig"
        file.write_text(
            yaml.safe_dump(WORKING).replace("https://127.0.0.1:9", f"http://127.0.0.1:{server.server_port}")
        )
        cluster = connect(file)
        if answered:
            assert cluster.get("/version") == {"gitVersion": "v1.36.3"}
        else:
            with pytest.raises(Refused, match="too many requests"):
                cluster.get("/version")
        assert len(asked) == (3 if answered else 7)
    finally:
        server.shutdown()
        server.server_close()
