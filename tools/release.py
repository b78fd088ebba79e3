"""Whether a release can be made, and its packages: `python -m tools.release`. It uploads nothing and makes no tag.

    python -m tools.release --dry      what can be told of a checkout at any time; `make test` does so
    python -m tools.release            also the tag, the changelog's section and a clean tree; the packages in dist/

Exit code 1 if something is in the way; every reason is printed.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from email import message_from_string
from email.message import Message
from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_BYTES = 2_000_000
"""Of the wheel."""
SCHEMA = "tests/schema.json"
UNRELEASED = "Unreleased"


def version(root: Path = ROOT) -> str:
    """The one in pyproject.toml, which is the only place that has it."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


# --- what is in the way, a sentence each ------------------------------------------------------------------------------


def of_version(root: Path) -> Iterator[str]:
    """`pulumi package add` takes a pre-release for a commit, so there is none."""
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version(root)):
        yield f"pyproject.toml: version must be three numbers, got {version(root)}"


def of_schema(root: Path) -> Iterator[str]:
    """The recorded schema is that of this version; that it is also that of the components is a test of its own."""
    recorded = json.loads((root / SCHEMA).read_text(encoding="utf-8")).get("version")
    if recorded != version(root):
        yield f"{SCHEMA}: version must be {version(root)}, got {recorded}: python -m tests.test_package"


def of_template(root: Path) -> Iterator[str]:
    for file in sorted(root.glob("templates/*/requirements.txt")):
        text = file.read_text(encoding="utf-8").strip()
        if text != f"eks-gpu-components=={version(root)}":
            name = file.relative_to(root).as_posix()
            yield f"{name}: must be eks-gpu-components=={version(root)}, got {text}"


def of_addresses(root: Path) -> Iterator[str]:
    """`.example` is a domain that nobody has: the placeholders."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for label, url in project["urls"].items():
        if re.match(r"https?://[^/]*\.example(/|$)", url):
            yield f"pyproject.toml: project.urls.{label} is a placeholder, {url}: set it where you publish"


def of_changelog(root: Path) -> Iterator[str]:
    sections = changelog((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    dated = [title for title in sections if title.split(" ")[0] == version(root)]
    if not dated:
        yield f"CHANGELOG.md: has no section `## {version(root)} (YYYY-MM-DD)`; rename `## {UNRELEASED}`"
    for title in dated:
        if not re.fullmatch(rf"{re.escape(version(root))} \(\d{{4}}-\d\d-\d\d\)", title):
            yield f"CHANGELOG.md: `## {title}` must be `## {version(root)} (YYYY-MM-DD)`"
        if not sections[title]:
            yield f"CHANGELOG.md: `## {title}` is empty"
    if dated and sections.get(UNRELEASED):
        yield f"CHANGELOG.md: `## {UNRELEASED}` must be empty, and has {len(sections[UNRELEASED])} lines"


def changelog(text: str) -> dict[str, list[str]]:
    """Title of each section -> its lines that are not empty."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    sections = zip(parts[::2], parts[1::2], strict=True)
    return {title.strip(): [line for line in body.splitlines() if line.strip()] for title, body in sections}


def of_tree(root: Path) -> Iterator[str]:
    if not (root / ".git").exists():
        yield f"{root} must be a checkout"
        return
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        yield f"the tree must be clean: {len(changed)} files are changed or new, such as {changed[0][3:]}"


def of_tag(root: Path) -> Iterator[str]:
    tags = _git(root, "tag", "--points-at", "HEAD").split() if (root / ".git").exists() else []
    if f"v{version(root)}" not in tags:
        yield f"the commit must have the tag v{version(root)}, and has {', '.join(tags) or 'none'}"


def of_packages(folder: Path, root: Path) -> Iterator[str]:
    """What an index refuses, or shows wrongly: names, metadata, the page and the size."""
    wheels, sdists = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    stem = f"eks_gpu_components-{version(root)}"
    if [file.name for file in (*wheels, *sdists)] != [f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"]:
        yield f"{folder}: must have the wheel and the sources of {version(root)} alone"
        return
    if wheels[0].stat().st_size >= MOST_BYTES:
        yield f"{wheels[0].name}: must be under {MOST_BYTES:,} bytes, got {wheels[0].stat().st_size:,}"
    for name, metadata in (("the wheel", _of_wheel(wheels[0])), ("the sources", _of_sdist(sdists[0]))):
        page = str(metadata.get_payload())
        if metadata["Version"] != version(root):
            yield f"{name}: version must be {version(root)}, got {metadata['Version']}"
        if metadata["Description-Content-Type"] != "text/markdown" or not page.strip():
            yield f"{name}: has no page in Markdown"
        relative = [link for link in re.findall(r"\]\(([^)\s]+)\)", page) if not re.match(r"https://|#|mailto:", link)]
        if relative:
            yield f"{name}: its page has links that lead nowhere, such as {relative[0]}"
        for field in ("License-Expression", "Maintainer", "Requires-Python", "Project-URL", "Summary"):
            if not metadata[field]:
                yield f"{name}: {field} is missing"


def _of_wheel(file: Path) -> Message:
    with zipfile.ZipFile(file) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


def _of_sdist(file: Path) -> Message:
    with tarfile.open(file) as archive:
        (name,) = [name for name in archive.getnames() if re.fullmatch(r"[^/]+/PKG-INFO", name)]
        found = archive.extractfile(name)
        return message_from_string(found.read().decode() if found else "")


ALWAYS: tuple[Callable[[Path], Iterator[str]], ...] = (of_version, of_schema, of_template)
"""What holds on every commit."""
AT_RELEASE = (of_addresses, of_changelog, of_tree, of_tag)
"""What holds on the commit of a release alone."""


# --- the run ----------------------------------------------------------------------------------------------------------


def build(root: Path, out: Path) -> Iterator[str]:
    """The packages, twice: the same sources are the same bytes."""
    out.mkdir(exist_ok=True)
    for old in (*out.glob("*.whl"), *out.glob("*.tar.gz")):
        old.unlink()
    with tempfile.TemporaryDirectory() as again:
        for folder in (out, Path(again)):
            command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(root)]
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode:
                yield f"the packages cannot be built: {(ran.stderr or ran.stdout).strip().splitlines()[-1]}"
                return
        for file in sorted(out.glob("eks_gpu_components-*")):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            print(f"sha256:{digest}  {file}")
            if hashlib.sha256((Path(again) / file.name).read_bytes()).hexdigest() != digest:
                yield f"{file.name}: a second build has other bytes"


def problems(root: Path, out: Path, dry: bool) -> list[str]:
    found = [line for check in ALWAYS for line in check(root)]
    if dry:
        return found
    found += [line for check in AT_RELEASE for line in check(root)]
    if not found:
        found += [*build(root, out)] or [*of_packages(out, root)]
    return found


def _git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="only what can be told of a checkout at any time")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    found = problems(given.root, given.root / "dist", given.dry)
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    if given.dry and not found:
        later = [line for check in AT_RELEASE for line in check(given.root)]
        for line in later:
            print(f"before the release: {line}")
    if not found:
        print(f"{version(given.root)}: {'nothing is in the way so far' if given.dry else 'can be published'}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
