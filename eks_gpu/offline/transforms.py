"""Transforms: functions of the program that change every resource or look-up before the engine takes it."""

from collections.abc import Iterable
from typing import Any

import grpc
from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc, resource_pb2

from eks_gpu.graph.graph import STACK

# Names in the options of a transform -> names in a registration.
_LISTS = {
    "depends_on": "dependencies",
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "aliases": "aliases",
    "additional_secret_outputs": "additionalSecretOutputs",
}
_VALUES = {
    "version": "version",
    "provider": "provider",
    "deleted_with": "deletedWith",
    "import": "importId",
    "plugin_download_url": "pluginDownloadURL",
    "delete_before_replace": "deleteBeforeReplace",
}
_WHERE_SET = {"protect": "protect", "retain_on_delete": "retainOnDelete"}


class Transforms:
    """The transforms of one run. They run in the program's own event loop, so the caller must hold no lock."""

    def __init__(self) -> None:
        self.of_stack: list[Any] = []
        self.of_look_ups: list[Any] = []
        self._own: dict[str, list[Any]] = {}

    def applied(self, request: Any) -> Any:
        """A registration as the resource's own transforms leave it, then its ancestors', then the stack's."""
        if request.type == STACK:
            return request
        for callback in (*request.transforms, *self._own.get(request.parent, ()), *self.of_stack):
            asked = resource_pb2.TransformRequest(
                type=request.type,
                name=request.name,
                custom=request.custom,
                parent=request.parent,
                properties=request.object,
                options=_options(request),
            )
            request = _changed(request, _call(callback, asked, resource_pb2.TransformResponse()))
        return request

    def keep(self, urn: str, request: Any) -> None:
        """Remembers the transforms of a resource for its children."""
        if own := [*request.transforms, *self._own.get(request.parent, ())]:
            self._own[urn] = own

    def of_invoke(self, request: Any) -> Any:
        """A look-up as the transforms leave it."""
        for callback in self.of_look_ups:
            options = resource_pb2.TransformInvokeOptions(provider=request.provider, version=request.version)
            asked = resource_pb2.TransformInvokeRequest(token=request.tok, args=request.args, options=options)
            answer = _call(callback, asked, resource_pb2.TransformInvokeResponse())
            request.args.CopyFrom(answer.args)
            if answer.options.provider:
                request.provider = answer.options.provider
        return request


def _call(callback: Any, asked: Any, answer: Any) -> Any:
    with grpc.insecure_channel(callback.target) as channel:
        stub = callback_pb2_grpc.CallbacksStub(channel)
        request = callback_pb2.CallbackInvokeRequest(token=callback.token, request=asked.SerializeToString())
        answer.ParseFromString(stub.Invoke(request).response)
    return answer


def _options(request: Any) -> Any:
    options = resource_pb2.TransformResourceOptions()
    for theirs, ours in _LISTS.items():
        getattr(options, theirs).extend(getattr(request, ours))
    for theirs, ours in _VALUES.items():
        if value := getattr(request, ours):
            setattr(options, theirs, value)
    for theirs, ours in _WHERE_SET.items():
        if request.HasField(ours):
            setattr(options, theirs, getattr(request, ours))
    if request.HasField("customTimeouts"):
        options.custom_timeouts.CopyFrom(request.customTimeouts)
    options.providers.update(request.providers)
    return options


def _changed(request: Any, answer: Any) -> Any:
    """The registration with what a transform answered; without options in the answer they stay as they are."""
    changed: Any = resource_pb2.RegisterResourceRequest()
    changed.CopyFrom(request)
    changed.object.CopyFrom(answer.properties)
    if not answer.HasField("options"):
        return changed
    options = answer.options
    for theirs, ours in _LISTS.items():
        _replace(getattr(changed, ours), getattr(options, theirs))
    for theirs, ours in _VALUES.items():
        setattr(changed, ours, getattr(options, theirs))
    for theirs, ours in _WHERE_SET.items():
        changed.ClearField(ours)
        if options.HasField(theirs):
            setattr(changed, ours, getattr(options, theirs))
    changed.ClearField("customTimeouts")
    if options.HasField("custom_timeouts"):
        changed.customTimeouts.CopyFrom(options.custom_timeouts)
    return changed


def _replace(values: Any, given: Iterable[Any]) -> None:
    del values[:]
    values.extend(given)
