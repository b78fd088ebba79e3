"""Plans for pages: a small stack by hand, with one finding of each kind, and what an older plan of it said."""

import json
from dataclasses import replace
from typing import Any

from eks_gpu.checks import Finding
from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.plan.changes import Changes, compare
from eks_gpu.plan.plan import Plan
from eks_gpu.plan.saved_plans import Snapshot
from tests.graphs import analysed, healthy, resource

FAILING = Finding("gpu-pools-are-capped", "gpu", False, "nothing limits it", "error", "give it a maximum")
WARNING = Finding("maximum-within-budget", "stack", False, "the maximum is dear", "warning", "lower max_gpus")
WAIVED = Finding("nodes-require-imdsv2", "gpu", False, "a pod may read", "error", "require it", "an old agent needs it")
UNJUDGED = Finding("one-zone-a-gpu-group", "gpu", None, "it needs subnetIds of gpu, which only pulumi up will tell")
LEFT = [resource("aws:ec2/fleet:Fleet", "spare", {}), resource("aws:ec2/fleet:Fleet", "more", {})]
"""What is not read of a stack."""


def plan(*resources: Resource, stack: str = "dev") -> Plan:
    """Of these resources, or of a stack in which every check holds."""
    found = resources or healthy()
    return Plan("shop", stack, "us-west-2", Graph(found), analysed(*found), ["zone names are as we know them"], [])


def with_findings(of: Plan, *findings: Finding) -> Plan:
    """The same plan, where these checks say this of their subjects."""
    said = {(finding.id, finding.subject) for finding in findings}
    kept = [finding for finding in of.analysis.findings if (finding.id, finding.subject) not in said]
    return replace(of, analysis=replace(of.analysis, findings=[*findings, *kept]))


def every_kind() -> Plan:
    """One failure, one warning, one that is waived, one without a verdict, and all that hold."""
    return with_findings(plan(), FAILING, WARNING, WAIVED, UNJUDGED)


def partly_read() -> Plan:
    """A stack of which two fleets are not read."""
    return plan(*healthy(), *LEFT)


def saved(of: Plan) -> dict[str, Any]:
    """What `plan --json` writes."""
    return json.loads(json.dumps(of.as_json()))


def older() -> dict[str, Any]:
    """The plan of before: a smaller pool, one that is gone, a check that failed, and a cheaper maximum."""
    before = saved(plan())
    before["pools"][0] |= {"max_nodes": 2, "max_gpus": 2, "instance_types": ["g4dn.xlarge", "p3.2xlarge"]}
    before["pools"].append({**before["pools"][0], "name": "gone"})
    before["checks"][0]["passed"] = False
    before["cost"]["max"]["hourly"] -= 1
    before["cost"]["max"]["monthly"] -= 730
    return before


def changes() -> Changes:
    """From `older` to `every_kind`."""
    return compare(Snapshot.model_validate(older()), Snapshot.model_validate(saved(every_kind())))
