"""The recorder: every registration of a program that runs offline, kept, and answered without an engine.

It stands where the engine's resource monitor would and sees what the SDK's mocks hide: parent, dependencies and
options.
"""

# ruff: noqa: N802  # the protocol's own names

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import FrameType
from typing import Any, Protocol

from google.protobuf import empty_pb2, json_format
from pulumi.runtime.mocks import MockMonitor
from pulumi.runtime.proto import provider_pb2, resource_pb2

from eks_gpu.graph.graph import STACK, Graph, Resource
from eks_gpu.graph.regions import provider_region
from eks_gpu.graph.unknown import root_of
from eks_gpu.graph.unread import Unread, What
from eks_gpu.graph.values import decoded, is_unknown_text, known, replaced, shown, unknowns, written
from eks_gpu.offline import sdk_types
from eks_gpu.offline.applied import STACK_REFERENCE, Applied
from eks_gpu.offline.left_out import LENGTH, counts, decides_on, decision_rows
from eks_gpu.offline.questions import ANSWERS_FILE, LookUp, Question, Unanswered
from eks_gpu.offline.registered import Asked, Made
from eks_gpu.offline.requests import changed, place, struct, unmarked
from eks_gpu.offline.stand_ins import ONE_OF_A_LIST, is_unknown, list_in_turn
from eks_gpu.offline.transforms import Transforms
from eks_gpu.offline.wire import UNKNOWN, plain, unknown_as_a_whole, unknown_within, without_none, without_unknown

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


