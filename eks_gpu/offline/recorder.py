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
import os
import threading
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pulumi
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import config as runtime_config
from pulumi.runtime import settings
from pulumi.runtime.mocks import MockMonitor, MockSettings
from pulumi.runtime.proto import engine_pb2, provider_pb2, resource_pb2
from pulumi.runtime.stack import run_in_stack

from eks_gpu.graph.graph import STACK, Graph, Resource
from eks_gpu.graph.regions import provider_region
from eks_gpu.graph.unknown import merged
from eks_gpu.graph.unread import Unread
from eks_gpu.graph.values import decoded, known, replaced, shown, unknowns, written
from eks_gpu.offline import sdk_types
from eks_gpu.offline.applied import Applied
from eks_gpu.offline.questions import Unanswered
from eks_gpu.offline.registered import Asked, Made
from eks_gpu.offline.transforms import Transforms
from eks_gpu.offline.wire import UNKNOWN, plain, without_none

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
    "providers",
    "version",
)


class DuplicateUrn(Exception):
    """Two resources of one type, name and parent: the engine would refuse the program."""


class Answers(Protocol):
    """What the cloud would say. All values have wire names."""

    def outputs(self, resource: Resource, recorder: "Recorder") -> Mapping[str, Any]:
        """What the provider adds to the inputs of a resource; `id` is its provider id. Raises Unanswered."""
        ...

    def construct(self, component: Resource, inputs: Mapping[str, Any], recorder: "Recorder") -> Mapping[str, Any]:
        """The outputs of a remote component, which is made through the recorder."""
        ...

    def home(self, type_: str, inputs: Mapping[str, Any]) -> str:
        """URN of the resource that a remote component gets for its parent; empty where the program decides."""
        ...

    def invoke(self, token: str, args: Mapping[str, Any], region: str = "") -> Mapping[str, Any]:
        """The result of a provider function; `region` is that of an explicit provider. Raises Unanswered."""
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


