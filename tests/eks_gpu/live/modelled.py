"""An account that answers every question with one of everything, in the shapes of the services in boto3 itself."""

from datetime import UTC, datetime
from functools import cache
from typing import Any, cast

from boto3.session import Session
from botocore.model import Shape

from eks_gpu.live.account import AccountReader

REGION, CLUSTER = "us-west-2", "demo"
_SAID: dict[tuple[str, str], str] = {
    ("autoscaling", "Key"): f"kubernetes.io/cluster/{CLUSTER}",
    ("eks", "name"): CLUSTER,
    ("eks", "arn"): f"arn:aws:eks:{REGION}:123456789012:cluster/{CLUSTER}",
    ("eks", "associationArn"): "a-1",
    ("eks", "podIdentityAssociations"): "a-1",
    ("elbv2", "ResourceArn"): "LoadBalancerArn",
    ("kms", "KeyManager"): "CUSTOMER",
    ("sqs", "Attributes"): "1",
}
"""What decides whether something is of the cluster, or is a number in a text; by service and member."""
_PLAIN: dict[str, Any] = {"boolean": True, "integer": 1, "long": 1, "float": 1.0, "double": 1.0, "blob": b""}


class Answer(dict[str, Any]):
    """A structure that knows no other keys than its model's."""

    def __init__(self, shape: Any, found: dict[str, Any]):
        super().__init__(found)
        self._shape = shape

    def __getitem__(self, key: str) -> Any:
        self._check(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self._check(key)
        return super().get(key, default)

    def _check(self, key: str) -> None:
        assert key in self._shape.members, f"{self._shape.name} has no {key}"


class ModelledAccount(AccountReader):
    """Keeps the actions that it was asked for. Raises AssertionError for what the models do not have."""

    def __init__(self) -> None:
        session = Session(aws_access_key_id="nobody", aws_secret_access_key="nothing")
        super().__init__(session, REGION)
        self.client = cache(lambda name: session.client(name, region_name=REGION))
        self.asked: set[str] = set()

    def ask(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        model = self._model(service, operation, arguments)
        return cast("dict[str, Any]", _sample(service, "", model.output_shape, ()))

    def rows(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        return self.ask(service, operation, **arguments)[key]

    def _model(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        self.asked.add(self.action(service, operation))
        client = self.client(service)
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        known = model.input_shape.members if model.input_shape else {}
        assert arguments.keys() <= known.keys(), f"{service} {operation} takes no {arguments.keys() - known.keys()}"
        return model


def _sample(service: str, name: str, shape: Shape, inside: tuple[str, ...]) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if shape.name in inside:  # a structure that holds others of its kind
            return {}
        members = cast("Any", shape).members
        here = (*inside, shape.name)
        return Answer(shape, {key: _sample(service, key, member, here) for key, member in members.items()})
    if kind == "list":
        return [_sample(service, name, cast("Any", shape).member, inside)]
    if kind == "map":
        keys, value = cast("Any", shape).key, _sample(service, name, cast("Any", shape).value, inside)
        return dict.fromkeys(getattr(keys, "enum", None) or ["Key"], value)
    if kind == "timestamp":
        return datetime(2026, 11, 30, tzinfo=UTC)
    if kind != "string":
        return _PLAIN[kind]
    enum = getattr(shape, "enum", None) or [f"{name[:1].upper()}{name[1:]}"]
    return _SAID.get((service, name), enum[0])
