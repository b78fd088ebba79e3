"""The settings of an inference service: which model, on what image, how many pods, reached by whom."""

import re
from typing import Annotated, Any, NotRequired, Self

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import TypedDict

from .. import catalog
from ..values.patterns import like
from ..values.value import Value
from .load_balancer import LoadBalancer, LoadBalancerArgs
from .scaling import Hpa, HpaArgs, Keda, KedaArgs

MODELS = "/models"
"""Where the server looks, for `<name>/<number of the version>/`. Source: TensorFlow Serving 2.20, Dockerfile.gpu."""
LOADER_IMAGE = "public.ecr.aws/aws-cli/aws-cli:2.31.23"
"""Copies a model from S3."""

_PINNED = re.compile(r"[^@]*[^@/]:(?!latest)\w[\w.-]{0,127}|[^@]+@sha256:[0-9a-f]{64}", re.ASCII)
_WITHOUT_MODEL = "tensorflow/serving"


class ModelArgs(TypedDict):
    """A SavedModel and where it is: in the image, in S3 or on a volume. Set exactly one of the three."""

    name: NotRequired[str]
    """Name of the model, as in the URL path /v1/models/<name>. Default resnet."""
    from_image: NotRequired[bool]
    """Whether `image` contains the model, under /models/<name>/<version>. Default no."""
    s3_uri: NotRequired[str]
    """Folder in S3, such as s3://bucket/resnet, with the model's versions, such as 1/saved_model.pb. Needs `cluster`.
    Default none.
    """
    loader_image: NotRequired[str]
    """Image of the AWS CLI, which copies the model from S3. Default public.ecr.aws/aws-cli/aws-cli:2.31.23."""
    volume_claim: NotRequired[str]
    """PersistentVolumeClaim in `namespace` with <name>/<version>; for several pods it must be readable from several
    nodes. Default none.
    """


class ResnetInferenceSettingsArgs(TypedDict):
    """The model, the number of pods, and who can reach the service."""

    model: ModelArgs
    """The model to serve."""
    image: NotRequired[str]
    """Image of the server, pinned by tag or digest; never latest. Default tensorflow/serving:2.20.0-gpu, which holds no
    model.
    """
    namespace: NotRequired[str]
    """Namespace of the service. Default resnet."""
    create_namespace: NotRequired[bool]
    """Whether the component creates the namespace. Default yes."""
    replicas: NotRequired[int]
    """Number of pods; with `hpa` the minimum. Default 1."""
    hpa: NotRequired[HpaArgs]
    """Scales on CPU use, from `replicas` pods. Default none."""
    keda: NotRequired[KedaArgs]
    """Scales from zero pods on a schedule, a queue or a query, instead of `hpa` and `replicas`. Default none."""
    cpu_millicores: NotRequired[int]
    """CPU request of one pod, in thousandths of a core. Default 1000."""
    memory_mib: NotRequired[int]
    """Memory request and limit of one pod, in MiB. Default 4096."""
    load_balancer: NotRequired[LoadBalancerArgs]
    """Who can reach the service."""


def pinned(image: str) -> str:
    """An image reference that keeps its meaning. Raises ValueError for one without tag and digest, and for latest."""
    if _PINNED.fullmatch(image):
        return image
    nearest = f"; nearest: {catalog.TENSORFLOW_SERVING_IMAGE}" if image.startswith(_WITHOUT_MODEL) else ""
    raise ValueError(f"must have a tag that stays, or a digest, got {image!r}{nearest}")


Image = Annotated[str, AfterValidator(pinned)]
Name = Annotated[str, like(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", "at most 63 of a-z, 0-9 and -, as resnet")]


class Model(Value):
    """The model, checked."""

    name: Annotated[str, like(r"\w[\w.-]*", "letters, digits, -, _ and ., as resnet")] = "resnet"
    from_image: bool = False
    s3_uri: (
        Annotated[str, like(r"s3://[a-z0-9.-]{3,63}/[^*?/][^*?]*", "a folder in S3, as s3://models/resnet")] | None
    ) = None
    loader_image: Image = LOADER_IMAGE
    volume_claim: Name | None = None

    @model_validator(mode="after")
    def _lies_in_one_place(self) -> Self:
        places = {"from_image": self.from_image, "s3_uri": self.s3_uri, "volume_claim": self.volume_claim}
        given = [place for place, value in places.items() if value]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(places)}, got {' and '.join(given) or 'none'}")
        return self

    @property
    def path(self) -> str:
        """Answers 200 as soon as the REST port is open, which it is when the model has been loaded."""
        return f"/v1/models/{self.name}"

    @property
    def loaded_path(self) -> str:
        """Answers 200 while a version is AVAILABLE, else 404; `path` tells other states with 200 too."""
        return f"{self.path}/metadata"


class ResnetInferenceSettings(Value):
    """The settings, checked."""

    model: Model
    image: Image = catalog.TENSORFLOW_SERVING_IMAGE
    namespace: Name = "resnet"
    create_namespace: bool = True
    replicas: int | None = Field(default=None, ge=1)
    hpa: Hpa | None = None
    keda: Keda | None = None
    cpu_millicores: int = Field(default=1000, ge=100)
    memory_mib: int = Field(default=4096, ge=512)
    load_balancer: LoadBalancer = Field(default_factory=LoadBalancer)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems = [*self._scaling_problems()]
        if self.model.from_image and self.image.startswith(_WITHOUT_MODEL):
            problems.append(f"model.from_image needs an image with a model in it, and {self.image} has none")
        if self.create_namespace and self.namespace in ("default", "kube-system"):
            problems.append(f"create_namespace must be false for {self.namespace}, which every cluster has")
        if self.create_namespace and self.model.volume_claim:
            problems.append("create_namespace must be false for model.volume_claim: the claim is there before")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _scaling_problems(self) -> list[str]:
        problems = []
        if self.hpa and self.keda:
            problems.append("give hpa or keda, not both: they would undo each other")
        if self.keda and self.replicas is not None:
            problems.append(f"replicas is KEDA's to set, from none up: leave it out, got {self.replicas}")
        if self.hpa and self.hpa.max_replicas < self.min_replicas:
            problems.append(f"hpa.max_replicas must be at least replicas {self.replicas}, got {self.hpa.max_replicas}")
        return problems

    @property
    def min_replicas(self) -> int:
        """Pods at least, where KEDA does not say."""
        return self.replicas or 1

    @property
    def max_replicas(self) -> int:
        """Pods at most."""
        scaler = self.hpa or self.keda
        return scaler.max_replicas if scaler else self.min_replicas

    @property
    def own_replicas(self) -> dict[str, Any]:
        """`replicas` of the Deployment: none where an autoscaler sets it, or each update would set it back."""
        return {} if self.hpa or self.keda else {"replicas": self.min_replicas}
