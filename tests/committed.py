"""What tests judge: the files that git tracks, with each project's settings as they are committed.

A checkout is also somebody's place of work: it has settings for an account, stacks that nobody else has, notes and
half-written modules. None of them is this project's, and no test may fail, or pass, because of them. Code is judged as
it stands in the folder, so that a change can be tested before it is committed; `Pulumi.yaml` and `Pulumi.<stack>.yaml`
are judged as they are in the last commit.
"""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from tests.session import session

CHECKOUT = Path(__file__).resolve().parent.parent


@cache
def committed() -> Path:
    """Folder with a copy of what tests judge, the same for all processes of a test session."""
    return session(_furnish) / "committed"


def _furnish(folder: Path) -> None:
    export(folder / "committed")
    (folder / "committed" / ".venv").symlink_to(CHECKOUT / ".venv")  # where the type checker finds what is installed


def export(folder: Path) -> None:
    """Copies what tests judge into a folder."""
    settings = _git("archive", "HEAD", "--", ":(glob)**/Pulumi.*") if _tracked() else None
    for name in files():
        if settings is None or not fnmatch(Path(name).name, "Pulumi.*"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    if settings:
        with tarfile.open(fileobj=io.BytesIO(settings)) as archive:
            archive.extractall(folder, filter="data")


def files(*suffixes: str) -> list[str]:
    """Paths of the project's own files that there are, relative to the checkout; of these suffixes if any are given."""
    names = _tracked() or _not_ignored()
    found = [name for name in names if name.endswith(suffixes or ("",)) and (CHECKOUT / name).is_file()]
    assert found, f"{CHECKOUT} has no file {' or '.join(suffixes)}"
    return found


@cache
def _tracked() -> tuple[str, ...]:
    """Paths that git tracks, and none for a source tree without a commit, as an archive of the sources is."""
    listed = _git("ls-files", "-z") if _git("rev-parse", "HEAD") else None
    return tuple(sorted(listed.decode().split("\0")[:-1])) if listed else ()


@cache
def _not_ignored() -> tuple[str, ...]:
    """Paths of all files but those that are made: `.gitignore` names their folders, one a line."""
    ignored = [".git", *(line.strip("/") for line in (CHECKOUT / ".gitignore").read_text().split())]

    def walk(folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            if not any(fnmatch(path.name, pattern) for pattern in ignored):
                yield from walk(path) if path.is_dir() else [path]

    return tuple(sorted(path.relative_to(CHECKOUT).as_posix() for path in walk(CHECKOUT)))


def _git(*arguments: str) -> bytes | None:
    """What git prints, and None where it is not installed or refuses."""
    try:
        ran = subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return ran.stdout if ran.returncode == 0 else None
