"""What an assistant may ask: the arguments of each tool, checked, and the command that answers them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from eks_gpu.checks import CHECKS
from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog.nearest import hint
from eks_gpu_components.values.validation_messages import problems_of, refused

LONGEST_TEXT = 1_000_000
"""Letters of a manifest that is given as text."""


def _sent(text: str) -> str:
    """What an operating system takes for a word of a command."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise refused("must be text without NUL and without halves of characters")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise refused("must be an absolute path: this server takes no folder for the current one")
    return _sent(text)


def _folder(text: str) -> str:
    if not _there(Path(_absolute(text)).is_dir):
        raise refused("must be a folder that is there")
    return text


def _file(text: str) -> str:
    if text and not _there(Path(_absolute(text)).is_file):
        raise refused("must be a file that is there")
    return text


def _there(look: Callable[[], bool]) -> bool:
    """Whether it is there; a name that is too long is nowhere, nor what may not be looked at."""
    try:
        return look()
    except OSError:
        return False


def _file_or_text(text: str) -> str:
    """A path is one line that begins with a slash, as no document of YAML does."""
    return _file(text) if text.startswith("/") and "\n" not in text else _sent(text)


def _check(id_: str) -> str:
    if id_ and id_ not in CHECKS:
        raise refused(f"must be the id of a check{hint(id_, CHECKS)}")
    return id_


Text = Annotated[str, Field(max_length=300), AfterValidator(_sent)]
Folder = Annotated[str, Field(max_length=4_000), AfterValidator(_folder)]
File = Annotated[str, Field(max_length=4_000), AfterValidator(_file)]
FileOrText = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_file_or_text)]
CheckId = Annotated[str, Field(max_length=100), AfterValidator(_check)]

RUNS = "Absolute path of the folder with Pulumi.yaml. Its program is run on this machine, with nothing created."
PAGE = "Number of rows to leave out, as `more` of the answer before says."


class Question(BaseModel, ABC):
    """Arguments of a tool."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    title: ClassVar[str]
    offset: int = Field(default=0, ge=0, le=1_000_000, description=PAGE)

    @abstractmethod
    def words(self) -> Iterator[str]:
        """The command, without its program's name. What is given stands behind `=`, so that it is no option."""

    @property
    def stdin(self) -> str:
        """What the command reads from stdin."""
        return ""

    @property
    def problems(self) -> list[str]:
        """Rules between arguments that are broken."""
        return []


Section = Literal[
    "summary", "pools", "workloads", "cost", "checks", "quotas", "unread", "resources", "notes", "changes"
]
CheckSection = Literal["summary", "pools", "workloads", "cost", "checks", "unread", "notes"]
Status = Literal["does-not-hold", "fails", "warns", "waived", "not-judged", "holds", "all"]
SECTION = "Part of the answer: `summary` first, then the part that you need."
NAME = "Only rows in whose name this text is."
CHECK = "Only this check, by its id, with every subject."
STATUS = "Only checks with this result, in the section `checks`."


class StackQuestion(Question):
    """What is asked of a stack that is planned or checked."""

    section: Section = Field(default="summary", description=SECTION)
    name: Text = Field(default="", description=NAME)
    check: CheckId = Field(default="", description=CHECK)
    status: Status = Field(default="does-not-hold", description=STATUS)


class PlanQuestion(StackQuestion):
    """Runs the Pulumi program of a folder offline; tells its pools, workloads, cost and checks. Nothing is created, no
    cloud is asked. Ask for the summary first. With `against`, the section `changes` has what differs.
    """

    title = "Plan a stack offline"
    folder: Folder = Field(description=RUNS)
    stack: Text = Field(default="dev", description="Stack whose Pulumi.<stack>.yaml holds the values.")
    against: File = Field(
        default="", description="Absolute path of an older plan, which `eks-gpu plan --json` wrote, to compare with."
    )

    def words(self) -> Iterator[str]:
        yield from ("plan", "--json=-", f"--stack={self.stack}")
        if self.against:
            yield f"--against={self.against}"
        yield from ("--", self.folder)

    @property
    def problems(self) -> list[str]:
        return ["section changes needs against"] if self.section == "changes" and not self.against else []


class CheckQuestion(StackQuestion):
    """Checks a stack of any program, in any language, from what `pulumi preview --json --show-sames` or `pulumi stack
    export` printed. No program is run.
    """

    title = "Check a preview or a state"
    preview: File = Field(default="", description="Absolute path of what `pulumi preview --json --show-sames` printed.")
    state: File = Field(default="", description="Absolute path of what `pulumi stack export` printed.")
    region: Text = Field(default="", description="AWS region, for a stack that does not name its own.")
    section: CheckSection = Field(  # pyright: ignore[reportIncompatibleVariableOverride] - narrower, and frozen
        default="summary", description=SECTION
    )

    def words(self) -> Iterator[str]:
        yield from ("check", "--json=-")
        yield f"--preview={self.preview}" if self.preview else f"--state={self.state}"
        if self.region:
            yield f"--region={self.region}"

    @property
    def problems(self) -> list[str]:
        return [] if bool(self.preview) != bool(self.state) else ["one of preview and state is required, and only one"]


