"""Findings as SARIF 2.1.0, which code review shows beside the lines. Source: OASIS, SARIF v2.1.0."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from eks_gpu.checks import CHECKS, Finding
from eks_gpu.io.visible import visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


@dataclass(frozen=True)
class Told:
    """Findings of one stack."""

    findings: Sequence[Finding]
    place: Callable[[Finding], str]
    """The `file:line` of a finding; empty where there is none."""
    stack: str = ""
    """Name of the stack, by which its results are told apart; empty for one that was read from a file."""


def sarif(*stacks: Told) -> dict[str, Any]:
    """One run: a rule for each check, a result for each failure.

    A check without a verdict is an open result, of level none.
    """
    failed = [(told, finding) for told in stacks for finding in told.findings if not finding.passed]
    ids = sorted({finding.id for _, finding in failed})
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "eks-gpu",
                        "version": version("eks-gpu-components"),
                        "rules": [_rule(id_) for id_ in ids],
                    }
                },
                "results": [
                    _result(finding, ids, told, f"{told.stack}: " if len(stacks) > 1 else "")
                    for told, finding in failed
                ],
            }
        ],
    }


def _rule(id_: str) -> dict[str, Any]:
    check = CHECKS[id_]
    why = f"{check.reason} {check.details}".strip()
    rule: dict[str, Any] = {
        "id": id_,
        "shortDescription": {"text": check.reason},
        "fullDescription": {"text": why},
        "help": {"text": f"{why} Fix: {check.fix}.", "markdown": f"{why}\n\n**Fix**: {check.fix}."},
        "defaultConfiguration": {"level": check.severity},
    }
    if check.sources:
        rule["properties"] = {"sources": [source.as_json() for source in check.sources]}
    if check.link:
        rule["helpUri"] = check.link
        rule["help"]["text"] += f" See {check.link}"
        rule["help"]["markdown"] += f"\n\n[{id_}]({check.link})"
    return rule


def _literal(text: str) -> str:
    """A message whose brackets are no link (SARIF 3.11.6), as in `[more](https://…)`."""
    return visible(re.sub(r"\[([^\]]*)\](?=\()", r"\\[\1\\]", text))


def _result(finding: Finding, ids: Iterable[str], told: Told, stack: str) -> dict[str, Any]:
    fix = f" Fix: {finding.fix}." if finding.fix else ""
    of_stack = f"{told.stack}:" if told.stack else ""
    result: dict[str, Any] = {
        "ruleId": finding.id,
        "ruleIndex": list(ids).index(finding.id),
        "level": finding.severity if finding.failed else "none",
        "kind": "fail" if finding.failed else "open",
        "message": {"text": _literal(f"{stack}{finding.subject}: {finding.message}.{fix}")},
        "locations": [{"logicalLocations": [{"name": finding.subject, "kind": "resource"}]}],
        # Stays the same when lines move, so that a review does not show an old finding as a new one.
        "partialFingerprints": {"checkAndSubject/v1": f"{of_stack}{finding.id}:{finding.subject}"},
    }
    if place := told.place(finding):
        file, _, line = place.rpartition(":")
        result["locations"][0]["physicalLocation"] = {
            "artifactLocation": {"uri": quote(file), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": int(line)},
        }
    if finding.waived:
        result["suppressions"] = [{"kind": "external", "justification": finding.waived}]
    return result
