"""A Pulumi project on disk: its program and one stack's configuration, as the Pulumi CLI would pass them."""

import json
import math
import os
import runpy
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from eks_gpu.graph.values import MASK
from eks_gpu.io.documents import PULUMI, Map, lines_by_path, plain, read_map, shown
from eks_gpu.io.problems import InputError
from eks_gpu.offline.given import read as read_answers
from eks_gpu.offline.library import LIBRARY, under_its_own_name
from eks_gpu.offline.questions import ANSWERS_FILE
from eks_gpu_components.catalog import regions
from eks_gpu_components.catalog.nearest import hint, hint_or_all, nearest

REGION_KEY = "aws:region"
REGION_VARIABLES = ("AWS_REGION", "AWS_DEFAULT_REGION")
"""Where AWS's provider looks for a region that the configuration does not say."""
CONFIG_KEYS = frozenset({"type", "items", "description", "secret", "default", "value"})
"""What the engine takes for a configuration key of Pulumi.yaml; it refuses the file for any other."""
PYTHON, GO = "python", "go"
RUNTIMES = (PYTHON, "nodejs", "yaml", GO)
"""Languages whose programs run offline."""
ENTRIES = {PYTHON: "__main__.py"}
"""The file that a language wants in the program's folder, where it wants one of one name."""
BINARY = "binary"
"""Option of a project in Go: its compiled program, from the project's folder."""


@dataclass(frozen=True)
class StackConfig:
    """One stack of a project. `config` has full keys and string values; an object value is its JSON."""

    name: str
    file: Path
    region: str
    """Region of the default provider; empty where neither the configuration nor the environment says one."""
    config: Mapping[str, str]
    secret_keys: frozenset[str]
    lines: Mapping[str, int] = field(default_factory=dict)
    """Configuration key, or the path of something in its value -> line in the stack's file."""
    environments: tuple[str, ...] = ()
    """Environments of Pulumi ESC that the stack imports, whose values are not read."""
    problems: tuple[str, ...] = ()
    """What is wrong with the file already; what the program finds wrong is told with it."""

    def place(self, key: str) -> str:
        return f"{self.file.name}:{self.lines[key]}" if key in self.lines else self.file.name

    def located(self, problem: str) -> str:
        """A problem told as `Pulumi.dev.yaml: <key>.<path> ...`, with the line of what it is about."""
        start = f"{self.file.name}: "
        told = problem.removeprefix(start)
        if told == problem:
            return problem
        # What is missing has no line of its own: then it is the line of what it is missing in.
        paths = (path for path in self.lines if told.startswith(path) and told[len(path) :][:1] in ("", *" .:["))
        return f"{self.place(max(paths, key=len, default=''))}: {told}"

    def in_order(self, problems: Iterable[str]) -> list[str]:
        """Problems in the order of the stack's file, each once: of the whole file first, of other files last."""
        return sorted(dict.fromkeys(problems), key=self._line)

    def _line(self, problem: str) -> float:
        if not problem.startswith(f"{self.file.name}:"):
            return math.inf
        line = problem.removeprefix(f"{self.file.name}:").partition(":")[0]
        return int(line) if line.isdigit() else 0


