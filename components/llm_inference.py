"""LlmInference: a language model behind vLLM's OpenAI-compatible API, on GPUs whose memory it fits."""

from typing import Any, NotRequired, Self

from pulumi import ComponentResource, Output, ResourceOptions
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from .catalog.name_limits import ROLES
from .inference import llm, served, server_resources
from .inference.llm_settings import LlmInferenceSettings, LlmInferenceSettingsArgs
from .inference.service_settings import ModelService, ModelServiceArgs
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.value import Value, check


class LlmInferenceArgs(TypedDict):
    """A language model, and the pool whose GPUs serve it."""

    pool: GpuPoolArgs
    """The GPU pool whose nodes the pods run on."""
    settings: LlmInferenceSettingsArgs
    """The model, and how much of it is served at once."""
    service: NotRequired[ModelServiceArgs]
    """Where the server runs, how many pods it has, and who can reach it."""
    cluster: NotRequired[EksCluster]
    """The cluster; required for a model in S3, because its pods get a role that may read the model. Default none."""


class LlmInferenceSpec(Value):
    """LlmInferenceArgs as a checked value."""

    pool: GpuPool
    settings: LlmInferenceSettings
    service: ModelService = Field(default_factory=ModelService)
    cluster: Any = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        settings, service = self.settings, self.service
        fits_pool = served.problems_with_pool(
            self.pool,
            llm.gpus(self.pool, settings),
            service,
            settings.nodes,
            llm.several_nodes(self.pool, settings),
        )
        problems = llm.memory_problems(self.pool, settings) if self.pool.accelerator == "nvidia" else []
        problems += fits_pool
        if settings.model.s3_uri and self.cluster is None:
            problems.append("cluster is required for settings.model.s3_uri: its pods need a role to read it")
        if settings.model.volume_claim:
            problems += service.needs_own_namespace("settings.model.volume_claim")
        if settings.compile_cache_claim:
            problems += service.needs_own_namespace("settings.compile_cache_claim")
        if settings.api_key:
            problems += service.needs_own_namespace("settings.api_key")
        elif service.load_balancer and service.load_balancer.public:
            problems.append("settings.api_key is required for a public service.load_balancer")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class LlmInference(ComponentResource):
    """Pods that serve a language model, their Service, their network policy and their disruption budget."""

    url: Output[str]
    """URL of the server, such as http://llm.models.svc:8000, or that of its load balancer; the API is under /v1."""
    deployment_name: Output[str]
    """Name of the Deployment, or of the LeaderWorkerSet with `settings.nodes`, for what scales it."""
    service_name: Output[str]
    """Name of the Service."""
    namespace: Output[str]
    """Namespace of both."""

    def __init__(self, name: str, args: LlmInferenceArgs, opts: ResourceOptions | None = None):
        """Makes the server `name`.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `LlmInferenceArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(LlmInferenceSpec, args)
        check_name(name, {ROLES: [name] if spec.settings.model.s3_uri else []})
        if spec.settings.nodes > 1:
            served.check_group_name(name)
        super().__init__("eks-gpu-components:index:LlmInference", name, args, opts)

        region = spec.cluster["region"] if spec.cluster else None
        server = llm.served(spec.pool, spec.settings, spec.service, region)
        made = server_resources.create(self, name, spec.pool, server, spec.service, spec.cluster)

        self.url, self.deployment_name = made.url, made.deployment_name
        self.service_name, self.namespace = made.service_name, made.namespace
        self.register_outputs(made.outputs())
