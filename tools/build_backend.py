"""What builds the packages: setuptools, with README.md's links made absolute, and archives that are the same each time.

pyproject.toml names it as `build-backend`. The same sources give the same bytes, whoever builds them and when: entries
are sorted, and their times are SOURCE_DATE_EPOCH, or the day on which ZIP's calendar begins.
"""

import gzip
import io
import os
import re
import tarfile
import time
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import (  # the hooks that need nothing of this file
    get_requires_for_build_editable as get_requires_for_build_editable,
)
from setuptools.build_meta import get_requires_for_build_sdist as get_requires_for_build_sdist
from setuptools.build_meta import get_requires_for_build_wheel as get_requires_for_build_wheel

README, LONG_DESCRIPTION = Path("README.md"), Path("build/long_description.md")
"""pyproject.toml names the second as the project's readme."""
EPOCH = "SOURCE_DATE_EPOCH"
"""Environment variable with seconds since 1970. Source: reproducible-builds.org, its specification."""
FIRST_DAY_OF_ZIP = 315_532_800
"""1980-01-01: the ZIP format knows no earlier day."""
_LINK = re.compile(r"(!?\[[^\]]*\]\()(?![a-z]+:|#)([^)\s]+)\)")


def absolute_links(text: str, source: str, tag: str) -> str:
    """Markdown whose relative links lead to the tag in the repository at `source`: a package's page has no folders."""

    def moved(link: re.Match[str]) -> str:
        way = "raw" if link[1].startswith("!") else "blob"
        return f"{link[1]}{source}/{way}/{tag}/{link[2]})"

    return _LINK.sub(moved, text)


@contextmanager
def _prepared() -> Iterator[None]:
    """README.md as the long description, and a time for what setuptools packs."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = absolute_links(README.read_text(encoding="utf-8"), project["urls"]["Source"], f"v{project['version']}")
    LONG_DESCRIPTION.parent.mkdir(exist_ok=True)
    LONG_DESCRIPTION.write_text(text, encoding="utf-8")
    before = os.environ.get(EPOCH)
    os.environ[EPOCH] = str(_epoch())
    try:
        yield
    finally:
        if before is None:
            del os.environ[EPOCH]
        else:
            os.environ[EPOCH] = before


def _epoch() -> int:
    return max(int(os.environ.get(EPOCH) or 0), FIRST_DAY_OF_ZIP)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with _prepared():
        return build_meta.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    with _prepared():
        return build_meta.prepare_metadata_for_build_editable(metadata_directory, config_settings)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    with _prepared():
        return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with _prepared():
        name = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
        repack_wheel(Path(wheel_directory) / name)
    return name


def build_sdist(sdist_directory, config_settings=None):
    with _prepared():
        name = build_meta.build_sdist(sdist_directory, config_settings)
        repack_sdist(Path(sdist_directory) / name)
    return name


def repack_wheel(file: Path) -> None:
    """Its entries in the order of their names, those about the wheel last, with one time and one mode."""
    with zipfile.ZipFile(file) as wheel:
        entries = [(entry.filename, wheel.read(entry)) for entry in wheel.infolist() if not entry.is_dir()]
    entries.sort(key=lambda entry: (".dist-info/" in entry[0], entry[0].endswith("/RECORD"), entry[0]))
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in entries:
            entry = zipfile.ZipInfo(name, time.gmtime(_epoch())[:6])
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            wheel.writestr(entry, data)


def repack_sdist(file: Path) -> None:
    """The same for a source distribution, whose files belong to nobody."""
    with tarfile.open(file) as sdist:
        found = [(entry, sdist.extractfile(entry)) for entry in sdist.getmembers() if entry.isfile()]
        entries = [(entry, data.read()) for entry, data in found if data]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as sdist:
        for old, data in sorted(entries, key=lambda entry: entry[0].name):
            entry = tarfile.TarInfo(old.name)
            entry.size, entry.mtime, entry.mode = len(data), _epoch(), 0o755 if old.mode & 0o100 else 0o644
            sdist.addfile(entry, io.BytesIO(data))
    with file.open("wb") as opened, gzip.GzipFile("", "wb", fileobj=opened, mtime=_epoch()) as compressed:
        compressed.write(packed.getvalue())