@dataclass(frozen=True)
class Project:
    """Pulumi.yaml and what lies beside it."""

    name: str
    root: Path
    program: Path
    """The folder or file that holds the program."""
    defaults: Mapping[str, Any]
    """Configuration values of Pulumi.yaml, which a stack's own override."""
    stack_folder: str = "."
    """The folder with the stacks' files, from the root: `stackConfigDir` of Pulumi.yaml."""
    runtime: str = PYTHON
    """The language of the program, one of RUNTIMES."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """`runtime.options` of Pulumi.yaml."""

    @classmethod
    def load(cls, root: Path, program: Path | None = None) -> "Project":
        """The project in a folder; of the current one also the next above, as Pulumi has it. `program` is a compiled
        one, of a project in Go.

        Raises InputError for a folder without a project in one of RUNTIMES.
        """
        above = root.resolve().parents if root == Path() else ()
        file = next((found for folder in (root, *above) if (found := _file_in(folder))), None)
        root = file.parent if file else root
        if file is None:
            raise InputError(f"{root / 'Pulumi.yaml'}: no such file; PROJECT must be a folder with a Pulumi project")
        data = plain(read_map(file, PULUMI))
        name = data.get("name")
        if not isinstance(name, str):
            raise InputError(f"{file.name}: name is required: the project's name")
        runtime, options = _runtime(data.get("runtime"), file.name)
        if program and runtime != GO:
            raise InputError(f"--program {program}: is for a project in Go, and {file.name} says runtime {runtime}")
        options = {**options, BINARY: str(program.resolve())} if program else options
        config = data.get("config") or {}
        if not isinstance(config, dict):
            raise InputError(f"{file.name}: config must be a map, got {shown(config)}")
        unknown = [
            f"{file.name}: config.{key}.{word} is not a known key{hint_or_all(str(word), CONFIG_KEYS)}"
            for key, value in config.items()
            if isinstance(value, dict)
            for word in value.keys() - CONFIG_KEYS
        ]
        if unknown:
            raise InputError(sorted(unknown))
        defaults = {
            key: value.get("value", value.get("default")) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        main = root / str(data.get("main", "."))
        entry = main if main.is_file() else main / ENTRIES.get(runtime, "")
        if not entry.exists():
            raise InputError(f"{entry}: no such file; the project's program is needed")
        # The program changes the working directory, so no path may depend on it.
        return cls(
            name,
            root.resolve(),
            main.resolve(),
            {key: value for key, value in defaults.items() if value is not None},
            str(data.get("stackConfigDir") or "."),
            runtime,
            options,
        )

    def stack_names(self) -> list[str]:
        """The stacks that have a file here, by name."""
        files = (self.root / self.stack_folder).glob("Pulumi.*.yaml")
        return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in files)

    def stack(self, name: str) -> StackConfig:
        """Raises InputError for a missing or broken file, and for a region that nobody can guess.

        An unknown region and a misspelt key of one are `problems` of the stack, where it is clear what was meant.
        """
        file = self.root / self.stack_folder / f"Pulumi.{name}.yaml"
        if not file.exists():
            raise InputError(
                f"{file.name}: no such file, so stack {name} is unknown{hint_or_all(name, self.stack_names())}"
            )
        data = read_map(file, PULUMI)
        section = data.get("config") or Map(1)
        if not isinstance(section, Map):
            raise InputError(f"{file.name}: config must be a map, got {shown(section)}")
        merged = {self._full(key): value for key, value in self.defaults.items()}
        merged |= {self._full(key): value for key, value in plain(section).items()}
        secret = {key for key, value in merged.items() if value != _decrypted(value)}
        lines = {self._full(path): line for path, line in lines_by_path(section).items()}
        config = {key: text(_decrypted(value)) for key, value in merged.items()}
        variable = next((each for each in REGION_VARIABLES if os.environ.get(each)), "")
        region = config.get(REGION_KEY) or os.environ.get(variable, "")
        stack = StackConfig(name, file, region, config, frozenset(secret), lines, _environments(data))
        said = f"{stack.place(REGION_KEY)}: {REGION_KEY}" if config.get(REGION_KEY) or not variable else variable
        wrong = misspelt(stack, config, {REGION_KEY})
        if region and region not in regions():
            wrong = [f"{said} must be a region of AWS, got {region!r}{hint(region, regions())}", *wrong]
        elif not region and wrong:
            wrong = [f"{said} is required", *wrong]
        if not wrong:
            return stack
        if (meant := self._meant_region(region, config)) is None:
            raise InputError(wrong)
        # The program runs in the region that was meant, for what is wrong with the other keys is told with this.
        return replace(stack, region=meant, config={**config, REGION_KEY: meant}, problems=tuple(wrong))

    def _meant_region(self, region: str, config: Mapping[str, str]) -> str | None:
        """The region that is nearest to a wrong one, or that stands under a misspelt key; None if nothing tells it."""
        known = regions()
        near = nearest(region, known) if region else None
        return near or next((config[key] for key in config if config[key] in known), None)

    def _full(self, key: str) -> str:
        return key if ":" in key else f"{self.name}:{key}"

    def answers(self) -> dict[str, Any]:
        """What the user says of the cloud, where the catalog has no answer. Raises InputError with every problem."""
        return read_answers(self.root / ANSWERS_FILE)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """The program's folder is the working directory and first on the path; afterwards all is as before.

        Its own modules are forgotten then: the next stack must not meet this one's globals, nor another project its
        `components`. This library and this tool stay, also where they lie in that folder.
        """
        directory = self.folder
        cwd, path, before = Path.cwd(), list(sys.path), set(sys.modules)
        os.chdir(directory)
        sys.path.insert(0, str(directory))
        try:
            with under_its_own_name(directory):
                yield
        finally:
            os.chdir(cwd)
            sys.path[:] = path
            for name in set(sys.modules) - before:
                file = getattr(sys.modules[name], "__file__", None)
                own = name.partition(".")[0] not in (LIBRARY, "eks_gpu")
                if own and file and directory in Path(file).parents and "site-packages" not in file:
                    del sys.modules[name]

    @property
    def entry(self) -> str:
        """The program's file in its folder, `.` where the language finds it."""
        return self.program.name if self.program.is_file() else "."

    @property
    def folder(self) -> Path:
        """The folder that the program runs in."""
        return self.program if self.program.is_dir() else self.program.parent

    def main(self) -> None:
        """Run the program, which is in Python, in this process. Call it inside `entered`, which must last until its
        outputs are resolved.
        """
        runpy.run_path(str(self.program), run_name="__main__")


