"""The settings of a language model's server: which model, and how much of it at once."""

from functools import cached_property
from typing import Annotated, NotRequired, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from .. import catalog
from ..catalog.language_models import LanguageModel, UnknownModel, from_text, language_model
from ..catalog.model_memory import Serving
from ..values.arg_words import KvCacheFormatArg, WeightFormatArg
from ..values.patterns import like
from ..values.value import Value
from ..values.words import KvCacheFormat, WeightFormat
from .service_settings import FOLDER, SecretKey, SecretKeyArgs
from .settings import Image, Name

CONTEXT_TOKENS = 8192

# Arguments of vLLM that the component writes itself, and what to set instead.
OWN_ARGS = {
    "--api-key": "api_key",
    "--gpu-memory-utilization": "gpu_memory_utilization",
    "--host": "service",
    "--kv-cache-dtype": "kv_cache",
    "--load-format": "model",
    "--max-model-len": "context_tokens",
    "--max-num-batched-tokens": "nothing, since the memory is computed with 8192",
    "--max-num-seqs": "nothing, since the memory is computed with 256",
    "--headless": "nodes",
    "--master-addr": "nodes",
    "--model": "model",
    "--nnodes": "nodes",
    "--node-rank": "nodes",
    "--pipeline-parallel-size": "nodes",
    "--port": "service",
    "--served-model-name": "model.name",
    "--shutdown-timeout": "service.drain_s",
    "--tensor-parallel-size": "tensor_parallel",
    "-n": "nodes",
    "-pp": "nodes",
    "-r": "nodes",
    "-tp": "tensor_parallel",
}


class LlmModelArgs(TypedDict):
    """A language model and where it is: in S3, on a volume or in the image. Set exactly one of the three."""

    name: str
    """Name of the model, as on Hugging Face, such as Qwen/Qwen3-8B; clients name it in their requests. The memory of
    well-known models is computed.
    """
    s3_uri: NotRequired[str]
    """Folder in S3, such as s3://bucket/qwen3-8b, with config.json, tokenizer and safetensors. The weights go straight
    to the GPU. Needs `cluster`. Default none.
    """
    volume_claim: NotRequired[str]
    """PersistentVolumeClaim in the server's namespace that holds the model; for several pods it must be readable from
    several nodes. Default none.
    """
    volume_path: NotRequired[str]
    """Folder of the model on the volume, such as qwen3-8b. Default the volume's root."""
    image_path: NotRequired[str]
    """Folder of the model in `image`, such as /opt/model. Default none."""
    weights: NotRequired[WeightFormatArg]
    """Format of the checkpoint's weights: bf16, fp8, int8, int4 (AWQ or GPTQ) or mxfp4. It decides the memory that they
    need. Default what the model's config.json says.
    """
    config_json: NotRequired[str]
    """Text of the model's config.json, for a model whose memory is not known by its name. Default none."""


class LlmInferenceSettingsArgs(TypedDict):
    """A language model, and how much of it is served at once."""

    model: LlmModelArgs
    """The model to serve."""
    context_tokens: NotRequired[int]
    """Maximum tokens of a request, prompt and answer together. Default 8192, or what the model has if that is less."""
    concurrency: NotRequired[int]
    """Number of requests of that length whose KV cache must fit at once. More and shorter ones run as they fit. Default
    1.
    """
    kv_cache: NotRequired[KvCacheFormatArg]
    """Format of the KV cache: auto, which is the model's own 16 bits, or fp8, which takes half. Default auto."""
    tensor_parallel: NotRequired[int]
    """Number of GPUs of one node over which each pod splits the model. Default the least that is enough; required for a
    model whose memory is not known.
    """
    nodes: NotRequired[int]
    """Number of nodes over which each server splits the model's layers (pipeline parallel), for a model that no node
    has the memory for. With 2 or more the server is a LeaderWorkerSet with a pod for each, and its controller must be
    in the cluster. Default 1.
    """
    gpu_memory_utilization: NotRequired[float]
    """Share of each GPU's memory that the server may use, 0.1 to 0.98. Default 0.9."""
    compile_cache_claim: NotRequired[str]
    """PersistentVolumeClaim in the server's namespace that keeps what vLLM compiles, so that the next pod need not;
    nodes write to it at the same time, so it must be ReadWriteMany, as of EFS. Default none: each pod compiles.
    """
    image: NotRequired[str]
    """Image of vLLM, pinned by tag or digest; never latest. Default
    vllm/vllm-openai:v0.28.0@sha256:61fc8a896b0a4fbbbdc063bc4b0dbc25ce98e02b5050c24aeb7830ac02039b14.
    """
    api_key: NotRequired[SecretKeyArgs]
    """Key that clients must send; required for a public load balancer. Default none: the server asks for no key."""
    cpu_millicores: NotRequired[int]
    """CPU request of one pod, in thousandths of a core. Default 1000, and 1000 for each GPU."""
    memory_mib: NotRequired[int]
    """Memory request and limit of one pod, in MiB, 8192 or more. Default 12288 for each GPU."""
    args: NotRequired[list[str]]
    """More arguments of `vllm serve`, such as --enable-auto-tool-choice. Default none."""