def _is_remote(request: Any) -> bool:
    """Whether a provider makes more of the component than the program sees; Kubernetes' components are read apart."""
    return request.remote and not request.type.startswith("kubernetes:")


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
        self.places: dict[str, str] = {}
        """`file:line` of the program's own line that registers a resource, by URN."""
        self._answers, self._project, self._stack, self._preview = answers, project, stack, preview
        self.applied = Applied()
        self._lock = threading.Lock()
        self._transforms = Transforms()
        self._made: dict[str, Made] = {}
        self._late: list[Callable[[Graph], Mapping[str, Mapping[str, Any]]]] = []
        self._unread: list[Unread] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """As the engine does: the parent's whole chain of types, the root stack left out."""
        chain = parent.split("::")[2] if parent else ""
        kind = type_ if chain in ("", STACK) else f"{chain}${type_}"
        return f"urn:pulumi:{self._stack}::{self._project}::{kind}::{name}"

    def reference(self, parent: str, type_: str, name: str, state: Mapping[str, Any]) -> dict[str, str]:
        """A resource that is not registered as the output of another."""
        made = Made(self.make_urn(parent, type_, name), str(state.get("id", name)), dict(state))
        self.resources[made.urn] = self.ResourceRegistration(made.urn, made.id, dict(state))
        return made.reference

    def RegisterResource(self, request):
        made = self._register(self._transforms.applied(request))
        state = self.resources[made.urn].state
        return resource_pb2.RegisterResourceResponse(urn=made.urn, id=made.id, object=_struct(state))

    def _register(self, request: Any, component: Resource | None = None, told: Mapping[str, Any] | None = None) -> Made:
        """Registers a resource of the program, or one that a component is made of.

        A preview of a create knows the inputs and nothing else; otherwise what is certain of the outputs is known too.
        """
        raw = json_format.MessageToDict(request.object)
        if _is_remote(request) and (home := self._answers.home(request.type, raw)):
            request.parent = home
        urn = self.make_urn(request.parent, request.type, request.name)
        self._transforms.keep(urn, request)
        resource = self._resource(urn, request, raw)
        self.places[urn] = _place(request.sourcePosition)
        if component:
            resource = replace(resource, expanded_from=component.urn)
        self._record(resource)
        state = self._state(request, resource, raw, made_inside=component is not None)
        state |= {key: {**state.get(key, {}), **parts} for key, parts in (told or {}).items()}
        id_ = str(state.pop("id", "")) if request.custom else ""
        seen = {} if self._preview and _is_remote(request) else state
        made = Made(urn, id_, state)
        with self._lock:
            if urn in self.recorded:
                self.recorded[urn] = replace(self.recorded[urn], id=id_, outputs=_read(seen))
            self.resources[urn] = self.ResourceRegistration(urn, id_, seen)
            self._made[urn] = made
        return made

    def _state(self, request: Any, resource: Resource, raw: Mapping[str, Any], *, made_inside: bool) -> dict[str, Any]:
        """Inputs and outputs, with wire values. What a remote component hands out is its provider's to say, also where
        an input has the same name.
        """
        if _is_remote(request):
            return dict(self._answers.construct(resource, raw, self))
        if request.remote:
            state = {}
        elif made_inside:  # as its provider has it; to look up its types would load modules that the program does not
            state = dict(raw)
        else:
            state = sdk_types.handed_back(request.type, raw)
        if request.type == STACK or (self._preview and not made_inside):
            return state
        return {**state, **self._answers.outputs(resource, self)}

    def _record(self, resource: Resource) -> None:
        with self._lock:
            if resource.urn in self.recorded:
                raise DuplicateUrn(f"two resources would have the URN {resource.urn}: give one of them another name")
            if resource.type != STACK:
                self.recorded[resource.urn] = resource

    def make(self, component: Resource, asked: Asked) -> Made:
        """Registers a resource that a component is made of, as its provider would."""
        request = resource_pb2.RegisterResourceRequest(
            type=asked.type,
            name=asked.name,
            parent=asked.parent,
            custom=asked.custom,
            object=_struct(without_none(asked.inputs)),
            dependencies=sorted({*component.dependencies, *asked.needs}),
            ignoreChanges=asked.ignore_changes,
            provider=asked.provider,
            protect=component.options.get("protect"),
        )
        return self._register(self._transforms.applied(request), component, asked.told)

    def find(self, urn: str) -> Made | None:
        """A resource of this run; None before it is registered."""
        return self._made.get(urn)

    def when_all_is_there(self, change: Callable[[Graph], Mapping[str, Mapping[str, Any]]]) -> None:
        """Lets inputs be set, by URN, that depend on resources which may be registered later."""
        with self._lock:
            self._late.append(change)

    def note_look_up(self, token: str, result: Mapping[str, Any]) -> None:
        """Remembers an image or a release that moves by itself, because it was looked up."""
        if (found := result.get(IMAGE_LOOK_UPS.get(token, ""))) is not None:
            self.looked_up.add(str(found))

    def not_read(self, unread: Unread) -> None:
        """Notes what the plan cannot read."""
        with self._lock:
            self._unread.append(unread)

    def graph(self) -> Graph:
        """What was registered, in an order that is the same in every run: registrations arrive from several threads."""
        for change in self._late:
            for urn, inputs in change(Graph(self.recorded.values())).items():
                self.recorded[urn] = _changed(self.recorded[urn], plain(dict(inputs)))
        found = (_with_wanted(each, self.applied) for each in self.recorded.values())
        return Graph(
            sorted(found, key=lambda resource: resource.urn),
            looked_up=frozenset(self.looked_up),
            unread=sorted(self._unread, key=lambda row: row.subject),
        )

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
        self._made[urn] = Made(urn, id_, state)
        response = resource_pb2.ReadResourceResponse(urn=urn, properties=_struct(state))
        if "id" in response.DESCRIPTOR.fields_by_name:  # older SDKs take the id that they have asked for
            response.id = id_
        return response

    def RegisterStackTransform(self, request):
        self._transforms.of_stack.append(request)
        return empty_pb2.Empty()

    def RegisterStackInvokeTransform(self, request):
        self._transforms.of_look_ups.append(request)
        return empty_pb2.Empty()

    def Invoke(self, request):
        request = self._transforms.of_invoke(request)
        args = json_format.MessageToDict(request.args)
        if request.tok == "pulumi:pulumi:getResource":
            known = self.resources[args["urn"]]
            result: Mapping[str, Any] = {"urn": known.urn, "id": known.id, "state": known.state}
        else:
            region = provider_region(request.provider, self.recorded.get)
            result = self._asked(
                lambda: self._answers.invoke(request.tok, _read(args), region), sdk_types.example_result
            )
            self.note_look_up(request.tok, result)
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


def _place(position: Any) -> str:
    """`__main__.py:3`, from the folder that the program runs in; empty where the SDK tells no line."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(position.uri).path)
    return f"{os.path.relpath(path)}:{position.line}" if path else ""


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
    graph = recorder.graph()
    said = [*log.lines, *(("warning", told) for told in recorder.applied.stopped)]
    waited = recorder.applied.waited
    wanted = {key: tuple(sorted(waited[of])) for key, of in sorted(recorder.read.items()) if of in waited}
    return Recording(graph, recorder.exports, said, wanted=wanted)


def _changed(resource: Resource, inputs: Mapping[str, Any]) -> Resource:
    """The resource with other values for some inputs."""
    return replace(
        resource,
        inputs=merged(resource.inputs, inputs),
        outputs={**resource.outputs, **inputs},
        masked=None if resource.masked is None else {**resource.masked, **inputs},
    )


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
