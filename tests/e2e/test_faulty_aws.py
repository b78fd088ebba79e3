"""The faults themselves: what AWS does of a request that meets one, and what whoever asked hears."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from tests.e2e.faulty_aws import Fault, FaultyAws, faulty_aws


class Behind(ThreadingHTTPServer):
    """Notes what it is asked, and says yes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Yes)
        self.asked = list[str]()


class _Yes(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Behind)
        self.server.asked.append(self.path)
        self.send_response_only(200)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def behind() -> Iterator[Behind]:
    server = Behind()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def aws(behind: Behind) -> Iterator[FaultyAws]:
    with faulty_aws(f"http://127.0.0.1:{behind.server_port}") as aws:
        yield aws


def post(aws: FaultyAws, path: str, timeout_s: float = 30) -> int:
    connection = http.client.HTTPConnection(urlsplit(aws.endpoint).netloc, timeout=timeout_s)
    try:
        connection.request("POST", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_lost_request_is_done_once_however_often_it_is_sent(aws, behind):
    with aws.meets("POST /clusters", Fault.LOST) as done:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                post(aws, "/clusters", timeout_s=0.2)
        assert done.is_set()
        assert post(aws, "/roles") == 200
    assert behind.asked == ["/clusters", "/roles"]
    assert post(aws, "/clusters") == 200


def test_a_request_is_refused_once_and_never_done(aws, behind):
    with aws.meets("POST /clusters", Fault.REFUSED) as refused:
        assert post(aws, "/clusters") == 400
        assert refused.is_set()
        assert post(aws, "/clusters") == 200
    assert behind.asked == ["/clusters"]
