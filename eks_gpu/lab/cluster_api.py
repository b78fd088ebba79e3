"""The few calls that the lab makes to its API server."""

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3

from eks_gpu.lab.problem import LabProblem
from eks_gpu.lab.state import Lab

_TIMEOUT_S = 120
"""Seconds that the API server has for one answer; a loaded machine takes its time."""

_KEPT = 8
"""Connections that wait for the next request: a new one costs both sides four times as much as the request itself."""


class ApiRefusal(LabProblem):
    """The API server's answer to a request that it did not carry out."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class ClusterApi:
    """Objects by path, as `/api/v1/nodes`. Raises ApiRefusal, and OSError when nobody answers."""

    def __init__(self, lab: Lab):
        self._connections = _connections(lab.server, lab.certificate)
        self._headers = {"Authorization": f"Bearer {lab.token}", "Accept": "application/json"}

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

    def patch(self, path: str, changes: Mapping[str, Any]) -> None:
        """A merge patch: what is None goes."""
        self._send("PATCH", path, changes, "application/merge-patch+json")

    def apply(self, path: str, manifest: Mapping[str, Any]) -> None:
        """Server-side apply of the object that the path names."""
        self._send("PATCH", path, manifest, "application/apply-patch+yaml")

    def delete(self, path: str) -> None:
        """Removes the object; one that is gone is no error."""
        try:
            self._send("DELETE", path)
        except ApiRefusal as refusal:
            if refusal.status != 404:
                raise

    def watch(self, path: str, silent_s: float) -> Generator[tuple[str, dict[str, Any]]]:
        """What happened, and to which object, for as long as somebody asks for the next. First of all what is there.

        `path` has a query. Raises OSError when nothing happens for `silent_s` seconds.
        """
        with _told(f"GET {path}"):
            answer = self._connections.request(
                "GET", f"{path}&watch=1", headers=self._headers, timeout=silent_s, preload_content=False
            )
            _accepted(answer, f"GET {path}")
            try:
                for line in answer:
                    event = json.loads(line)
                    yield event["type"], event["object"]
            finally:
                answer.close()

    def _send(self, method: str, path: str, manifest: Mapping[str, Any] | str | None = None, kind: str = "") -> Any:
        yaml = isinstance(manifest, str)
        body = None if manifest is None else (manifest if yaml else json.dumps(manifest)).encode()
        headers = {**self._headers, "Content-Type": kind or ("application/yaml" if yaml else "application/json")}
        with _told(f"{method} {path}"):
            answer = self._connections.request(method, path, body=body, headers=headers)
        _accepted(answer, f"{method} {path}")
        return json.loads(answer.data)


def _accepted(answer: urllib3.BaseHTTPResponse, asked: str) -> None:
    """Raises ApiRefusal."""
    if answer.status >= 400:
        raise ApiRefusal(answer.status, f"{asked}: {_message(answer.data.decode(errors='replace'))}")


@contextmanager
def _told(asked: str) -> Iterator[None]:
    try:
        yield
    except urllib3.exceptions.HTTPError as problem:
        raise ConnectionError(f"{asked}: {problem}") from None


@lru_cache(maxsize=8)
def _connections(server: str, certificate: Path) -> urllib3.HTTPSConnectionPool:
    """A lab's, of all threads of this process. They see no proxy."""
    at = urlsplit(server)
    return urllib3.HTTPSConnectionPool(
        str(at.hostname), at.port, ca_certs=str(certificate), maxsize=_KEPT, retries=False, timeout=_TIMEOUT_S
    )


def _message(text: str) -> str:
    try:
        return json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        return text
