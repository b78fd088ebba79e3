"""The settings of any other model server, and the server as its pool's nodes run it."""

from typing import Annotated, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from ..catalog.model_memory import visible_gib
from ..catalog.needs import Need, resolve
from ..values.gpu_pool import GpuPool
from ..values.patterns import like
from ..values.value import Value
from .manifests import USER
from .served import Served
from .service_settings import FOLDER, SecretKey, SecretKeyArgs
from .settings import Image, Name

APP = "model-server"


class ServedModelArgs(TypedDict):
    """Where the server finds its model, unless it is in the image: in S3 or on a volume. Set exactly one of the two."""

    s3_uri: NotRequired[str]
    """Folder in S3, such as s3://bucket/models, that the pods may read; the server reads it itself. Needs `cluster`.
    Default none.
    """
    volume_claim: NotRequired[str]
    """PersistentVolumeClaim in the server's namespace, mounted read-only at /models. Default none."""


class ModelServerSettingsArgs(TypedDict):
    """A model server: its image, its port, and the GPUs of each pod."""

    image: str
    """Image of the server, pinned by tag or digest; never latest."""
    port: int
    """Port of the server's HTTP API."""
    health_path: NotRequired[str]
    """Path that answers 200 once the model is loaded, such as /v2/health/ready of Triton. Default /health."""
    command: NotRequired[list[str]]
    """Command of the container. Default the image's own."""
    args: NotRequired[list[str]]
    """Arguments of the command. Default none."""
    env: NotRequired[dict[str, str]]
    """Environment variables. Default none."""
    secret_env: NotRequired[dict[str, SecretKeyArgs]]
    """Environment variables whose values come from Secrets, such as an API key. Default none."""
    model: NotRequired[ServedModelArgs]
    """Where the model is. Default none: in the image."""
    gpus: NotRequired[int]
    """Number of GPUs of each pod, all on one node. Default 1."""
    gpu_memory_gib: NotRequired[float]
    """Memory that the server needs on each GPU, in GiB; a pool whose GPUs have less is refused. Default none: it is not
    judged.
    """
    start_s: NotRequired[int]
    """Seconds that the server may take to load its model, once the image is there. Default 900."""
    cpu_millicores: NotRequired[int]
    """CPU request of one pod, in thousandths of a core. Default 2000."""
    memory_mib: NotRequired[int]
    """Memory request and limit of one pod, in MiB, 1024 or more. Default 12288."""
    shm_mib: NotRequired[int]
    """Size of /dev/shm in MiB, a part of the memory. Default 1024."""
    user: NotRequired[int]
    """Number of the user that the server runs as, never 0. Default 65532."""
    writable: NotRequired[list[str]]
    """Folders that the server may write to, empty at its start; all others are read-only. Default /tmp."""


Variable = Annotated[str, like(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name, as API_KEY")]
Folder = Annotated[str, like(r"(/[\w.-]+)+", "a folder, as /tmp")]


class ServedModel(Value):
    """The model's place, checked."""

    s3_uri: Annotated[str, FOLDER] | None = None
    volume_claim: Name | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Self:
        if bool(self.s3_uri) == bool(self.volume_claim):
            raise ValueError(f"give one of s3_uri, volume_claim, got {'both' if self.s3_uri else 'none'}")
        return self


class ModelServerSettings(Value):
    """The settings, checked."""

    image: Image
    port: int = Field(ge=1024, le=65_535)  # a user who is not root opens no lower one
    health_path: Annotated[str, like(r"/\S*", "a path, as /health")] = "/health"
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: dict[Variable, str] = Field(default_factory=dict)
    secret_env: dict[Variable, SecretKey] = Field(default_factory=dict)
    model: ServedModel | None = None
    gpus: int = Field(default=1, ge=1)
    gpu_memory_gib: float | None = Field(default=None, gt=0)
    start_s: int = Field(default=900, ge=10, le=36_000)
    cpu_millicores: int = Field(default=2000, ge=100)
    memory_mib: int = Field(default=12_288, ge=1024)
    shm_mib: int = Field(default=1024, ge=64)
    user: int = Field(default=USER, ge=1)
    writable: tuple[Folder, ...] = ("/tmp",)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems = []
        if both := sorted(self.env.keys() & self.secret_env.keys()):
            problems.append(f"env and secret_env both have {', '.join(both)}")
        if self.shm_mib > self.memory_mib:
            problems.append(f"shm_mib is a part of memory_mib {self.memory_mib}, got {self.shm_mib}")
        if len(set(self.writable)) < len(self.writable):
            problems.append("writable has a folder twice")
        if problems:
            raise ValueError("; ".join(problems))
        return self


def memory_problems(pool: GpuPool, settings: ModelServerSettings) -> list[str]:
    """Why the pool's GPUs have too little memory, with the cheapest type that has enough."""
    needed = settings.gpu_memory_gib
    rows = [row for row in pool.instance_types if row.accelerator]
    if needed is None or not rows:
        return []
    smallest = min(rows, key=lambda row: row.accelerator.memory_mib if row.accelerator else 0)
    has = visible_gib(smallest.accelerator) if smallest.accelerator else 0
    if needed <= has:
        return []
    wanted = Need(gpus=settings.gpus, architecture=pool.architecture, bare_metal=False)
    found = (row for row in resolve(wanted) if row.accelerator and visible_gib(row.accelerator) >= needed)
    row = next(found, None)
    instead = f"cheapest type that does: {row.name}" if row else "no instance type has"
    return [f"settings.gpu_memory_gib must be at most {has:.1f}, which {smallest.name} has, got {needed:g}; {instead}"]


def served(settings: ModelServerSettings, region: str | None) -> Served:
    """The server. region: the cluster's, which a model in S3 needs."""
    model = settings.model
    in_s3 = bool(model and model.s3_uri)
    region_env = {"AWS_REGION": str(region)} if in_s3 and "AWS_REGION" not in settings.env else {}
    plain = [{"name": name, "value": value} for name, value in {**region_env, **settings.env}.items()]
    return Served(
        app=APP,
        image=settings.image,
        command=settings.command,
        args=settings.args,
        env=(*plain, *(key.variable(name) for name, key in settings.secret_env.items())),
        port=settings.port,
        health_path=settings.health_path,
        gpus=settings.gpus,
        cpu_millicores=settings.cpu_millicores,
        memory_mib=settings.memory_mib,
        shm_mib=settings.shm_mib,
        user=settings.user,
        group=settings.user,
        start_s=settings.start_s,
        s3_uri=model.s3_uri if model else None,
        volume_claim=model.volume_claim if model else None,
        writable=settings.writable,
    )
