"""`pulumi-resource-aws` of the lab: Pulumi's provider protocol over the core."""

# ruff: noqa: N802  # the protocol's own names

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from importlib import metadata
from typing import Any

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from eks_gpu.lab.aws import sdk
from eks_gpu.lab.aws.commands import end_at_once
from eks_gpu.lab.aws.core import DEFAULTS, Cloud, Failed, Refused, row, seen_inputs
from eks_gpu.lab.aws.invokes import invoke
from eks_gpu.lab.aws.preview import computed, foreseen
from eks_gpu.lab.aws.wire import plain, struct

REGION = "us-west-2"
"""Where a program runs that says no region."""

THREADS = 16
"""As many as the engine calls at once."""


class AwsProvider(provider_pb2_grpc.ResourceProviderServicer):
    """One provider of a program. Errors end the call with their message, as the engine expects."""

    def __init__(self, endpoint: str | None = None):
        self._endpoint = endpoint
        self._cloud = Cloud(REGION, endpoint)
        self._tags: Mapping[str, str] = {}

    # What the engine asks of every provider

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_resources=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi-aws"))

    def GetSchema(self, request: Any, context: Any) -> Any:
        return provider_pb2.GetSchemaResponse(schema="{}")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        old, new = plain(request.olds), plain(request.news)
        return _difference({key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}, set())

    def Configure(self, request: Any, context: Any) -> Any:
        config = plain(request.args)
        self._cloud = Cloud(config.get("region") or REGION, self._endpoint)
        tags = config.get("defaultTags") or {}
        self._tags = (json.loads(tags) if isinstance(tags, str) else tags).get("tags") or {}
        return provider_pb2.ConfigureResponse(supportsPreview=True, acceptResources=True)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    # Resources

    def Check(self, request: Any, context: Any) -> Any:
        token, name = _type_and_name(request.urn)
        try:
            inputs = self._completed(token, name, plain(request.news), plain(request.olds), request.randomSeed)
        except Refused as problem:
            return provider_pb2.CheckResponse(inputs=request.news, failures=_failures([("", str(problem))]))
        given = _without_defaults(inputs)
        found = [("", problem) for problem in sdk.problems(token, given)] or self._cloud.problems(token, given)
        return provider_pb2.CheckResponse(inputs=struct(inputs), failures=_failures(found))

    def _completed(
        self, token: str, name: str, new: dict[str, Any], old: dict[str, Any], seed: bytes
    ) -> dict[str, Any]:
        """The inputs with the name that the provider chooses, the same until the resource is replaced."""
        of = row(token)
        if of.tag and self._tags:
            new = {**new, "tags": {**self._tags, **(new.get("tags") or {})}}
        if not of.named or new.get(of.named):
            return new
        kept = old.get(of.named) if of.named in old.get(DEFAULTS, ()) else None
        chosen = kept or f"{name}-{hashlib.sha256(seed or name.encode()).hexdigest()[:7]}"
        return {**new, of.named: chosen, DEFAULTS: [of.named]}

    def Diff(self, request: Any, context: Any) -> Any:
        token, _ = _type_and_name(request.urn)
        outputs, old, new = plain(request.olds), plain(request.old_inputs), plain(request.news)
        here = {"region": self._cloud.region}  # of a resource that names none
        told, wanted = {**here, **old}, {**here, **new}
        changed = {key for key in told.keys() | wanted.keys() if told.get(key) != wanted.get(key)} - {DEFAULTS}
        before, after = {**outputs, **old}, {**computed(outputs, old), **new}
        with _told(context):
            replaced = {key for key in changed if self._cloud.replaced_by(token, key, after, before)}
            return _difference(changed, replaced, self._cloud.same_identity(token, new, old))

    def Create(self, request: Any, context: Any) -> Any:
        token, _ = _type_and_name(request.urn)
        inputs = _without_defaults(plain(request.properties))
        with _told(context, request.properties):
            if request.preview:
                to_come = foreseen(token, {"region": self._cloud.region, **inputs})
                return provider_pb2.CreateResponse(properties=struct(to_come))
            id_, outputs = self._cloud.create(token, inputs)
            return provider_pb2.CreateResponse(id=id_, properties=struct(outputs))

    def Read(self, request: Any, context: Any) -> Any:
        token, _ = _type_and_name(request.urn)
        known, inputs = plain(request.properties), plain(request.inputs)
        with _told(context):
            outputs = self._cloud.read(token, {**self._cloud.identified(token, request.id), **known})
        if outputs is None:
            return provider_pb2.ReadResponse()
        seen = seen_inputs(token, inputs, outputs) if inputs else _imported(token, outputs)
        return provider_pb2.ReadResponse(id=request.id, properties=struct(outputs), inputs=struct(seen))

    def Update(self, request: Any, context: Any) -> Any:
        token, _ = _type_and_name(request.urn)
        outputs = plain(request.olds)
        old, new = (_without_defaults(plain(inputs)) for inputs in (request.old_inputs, request.news))
        before, after = {**outputs, **old, "id": request.id}, {**computed(outputs, old), **new, "id": request.id}
        with _told(context, request.news):
            if request.preview:
                return provider_pb2.UpdateResponse(properties=struct(foreseen(token, new, outputs, old)))
            return provider_pb2.UpdateResponse(properties=struct(self._cloud.update(token, after, before)))

    def Delete(self, request: Any, context: Any) -> Any:
        token, _ = _type_and_name(request.urn)
        with _told(context):
            self._cloud.delete(token, {**plain(request.properties), "id": request.id})
        return empty_pb2.Empty()

    # Functions

    def Invoke(self, request: Any, context: Any) -> Any:
        with _told(context):
            given = plain(request.args)
            region = given.get("region")
            cloud = Cloud(region, self._endpoint) if region and region != self._cloud.region else self._cloud
            answer: dict[str, Any] = {"return": struct(invoke(cloud, request.tok, given))}
        return provider_pb2.InvokeResponse(**answer)


