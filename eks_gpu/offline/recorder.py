"""The offline run: a Pulumi program in this process, every registration recorded, nothing created.

The recorder stands where the engine's resource monitor would and sees what the SDK's mocks hide: parent, dependencies
and options. Each run has a `contextvars` context and an event loop of its own, so nothing leaks into the next.

This file and applied.py (`Output._data`) lean on names of the SDK that are not public (`MockSettings`, `settings.ROOT`,
the manager of requests); pyproject.toml bounds pulumi's version because of it.
"""

# ruff: noqa: N802  # the protocol's own names

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import config as runtime_config
from pulumi.runtime import rpc, settings
from pulumi.runtime.mocks import MockMonitor, MockSettings
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2
from pulumi.runtime.stack import run_in_stack

from eks_gpu.graph.graph import STACK, Graph, Resource
from eks_gpu.graph.values import REFERENCE, SIGNATURE, decoded, known, replaced, shown, unknowns, written
from eks_gpu.offline import sdk_types
from eks_gpu.offline.applied import Applied
from eks_gpu.offline.questions import Unanswered

UNKNOWN = rpc.UNKNOWN
"""On the wire, a value that nobody knows before an update."""
IMAGE_LOOK_UPS = {"aws:ssm/getParameter:getParameter": "value", "aws:ec2/getAmi:getAmi": "id"}
"""Functions that find the newest image or its release, and the key of the answer that has it."""

OPTIONS = (
    "protect",
    "ignoreChanges",
    "deleteBeforeReplace",
    "retainOnDelete",
    "aliases",
    "additionalSecretOutputs",
    "replaceOnChanges",
    "customTimeouts",
    "importId",
    "deletedWith",
    "version",
)


class DuplicateUrn(Exception):
    """Two resources of one type, name and parent: the engine would refuse the program."""


