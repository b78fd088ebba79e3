"""Loopback: free ports there, and requests that no proxy sees."""

import contextlib
import errno
import random
import socket
import ssl
from collections.abc import Iterable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from urllib import request

LOOPBACK = "127.0.0.1"
SERVED = range(20000, 32768)
"""No outgoing connection is given one of these, on Linux (from 32768) or macOS (from 49152): a port that is free now is
still free when its program listens, however many connections are opened meanwhile."""


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """A port nobody listens on for each name, all different: each is held until the last is found."""
    tried = iter(random.SystemRandom().sample(SERVED, len(SERVED)))
    with contextlib.ExitStack() as held:
        return {name: _next_free(tried, held) for name in names}


def _next_free(ports: Iterator[int], held: contextlib.ExitStack) -> int:
    for port in ports:
        listener = held.enter_context(socket.socket())
        with contextlib.suppress(OSError):  # taken
            listener.bind((LOOPBACK, port))
            return port
    raise OSError(errno.EADDRINUSE, f"no port from {SERVED.start} to {SERVED.stop - 1} is free")


def open_loopback(asked: str | request.Request, timeout_s: float, certificate: Path | None = None) -> HTTPResponse:
    """The answer of a server of the lab, whose `certificate` is the one to trust. Raises OSError, HTTPException."""
    url = asked if isinstance(asked, str) else asked.full_url
    handlers: list[request.BaseHandler] = [request.ProxyHandler({})]
    if url.startswith("https:"):
        handlers.append(request.HTTPSHandler(context=ssl.create_default_context(cafile=certificate)))
    return request.build_opener(*handlers).open(asked, timeout=timeout_s)
