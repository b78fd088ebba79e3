"""Loopback: free ports there, and requests that no proxy sees."""

import contextlib
import socket
import ssl
from collections.abc import Iterable
from http.client import HTTPResponse
from pathlib import Path
from urllib import request

LOOPBACK = "127.0.0.1"


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A port nobody listens on for each name, all different: each is held until the last is found."""
    with contextlib.ExitStack() as held:
        ports = {}
        for name in names:
            listener = held.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            ports[name] = listener.getsockname()[1]
        return ports


def open_loopback(asked: str | request.Request, timeout_s: float, certificate: Path | None = None) -> HTTPResponse:
    """The answer of a server of the lab, whose `certificate` is the one to trust. Raises OSError, HTTPException."""
    url = asked if isinstance(asked, str) else asked.full_url
    handlers: list[request.BaseHandler] = [request.ProxyHandler({})]
    if url.startswith("https:"):
        handlers.append(request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate)))
    return request.build_opener(*handlers).open(asked, timeout=timeout_s)
