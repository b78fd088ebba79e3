"""The core: a row of the table and botocore's shapes make the calls; the SDK's types make the outputs."""

import re
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import jmespath
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import Shape
from botocore.validate import ParamValidator
from pulumi.runtime.rpc import UNKNOWN

from eks_gpu.lab.aws import LAB_KEYS, sdk
from eks_gpu.lab.aws.row import Call, Row, State
from eks_gpu.lab.aws.shapes import nothing, observed, output, parameter, same_name, squeezed
from eks_gpu.lab.aws.table import TABLE
from eks_gpu_components.catalog import partition
from eks_gpu_components.catalog.nearest import hint_or_all

DEFAULTS = "__defaults"
"""Pulumi's mark, among the inputs, of those that the provider chose."""

# Said in a call of its own, or of no consequence to what is made.
NEVER_SAID = {"TagSpecifications", "DryRun", "clientRequestToken", "ClientToken", "ClientRequestToken"}

PATIENT = Config(read_timeout=300, retries={"max_attempts": 10})
"""After a minute, the default, boto3 asks again, and a busy lab has made the thing twice."""

IAM_WAIT_S = 120
"""Seconds for a new role to be known everywhere, as the real provider waits. Source: terraform-provider-aws, IAM."""
SPREADING = "could not be assumed because it does not exist"
MISSING = re.compile(r"NotFound|NoSuch|NonExistent|NotAttached|PlacementGroup\.Unknown|not found|does not exist")
"""How each service says that it has no such thing."""


class Refused(Exception):
    """AWS, or this stand-in for it, does not do what was asked. The message names the operation and the reason."""


class Failed(Exception):
    """AWS has made a resource that does not work: the engine keeps it, to change it or take it away. Its message is the
    real provider's.
    """

    def __init__(self, why: str, id_: str, outputs: State):
        super().__init__(why)
        self.id, self.outputs = id_, outputs


def row(token: str) -> Row:
    """Raises Refused for a type that has no row."""
    if token not in TABLE:
        raise Refused(f"{token} is not in the lab's table of AWS resource types{hint_or_all(token, TABLE)}")
    return TABLE[token]


