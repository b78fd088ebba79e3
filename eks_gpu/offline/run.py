"""Runs a stack's program offline: returns the recording; wrong input is an InputError and never a traceback."""

import json
import re
import traceback
from collections.abc import Iterable
from pathlib import Path

import pulumi

from eks_gpu.graph.unread import Unread
from eks_gpu.graph.values import MASK
from eks_gpu.io.output import stdout_kept
from eks_gpu.io.problems import InputError
from eks_gpu.offline import program_run as engine
from eks_gpu.offline import served_run
from eks_gpu.offline.answers import CatalogAnswers
from eks_gpu.offline.applied import PLACE
from eks_gpu.offline.given import Given
from eks_gpu.offline.program_run import Recording
from eks_gpu.offline.project import PYTHON, REGION_KEY, REGION_VARIABLES, Project, StackConfig, misspelt, text
from eks_gpu.offline.questions import ANSWERS_FILE, NoRegion, Question, Unanswered
from eks_gpu.offline.recorder import DuplicateUrn
from eks_gpu.offline.sdk_addresses import unanswered_addresses
from eks_gpu_components.catalog import ADDRESS_NOT_GIVEN, API_CIDRS_KEY

PLAN_KEY = "plan"
"""`<project>:plan` holds the planner's own settings; the program never sees it."""
_GIVE = f"give it, or a stand-in for it, in {ANSWERS_FILE} beside Pulumi.yaml, under config"


class Unanswerable(InputError):
    """A program asked for what neither the catalog nor the user has told; `asked` are its questions."""

    def __init__(self, problems: Iterable[str], asked: Iterable[Question]):
        self.asked = tuple(asked)
        super().__init__(problems)


def record(project: Project, stack: StackConfig, *, preview: bool = False) -> tuple[Recording, list[str]]:
    """What the program registers under this stack, and what was assumed of the cloud, a sentence each.

    Raises InputError when the program stops with an error, and for a key that is near one that the program reads;
    Unanswerable when it had no answer to a look-up before it stopped.
    What the program prints goes to stderr: stdout is for answers.
    An address of the internet is not asked for, because nothing is created: ADDRESS_NOT_GIVEN stands for it.
    Another key of the project's own that the program never reads is a warning in the recording's log.
    """
    given = project.answers()
    answers = CatalogAnswers(stack.region, given)
    with project.entered(), stdout_kept(), unanswered_addresses(answers.kubernetes.no_answer):
        stand_ins = {key: text(value) for key, value in Given(given).config.items()}
        config = {API_CIDRS_KEY: json.dumps([ADDRESS_NOT_GIVEN]), **stack.config, **stand_ins}
        keys = engine.ReadKeys({key: value for key, value in config.items() if key != f"{project.name}:{PLAN_KEY}"})
        try:
            recording = _run(project, stack, answers, keys, preview)
        except (Exception, SystemExit) as error:
            told = [stack.located(line) for line in _told(error, project, stack)]
            problems = stack.in_order([*stack.problems, *told, *_misspelt(project, stack, keys)])
            if isinstance(error, Unanswered) and not stack.problems:
                raise Unanswerable(problems, error.asked) from error
            raise InputError(problems) from error
    if wrong := [*stack.problems, *_misspelt(project, stack, keys)]:
        raise InputError(stack.in_order(wrong))
    recording.graph = answers.kubernetes.added_to(recording.graph)
    recording.log += [("warning", line) for line in _unread(project, stack, keys)]
    if waited := [f"{name} of {each.type} {each.name}" for each in recording.graph for name in each.wanted]:
        told = f"nobody knows {', '.join(waited)} before an update, so what waits for it is left out"
        recording.log.append(("info", f"{told}: an answer can be given in {ANSWERS_FILE}, under resources"))
    recording.region = answers.account.region
    recording.graph = recording.graph.with_unread(_environments(stack))
    return recording, sorted(answers.account.assumed)


