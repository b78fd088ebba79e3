"""Rebuild branch_interfaces.csv beside this file, which tools/refresh_catalog.py reads.

python -m tools.branch_interfaces

How many branch interfaces a type has, DescribeInstanceTypes does not tell. Karpenter has a table of them, from AWS; it
is asked for every type that moto knows, through the lab's program karpenter-nodes, which is built if it is not there.
"""

import csv
from pathlib import Path

from moto.ec2.models.instance_types import INSTANCE_TYPES

from eks_gpu.lab.karpenter_nodes import Case, karpenters_nodes
from tools.refresh_catalog import BASE_REGION, TOOLS, say

POD_ENI = "vpc.amazonaws.com/pod-eni"


def branch_interfaces() -> dict[str, int]:
    """Instance type -> branch interfaces, of types that have some."""
    case = Case(name="any", spec={"amiSelectorTerms": [{"alias": "al2023@latest"}]})
    nodes = karpenters_nodes([case], INSTANCE_TYPES.values(), BASE_REGION)[case.name]
    return {name: count for name, node in sorted(nodes.items()) if (count := node.capacity[POD_ENI])}


def main(file: Path = TOOLS / "branch_interfaces.csv") -> None:
    found = branch_interfaces()
    with file.open("w", newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["type", "branch_interfaces"])
        rows.writerows(found.items())
    say(f"{file}: {len(found)} types")


if __name__ == "__main__":
    main()
