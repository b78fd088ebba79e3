"""The destination of an answer: a file, or stdout for `-`."""

import json
import sys
from pathlib import Path
from typing import Any

from eks_gpu.io.problems import InputError

STDOUT = Path("-")


def write_json(file: Path | None, answer: Any) -> None:
    """Nowhere for None. Raises InputError for a file that cannot be written."""
    if file:
        write(file, json.dumps(answer, indent=2, ensure_ascii=False) + "\n")


def write(file: Path, text: str) -> None:
    """Raises InputError for a file that cannot be written."""
    if file == STDOUT:
        sys.stdout.write(text)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file}: cannot be written: {error.strerror}") from None
