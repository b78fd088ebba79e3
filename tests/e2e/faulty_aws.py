"""A way to the lab's AWS on which one request meets a fault: its answer is lost, or it is refused."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PATIENCE_S = 120
HOP_BY_HOP = {"connection", "content-length", "transfer-encoding"}


class Fault(Enum):
    """What becomes of a request."""

    LOST = "is done, and nobody hears so"
    REFUSED = "is answered with an error"


class FaultyAws(ThreadingHTTPServer):
    """Passes everything on to an endpoint but the first request whose `METHOD path body` has the text in it."""

    daemon_threads = True

    def __init__(self, endpoint: str, text: str, fault: Fault):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.text, self.fault = urlsplit(endpoint).netloc, text, fault
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self.met, self.over, self._first = threading.Event(), threading.Event(), threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # an engine that was killed hears no answer
            super().handle_error(request, client_address)

    def meets_fault(self, request: str) -> bool:
        return self.text in request and self._first.acquire(blocking=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _aws(self) -> FaultyAws:
        assert isinstance(self.server, FaultyAws)
        return self.server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        faulty = self._aws.meets_fault(f"{self.command} {self.path} {body.decode(errors='replace')}")
        if faulty and self._aws.fault is Fault.REFUSED:
            self._aws.met.set()
            refusal = json.dumps({"message": "not today"}).encode()
            self._answer(400, [("x-amzn-ErrorType", "InvalidRequestException")], refusal)
            return
        connection = HTTPConnection(self._aws.behind, timeout=PATIENCE_S)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if not faulty:
            self._answer(response.status, response.getheaders(), content)
            return
        self._aws.met.set()
        self._aws.over.wait(PATIENCE_S)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  # http.server's names

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def faulty_aws(endpoint: str, text: str, fault: Fault) -> Iterator[FaultyAws]:
    """It serves while the block lasts."""
    server = FaultyAws(endpoint, text, fault)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
