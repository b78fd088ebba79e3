"""Our components in a program that is not in Python: their provider makes them, as the engine would have it do.

The program registers a remote component; the provider, a process of this library, registers what it is made of with the
same recorder that the program has.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from types import TracebackType
from typing import Any, Self

import grpc
from pulumi.runtime.proto import errors_pb2, provider_pb2, provider_pb2_grpc, resource_pb2, status_pb2

from eks_gpu.offline.library import LIBRARY
from eks_gpu.offline.served import Served

PACKAGE = "eks-gpu-components"
_AT_MOST_BYTES = 400 << 20


@cache
def package_schema() -> dict[str, Any]:
    """The schema of our package, for a language that asks for it while it reads a program."""
    return json.loads(import_module(f"{LIBRARY}.provider.serve").provider().schema)


class BadArgs(Exception):
    """Args that a component refuses. `problems` has a line for each, with the caller's own keys."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


class Packaged:
    """The provider of our components. It is started when a program makes the first of them."""

    def __init__(
        self,
        *,
        project: str,
        stack: str,
        config: Mapping[str, str],
        secret_keys: Iterable[str] = (),
    ):
        self._of_the_run = {
            "project": project,
            "stack": stack,
            "organization": "organization",
            "config": dict(config),
            "configSecretKeys": list(secret_keys),
            "dryRun": True,
        }
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._channel: grpc.Channel | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Ends the provider, if it was started."""
        if self._channel:
            self._channel.close()
        if self._process:
            self._process.kill()
            self._process.communicate()

    def construct(self, request: Any, served: Served) -> Any:
        """The answer to the registration of a component, after all that it is made of is registered.

        Raises BadArgs with every problem of its args, and RuntimeError if the provider itself fails.
        """
        asked = provider_pb2.ConstructRequest(
            **self._of_the_run,
            **_options(request),
            monitorEndpoint=served.for_components,
            parallel=16,
            inputs=request.object,
            inputDependencies={
                key: provider_pb2.ConstructRequest.PropertyDependencies(urns=depended.urns)
                for key, depended in request.propertyDependencies.items()
            },
            accepts_output_values=True,
        )
        try:
            answer = provider_pb2_grpc.ResourceProviderStub(self._started(served.address)).Construct(asked)
        except grpc.RpcError as failed:
            raise _told(request, failed) from None
        return resource_pb2.RegisterResourceResponse(
            urn=answer.urn,
            object=answer.state,
            propertyDependencies={
                key: resource_pb2.RegisterResourceResponse.PropertyDependencies(urns=depended.urns)
                for key, depended in answer.stateDependencies.items()
            },
        )

    def _started(self, engine: str) -> grpc.Channel:
        with self._lock:
            if self._channel is None:
                own = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
                command = [sys.executable, "-P", "-m", f"{LIBRARY}.provider", engine]
                self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own)
                assert self._process.stdout
                port = self._process.stdout.readline().strip()
                if not port:
                    raise RuntimeError(f"the provider of {PACKAGE} did not start: see above")
                sizes = [(f"grpc.max_{way}_message_length", _AT_MOST_BYTES) for way in ("send", "receive")]
                self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=sizes)
            return self._channel


def _options(request: Any) -> dict[str, Any]:
    """What both messages have: type, name, parent and the options that a provider hands on."""
    shared = {*provider_pb2.ConstructRequest.DESCRIPTOR.fields_by_name}
    options = {field.name: value for field, value in request.ListFields() if field.name in shared}
    if timeouts := options.pop("customTimeouts", None):
        kept = {field.name: value for field, value in timeouts.ListFields()}
        options["customTimeouts"] = provider_pb2.ConstructRequest.CustomTimeouts(**kept)
    return options


def _told(request: Any, failed: Any) -> Exception:
    component = f"{request.type.rpartition(':')[2]} {request.name}"
    for key, value in failed.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status, found = status_pb2.Status(), errors_pb2.InputPropertiesError()
            status.ParseFromString(value)
            for detail in status.details:
                detail.Unpack(found)
            if found.errors:
                return BadArgs([f"{component}: {each.property_path} {each.reason}".strip() for each in found.errors])
    return RuntimeError(f"{component}: {failed.details()}")