def serve(make: Callable[[str | None], AwsProvider] = AwsProvider) -> None:
    """Prints the port, as a Pulumi plugin does, and serves until it is ended."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS), options=[("grpc.max_receive_message_length", 400 << 20)])
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(os.environ.get("AWS_ENDPOINT_URL")), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


@contextmanager
def _told(context: Any, inputs: Any = None) -> Iterator[None]:
    """Errors end the call. A resource of these inputs that is there and does not work is in the engine's state then."""
    try:
        yield
    except Failed as problem:
        kept = provider_pb2.ErrorResourceInitFailed(
            id=problem.id, properties=struct(problem.outputs), inputs=inputs, reasons=[str(problem)]
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(problem))
        status.details.add().Pack(kept)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, str(problem))
    except (Refused, ClientError, BotoCoreError) as problem:
        context.abort(grpc.StatusCode.UNKNOWN, str(problem))


def _type_and_name(urn: str) -> tuple[str, str]:
    """`urn:pulumi:dev::p::parent$aws:ec2/vpc:Vpc::network` -> ("aws:ec2/vpc:Vpc", "network")."""
    parts = urn.split("::", 3)
    return parts[2].split("$")[-1], parts[3]


def _without_defaults(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != DEFAULTS}


def _imported(token: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs that would make what was found, as far as outputs tell."""
    declared = sdk.input_names(token)
    return {key: value for key, value in outputs.items() if key in declared and value not in ({}, [], "")}


def _difference(changed: set[str], replaced: set[str], delete_first: bool = False) -> Any:
    kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=kind,
        diffs=sorted(changed),
        replaces=sorted(replaced),
        deleteBeforeReplace=bool(replaced) and delete_first,
    )


def _failures(found: list[tuple[str, str]]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in found]


if __name__ == "__main__":
    end_at_once()
    serve()
