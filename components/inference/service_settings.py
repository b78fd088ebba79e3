"""Where a model server runs, how many pods it has, and who can reach it: the same for every server."""

from typing import Annotated, Any, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from ..values.patterns import like
from ..values.value import Value
from .load_balancer import LoadBalancer, LoadBalancerArgs
from .settings import Name

FOLDER = like(r"s3://[a-z0-9.-]{3,63}/[^*?/][^*?]*", "a folder in S3, as s3://models/llama")
NOTICED_S = 15
"""Seconds until no new request comes to a pod that is terminated: Service and load balancer need some."""
END_S = 15
"""Seconds for a server to end once its last request has."""
SPOT_NOTICE_S = 120
"""Seconds between a Spot notice and the end of the node. Source: EC2 User Guide, Spot Instance interruption notices."""


class ModelServiceArgs(TypedDict):
    """Where a model server runs, how many pods it has, and who can reach it."""

    namespace: NotRequired[str]
    """Namespace of the server. Default models."""
    create_namespace: NotRequired[bool]
    """Whether the component creates the namespace. Default yes."""
    replicas: NotRequired[int]
    """Number of pods. Default 1."""
    max_replicas: NotRequired[int]
    """Maximum number of pods where another scaler, such as KEDA, sets their number, from none up. The Deployment then
    has no `replicas`, and an update does not wait for pods. Default none.
    """
    drain_s: NotRequired[int]
    """Seconds that open streams may last once their pod is terminated, 5 to 3600; on a Spot pool at most 90. Default
    75.
    """
    load_balancer: NotRequired[LoadBalancerArgs]
    """A network load balancer, internal unless public. Default none: only pods of the cluster reach the server."""


class SecretKeyArgs(TypedDict):
    """A key of a Secret in the server's namespace."""

    name: str
    """Name of the Secret."""
    key: str
    """Key whose value is taken."""


class SecretKey(Value):
    """A key of a Secret, checked."""

    name: Annotated[str, like(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", "the name of a Secret, as llm-keys")]
    key: Annotated[str, like(r"[-._a-zA-Z0-9]{1,253}", "a key of the Secret, as api-key")]

    def variable(self, name: str) -> dict[str, Any]:
        """An environment variable with its value."""
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": self.name, "key": self.key}}}


class ModelService(Value):
    """The service, checked."""

    namespace: Name = "models"
    create_namespace: bool = True
    replicas: int | None = Field(default=None, ge=1)
    max_replicas: int | None = Field(default=None, ge=1)
    drain_s: int = Field(default=75, ge=5, le=3600)
    load_balancer: LoadBalancer | None = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems = []
        if self.replicas is not None and self.max_replicas is not None:
            problems.append(
                f"replicas is the other scaler's to set, from none to max_replicas: leave it out, got {self.replicas}"
            )
        if self.create_namespace and self.namespace in ("default", "kube-system"):
            problems.append(f"create_namespace must be false for {self.namespace}, which every cluster has")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def most(self) -> int:
        """Pods at most."""
        return self.max_replicas or self.replicas or 1

    @property
    def own_replicas(self) -> dict[str, Any]:
        """`replicas` of the Deployment: none where another scaler sets it, or each update would set it back."""
        return {} if self.max_replicas else {"replicas": self.replicas or 1}

    @property
    def grace_s(self) -> int:
        """Seconds between the end of a pod's service and its end."""
        return NOTICED_S + self.drain_s + END_S

    def needs_own_namespace(self, what: str) -> list[str]:
        """The problem that something must be in the namespace before the component makes it."""
        if not self.create_namespace:
            return []
        return [f"service.create_namespace must be false for {what}: it is there before"]