class Cloud:
    """One account in one region, at an endpoint."""

    def __init__(self, region: str, endpoint: str | None = None):
        self.region, self.endpoint = region, endpoint
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    # The life of a resource

    def create(self, token: str, inputs: State) -> tuple[str, dict[str, Any]]:
        """Makes it and returns its id and outputs. What a failure leaves half made is taken away again.

        Raises Failed for one that is there, and does not work.
        """
        of = row(token)
        here = {"region": self.region, **inputs}  # which a bucket is told
        answer = self._call(of, of.create, self.parameters(of, of.create, here, {}))
        id_ = _filled(of.id, inputs) if "{" in of.id else str(jmespath.search(of.id, answer))
        made = next((item for item in answer.values() if isinstance(item, dict) and item), {})
        state = {**self._outputs(token, inputs, made), **inputs, "id": id_}
        try:
            for step in of.after:
                self._apply(of, step, state, {})
            outputs = self.read(token, state)
            if outputs is None:
                raise Refused(f"{of.read.operation} does not find {id_}, which {of.create.operation} made")
            self._tag(of, outputs, inputs.get("tags") or {}, {})
        except Exception:  # whatever it was: what is half made goes, and the caller hears of it
            self.delete(token, state)
            raise
        self._require_working(token, id_, outputs)
        return id_, outputs

    def read(self, token: str, state: State) -> dict[str, Any] | None:
        """Its outputs as AWS has them now; None when it is gone. `state` holds at least what identifies it."""
        found = self._found(row(token), state)
        return self._outputs(token, state, found) if found else None

    def _found(self, of: Row, state: State) -> Any:
        try:
            answer = self._call(of, of.read, self.parameters(of, of.read, state, {}))
        except Missing:
            return None
        return jmespath.search(_filled(of.found, state), answer)

    def _require_working(self, token: str, id_: str, outputs: State) -> None:
        of = row(token)
        if of.failure and (why := of.failure(self._found(of, outputs) or {})):
            raise Failed(why, id_, outputs)

    def update(self, token: str, new: State, old: State) -> dict[str, Any]:
        """Makes the calls whose parameters changed. Both states hold the outputs that identify the resource.

        Raises Failed for one that does not work.
        """
        of = row(token)
        for step in of.updates:
            self._apply(of, step, new, old)
        self._tag(of, new, new.get("tags") or {}, old.get("tags") or {})
        outputs = self.read(token, new)
        if outputs is None:
            raise Refused(f"{new['id']} is gone: refresh tells Pulumi so")
        self._require_working(token, new["id"], outputs)
        return outputs

    def delete(self, token: str, state: State) -> None:
        """Takes it away; one that is gone already is fine."""
        of = row(token)
        for step in (*of.before_delete, of.delete):
            parameters = self.parameters(of, step, state, state)
            if self._required(of, step) <= parameters.keys():
                try:
                    self._call(of, step, parameters)
                except Missing:
                    continue

    # What a change means

    def replaced_by(self, token: str, key: str, new: State, old: State) -> bool:
        """Whether a change of this key needs another resource: no update call would say anything else than before."""
        of = row(token)
        if (key == "tags" and of.tag) or key in of.quiet:
            return False
        if key in of.fixed:
            return True
        alone = {name: value for name, value in old.items() if name != key}
        alone |= {key: new[key]} if new.get(key) is not None else {}
        if "{" in of.id and _filled(of.id, alone) != _filled(of.id, old):
            return True
        return not any(self._changed(of, step, alone, old) for step in of.updates)

    def identified(self, token: str, id_: str) -> dict[str, str]:
        """What an id alone says of a resource: enough to read one that a program gets or imports."""
        of = row(token)
        if "{" not in of.id:
            return {"id": id_}
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(of.id))
        found = re.fullmatch(pattern, id_)
        return {"id": id_, **(found.groupdict() if found else {})}

    def same_identity(self, token: str, new: State, old: State) -> bool:
        """Whether both would be one object for AWS, so that the old one has to go before the new one can come."""
        of = row(token)
        given = of.named and of.named not in new.get(DEFAULTS, ()) and new.get(of.named) == old.get(of.named)
        return bool(given) or ("{" in of.id and _filled(of.id, new) == _filled(of.id, old))

    def identity(self, of: Row) -> set[str]:
        """Keys, squeezed, by which AWS finds the resource again."""
        wanted = {member: self._source(of, of.delete, member) for member in self._required(of, of.delete)}
        return {"id"} | {squeezed(source) for source in wanted.values() if isinstance(source, str)}

    def problems(self, token: str, inputs: State) -> list[tuple[str, str]]:
        """(property, what is wrong): keys that no call says, and what botocore finds in the parameters of create."""
        of, lost = row(token), []
        parameters = self.parameters(of, of.create, inputs, {}, lost)
        found = [(path.split(".")[0], f"{path} has no place in {of.create.operation}") for path in lost]
        for key, value in inputs.items():
            if not nothing(value) and not self._is_said(of, key, inputs):
                found.append((key, f"{key} is not among the inputs that the lab's {token} takes; given: {value!r}"))
        shape = self._shape(of, of.create)
        if found or shape is None or UNKNOWN in str(parameters):
            return found
        report = ParamValidator().validate(parameters, shape)
        return [("", line) for line in report.generate_report().splitlines()] if report.has_errors() else []

    def _is_said(self, of: Row, key: str, inputs: State) -> bool:
        if key in of.quiet or key == "region" or (key == "tags" and of.tag):
            return True
        without = {name: value for name, value in inputs.items() if name != key}
        calls = (of.create, *of.updates, of.delete)
        return any(
            self.parameters(of, step, inputs, {}, []) != self.parameters(of, step, without, {}, []) for step in calls
        )

    # Calls

    def parameters(self, of: Row, step: Call, new: State, old: State, lost: list[str] | None = None) -> dict[str, Any]:
        """A call's parameters. Nested keys that it has no place for, as AWS's own in an output, are added to `lost`."""
        shape, found, unplaced = self._shape(of, step), {}, lost if lost is not None else []
        for member, of_member in shape.members.items() if shape else ():
            if member not in NEVER_SAID and (value := self._value(of, step, member, new, old)) is not None:
                found[member] = parameter(of_member, value, self._path(of, step, member), unplaced)
        return found

    def _value(self, of: Row, step: Call, member: str, new: State, old: State) -> Any:
        source = self._source(of, step, member)
        if not isinstance(source, str):
            try:
                return source(new, old)
            except (AttributeError, KeyError, TypeError):
                if UNKNOWN in str(new):
                    return UNKNOWN  # in a preview, where a value is still to come
                return None  # where the state has no such part yet
        key = source if source in new else same_name(source, new)
        return None if key is None else new[key]

    def _source(self, of: Row, step: Call, member: str) -> Any:
        return step.sources.get(member) or of.sources.get(member) or member

    def _path(self, of: Row, step: Call, member: str) -> str:
        source = self._source(of, step, member)
        return source if isinstance(source, str) else member

    def _changed(self, of: Row, step: Call, new: State, old: State) -> set[str]:
        said = self.parameters(of, step, new, old)
        before = self.parameters(of, step, old, old) if old else {}
        names = {member for member in said if not nothing(said[member]) or member in before}
        return {
            member
            for member in names | before.keys()
            if said.get(member) != before.get(member) and not self._identifies(of, step, member)
        }

    def _identifies(self, of: Row, step: Call, member: str) -> bool:
        source = self._source(of, step, member)
        return isinstance(source, str) and squeezed(source) in self.identity(of)

    def _apply(self, of: Row, step: Call, new: State, old: State) -> None:
        """Makes the call if it has something to say."""
        said, required = self.parameters(of, step, new, old), self._required(of, step)
        changed = self._changed(of, step, new, old)
        if not step.whole:  # what is no longer said stays as it was; a call that says all of an object resets it
            changed = {member for member in changed if not nothing(said.get(member))}
        if not changed or not required <= said.keys():
            return
        if step.whole or (not old and not step.operation.startswith("modify_")):
            self._call(of, step, {member: value for member, value in said.items() if not nothing(value)})
            return
        kept = required | set(step.always) | {member for member in said if self._identifies(of, step, member)}
        # EC2 takes one attribute a call
        parts = [{member} for member in sorted(changed)] if step.operation.endswith("_attribute") else [changed]
        for part in parts:
            self._call(of, step, {member: said[member] for member in said if member in kept | part})

    def _tag(self, of: Row, state: State, new: Mapping[str, str], old: Mapping[str, str]) -> None:
        if of.tag is None or new == old:
            return
        if new and (old or "tags" not in map(str.lower, self._members(of, of.create))):
            self._call(of, of.tag, self.parameters(of, of.tag, {**state, "tags": new}, {}))
        if of.untag and old.keys() - new.keys():
            self._call(of, of.untag, self.parameters(of, of.untag, {**state, "tags": new}, {"tags": old}))

    def _call(self, of: Row, step: Call, parameters: Mapping[str, Any]) -> dict[str, Any]:
        until = time.monotonic() + IAM_WAIT_S
        while True:
            try:
                return getattr(self.client(of.service), step.operation)(**parameters)
            except ClientError as error:
                if SPREADING in str(error) and time.monotonic() < until:
                    time.sleep(0.5)
                    continue
                raise _told(of, step, error) from error

    # botocore

    def client(self, service: str) -> Any:
        """One for each service. boto3 makes them one at a time only; they are used by many threads."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = boto3.client(
                    service,
                    region_name=self.region,
                    endpoint_url=self.endpoint,
                    config=PATIENT,
                    **LAB_KEYS,
                )
            return self._clients[service]

    def _shape(self, of: Row, step: Call) -> Any:
        meta = self.client(of.service).meta
        return meta.service_model.operation_model(meta.method_to_api_mapping[step.operation]).input_shape

    def _members(self, of: Row, step: Call) -> Mapping[str, Shape]:
        shape = self._shape(of, step)
        return shape.members if shape else {}

    def _required(self, of: Row, step: Call) -> set[str]:
        shape = self._shape(of, step)
        return set(shape.required_members) if shape else set()

    # Outputs

    @property
    def account(self) -> str:
        return self.client("sts").get_caller_identity()["Account"]

    def _outputs(self, token: str, state: State, answer: Mapping[str, Any]) -> dict[str, Any]:
        """The state, as AWS has it, with every output that the SDK declares and the answer has."""
        of = row(token)
        known = {**state, **dict(_answered(token, of, answer, state))}
        place = {"partition": partition(self.region), "region": self.region, "account": _Late(self)}
        filled = {key: _filled(template, {**answer, **known, **place}) for key, template in of.outputs.items()}
        tags = known.get("tags")
        return {**known, **filled, "region": self.region, **({"tagsAll": tags} if of.tag and tags else {})}


def _told(of: Row, step: Call, error: ClientError) -> Refused:
    told = "{Code}: {Message}".format_map(error.response["Error"])
    kind = Missing if MISSING.search(told) else Refused
    return kind(f"{of.service} {step.operation}: {told}")


class Missing(Refused):
    """AWS does not have the resource."""


class _Late:
    """The account, asked for only where a template says it."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def __str__(self) -> str:
        return self._cloud.account


def _answered(token: str, of: Row, answer: Mapping[str, Any], state: State) -> Iterator[tuple[str, Any]]:
    names = {source: member for member, source in of.sources.items() if isinstance(source, str) and source != "id"}
    for key, declared in sdk.output_types(token).items():
        member = names[key] if names.get(key) in answer else same_name(key, answer)
        if member is None or answer[member] is None:
            continue
        if state.get(key) is not None:
            seen = observed(state[key], answer[member])
            added = output(declared, answer[member]) if sdk.is_object(declared) and isinstance(seen, dict) else None
            yield key, {**added, **seen} if added else seen
        elif (value := output(declared, answer[member])) is not None:
            yield key, value


def seen_inputs(token: str, inputs: State, outputs: State) -> dict[str, Any]:
    """Inputs as AWS has them by now, without what it added to an object of theirs."""
    seen = {key: outputs.get(key, value) for key, value in inputs.items()}
    return {
        key: {name: value.get(name) for name in inputs[key]}
        if sdk.is_object(sdk.output_types(token).get(key))
        else value
        for key, value in seen.items()
    }


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


def _filled(template: str, values: Mapping[str, Any]) -> str:
    return template.format_map(_Blank(values))
