"""Objects against Karpenter's own definitions of them, read where they are and never copied here."""

import functools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from eks_gpu.lab.go import ToolProblem
from eks_gpu.lab.toolchain import module_folder

MODULE = "github.com/aws/karpenter-provider-aws"


@functools.cache
def module() -> Path | None:
    """Karpenter's source, in the version of the chart: the Go module from which the lab builds it."""
    if not shutil.which("go"):
        return None
    try:
        return module_folder("karpenter", MODULE)
    except ToolProblem:
        return None


def folder() -> Path | None:
    """Karpenter's definitions."""
    found = module()
    return found / "pkg" / "apis" / "crds" if found else None


@functools.cache
def _schema(plural: str) -> dict[str, Any]:
    """The definition `plural` (as karpenter.sh_nodepools). Skips the test where there is none."""
    found = folder()
    if found is None:
        pytest.skip(f"no definition of {plural}: no Go, or no way to get {MODULE} with it")
    definition = yaml.safe_load((found / f"{plural}.yaml").read_text(encoding="utf-8"))
    (schema,) = (
        version["schema"]["openAPIV3Schema"] for version in definition["spec"]["versions"] if version["served"]
    )
    return schema


@functools.cache
def _validator(plural: str) -> Draft202012Validator:
    return Draft202012Validator(_closed(_schema(plural)))


def fields(plural: str, path: str) -> set[str]:
    """Fields that a definition has at a path, as spec.disruption."""
    schema = _schema(plural)
    for key in path.split("."):
        schema = schema["properties"][key]
    return set(schema["properties"])


def problems(plural: str, manifest: Mapping[str, Any]) -> list[str]:
    """What a definition refuses of a manifest."""
    return [f"{error.json_path}: {error.message}" for error in _validator(plural).iter_errors(manifest)]


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
