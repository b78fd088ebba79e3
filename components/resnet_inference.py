"""ResnetInference: a TensorFlow model behind a network load balancer, internal by default; each pod has one GPU."""

import json
from typing import Any, NotRequired, Self

import pulumi_kubernetes as kubernetes
from pulumi import ComponentResource, CustomTimeouts, Output, Resource, ResourceOptions
from pydantic import model_validator
from typing_extensions import TypedDict

from . import catalog
from .catalog.name_limits import ROLES
from .iam.pod_identity import pod_identity
from .inference import manifests, parts
from .inference.load_balancer import REST_PORT, hostname, service, url
from .inference.scaling import horizontal_pod_autoscaler, scaled_object, trigger_authentication
from .inference.settings import ResnetInferenceSettings, ResnetInferenceSettingsArgs
from .values.eks_cluster import EksCluster
from .values.gpu_pool import GpuPool, plugin_problem
from .values.gpu_pool_args import GpuPoolArgs
from .values.names import check_name
from .values.value import Value, check

TIMEOUT = f"{manifests.PROGRESS_S // 60 + 5}m"
"""Beyond the Deployment's own deadline, so that what `pulumi up` says is Kubernetes' reason."""


class ResnetInferenceArgs(TypedDict):
    """A model, and the pool whose GPUs serve it."""

    pool: GpuPoolArgs
    """The GPU pool whose nodes the pods run on."""
    settings: ResnetInferenceSettingsArgs
    """The model, the number of pods, and who can reach the service."""
    cluster: NotRequired[EksCluster]
    """The cluster; required for a model in S3, because its pods get a role that may read the model. Default none."""


class ResnetInferenceSpec(Value):
    """ResnetInferenceArgs as a checked value."""

    pool: GpuPool
    settings: ResnetInferenceSettings
    cluster: Any = None

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        pods = self.pool.max_nodes_for_pods * self.pool.resources_per_node
        problems = []
        if self.pool.accelerator != "nvidia":
            problems.append(f"pool must have NVIDIA GPUs, got {self.pool.accelerator}")
        elif problem := plugin_problem(self.pool):
            problems.append(problem)
        elif self.pool.architecture != "amd64" and self.settings.image == catalog.TENSORFLOW_SERVING_IMAGE:
            image = self.settings.image
            problems.append(f"pool must have amd64 nodes, since {image} is made for no other, got arm64")
        if self.settings.max_replicas > pods:
            problems.append(
                f"settings: the pool has GPUs for {pods} pods ({self.pool.stated_size}), "
                f"got {self.settings.max_replicas} replicas"
            )
        if self.settings.model.s3_uri and self.cluster is None:
            problems.append("cluster is required for settings.model.s3_uri: its pods need a role to read it")
        if problems:
            raise ValueError("; ".join(problems))
        return self


class ResnetInference(ComponentResource):
    """Pods that serve a model, their load balancer, their autoscaler, and their disruption budget."""

    url: Output[str]
    """URL of the server, such as http://<load balancer>:8501; an address inside the cluster until the load balancer
    exists.
    """

    def __init__(self, name: str, args: ResnetInferenceArgs, opts: ResourceOptions | None = None):
        """Makes the service `name`.

        name: begins the names of all that the component makes; a new name replaces it.
        args: see `ResnetInferenceArgs`.
        opts: Pulumi's options, with the Kubernetes provider of the cluster.
        Raises BadInput, with every problem, before anything is registered.
        """
        spec = check(ResnetInferenceSpec, args)
        check_name(name, {ROLES: [name] if spec.settings.model.s3_uri else []})
        super().__init__("eks-gpu-components:index:ResnetInference", name, args, opts)

        settings = spec.settings
        namespace: list[Resource] = []
        if settings.create_namespace:
            made = kubernetes.core.v1.Namespace(
                name,
                **parts.namespace(settings.namespace, settings.load_balancer),
                opts=ResourceOptions(parent=self),
            )
            namespace.append(made)
        balancer = create_service(self, name, settings, namespace)
        # The gate that holds a pod for unready is put on those that start after the load balancer.
        deployment = kubernetes.apps.v1.Deployment(
            name,
            **manifests.deployment(name, spec.pool, settings),
            opts=ResourceOptions(
                parent=self,
                depends_on=[balancer, *create_access_to_model(self, name, spec, namespace)],
                custom_timeouts=CustomTimeouts(create=TIMEOUT, update=TIMEOUT),
            ),
        )
        create_scaler(self, name, settings, deployment)

        self.url = balancer.status.apply(
            lambda status: url(settings.load_balancer, f"{name}.{settings.namespace}.svc", hostname(status))
        )
        self.register_outputs({"url": self.url})


def create_service(
    parent: Resource, name: str, settings: ResnetInferenceSettings, namespace: list[Resource]
) -> kubernetes.core.v1.Service:
    """Creates the Service, its NetworkPolicy and its disruption budget."""
    opts = ResourceOptions(parent=parent, depends_on=namespace)
    labels, balancer = manifests.workload_labels(name), settings.load_balancer
    budget = parts.disruption_budget(name, settings.namespace, labels)
    kubernetes.policy.v1.PodDisruptionBudget(name, **budget, opts=opts)
    clients, reads_s3 = parts.from_ranges(balancer.vpc_cidrs), bool(settings.model.s3_uri)
    policy = parts.network_policy(name, settings.namespace, labels, REST_PORT, clients, reads_s3)
    kubernetes.networking.v1.NetworkPolicy(name, **policy, opts=opts)
    return kubernetes.core.v1.Service(
        name, **service(name, settings.namespace, labels, balancer, settings.model.path), opts=opts
    )


def create_access_to_model(
    parent: Resource, name: str, spec: ResnetInferenceSpec, namespace: list[Resource]
) -> list[Resource]:
    """Creates service account and role for a model in S3, which pods must wait for; for other models it creates
    nothing.
    """
    if not spec.settings.model.s3_uri:
        return []
    cluster: EksCluster = spec.cluster
    account = kubernetes.core.v1.ServiceAccount(
        name,
        **parts.service_account(name, spec.settings.namespace),
        opts=ResourceOptions(parent=parent, depends_on=namespace),
    )
    policy = json.dumps(parts.read_policy(spec.settings.model.s3_uri, cluster["region"]))
    _, permissions = pod_identity(
        parent, name, cluster, spec.settings.namespace, name, policy=Output.from_input(policy)
    )
    return [account, *permissions]


def create_scaler(parent: Resource, name: str, settings: ResnetInferenceSettings, deployment: Resource) -> None:
    """Creates the HorizontalPodAutoscaler or the ScaledObject that the settings ask for, if any."""
    opts = ResourceOptions(parent=parent, depends_on=[deployment])
    if settings.hpa:
        kubernetes.autoscaling.v2.HorizontalPodAutoscaler(
            name,
            **horizontal_pod_autoscaler(name, settings.namespace, settings.min_replicas, settings.hpa),
            opts=opts,
        )
    if settings.keda:
        custom = kubernetes.apiextensions.CustomResource
        before: list[Resource] = [deployment]
        if settings.keda.sqs:
            before.append(
                custom(f"{name}-authentication", **trigger_authentication(name, settings.namespace), opts=opts)
            )
        custom(
            name,
            **scaled_object(name, settings.namespace, settings.keda),
            opts=ResourceOptions(parent=parent, depends_on=before),
        )
