"""TensorFlow Serving's REST API as a script of answers, in a thread of the test."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STATUS = "/v1/models/resnet"
PREDICT = "/v1/models/resnet:predict"
CAT = {"predictions": [{"classes": 281, "top_5_classes": [281, 282, 285, 287, 728]}]}


def state(name: str, error: str = "") -> dict[str, Any]:
    status = {"error_code": "UNKNOWN" if error else "OK", "error_message": error}
    return {"model_version_status": [{"version": "1", "state": name, "status": status}]}


class Server(ThreadingHTTPServer):
    """Answers each path with what `plans` has for it, in order; the last one stays.

    A plan holds a JSON value or bytes, either alone (200) or after a status, or None to hang up.
    """

    daemon_threads = True

    def __init__(self, port: int = 0):
        self.plans: dict[str, list[Any]] = {STATUS: [state("AVAILABLE")], PREDICT: [CAT]}
        self.bodies: list[Any] = []
        self.lock = threading.Lock()
        self.before_predict: Callable[[], Any] = lambda: None
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def next(self, path: str) -> Any:
        with self.lock:
            plan = self.plans.get(path, [(404, {"error": f"Could not find any versions of model {path}"})])
            return plan.pop(0) if len(plan) > 1 else plan[0]

    def stop(self) -> None:
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] - the one that makes it

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.before_predict()
        self.answer()

    def answer(self) -> None:
        planned = self.server.next(self.path)
        if planned is None:
            return  # hangs up
        status, content = planned if isinstance(planned, tuple) else (200, planned)
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except ConnectionError:
            pass  # the client gave up

    def log_message(self, format: str, *args: Any) -> None:
        pass