class Answers(Protocol):
    """What the cloud would say. All values have wire names."""

    def outputs(self, resource: Resource, recorder: "Recorder") -> Mapping[str, Any]:
        """What the provider adds to the inputs of a resource; `id` is its provider id. Raises Unanswered."""
        ...

    def invoke(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a provider function. Raises Unanswered."""
        ...

    def call(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a resource method. Raises Unanswered."""
        ...

    def read(self, resource: Resource, id_: str) -> Mapping[str, Any]:
        """The state of an existing resource, a StackReference too. Raises Unanswered."""
        ...


@dataclass
class Recording:
    """What a run registered, exported and said."""

    graph: Graph
    outputs: dict[str, Any] = field(default_factory=dict)
    """The stack's exports, secrets masked."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """(severity, message), severity one of `info`, `warning`, `error`."""
    region: str = ""
    """Region of AWS; empty where the stack has none."""
    wanted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Outputs that the program waits for and nobody knows, of resources that exist already, by `TYPE ID`."""


def plain(value: Any) -> Any:
    """A wire value as the engine would write it: whole numbers are ints, references their URNs, keys sorted.

    Keys are sorted because a map on the wire has no order of its own.
    """
    if isinstance(value, dict):
        if value.get(SIGNATURE) == REFERENCE:
            return value["urn"]
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read(value: Any) -> Any:
    """A wire value for readers: secrets in the clear, what is unknown absent."""
    return known(decoded(plain(value)))


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(dict(values), struct_pb2.Struct())


class Recorder(MockMonitor):
    """A resource monitor that keeps every request. Its methods are called from several threads at once."""

    def __init__(self, answers: Answers, project: str, stack: str, preview: bool):
        super().__init__(None)  # pyright: ignore[reportArgumentType] - no mocks: every method that asks them is below
        self.recorded: dict[str, Resource] = {}
        self.exports: dict[str, Any] = {}
        self.read: dict[str, tuple[str, str]] = {}
        """Type and name of what is read and not made, by `TYPE ID`."""
        self.asked: dict[tuple[str, str], Unanswered] = {}
        """Questions without an answer, each once."""
        self.looked_up: set[str] = set()
        """Images and releases that were looked up, so that they move by themselves."""
        self._answers, self._project, self._stack, self._preview = answers, project, stack, preview
        self.applied = Applied()
        self._lock = threading.Lock()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine does: the parent's whole chain of types, the root stack left out."""
        chain = parent.split("::")[2] if parent else ""
        kind = type_ if chain in ("", STACK) else f"{chain}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{kind}::{name}"

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        """A resource as the output of another: what a remote component such as `eks.Cluster` hands out."""
        urn = self.make_urn(parent, type_, name)
        id_ = str(state.get("id", name))
        self.resources[urn] = self.ResourceRegistration(urn, id_, dict(state))
        return {SIGNATURE: REFERENCE, "urn": urn, "id": id_}

    def RegisterResource(self, request):
        urn = self.make_urn(request.parent, request.type, request.name)
        raw = json_format.MessageToDict(request.object)
        resource = self._resource(urn, request, raw)
        # What a remote component hands out is its provider's to say, also where an input has the same name.
        state = {} if request.remote else sdk_types.handed_back(request.type, raw)
        # A preview of a create knows the inputs and nothing else; here what is certain of the outputs is known too.
        if request.type != STACK and not self._preview:
            state |= self._answers.outputs(resource, self)
        id_ = str(state.pop("id", "")) if request.custom else ""
        with self._lock:
            if urn in self.recorded:
                raise DuplicateUrn(f"two resources would have the URN {urn}: give one of them another name")
            if request.type != STACK:
                self.recorded[urn] = replace(resource, id=id_, outputs=_read(state))
            self.resources[urn] = self.ResourceRegistration(urn, id_, state)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=_struct(state))

    def _resource(self, urn: str, request: Any, raw: Mapping[str, Any]) -> Resource:
        wire = json_format.MessageToDict(request, preserving_proto_field_name=True)
        parent = request.parent if request.parent.split("::")[2:3] != [STACK] else ""
        raw = plain({key: value for key, value in raw.items() if not key.startswith("__")})
        told = decoded(raw)
        inputs, masked = replaced(told, {}, urn), shown(raw, request.type)
        return Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=parent,
            custom=request.custom,
            inputs=inputs,
            options={option: wire[option] for option in OPTIONS if wire.get(option)},
            dependencies=frozenset(request.dependencies),
            property_dependencies={
                key: frozenset(value.urns) for key, value in request.propertyDependencies.items() if value.urns
            },
            provider=request.provider,
            remote=request.remote,
            unknown=tuple(dict.fromkeys(written(path) for path in unknowns(told))),
            masked=None if masked == inputs else masked,
        )

    def RegisterResourceOutputs(self, request):
        outputs = json_format.MessageToDict(request.outputs)
        if request.urn.split("::")[2] == STACK:
            self.exports = _unmarked(shown(plain(outputs)))
        elif (resource := self.recorded.get(request.urn)) is not None:
            self.recorded[request.urn] = replace(resource, outputs={**resource.outputs, **_read(outputs)})
        return empty_pb2.Empty()

    def ReadResource(self, request):  # X.get(...) and StackReference
        urn = self.make_urn(request.parent, request.type, request.name)
        raw = json_format.MessageToDict(request.properties)
        resource = Resource(urn, request.type, request.name, inputs=_read(raw), id=request.id)
        read = self._asked(lambda: self._answers.read(resource, request.id), lambda _: {})
        state = {**sdk_types.handed_back(request.type, raw), **read}
        id_ = "" if request.id == UNKNOWN else request.id
        self.read[f"{request.type} {request.id}"] = (request.type, request.name)
        self.resources[urn] = self.ResourceRegistration(urn, request.id, state)
        response = resource_pb2.ReadResourceResponse(urn=urn, properties=_struct(state))
        if "id" in response.DESCRIPTOR.fields_by_name:  # older SDKs take the id that they have asked for
            response.id = id_
        return response

    def Invoke(self, request):
        args = json_format.MessageToDict(request.args)
        if request.tok == "pulumi:pulumi:getResource":
            known = self.resources[args["urn"]]
            result: Mapping[str, Any] = {"urn": known.urn, "id": known.id, "state": known.state}
        else:
            result = self._asked(lambda: self._answers.invoke(request.tok, _read(args)), sdk_types.example_result)
            if (found := result.get(IMAGE_LOOK_UPS.get(request.tok, ""))) is not None:
                self.looked_up.add(str(found))
        return _answer(resource_pb2.ResourceInvokeResponse(), result)

    def Call(self, request):  # a method of a resource
        args = _read(json_format.MessageToDict(request.args))
        result = self._asked(lambda: self._answers.call(request.tok, args), lambda _: {"result": UNKNOWN})
        return _answer(provider_pb2.CallResponse(), result)

    def _asked(
        self, ask: Callable[[], Mapping[str, Any]], else_: Callable[[str], Mapping[str, Any]]
    ) -> Mapping[str, Any]:
        """The answer, else something to go on with: the run ends with all that was asked in vain."""
        try:
            return ask()
        except Unanswered as unanswered:
            self.applied.guessed = True
            for question in unanswered.asked:
                self.asked[question.key, str(question.args)] = unanswered
                return else_(question.key)
            raise


