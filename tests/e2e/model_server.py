"""Serves a SavedModel as TensorFlow Serving 2.20 does over REST: paths, bodies and errors. Runs in .venv-resnet.

    .venv-resnet/bin/python -m tests.e2e.model_server models/resnet   # prints its port once the model is loaded

Source: TensorFlow Serving, g3doc/api_rest.md, and http_rest_api_handler.cc for the texts of errors.
"""

import base64
import binascii
import json
import re
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import tensorflow as tf  # pyright: ignore[reportMissingModuleSource] - in .venv-resnet

PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+))?(?P<verb>:predict|/metadata)?")


class Refusal(Exception):
    """An error with the status that TensorFlow Serving gives it."""

    def __init__(self, status: HTTPStatus, message: str):
        super().__init__(message)
        self.status = status


class Model:
    """The highest version under `folder`, whose name is the model's."""

    def __init__(self, folder: Path):
        self.name = folder.name
        self.version = max((path.name for path in folder.iterdir() if path.name.isdigit()), key=int)
        self.loaded = tf.saved_model.load(str(folder / self.version))  # holds the variables
        self.signature = self.loaded.signatures["serving_default"]
        ((self.input, self.input_spec),) = self.signature.structured_input_signature[1].items()

    def status(self) -> dict[str, Any]:
        state = {"version": self.version, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        return {"model_version_status": [state]}

    def metadata(self) -> dict[str, Any]:
        signature = {
            "inputs": {self.input: tensor_info(self.input_spec)},
            "outputs": {name: tensor_info(spec) for name, spec in self.signature.structured_outputs.items()},
            "method_name": "tensorflow/serving/predict",
        }
        return {
            "model_spec": {"name": self.name, "signature_name": "", "version": self.version},
            "metadata": {"signature_def": {"signature_def": {"serving_default": signature}}},
        }

    def predict(self, body: bytes) -> dict[str, Any]:
        try:
            request = json.loads(body)
        except ValueError as problem:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"JSON Parse error: {problem}") from None
        if not isinstance(request, dict) or not request.get("instances"):
            raise Refusal(HTTPStatus.BAD_REQUEST, "Missing 'inputs' or 'instances' key")
        rows = tf.constant([self.decoded(instance) for instance in request["instances"]])
        try:
            outputs = self.signature(**{self.input: rows})
        except tf.errors.InvalidArgumentError as problem:
            raise Refusal(HTTPStatus.BAD_REQUEST, problem.message) from None
        columns = {name: tensor.numpy().tolist() for name, tensor in outputs.items()}
        if len(columns) == 1:
            return {"predictions": next(iter(columns.values()))}
        return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}

    def decoded(self, instance: Any) -> bytes:
        match instance:
            case {"b64": str(text)}:
                pass
            case dict() if set(instance) == {self.input} and isinstance(instance[self.input], dict):
                return self.decoded(instance[self.input])
            case _:
                problem = f"JSON Value: {json.dumps(instance)} not formatted correctly for base64 data"
                raise Refusal(HTTPStatus.BAD_REQUEST, problem)
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Refusal(HTTPStatus.BAD_REQUEST, "Unable to base64 decode") from None


def tensor_info(spec: Any) -> dict[str, Any]:
    dimensions = [{"size": str(-1 if size is None else size), "name": ""} for size in spec.shape]
    return {
        "dtype": f"DT_{spec.dtype.name.upper()}",
        "tensor_shape": {"dim": dimensions, "unknown_rank": False},
        "name": spec.name,
    }


def handler(model: Model) -> type[BaseHTTPRequestHandler]:
    def answer(method: str, path: str, body: bytes) -> dict[str, Any]:
        asked = PATH.fullmatch(path)
        verb = asked["verb"] if asked else ""
        if not asked or method != ("POST" if verb == ":predict" else "GET"):
            raise Refusal(HTTPStatus.BAD_REQUEST, f"Malformed request: {method} {path}")
        if asked["name"] != model.name or asked["version"] not in (None, model.version):
            unknown = f"Servable not found for request: Latest({asked['name']})"
            problem = unknown if verb else f"Could not find any versions of model {asked['name']}"
            raise Refusal(HTTPStatus.NOT_FOUND, problem)
        match verb:
            case ":predict":
                return model.predict(body)
            case "/metadata":
                return model.metadata()
            case _:
                return model.status()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                status, content = HTTPStatus.OK, answer(self.command, self.path, body)
            except Refusal as refusal:
                status, content = refusal.status, {"error": str(refusal)}
            text = json.dumps(content, indent=4).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = respond  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def main() -> None:
    # As in TensorFlow Serving the port opens when the model is loaded.
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Model(Path(sys.argv[1]))))
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
