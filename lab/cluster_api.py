"""The few calls that the lab makes to its API server."""

import json
from collections.abc import Mapping
from typing import Any
from urllib import error, request

from .ports import open_loopback
from .problem import LabProblem
from .state import Lab

_TIMEOUT_S = 30
"""A loaded machine takes its time."""


class ApiRefusal(LabProblem):
    """The API server's answer to a request that it did not carry out."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class ClusterApi:
    """Objects by path, as `/api/v1/nodes`. Raises ApiRefusal, and OSError when nobody answers."""

    def __init__(self, lab: Lab):
        self._server = lab.server
        self._headers = {"Authorization": f"Bearer {lab.token}", "Accept": "application/json"}
        self._certificate = lab.certificate

    def list(self, path: str) -> list[dict[str, Any]]:
        return self._send("GET", path)["items"]

    def serves(self, path: str) -> bool:
        """Whether objects of this kind can be had: not yet while the API server does not know it, or prepares."""
        try:
            self.list(path)
        except ApiRefusal as refusal:
            if refusal.status not in (404, 429, 503):
                raise
            return False
        return True

    def create(self, path: str, manifest: Mapping[str, Any] | str) -> None:
        """From plain data, or from YAML as a file has it."""
        self._send("POST", path, manifest)

    def ensure(self, path: str, manifest: Mapping[str, Any] | str) -> None:
        """Creates the object; one that is there already stays as it is."""
        try:
            self.create(path, manifest)
        except ApiRefusal as refusal:
            if refusal.status != 409:
                raise

    def get(self, path: str) -> dict[str, Any]:
        return self._send("GET", path)

    def replace(self, path: str, manifest: Mapping[str, Any]) -> None:
        """The whole object, or the subresource that the path names. One that changed since it was read is refused."""
        self._send("PUT", path, manifest)

    def delete(self, path: str) -> None:
        """Removes the object; one that is gone is no error."""
        try:
            self._send("DELETE", path)
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise

    def _send(self, method: str, path: str, manifest: Mapping[str, Any] | str | None = None) -> Any:
        yaml = isinstance(manifest, str)
        body = None if manifest is None else (manifest if yaml else json.dumps(manifest)).encode()
        headers = {**self._headers, "Content-Type": "application/yaml" if yaml else "application/json"}
        asked = request.Request(f"{self._server}{path}", body, headers, method=method)
        try:
            with open_loopback(asked, timeout_s=_TIMEOUT_S, certificate=self._certificate) as answer:
                return json.load(answer)
        except error.HTTPError as refused:
            with refused:
                text = refused.read().decode(errors="replace")
            raise ApiRefusal(refused.code, f"{method} {path}: {_message(text)}") from None


def _message(text: str) -> str:
    try:
        return json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        return text
