"""Runs a stack's program offline: returns the recording; wrong input is an InputError and never a traceback."""

import json
import traceback
from pathlib import Path

import pulumi

from eks_gpu.io.output import stdout_kept
from eks_gpu.io.problems import InputError
from eks_gpu.offline import recorder as engine
from eks_gpu.offline.answers import CatalogAnswers
from eks_gpu.offline.project import REGION_KEY, Project, StackConfig, misspelt
from eks_gpu.offline.recorder import Recording
from eks_gpu_components.catalog import ADDRESS_NOT_GIVEN, API_CIDRS_KEY

PLAN_KEY = "plan"
"""`<project>:plan` holds the planner's own settings; the program never sees it."""


def record(project: Project, stack: StackConfig, *, preview: bool = False) -> tuple[Recording, list[str]]:
    """What the program registers under this stack, and what was assumed of the cloud, a sentence each.

    Raises InputError when the program stops with an error, and for a key that is near one that the program reads.
    What the program prints goes to stderr: stdout is for answers.
    An address of the internet is not asked for, because nothing is created: ADDRESS_NOT_GIVEN stands for it.
    Another key of the project's own that the program never reads is a warning in the recording's log.
    """
    answers = CatalogAnswers(stack.region, project.answers())
    with project.entered(), stdout_kept():
        given = {API_CIDRS_KEY: json.dumps([ADDRESS_NOT_GIVEN]), **stack.config}
        keys = engine.ReadKeys({key: value for key, value in given.items() if key != f"{project.name}:{PLAN_KEY}"})
        try:
            recording = engine.run(
                project.main,
                answers,
                config=keys,
                secret_keys=stack.secret_keys,
                project=project.name,
                stack=stack.name,
                preview=preview,
                root_directory=str(project.root),
            )
        except (Exception, SystemExit) as error:
            told = [stack.located(line) for line in _told(error, project)]
            raise InputError([*told, *_misspelt(project, stack, keys)]) from error
    if wrong := _misspelt(project, stack, keys):
        raise InputError(wrong)
    recording.log += [("warning", line) for line in _unread(project, stack, keys)]
    return recording, sorted(answers.account.assumed)


def _misspelt(project: Project, stack: StackConfig, keys: engine.ReadKeys) -> list[str]:
    """Keys that the program did not ask for, and that are near one that it did, in its own or another namespace."""
    known = {*keys.read, REGION_KEY, API_CIDRS_KEY, f"{project.name}:{PLAN_KEY}"}
    return misspelt(stack, keys, known)


def _unread(project: Project, stack: StackConfig, keys: engine.ReadKeys) -> list[str]:
    """Keys in the project's own namespace that the program did not ask for."""
    return [
        f"{stack.place(key)}: {key} is a key that the program never reads"
        for key in keys
        if key.startswith(f"{project.name}:") and key not in keys.read
    ]


def _told(error: BaseException, project: Project) -> list[str]:
    """An error of the program as lines for its user."""
    if isinstance(error, pulumi.ConfigMissingError):  # a RunError whose second line is about `pulumi config set`
        return [str(error).splitlines()[0]]
    if isinstance(error, pulumi.RunError | engine.Unanswered | engine.DuplicateUrn):
        return str(error).splitlines()
    if isinstance(error, TimeoutError):
        return ["the program did not end within 5 minutes"]
    place = _place(error, project)
    if problems := getattr(error, "problems", None):  # a component's args, checked by the library
        return [f"{place}{problem}" for problem in problems]
    if isinstance(error, SystemExit):
        return [f"{place}the program ended itself with exit code {error.code}"]
    return [f"{place}{type(error).__name__}: {str(error) or 'no message'}"]


def _place(error: BaseException, project: Project) -> str:
    """`__main__.py:12: `, the last line of the program's own that the error went through."""
    root = project.root.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename).resolve()
        if not frame.filename.startswith("<") and root in file.parents and "site-packages" not in file.parts:
            return f"{file.relative_to(root)}:{frame.lineno}: "
    return ""
