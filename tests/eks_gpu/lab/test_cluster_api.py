"""What the lab asks of its API server: on few connections, past every proxy, and refusals in its words."""

import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.state import Lab
from tests.labs import a_lab

POD = {"metadata": {"name": "a"}}
ADDED = {"type": "ADDED", "object": POD}


class Answers(BaseHTTPRequestHandler):
    """Tells its server what it was asked, and on which connection."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        server.asked.append((self.command, self.path, self.headers["Content-Type"], body.decode()))
        server.connections.add(self.client_address)
        if "watch=1" in self.path:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            line = json.dumps(ADDED).encode() + b"\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            server.silent.wait(10)
            self.close_connection = True
            return
        status, answer = server.answer
        content = answer.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, certificate: Path, key: Path):
        super().__init__(("127.0.0.1", 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answer = (200, json.dumps({"items": [POD]}))
        self.asked: list[tuple[str, str, str | None, str]] = []
        self.connections = set[Any]()
        self.silent = threading.Event()


def write_certificate(certificate: Path, key: Path) -> None:
    """One that signs itself, as the API server's does."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, private.public_key(), 1, now - timedelta(hours=1), now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.parent.mkdir(parents=True, exist_ok=True)
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    certificate, key = a_lab(tmp_path).certificate, tmp_path / "key"
    write_certificate(certificate, key)
    with Server(certificate, key) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.silent.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def lab(tmp_path: Path, server: Server) -> Lab:
    return replace(a_lab(tmp_path), server=f"https://127.0.0.1:{server.server_port}")


def test_all_of_a_lab_ask_on_one_connection_after_another(lab, server):
    for _ in range(3):
        assert ClusterApi(lab).list("/api/v1/pods") == [POD]
    with pytest.raises(ApiRefusal):
        server.answer = (404, "{}")
        ClusterApi(lab).get("/api/v1/pods/a")
    ClusterApi(lab).delete("/api/v1/pods/a")
    assert len(server.asked) == 5
    assert len(server.connections) == 1


def test_no_proxy_is_asked(lab, server, monkeypatch):
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ClusterApi(lab).list("/api/v1/pods") == [POD]


def test_yaml_json_and_a_patch_are_sent_as_what_they_are(lab, server):
    api = ClusterApi(lab)
    api.create("/api/v1/pods", POD)
    api.create("/api/v1/pods", "metadata: {name: a}")
    api.patch("/api/v1/pods/a", {"spec": None})
    assert server.asked == [
        ("POST", "/api/v1/pods", "application/json", '{"metadata": {"name": "a"}}'),
        ("POST", "/api/v1/pods", "application/yaml", "metadata: {name: a}"),
        ("PATCH", "/api/v1/pods/a", "application/merge-patch+json", '{"spec": null}'),
    ]


def test_a_refusal_has_the_servers_words_and_what_was_asked(lab, server):
    server.answer = (422, json.dumps({"message": "spec.weight: Invalid value: 101"}))
    with pytest.raises(ApiRefusal, match=r"^POST /api/v1/pods: spec\.weight: Invalid value: 101$") as refused:
        ClusterApi(lab).create("/api/v1/pods", POD)
    assert refused.value.status == 422


def test_nobody_who_answers_is_an_os_error_that_says_what_was_asked(lab):
    with pytest.raises(OSError, match=r"GET /api/v1/pods: .*refused"):
        ClusterApi(replace(lab, server="https://127.0.0.1:9")).list("/api/v1/pods")


def test_a_server_with_another_certificate_is_not_believed(lab, server, tmp_path):
    other = replace(lab, folder=tmp_path / "other")
    write_certificate(other.certificate, tmp_path / "key")
    with pytest.raises(OSError, match="certificate verify failed"):
        ClusterApi(other).list("/api/v1/pods")
    assert server.asked == []


def test_what_is_watched_is_told_as_it_happens_and_silence_is_an_os_error(lab, server):
    events = ClusterApi(lab).watch("/api/v1/pods?labelSelector=a", silent_s=0.2)
    assert next(events) == ("ADDED", POD)
    with pytest.raises(OSError, match=r"GET /api/v1/pods.*timed out"):
        next(events)
    assert server.asked[0][:2] == ("GET", "/api/v1/pods?labelSelector=a&watch=1")
