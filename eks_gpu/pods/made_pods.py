"""What an object says of the pods that are made of it: where each pod template stands, and how many pods it becomes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eks_gpu_components.catalog import QUEUE_LABEL
from eks_gpu_components.values.validation_messages import written

Path = tuple[str | int, ...]
"""Keys and positions from an object's root to a field."""
Find = Callable[[str, str, str], Mapping[str, Any] | None]
"""Kind, namespace and name of another object -> the object; None if nobody knows it."""
SPEC = ("spec",)


@dataclass(frozen=True, slots=True)
class Count:
    """Number of pods: stated, at least and at most. None is a number that nobody knows, or a maximum without end."""

    stated: int | None
    least: int | None
    most: int | None

    def __mul__(self, times: int) -> "Count":
        return Count(*(None if each is None else each * times for each in (self.stated, self.least, self.most)))

    @property
    def while_it_runs(self) -> "Count":
        """The same for pods that end: at least none are left."""
        return Count(self.stated, None if self.least is None else 0, self.most)

    @property
    def later(self) -> "Count":
        """The same for pods that are made later, as on a schedule: none in the steady state."""
        return Count(0, 0, self.most)


UNKNOWN = Count(None, None, None)
BY_A_CONTROLLER = "its controller decides how many pods there are, and the planner does not know that controller"
NONE = Count(0, 0, 0)


def exactly(number: int) -> Count:
    """A number that nothing changes."""
    return Count(number, number, number)


@dataclass(frozen=True)
class PodTemplate:
    """One pod template of an object, and the pods that the object's controller makes of it."""

    path: Path
    """Where the template stands, empty for a Pod."""
    count: Count
    template: Mapping[str, Any]
    """`metadata` and `spec` of its pods. They are composed if the object has fields of its own in their place."""
    spec_path: Path
    """Where the pod's `spec` stands, or the fields that take its place."""
    composed: bool = False
    per_replica: int = 1
    """Pods of this template for each replica of the object, by which an autoscaler scales it."""
    gang: int = 0
    """Pods of this template that run at the same time as those of the object's other templates, or not at all; 0 if
    pods start one by one.
    """
    gang_of: int = 0
    """Which of the object's gangs it is of, such as those that run one after another."""
    uncounted: str = ""
    """Why nobody knows how many pods there are, a clause; empty where the number is known."""
    partly: str = ""
    """What of the pod the object does not say, a clause; empty if it says all."""
    not_judged: tuple[str, ...] = ()
    """What decides where its pods run beside their spec, and nobody here judges."""

    def __post_init__(self) -> None:
        if self.count.stated is None and not self.uncounted:
            object.__setattr__(self, "uncounted", BY_A_CONTROLLER)

    @property
    def role(self) -> str:
        """The template among others of the object: `tasks.0`, `leaderWorkerTemplate.workerTemplate`."""
        return role(self.path)


def role(path: Path) -> str:
    """Keys and positions of a path that tell one template of an object from another."""
    return ".".join(str(key) for key in path if key not in ("spec", "template", "jobTemplate"))


@dataclass
class Manifest:
    """An object as its controller reads it. Numbers that are none are collected as `wrong`, and read as the default."""

    given: Mapping[str, Any]
    find: Find = lambda kind, namespace, name: None
    strict: bool = False
    """Whether only what the API server takes is a number."""
    wrong: list[tuple[Path, Any]] = field(default_factory=list)
    """Place and value of each field that is no number of pods."""

    def at(self, *path: str | int) -> Any:
        """What stands there; None where nothing does."""
        found: Any = self.given
        for key in path:
            if isinstance(found, Mapping):
                found = found.get(key)
            elif isinstance(found, Sequence) and not isinstance(found, str) and isinstance(key, int):
                found = found[key] if key < len(found) else None
            else:
                return None
        return found

    def map(self, *path: str | int) -> Mapping[str, Any]:
        """The map that stands there, an empty one for anything else."""
        found = self.at(*path)
        return found if isinstance(found, Mapping) else {}

    def each(self, *path: str | int) -> Iterator[Path]:
        """Paths of the items of a list, or of the values of a map, that are maps themselves."""
        found = self.at(*path)
        if isinstance(found, Mapping):
            yield from ((*path, key) for key, value in found.items() if isinstance(value, Mapping))
        elif isinstance(found, Sequence) and not isinstance(found, str):
            yield from ((*path, index) for index, value in enumerate(found) if isinstance(value, Mapping))

    def text(self, *path: str | int) -> str:
        """A text, empty for anything that is not there."""
        found = self.at(*path)
        return "" if found is None else str(found)

    def is_true(self, *path: str | int) -> bool:
        """Whether a flag is set."""
        return self.text(*path).lower() == "true"

    def whole(self, *path: str | int, default: int) -> int:
        """A number of pods."""
        found = self.whole_or_none(*path)
        return default if found is None else found

    def whole_or_none(self, *path: str | int) -> int | None:
        """The same, None where nothing is given."""
        value = self.at(*path)
        if value is None:
            return None
        if self.strict and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31):
            self.wrong.append((path, value))
            return None
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            self.wrong.append((path, value))
            return None

    @property
    def name(self) -> str:
        return self.text("metadata", "name")

    @property
    def namespace(self) -> str:
        return self.text("metadata", "namespace") or "default"

    @property
    def waits_in_a_queue(self) -> bool:
        """Whether Kueue starts it: then it is suspended until there is room, and runs later."""
        return bool(self.text("metadata", "labels", QUEUE_LABEL))

    def paused(self, *path: str | int) -> Callable[[Count], Count]:
        """What a flag `suspend` at this place makes of a count."""
        if not self.is_true(*path):
            return lambda count: count
        return (lambda count: count.later) if self.waits_in_a_queue else lambda count: NONE

    def template(self, *path: str | int, count: Count, **more: Any) -> PodTemplate:
        """A pod template as it is written: `metadata` and `spec`."""
        return PodTemplate(path, count, self.map(*path), (*path, "spec"), **more)

    def spec(self, *path: str | int, count: Count, **more: Any) -> PodTemplate:
        """A pod's spec without a template around it."""
        return PodTemplate(path, count, {"spec": self.map(*path)}, path, **more)

    def composed(self, *path: str | int, spec: Mapping[str, Any], count: Count, **more: Any) -> PodTemplate:
        """A pod whose spec is made of other fields, which stand at the path."""
        filled = {key: value for key, value in spec.items() if value is not None}
        return PodTemplate(path, count, {"spec": filled}, path, composed=True, **more)


def places(wrong: Sequence[tuple[Path, Any]]) -> list[tuple[str, Any]]:
    """Each field that is no number, its path in words, and the value."""
    return [(written(path), value) for path, value in wrong]