def _run(
    project: Project, stack: StackConfig, answers: CatalogAnswers, keys: engine.ReadKeys, preview: bool
) -> Recording:
    """In this process for Python, else in the language's own."""
    if project.runtime == PYTHON:
        return engine.run(
            project.main,
            answers,
            config=keys,
            secret_keys=stack.secret_keys,
            project=project.name,
            stack=stack.name,
            preview=preview,
            root_directory=str(project.root),
        )
    return served_run.run(
        served_run.HOSTS[project.runtime],
        answers,
        config=keys,
        secret_keys=stack.secret_keys,
        project=project.name,
        stack=stack.name,
        preview=preview,
        root=project.root,
        folder=project.folder,
        entry=project.entry,
        options=dict(project.options),
    )


def _environments(stack: StackConfig) -> Iterable[Unread]:
    """What the stack imports from Pulumi ESC."""
    if stack.environments:
        yield Unread(
            f"{stack.file.name}: environment",
            "values",
            f"the values of {', '.join(stack.environments)} are kept in Pulumi ESC, which needs a login",
            f"give those that the program reads in {ANSWERS_FILE}, under config",
        )


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


def _told(error: BaseException, project: Project, stack: StackConfig) -> list[str]:
    """An error of the program as lines for its user."""
    if isinstance(error, pulumi.ConfigMissingError):  # a RunError whose second line is about `pulumi config set`
        of = f"; it may be one of {', '.join(stack.environments)}: {_GIVE}" if stack.environments else ""
        return [f"{str(error).splitlines()[0]}{of}"]
    if isinstance(error, pulumi.ConfigTypeError) and error.key in stack.secret_keys:
        wanted = str(error).rpartition(" not a valid ")[2]
        told = f"{error.key} is encrypted, and the program wants {wanted or 'a value'} of it, so the plan needs one"
        return [f"{stack.place(error.key)}: {told}: {_GIVE}"]
    if isinstance(error, NoRegion):
        variables = " or ".join(REGION_VARIABLES)
        told = f"{REGION_KEY} is required for {error}, where {variables} and no provider of the program says a region"
        return [f"{stack.place(REGION_KEY)}: {told}"]
    if isinstance(error, Unanswered):
        after = error.__cause__
        then = (
            [f"after that, on stand-ins: {line}" for line in _told(after, project, stack)] if after is not None else []
        )
        return [*str(error).splitlines(), *then]
    if isinstance(error, pulumi.RunError | DuplicateUrn | InputError):
        return [_with_way_out(line, stack) for line in str(error).splitlines()]
    if isinstance(error, TimeoutError):
        return ["the program did not end within 5 minutes"]
    place = _place(error, project) or getattr(error, PLACE, "")
    if problems := getattr(error, "problems", None):  # a component's args, checked by the library
        return [f"{place}{problem}" for problem in problems]
    if isinstance(error, SystemExit):
        return [f"{place}the program ended itself with exit code {error.code}"]
    notes = [*getattr(error, "__notes__", ())]
    if MASK in str(error) and stack.secret_keys:
        notes.append(f"{MASK} stands for what is encrypted, as {', '.join(sorted(stack.secret_keys))}: {_GIVE}")
    return ["; ".join([f"{place}{type(error).__name__}: {str(error) or 'no message'}", *notes])]


def _with_way_out(told: str, stack: StackConfig) -> str:
    """What another language's SDK says of a value of the configuration, with what can be done about it."""
    wrong = re.match(r"Configuration '([^']+)' value '.*' is not a valid (\S+(?: \S+)?)", told)
    if wrong and wrong[1] in stack.secret_keys:
        told = f"{wrong[1]} is encrypted, and the program wants a {wrong[2]} of it, so the plan needs one"
        return f"{stack.place(wrong[1])}: {told}: {_GIVE}"
    return f"{stack.place(wrong[1])}: {told}" if wrong else told


def _place(error: BaseException, project: Project) -> str:
    """`__main__.py:12: `, the last line of the program's own that the error went through."""
    root = project.root.resolve()
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename).resolve()
        if not frame.filename.startswith("<") and root in file.parents and "site-packages" not in file.parts:
            return f"{file.relative_to(root)}:{frame.lineno}: "
    return ""