def _runtime(told: Any, file: str) -> tuple[str, Mapping[str, Any]]:
    """Name and options. Raises InputError for a language whose programs do not run offline."""
    name, options = (told.get("name"), told.get("options")) if isinstance(told, dict) else (told, None)
    if name not in RUNTIMES:
        raise InputError(
            f"{file}: runtime must be one of {', '.join(RUNTIMES)} to run offline, got {name}; "
            "a program in another language is checked by its preview or state: eks-gpu check --help"
        )
    if options is not None and not isinstance(options, dict):
        raise InputError(f"{file}: runtime.options must be a map, got {shown(options)}")
    return name, options or {}


def _file_in(folder: Path) -> Path | None:
    """What makes the folder a project's."""
    return next((folder / name for name in ("Pulumi.yaml", "Pulumi.yml") if (folder / name).exists()), None)


def misspelt(stack: StackConfig, keys: Iterable[str], known: Collection[str]) -> list[str]:
    """A line for each of these keys that is near a known one, in its namespace and its name."""
    near = ((key, meant) for key in keys if key not in known and (meant := _meant(key, known)))
    return [f"{stack.place(key)}: {key} is not a known key; nearest: {meant}" for key, meant in near]


def _meant(key: str, known: Collection[str]) -> str | None:
    space, _, name = key.partition(":")
    split = [word.partition(":")[::2] for word in known]
    own = nearest(space, {word for word, _ in split})
    close = nearest(name, {word for where, word in split if where == own})
    return f"{own}:{close}" if own and close else None


def _decrypted(value: Any) -> Any:
    """The value as the engine hands it over, with a mask for what is encrypted, at any depth."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return MASK
        return {key: _decrypted(item) for key, item in value.items()}
    return [_decrypted(item) for item in value] if isinstance(value, list) else value


def _environments(data: Map) -> tuple[str, ...]:
    """Names of the environments that a stack's file imports."""
    found = plain(data.get("environment"))
    imports = found.get("imports") if isinstance(found, dict) else found
    names = [next(iter(each), "") if isinstance(each, dict) else each for each in imports or ()]
    return tuple(map(str, names)) or (("a literal one",) if found else ())


def text(value: Any) -> str:
    """A value as the engine hands it over; one of nothing is an empty text."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)
