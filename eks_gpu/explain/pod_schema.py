"""The fields of a pod that decide where it can run, with their types as the API server takes them."""

from reprlib import repr as shortened
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from eks_gpu.pods.quantities import kept, quantity
from eks_gpu_components.catalog import NodeAffinityOperator, TaintEffect, TolerationOperator

_MOST = 2**63 - 1
MOST_PODS = 2**31 - 1
"""The API's own: the greatest number of pods that an object can state."""


def _quantity(value: Any) -> Any:
    if not 0 <= quantity(value) <= _MOST:
        raise ValueError(f"must be a quantity from 0 to {_MOST}, got {shortened(value)}")
    return value


def _whole_devices(given: dict[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if "/" in name and kept(value) % 1:
            raise ValueError(f"{name} must be a whole number: no pod gets a part of a device, got {value!r}")
    return given


Quantity = Annotated[Any, AfterValidator(_quantity)]
Quantities = Annotated[dict[str, Quantity], AfterValidator(_whole_devices)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Resources(_Part):
    """Of a container or a pod."""

    requests: Quantities | None = None
    limits: Quantities | None = None


class Container(_Part):
    resources: Resources | None = None
    restart_policy: str | None = Field(None, alias="restartPolicy")
    image: str | None = None


class Toleration(_Part):
    key: str | None = None
    operator: TolerationOperator | None = None
    value: str | None = None
    effect: TaintEffect | None = None


class Requirement(_Part):
    key: str
    operator: NodeAffinityOperator
    values: list[str] | None = None


class Term(_Part):
    match_expressions: list[Requirement] | None = Field(None, alias="matchExpressions")
    match_fields: list[Requirement] | None = Field(None, alias="matchFields")


class NodeSelector(_Part):
    node_selector_terms: list[Term] = Field(alias="nodeSelectorTerms")


class NodeAffinity(_Part):
    required: NodeSelector | None = Field(None, alias="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(_Part):
    node_affinity: NodeAffinity | None = Field(None, alias="nodeAffinity")


class Spec(_Part):
    containers: list[Container] = Field(min_length=1)
    init_containers: list[Container] | None = Field(None, alias="initContainers")
    resources: Resources | None = None
    overhead: Quantities | None = None
    node_name: str | None = Field(None, alias="nodeName")
    node_selector: dict[str, str] | None = Field(None, alias="nodeSelector")
    affinity: Affinity | None = None
    tolerations: list[Toleration] | None = None
    topology: list[dict[str, Any]] | None = Field(None, alias="topologySpreadConstraints")


class Metadata(_Part):
    name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None


class PodTemplate(_Part):
    """A Pod, or what stands under `template`."""

    metadata: Metadata | None = None
    spec: Spec
