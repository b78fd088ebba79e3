"""The run of a program in another language: the recorder is served, and the program is a process that asks it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from eks_gpu.io.problems import InputError
from eks_gpu.offline.languages import go_program, nodejs, yaml_program
from eks_gpu.offline.languages.started import Ended, Start
from eks_gpu.offline.packaged import PACKAGE, Packaged
from eks_gpu.offline.program_run import ReadKeys, Recording, unanswered
from eks_gpu.offline.recorder import Answers, Recorder
from eks_gpu.offline.served import serving
from eks_gpu.offline.wire import UNKNOWN

Host = Callable[[Start, list[tuple[str, str]]], Ended]
"""Runs a program; hears what the program has said to the engine."""
HOSTS: dict[str, Host] = {"go": go_program.started, "nodejs": nodejs.started, "yaml": yaml_program.started}


def run(
    host: Host,
    answers: Answers,
    *,
    config: ReadKeys,
    secret_keys: Iterable[str],
    project: str,
    stack: str,
    root: Path,
    folder: Path,
    entry: str,
    options: dict[str, Any],
    preview: bool = False,
    timeout_s: float = 300,
) -> Recording:
    """As `program_run.run`, for a program that a host runs. Raises what the recorder refused, else InputError with what
    the program says.
    """
    recorder = Recorder(answers, project, stack, preview)
    packaged = Packaged(project=project, stack=stack, config=config, secret_keys=secret_keys)
    with serving(recorder, {PACKAGE: packaged.construct}) as served, packaged:  # it ends before what it asks
        start = Start(
            project=project,
            stack=stack,
            root=root,
            folder=folder,
            entry=entry,
            config=dict(config),
            secret_keys=sorted(secret_keys),
            address=served.address,
            options=options,
            timeout_s=timeout_s,
        )
        ended = host(start, served.log)
    config.read |= set(config) if ended.read is None else ended.read
    if ended.problems:
        error = served.errors[0] if served.errors else InputError(ended.problems)
        if recorder.asked:
            raise unanswered(recorder) from error
        raise error
    recorder.applied.left_out += ended.left_out
    for type_, name, output in ended.waited:
        recorder.applied.waited.setdefault((type_, name), set()).add(output)
    said = [(severity, told.replace(UNKNOWN, "unknown")) for severity, told in served.log]
    return Recording(
        recorder.graph(),
        recorder.exports,
        [*said, *(("warning", told) for told in ended.warnings), *(("info", note) for note in ended.notes)],
        asked=tuple(recorder.questions),
        look_ups=tuple(recorder.look_ups),
    )