_MOST_DECISIONS = 10_000


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

    def invoke(
        self, token: str, args: Mapping[str, Any], region: str = "", *, in_part: bool = False
    ) -> Mapping[str, Any]:
        """The result of a provider function; `region` is that of an explicit provider, and `in_part` whether some
        arguments are unknown, and so absent. Raises Unanswered.
        """
        ...

    def call(self, token: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """The result of a resource method. Raises Unanswered."""
        ...

    def read(self, resource: Resource, id_: str) -> Mapping[str, Any]:
        """The state of an existing resource, a StackReference too. Raises Unanswered."""
        ...


def _is_remote(request: Any) -> bool:
    """Whether a provider makes more of the component than the program sees; Kubernetes' components are read apart."""
    return request.remote and not request.type.startswith("kubernetes:")


def _read(value: Any) -> Any:
    """A wire value for readers: secrets in the clear, what is unknown absent."""
    return known(decoded(plain(value)))


class Recorder(MockMonitor):
    """A resource monitor that keeps every request. Its methods are called from several threads at once."""

    def __init__(self, answers: Answers, project: str, stack: str, preview: bool):
        super().__init__(None)  # pyright: ignore[reportArgumentType] - no mocks: every method that asks them is below
        self.recorded: dict[str, Resource] = {}
        self.exports: dict[str, Any] = {}
        self.read: dict[str, Resource] = {}
        """What is read and not made, by `TYPE ID`."""
        self.asked: dict[tuple[str, str], Unanswered] = {}
        """Questions without an answer, each once."""
        self.decided: dict[tuple[str, str], tuple[str, str, What]] = {}
        """Lines that decide by a value that nobody knows: place, value, and what the plan may miss because of it."""
        self._decisions: Counter[str] = Counter()
        self.looked_up: set[str] = set()
        """Images and releases that were looked up, so that they move by themselves."""
        self.look_ups: list[LookUp] = []
        """What was looked up and answered, in the order of the answers."""
        self.places: dict[str, str] = {}
        """`file:line` of the program's own line that registers a resource, by URN."""
        self.unknown_result: Callable[[str], Mapping[str, Any]] = _said_to_the_sdk
        """What stands for the result of a function that nobody knows, by its token."""
        self._answers, self._project, self._stack, self._preview = answers, project, stack, preview
        self.applied = Applied()
        self._lock = threading.Lock()
        self._named_by_number: set[str] = set()
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
        return resource_pb2.RegisterResourceResponse(urn=made.urn, id=made.id, object=struct(state))

    def _register(self, request: Any, component: Resource | None = None, told: Mapping[str, Any] | None = None) -> Made:
        """Registers a resource of the program, or one that a component is made of.

        A preview of a create knows the inputs and nothing else; otherwise what is certain of the outputs is known too.
        """
        raw = unknown_as_a_whole(json_format.MessageToDict(request.object))
        if _is_remote(request) and (home := self._answers.home(request.type, raw)):
            request.parent = home
        one_of_a_list = "a list" if UNKNOWN + ONE_OF_A_LIST in request.name else ""
        urn = self._named(request)
        self._transforms.keep(urn, request)
        resource = self._resource(urn, request, raw)
        self.places[urn] = place(request.sourcePosition)
        if component:
            resource = replace(resource, expanded_from=component.urn)
        elif of := list_in_turn() or one_of_a_list:
            resource = replace(resource, one_for_each=of)
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

    def _named(self, request: Any) -> str:
        """The URN. Names that were made with an unknown text are told apart by numbers, as they will differ."""
        if is_unknown_text(request.name):
            name = request.name = request.name.replace(UNKNOWN + ONE_OF_A_LIST, UNKNOWN).replace(UNKNOWN, "unknown")
            number = 1
            with self._lock:  # two may come at once, each in a thread of its own
                while (urn := self.make_urn(request.parent, request.type, request.name)) in self._named_by_number:
                    number += 1
                    request.name = f"{name}-{number}"
                self._named_by_number.add(urn)
        return self.make_urn(request.parent, request.type, request.name)

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
            object=struct(without_none(asked.inputs)),
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

    def note_look_up(self, token: str, args: Mapping[str, Any], result: Mapping[str, Any], region: str = "") -> None:
        """Remembers what was looked up; an image or a release moves by itself because of it."""
        with self._lock:
            self.look_ups.append(LookUp(token, dict(args), dict(result), region))
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
                self.recorded[urn] = changed(self.recorded[urn], plain(dict(inputs)))
        found = (_with_wanted(each, self.applied) for each in self.recorded.values())
        return Graph(
            sorted(found, key=lambda resource: resource.urn),
            looked_up=frozenset(self.looked_up),
            unread=sorted([*self._unread, *self._not_answered()], key=lambda row: row.subject),
        )

    def _not_answered(self) -> Iterator[Unread]:
        """What the program went on without, and what it left out or decided because of that."""
        for question in self.questions:
            where = f"answer it in {ANSWERS_FILE} beside Pulumi.yaml, under the key {json.dumps(question.key)}"
            how = f"{where}, which plan --record-answers FILE begins"
            yield Unread(question.what, "values", "only a cloud account can tell", how)
        yield from self.applied.left_out
        yield from decision_rows(self.decided.values())

    @property
    def questions(self) -> list[Question]:
        """Every question without an answer, each once."""
        asked = [each for key in sorted(self.asked) for each in self.asked[key].asked]
        return [*asked, *self._asked_of_what_exists()]

    def _asked_of_what_exists(self) -> Iterator[Question]:
        """Resources that the program reads, of which an unknown output is waited for or goes into an input."""
        sources = {
            urn
            for each in self.recorded.values()
            for path in each.unknown
            for urn in each.property_dependencies.get(root_of(path), ())
        }
        for key, made in sorted(self.read.items()):
            names = tuple(sorted(self.applied.waited.get((made.type, made.name), ())))
            if made.type != STACK_REFERENCE and (names or made.urn in sources):
                yield Question(key, f"{', '.join(names) or 'outputs'} of {key}", outputs=names)

    def decide(self, frame: FrameType, of: str) -> None:
        """Notes that a line of the program decides by a value that nobody knows, if the line is the program's own."""
        place = self.applied.place_of(frame)
        self._decisions[place] += bool(place)
        if self._decisions[place] > _MOST_DECISIONS:
            raise RuntimeError(
                f"the line decides {_MOST_DECISIONS} times by {of}, which nobody knows: it may never end"
            )
        if place and (not of.startswith(LENGTH) or counts(frame)):
            self.decided.setdefault((place, of), (place, of, decides_on(frame, self.applied.own_file)))

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
        outputs = unknown_as_a_whole(json_format.MessageToDict(request.outputs))
        if request.urn.split("::")[2] == STACK:
            self.exports = unmarked(shown(plain(outputs)))
        elif (resource := self.recorded.get(request.urn)) is not None:
            self.recorded[request.urn] = replace(resource, outputs={**resource.outputs, **_read(outputs)})
        return empty_pb2.Empty()

    def ReadResource(self, request):  # X.get(...) and StackReference
        urn = self._named(request)
        raw = unknown_as_a_whole(json_format.MessageToDict(request.properties))
        id_ = "" if is_unknown_text(request.id) else request.id
        resource = Resource(urn, request.type, request.name, inputs=_read(raw), id=id_)
        read = self._asked(lambda: self._answers.read(resource, id_)) if id_ else {}
        state = {**sdk_types.handed_back(request.type, raw), **(read or {})}
        if id_:
            self.read[f"{request.type} {id_}"] = resource
            self.note_look_up(
                request.type, {"id": id_}, read or {}, provider_region(request.provider, self.recorded.get)
            )
        self.resources[urn] = self.ResourceRegistration(urn, id_, state)
        self._made[urn] = Made(urn, id_, state)
        response = resource_pb2.ReadResourceResponse(urn=urn, properties=struct(state))
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
            result = {"urn": known.urn, "id": known.id, "state": known.state}
        else:
            found = self.look_up(request.tok, args, provider_region(request.provider, self.recorded.get))
            result = self.unknown_result(request.tok) if found is None else found
        return _answer(resource_pb2.ResourceInvokeResponse(), result)

    def look_up(self, token: str, args: Mapping[str, Any], region: str = "") -> Mapping[str, Any] | None:
        """The result of a provider function; None if it is unknown."""
        told = unknown_as_a_whole(args)
        if token.startswith("kubernetes:"):  # it reads a text, of which a part may be unknown
            given, in_part = plain(args), False
        else:
            given, in_part = plain(without_unknown(told)), any(unknowns(decoded(told)))
        result = self._asked(lambda: self._answers.invoke(token, given, region, in_part=in_part))
        if result is not None:
            self.note_look_up(token, given, result, region)
        return unknown_within(result) if token.startswith("kubernetes:") else result

    def Call(self, request):  # a method of a resource
        args = _read(unknown_as_a_whole(json_format.MessageToDict(request.args)))
        result = self._asked(lambda: self._answers.call(request.tok, args))
        return _answer(provider_pb2.CallResponse(), {"result": UNKNOWN} if result is None else result)

    def _asked(self, ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """The answer; None if it is unknown, and then the question is kept."""
        try:
            return ask()
        except Unanswered as unanswered:
            self.applied.guessed = True
            for question in unanswered.asked:
                self.asked[question.key, str(question.args)] = unanswered
            return None


def _said_to_the_sdk(_: str) -> Mapping[str, Any]:
    """The SDK in this process makes the stand-in itself."""
    is_unknown()
    return {}


def _answer(response: Any, result: Mapping[str, Any]) -> Any:
    getattr(response, "return").CopyFrom(struct(result))  # a word that Python keeps for itself
    return response


def _with_wanted(resource: Resource, applied: Applied) -> Resource:
    wanted = applied.waited.get((resource.type, resource.name))
    return replace(resource, wanted=tuple(sorted(wanted))) if wanted else resource
