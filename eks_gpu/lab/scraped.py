"""Where the lab's programs expose their metrics, as files that Prometheus reads again and again.

Source: Prometheus 3.16, file_sd_config: a list of `targets` and `labels`.
"""

import json
from enum import StrEnum
from pathlib import Path

from eks_gpu.lab.ports import LOOPBACK
from eks_gpu.lab.state import Lab


class Way(StrEnum):
    """How Prometheus asks, and what it takes for the labels of the series."""

    PLAIN = "plain"
    """Over HTTP; the target's labels win."""
    ABOUT_OTHERS = "about-others"
    """Over HTTP; the series' own labels win, because they tell of other objects."""
    SECRET = "secret"
    """Over TLS, as an administrator."""


def folder(lab: Lab) -> Path:
    """Where the files of all programs are."""
    return lab.folder / "scraped"


def expose(lab: Lab, job: str, port: int, way: Way = Way.PLAIN) -> None:
    """Says that a program answers `/metrics` on a port of this machine. `job` becomes the label of its series."""
    folder(lab).mkdir(exist_ok=True)
    target = [{"targets": [f"{LOOPBACK}:{port}"], "labels": {"job": job}}]
    (folder(lab) / f"{way}.{job}.json").write_text(json.dumps(target), encoding="utf-8")