Path = Annotated[str, like(r"/?[\w.-]+(/[\w.-]+)*/?", "a folder, as models/qwen3-8b")]


class LlmModel(Value):
    """The model, checked."""

    name: Annotated[str, like(r"[\w.-]+(/[\w.-]+)?", "a model's name, as Qwen/Qwen3-8B")]
    s3_uri: Annotated[str, FOLDER] | None = None
    volume_claim: Name | None = None
    volume_path: Path | None = None
    image_path: Path | None = None
    weights: WeightFormat | None = None
    config_json: str | None = None

    @model_validator(mode="after")
    def _lies_in_one_place(self) -> Self:
        places = {"s3_uri": self.s3_uri, "volume_claim": self.volume_claim, "image_path": self.image_path}
        given = [place for place, value in places.items() if value]
        if len(given) != 1:
            raise ValueError(f"give one of {', '.join(places)}, got {' and '.join(given) or 'none'}")
        if self.volume_path and not self.volume_claim:
            raise ValueError("volume_path needs volume_claim")
        if self.image_path and not self.image_path.startswith("/"):
            raise ValueError(f"image_path must begin with /, got {self.image_path!r}")
        if self.config_json is not None:
            try:
                from_text(self.name, self.config_json)
            except UnknownModel as unknown:
                raise ValueError(f"config_json: {unknown}; leave it out and give settings.tensor_parallel") from None
            except ValueError as wrong:
                raise ValueError(f"config_json: {wrong}") from None
        return self

    @cached_property
    def known(self) -> LanguageModel | None:
        """The model's numbers; None where its memory is not known."""
        return from_text(self.name, self.config_json) if self.config_json else language_model(self.name)


class LlmInferenceSettings(Value):
    """The settings, checked."""

    model: LlmModel
    context_tokens: int | None = Field(default=None, ge=256)
    concurrency: int = Field(default=1, ge=1)
    kv_cache: KvCacheFormat = "auto"
    tensor_parallel: int | None = Field(default=None, ge=1)
    nodes: int = Field(default=1, ge=1)
    gpu_memory_utilization: float = Field(default=0.9, ge=0.1, le=0.98)
    compile_cache_claim: Name | None = None
    image: Image = catalog.VLLM_IMAGE
    api_key: SecretKey | None = None
    cpu_millicores: int | None = Field(default=None, ge=100)
    memory_mib: int | None = Field(default=None, ge=8192)
    args: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        problems, known = [], self.model.known
        if known and self.context > known.context:
            problems.append(f"context_tokens must be at most {known.context} for {known.name}, got {self.context}")
        for arg in self.args:
            if (flag := arg.partition("=")[0].replace("_", "-")) in OWN_ARGS:
                problems.append(f"args: {flag} is the component's to write: set {OWN_ARGS[flag]}")
        if self.model.image_path and self.image == catalog.VLLM_IMAGE:
            problems.append("model.image_path needs an image with a model in it, and vLLM's own has none")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def context(self) -> int:
        """Tokens of the longest request."""
        if self.context_tokens is not None:
            return self.context_tokens
        known = self.model.known
        return min(CONTEXT_TOKENS, known.context) if known else CONTEXT_TOKENS

    @property
    def serving(self) -> Serving:
        """What the memory depends on."""
        return Serving(
            context=self.context,
            concurrency=self.concurrency,
            format=self.model.weights,
            kv_cache=self.kv_cache,
            utilization=self.gpu_memory_utilization,
        )