def _answer(response: Any, result: Mapping[str, Any]) -> Any:
    getattr(response, "return").CopyFrom(_struct(result))  # a word that Python keeps for itself
    return response


def _unmarked(exports: dict[str, Any]) -> dict[str, Any]:
    """Without the SDK's mark of an export that is a resource, which it sets in a preview."""
    for each in exports.values():
        if isinstance(each, dict):
            each.pop("@isPulumiResource", None)
    return exports


class _Log:
    """The engine's log service. What the SDK tells of its own work, severity debug, is left out."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def Log(self, request):
        if request.severity != engine_pb2.DEBUG:
            self.lines.append((engine_pb2.LogSeverity.Name(request.severity).lower(), request.message))


class ReadKeys(dict[str, str]):
    """Configuration that remembers which of its keys were asked for, `namespace:key`."""

    def __init__(self, values: Mapping[str, str]):
        super().__init__(values)
        self.read: set[str] = set()

    def __contains__(self, key: object) -> bool:
        self.read.add(str(key))
        return super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        self.read.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.read.add(key)
        return super().get(key, default)


def run(
    program: Callable[[], Any],
    answers: Answers,
    *,
    config: Mapping[str, str] | None = None,
    secret_keys: Iterable[str] = (),
    project: str = "project",
    stack: str = "dev",
    preview: bool = False,
    root_directory: str = ".",
    timeout_s: float = 300,
) -> Recording:
    """Run a program as `pulumi preview` would, with outputs that are certain or answered; with `preview` none is.

    The program sees a preview (`pulumi.runtime.is_dry_run()`), in which an `apply` waits for what is not known.
    Raises what the program raises, an error inside an `apply` too, Unanswered with all questions, and TimeoutError.
    """
    recorder = Recorder(answers, project, stack, preview)
    recorder.applied.root = Path(root_directory).resolve()
    log = _Log()
    keys = config if isinstance(config, ReadKeys) else ReadKeys(config or {})

    def in_own_context() -> None:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            settings.ROOT.set(None)
            settings.configure(
                MockSettings(
                    monitor=recorder,
                    monitor_features=set(),
                    engine=log,
                    project=project,
                    stack=stack,
                    organization="organization",
                    root_directory=root_directory,
                    dry_run=True,
                    parallel=None,
                    legacy_apply_enabled=False,
                    callbacks=None,
                    package_refs={},
                    base_providers_by_ref={},
                    outputs=set(),
                    lock=threading.Lock(),
                )
            )
            pulumi.runtime.set_all_config({}, list(secret_keys))
            runtime_config.CONFIG.set(keys)
            with recorder.applied.watched():
                loop.run_until_complete(_ended(run_in_stack(program), timeout_s))
        finally:
            _close(loop)

    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # the first error is raised; the rest is its echo
    try:
        contextvars.Context().run(in_own_context)
    except (Exception, SystemExit) as error:
        if recorder.asked:  # what came of going on without an answer is told after that
            raise _unanswered(recorder) from error
        raise
    if recorder.asked:
        raise _unanswered(recorder)
    # Registrations arrive from several threads; by URN their order is the same in every run.
    found = (_with_wanted(each, recorder.applied) for each in recorder.recorded.values())
    graph = Graph(sorted(found, key=lambda resource: resource.urn), looked_up=frozenset(recorder.looked_up))
    said = [*log.lines, *(("warning", told) for told in recorder.applied.stopped)]
    waited = recorder.applied.waited
    wanted = {key: tuple(sorted(waited[of])) for key, of in sorted(recorder.read.items()) if of in waited}
    return Recording(graph, recorder.exports, said, wanted=wanted)


def _with_wanted(resource: Resource, applied: Applied) -> Resource:
    wanted = applied.waited.get((resource.type, resource.name))
    return replace(resource, wanted=tuple(sorted(wanted))) if wanted else resource


def _unanswered(recorder: Recorder) -> Unanswered:
    found = [recorder.asked[key] for key in sorted(recorder.asked)]
    return Unanswered("\n".join(map(str, found)), *(question for each in found for question in each.asked))


async def _ended(main: Awaitable[Any], timeout_s: float) -> None:
    """Waits for the run. It ends with an error of a request too: what that would have given, the SDK waits for."""
    task = asyncio.ensure_future(main)
    end = time.monotonic() + timeout_s
    while not task.done():
        failed = settings._get_rpc_manager().unhandled_exception
        await asyncio.wait({task}, timeout=1)
        if task.done():
            break
        if failed is not None:
            raise failed
        if time.monotonic() > end:
            raise TimeoutError
    task.result()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    loop.set_exception_handler(lambda *_: None)
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_default_executor())
    asyncio.set_event_loop(None)
    loop.close()
