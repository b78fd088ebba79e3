"""Objects against Karpenter's own definitions of them, read where they are and never copied here."""

import functools
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from components.catalog import KARPENTER_CHART

BESIDE = Path(__file__).parents[2] / "shared" / "data" / "crds"
MODULE = f"github.com/aws/karpenter-provider-aws@v{KARPENTER_CHART.version}"


@functools.cache
def folder() -> Path | None:
    """Beside the checkout, or in the Go module of the chart's version."""
    if BESIDE.is_dir():
        return BESIDE
    if not shutil.which("go"):
        return None
    told = subprocess.run(
        ["go", "mod", "download", "-json", MODULE], cwd="/", capture_output=True, text=True, timeout=300, check=False
    )
    crds = Path(json.loads(told.stdout or "{}").get("Dir", "/nowhere")) / "pkg" / "apis" / "crds"
    return crds if crds.is_dir() else None


@functools.cache
def _validator(plural: str) -> Draft202012Validator | None:
    found = folder()
    if found is None:
        return None
    definition = yaml.safe_load((found / f"{plural}.yaml").read_text(encoding="utf-8"))
    (schema,) = (
        version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"] if version["served"]
    )
    return Draft202012Validator(_closed(schema))


def problems(plural: str, manifest: Mapping[str, Any]) -> list[str]:
    """What the definition `plural` (as karpenter.sh_nodepools) refuses of a manifest. Skips where there is none."""
    validator = _validator(plural)
    if validator is None:
        pytest.skip(f"no definition of {plural} beside the checkout, and no Go to get {MODULE} with")
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


def _closed(schema: Any) -> Any:
    """Refuses keys that it does not name, as the API server does when it is asked to be strict."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed
