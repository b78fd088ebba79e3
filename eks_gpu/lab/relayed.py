"""A program in another language on the real engine.

The engine runs a program of the lab's own, which has the stack and whatever the lab changes of its resources. The
user's program is a process beside it, whose requests are relayed, but for what the lab's program does itself.
"""

# ruff: noqa: N802  # the protocol's own names

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2, json_format
from pulumi.runtime import config, settings
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from eks_gpu.graph.values import OUTPUT, SECRET, SIGNATURE
from eks_gpu.lab.ports import LOOPBACK
from eks_gpu.offline.languages.started import Start
from eks_gpu.offline.project import Project
from eks_gpu.offline.served_run import HOSTS

STACK = "pulumi:pulumi:Stack"
AT_MOST_S = 3600
"""Seconds that a program has: it waits for what the engine makes."""
_WORKERS = 64
_BYTES = 400 << 20


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """The engine's, for a program whose stack is there already."""

    def __init__(self, engines: Any, stack: str):
        """`engines` is a stub of the engine's own, `stack` the URN."""
        self.engines, self.stack, self.exports = engines, stack, dict[str, Any]()

    def _RegisterResource(self, request: Any) -> Any:
        if request.type == STACK:
            return resource_pb2.RegisterResourceResponse(urn=self.stack)
        return self.engines.RegisterResource(request)

    def _RegisterResourceOutputs(self, request: Any) -> Any:
        if request.urn != self.stack:
            return self.engines.RegisterResourceOutputs(request)
        self.exports = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def _SignalAndWaitForShutdown(self, request: Any) -> Any:
        """The lab's program waits for it."""
        return empty_pb2.Empty()


class Engine(engine_pb2_grpc.EngineServicer):
    """The engine's, without the program's errors: how it ended is told once, by the lab's program."""

    def __init__(self, engines: Any):
        self.engines, self.log = engines, list[tuple[str, str]]()

    def _Log(self, request: Any) -> Any:
        self.log.append((engine_pb2.LogSeverity.Name(request.severity).lower(), request.message))
        return empty_pb2.Empty() if request.severity == engine_pb2.ERROR else self.engines.Log(request)


def _relayed(name: str) -> Callable[[Any, Any, Any], Any]:
    """A method of both services: the servicer's own, else the engine's."""

    def answer(self: Any, request: Any, context: Any) -> Any:
        try:
            return (getattr(self, f"_{name}", None) or getattr(self.engines, name))(request)
        except grpc.RpcError as refused:
            status: Any = refused
            context.set_trailing_metadata(status.trailing_metadata() or ())
            return context.abort(status.code(), status.details())

    return answer


for _servicer, _service in (
    (Monitor, resource_pb2.DESCRIPTOR.services_by_name["ResourceMonitor"]),
    (Engine, engine_pb2.DESCRIPTOR.services_by_name["Engine"]),
):
    for _method in _service.methods:
        setattr(_servicer, _method.name, _relayed(_method.name))


async def run_beside(project: Project, stack: str) -> None:
    """Runs the project's program as what the engine runs now, and exports what it exports.

    Raises RunError with what is wrong, a line each.
    """
    root: Any = settings.get_root_resource()
    monitor = Monitor(settings.get_monitor(), str(await root.urn.future()))
    engine = Engine(settings.get_engine())
    with _serving(monitor, engine) as address:
        start = Start(
            project=project.name,
            stack=stack,
            root=project.root,
            folder=project.folder,
            entry=project.entry,
            config={key: str(value) for key, value in config.CONFIG.get().items()},
            secret_keys=(),
            address=address,
            options=project.options,
            dry_run=pulumi.runtime.is_dry_run(),
            timeout_s=AT_MOST_S,
            offline=False,
        )
        ended = await asyncio.to_thread(HOSTS[project.runtime], start, engine.log)
    if ended.problems:
        raise pulumi.RunError("\n".join(ended.problems))
    for name, value in monitor.exports.items():
        pulumi.export(name, pulumi.Output.secret(_plain(value)) if _holds_secret(value) else _plain(value))


@contextmanager
def _serving(monitor: Monitor, engine: Engine) -> Iterator[str]:
    """Inside, both answer at this address, on this machine alone."""
    sizes = [(f"grpc.max_{way}_message_length", _BYTES) for way in ("send", "receive")]
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="relay") as pool:
        server = grpc.server(pool, options=sizes)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(monitor, server)
        engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
        port = server.add_insecure_port(f"{LOOPBACK}:0")
        server.start()
        try:
            yield f"{LOOPBACK}:{port}"
        finally:
            server.stop(None).wait()


def _plain(value: Any) -> Any:
    """What an exported value holds."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) in (SECRET, OUTPUT):
        return _plain(value.get("value"))
    return {key: _plain(item) for key, item in value.items()}


def _holds_secret(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    if not isinstance(value, dict):
        return False
    sign = value.get(SIGNATURE)
    return sign == SECRET or (sign == OUTPUT and value.get("secret") is True) or any(map(_holds_secret, value.values()))
