"""The recorder over gRPC: the engine's two services, as a program in another language and a provider of components see
them. A program in Python has the recorder in its own process instead, and both give the same graph.
"""

# ruff: noqa: N802  # the protocol's own names

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from eks_gpu.graph.values import OUTPUT, SECRET, SIGNATURE
from eks_gpu.offline.questions import Unanswered
from eks_gpu.offline.recorder import DuplicateUrn, Recorder
from eks_gpu.offline.requests import struct
from eks_gpu.offline.stand_ins import unknown_result
from eks_gpu.offline.wire import UNKNOWN

_WORKERS = 64
"""A request stays open while a transform or a component calls back, so there are more than a program has in flight."""
_BYTES = 400 << 20
_STATUS = {DuplicateUrn: grpc.StatusCode.ALREADY_EXISTS, Unanswered: grpc.StatusCode.NOT_FOUND}

Construct = Callable[[Any, "Served"], Any]
"""Makes a remote component: takes its `RegisterResourceRequest`, gives the `RegisterResourceResponse`. What it is made
of it registers at `Served.for_components`.
"""


class Served:
    """A recorder that is being served."""

    def __init__(self, recorder: Recorder, components: Mapping[str, Construct] | None = None):
        self.recorder = recorder
        self.components = dict(components or {})
        """Who makes the remote components of a package, by its name; those of others the recorder answers."""
        self.address = ""
        """Of the monitor and the engine, for the program."""
        self.for_components = ""
        """The same for a provider's Construct: there, values come with their dependencies."""
        self.errors: list[Exception] = []
        """What the recorder refused, the first one first: it says more than what the program makes of it."""
        self.log: list[tuple[str, str]] = []
        """(severity, message) of what the program said, without what the SDK says of its own work."""

    def register(self, request: Any) -> Any:
        """A registration, by the component's own provider where there is one."""
        made_by = self.components.get(request.type.partition(":")[0]) if request.remote else None
        if made_by is None:
            return self.recorder.RegisterResource(request)
        response = made_by(request, self)
        state = json_format.MessageToDict(response.object)
        self.recorder.resources[response.urn] = Recorder.ResourceRegistration(response.urn, response.id, state)
        return response


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    def __init__(self, served: Served, output_values: bool):
        self.served, self.output_values = served, output_values

    def _answer(self, name: str, request: Any, context: Any) -> Any:
        try:
            return getattr(self, f"_{name}", getattr(self.served.recorder, name))(_without_output_values(request))
        except Exception as error:
            if not isinstance(error, grpc.RpcError):  # a transform's error is the program's own
                self.served.errors.append(error)
            return context.abort(_STATUS.get(type(error), grpc.StatusCode.UNKNOWN), str(error) or repr(error))

    def _RegisterResource(self, request: Any) -> Any:
        return self.served.register(request)

    def _SupportsFeature(self, request: Any) -> Any:
        return resource_pb2.SupportsFeatureResponse(hasSupport=self.output_values or request.id != "outputValues")

    def _GetDeploymentInfo(self, request: Any) -> Any:
        info = self.served.recorder.GetDeploymentInfo(request)
        if self.output_values:
            info.supportedFeatures.append(resource_pb2.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES)
        return info


def _method(name: str) -> Callable[[_Monitor, Any, Any], Any]:
    return lambda monitor, request, context: monitor._answer(name, request, context)


for _each in resource_pb2.DESCRIPTOR.services_by_name["ResourceMonitor"].methods:
    setattr(_Monitor, _each.name, _method(_each.name))


class _Engine(engine_pb2_grpc.EngineServicer):
    def __init__(self, served: Served):
        self.served, self.root = served, ""

    def Log(self, request: Any, context: Any) -> Any:
        if request.severity != engine_pb2.DEBUG:
            self.served.log.append((engine_pb2.LogSeverity.Name(request.severity).lower(), request.message))
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:
        return engine_pb2.GetRootResourceResponse(urn=self.root)

    def SetRootResource(self, request: Any, context: Any) -> Any:
        self.root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:
        return engine_pb2.RequirePulumiVersionResponse()

    def StartDebugging(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


def _without_output_values(request: Any) -> Any:
    """The request with each output value as what it holds: a secret, a plain value, or the sign of an unknown one."""
    for name in ("object", "args", "outputs", "properties"):
        if name in request.DESCRIPTOR.fields_by_name and OUTPUT in str(values := getattr(request, name)):
            values.CopyFrom(struct(_held(json_format.MessageToDict(values))))
    return request


def _held(value: Any) -> Any:
    if isinstance(value, list):
        return [_held(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) != OUTPUT:
        return {key: _held(item) for key, item in value.items()}
    held = _held(value["value"]) if "value" in value else UNKNOWN
    return {SIGNATURE: SECRET, "value": held} if value.get("secret") and held != UNKNOWN else held


@contextmanager
def serving(recorder: Recorder, components: Mapping[str, Construct] | None = None) -> Iterator[Served]:
    """Inside, the recorder answers at `Served.address`, on this machine alone."""
    served = Served(recorder, components)
    recorder.unknown_result = unknown_result
    engine, servers = _Engine(served), list[Any]()

    def start(output_values: bool) -> str:
        pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="monitor")
        sizes = [("grpc.max_receive_message_length", _BYTES), ("grpc.max_send_message_length", _BYTES)]
        server = grpc.server(pool, options=sizes)
        resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Monitor(served, output_values), server)
        engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append((server, pool))
        return f"127.0.0.1:{port}"

    try:
        served.address, served.for_components = start(output_values=False), start(output_values=True)
        yield served
    finally:
        stopped: list[threading.Event] = [server.stop(None) for server, _ in servers]
        for event, (_, pool) in zip(stopped, servers, strict=True):
            event.wait()
            pool.shutdown(wait=False, cancel_futures=True)
