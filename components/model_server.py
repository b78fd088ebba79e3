"""ModelServer: any model server, such as Triton, TGI or an image of your own, on the pods of a GPU pool."""

from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from .catalog.name_limits import ROLES
from .inference import model_server_settings, served, server_resources
from .inference.model_server_settings import ModelServerSettings, ModelServerSettingsArgs
from .inference.service_settings import ModelService, ModelServiceArgs
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.value import Value, check


class ModelServerArgs(TypedDict):
    """A model server, and the pool whose GPUs it uses."""

    pool: GpuPoolArgs
    """The GPU pool whose nodes the pods run on."""
    settings: ModelServerSettingsArgs
    """The server: its image, its port, and the GPUs of each pod."""
    service: NotRequired[ModelServiceArgs]
    """Where the server runs, how many pods it has, and who can reach it."""
    cluster: NotRequired[EksCluster]
    """The cluster; required for a model in S3, because its pods get a role that may read the model. Default none."""


class ModelServerSpec(Value):
    """ModelServerArgs as a checked value."""

    pool: GpuPool
    settings: ModelServerSettings
    service: ModelService = Field(default_factory=ModelService)
    cluster: Any = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        settings, service, model = self.settings, self.service, self.settings.model
        problems = served.problems_with_pool(self.pool, settings.gpus, service)
        if self.pool.accelerator == "nvidia":
            problems += model_server_settings.memory_problems(self.pool, settings)
        if model and model.s3_uri and self.cluster is None:
            problems.append("cluster is required for settings.model.s3_uri: its pods need a role to read it")
        if model and model.volume_claim:
            problems += service.needs_own_namespace("settings.model.volume_claim")
        if settings.secret_env:
            problems += service.needs_own_namespace("settings.secret_env")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ModelServer(ComponentResource):
    """Pods of a model server, their Service, their network policy and their disruption budget."""

    url: Output[str]
    """URL of the server, such as http://triton.models.svc:8000, or that of its load balancer."""
    deployment_name: Output[str]
    """Name of the Deployment, for what scales it."""
    service_name: Output[str]
    """Name of the Service."""
    namespace: Output[str]
    """Namespace of both."""

    def __init__(self, name: str, args: ModelServerArgs, opts: ResourceOptions | None = None):
        """Makes the server `name`.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `ModelServerArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(ModelServerSpec, args)
        model = spec.settings.model
        check_name(name, {ROLES: [name] if model and model.s3_uri else []})
        super().__init__("eks-gpu-components:index:ModelServer", name, args, opts)

        server = model_server_settings.served(spec.settings, spec.cluster["region"] if spec.cluster else None)
        made = server_resources.create(self, name, spec.pool, server, spec.service, spec.cluster)

        self.url, self.deployment_name = made.url, made.deployment_name
        self.service_name, self.namespace = made.service_name, made.namespace
        self.register_outputs(made.outputs())