class ExplainQuestion(Question):
    """Tells for each pool of a stack whether it takes a pod, and when and at what price, or the rule that rejects the
    pod and where it is written. The pools come from the program of a folder, which is run offline, or from a plan that
    was saved before, for which no program is run.
    """

    title = "Explain which pools take a pod"
    pod: FileOrText = Field(
        description="A pod, or objects with a pod template, as YAML; or the absolute path of a file with them."
    )
    folder: Annotated[str, AfterValidator(lambda text: _folder(text) if text else text)] = Field(
        default="", max_length=4_000, description=RUNS
    )
    plan_file: File = Field(default="", description="Absolute path of a plan that `eks-gpu plan --json` wrote.")
    stack: Text = Field(default="", description="Stack of the project, by default dev.")
    pool: Text = Field(default="", description="Only pools in whose name this text is.")

    def words(self) -> Iterator[str]:
        yield from ("explain", "--json=-")
        if self.stack:
            yield f"--stack={self.stack}"
        if self.plan_file:
            yield f"--plan={self.plan_file}"
        yield from ("--", self.pod if self.is_file else "-", *([self.folder] if self.folder else []))

    @property
    def is_file(self) -> bool:
        """Whether the pod is in a file."""
        return self.pod.startswith("/") and "\n" not in self.pod

    @property
    def stdin(self) -> str:
        return "" if self.is_file else self.pod

    @property
    def problems(self) -> list[str]:
        one = bool(self.folder) != bool(self.plan_file)
        return (
            [] if one else ["one of folder and plan_file is required, and only one: no program runs unless you name it"]
        )


class TypesQuestion(Question):
    """Lists the instance types of AWS that meet a need, cheapest first, with price, zones and quota."""

    title = "Find instance types"
    gpus: int = Field(default=1, ge=0, le=10_000, description="Minimum number of GPUs, or Neuron devices, on a node.")
    gpu_memory: Text = Field(default="", description="Minimum memory of each GPU, such as 40Gi.")
    accelerator: Literal["nvidia", "neuron"] = Field(default="nvidia", description="Kind of accelerator.")
    region: Text = Field(default="us-west-2", description="AWS region of zones and prices.")
    architecture: Literal["amd64", "arm64"] = Field(default="amd64", description="Architecture of the CPU.")
    spot: bool = Field(default=False, description="Only types that Spot offers, by estimated price.")
    efa: bool = Field(default=False, description="Only types with an Elastic Fabric Adapter.")
    max_price: Text = Field(default="", description="Maximum price of a node per hour, in USD.")
    fractional: bool = Field(default=False, description="Include types with a fraction of a GPU.")

    def words(self) -> Iterator[str]:
        yield from ("types", "--json=-", f"--gpus={self.gpus}", f"--accelerator={self.accelerator}")
        yield from (f"--region={self.region}", f"--arch={self.architecture}")
        if self.gpu_memory:
            yield f"--gpu-memory={self.gpu_memory}"
        if self.max_price:
            yield f"--max-price={self.max_price}"
        yield from (f"--{flag}" for flag in ("spot", "efa", "fractional") if getattr(self, flag))


class ImportQuestion(Question):
    """Turns eksctl's ClusterConfig, Karpenter's objects and workloads into settings for Pulumi.<stack>.yaml, and names
    what is lost, wrong or outdated. Writes no file.
    """

    title = "Import settings from other tools' files"
    manifest: FileOrText = Field(description="The YAML, or the absolute path of a file with it.")
    section: Literal["settings", "findings"] = Field(
        default="settings", description="`findings` has each finding with its line; `settings` has their number."
    )

    def words(self) -> Iterator[str]:
        yield from ("import", "--json=-", "--", self.manifest if self.is_file else "-")

    @property
    def is_file(self) -> bool:
        """Whether the manifest is in a file."""
        return self.manifest.startswith("/") and "\n" not in self.manifest

    @property
    def stdin(self) -> str:
        return "" if self.is_file else self.manifest


TOOLS: Mapping[str, type[Question]] = {
    "plan": PlanQuestion,
    "explain": ExplainQuestion,
    "types": TypesQuestion,
    "check": CheckQuestion,
    "import": ImportQuestion,
}
"""Tools by name, each named as the command that answers it."""


def asked(tool: str, arguments: Mapping[str, Any]) -> Question:
    """The question with these arguments; null is an argument that is not given. Raises InputError with all problems."""
    if tool not in TOOLS:
        raise InputError(f"{tool} is not a tool{hint(tool, TOOLS)}; tools are {', '.join(TOOLS)}")
    shape = TOOLS[tool]
    try:
        question = shape.model_validate({key: value for key, value in arguments.items() if value is not None})
    except ValidationError as error:
        raise InputError(problem.at("") for problem in problems_of(error, shape)) from None
    if question.problems:
        raise InputError(question.problems)
    return question
