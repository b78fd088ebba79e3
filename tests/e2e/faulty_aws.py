"""A way to the lab's AWS on which a request meets a fault when asked to: its answer is lost, or it is refused."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S

HOP_BY_HOP = {"connection", "content-length", "transfer-encoding"}


class Fault(Enum):
    """What becomes of a request."""

    LOST = "is done once, and nobody hears so, however often it is sent"
    REFUSED = "is answered with an error"


@dataclass(frozen=True)
class Trap:
    """What waits for one request."""

    text: str
    fault: Fault
    met: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    _taken: threading.Lock = field(default_factory=threading.Lock)

    def is_first(self) -> bool:
        """Whether nobody asked this before."""
        return self._taken.acquire(blocking=False)


class FaultyAws(ThreadingHTTPServer):
    """Passes everything on to an endpoint but the requests that it is to lose or to refuse."""

    daemon_threads = True

    def __init__(self, endpoint: str):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(endpoint).netloc
        self.endpoint = f"http://127.0.0.1:{self.server_port}"
        self._awaited: Trap | None = None
        self._taking = threading.Lock()

    @contextmanager
    def meets(self, text: str, fault: Fault) -> Iterator[threading.Event]:
        """The next request whose `METHOD path body` has the text in it meets the fault; what is given is set then.

        A client that waits in vain sends a lost one again. Done twice, it would be answered with what is there already.
        """
        trap = self._awaited = Trap(text, fault)
        try:
            yield trap.met
        finally:
            self._awaited = None
            trap.over.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # an engine that was killed hears no answer
            super().handle_error(request, client_address)

    def trap_of(self, request: str) -> Trap | None:
        """The one that it falls into: one that refuses is for the first alone."""
        with self._taking:
            trap = self._awaited
            if trap is None or trap.text not in request:
                return None
            if trap.fault is Fault.REFUSED:
                self._awaited = None
            return trap


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def _aws(self) -> FaultyAws:
        assert isinstance(self.server, FaultyAws)
        return self.server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        trap = self._aws.trap_of(f"{self.command} {self.path} {body.decode(errors='replace')}")
        if trap and trap.fault is Fault.REFUSED:
            trap.met.set()
            refusal = json.dumps({"message": "not today"}).encode()
            self._answer(400, [("x-amzn-ErrorType", "InvalidRequestException")], refusal)
            return
        if trap is None:
            self._answer(*self._passed_on(body))
            return
        if trap.is_first():
            self._passed_on(body)
            trap.met.set()
        trap.over.wait(PATIENCE_S)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _handle  # noqa: N815  # http.server's names

    def _passed_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(self._aws.behind, timeout=PATIENCE_S)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.getheaders(), content

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def faulty_aws(endpoint: str) -> Iterator[FaultyAws]:
    """It serves while the block lasts."""
    server = FaultyAws(endpoint)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
