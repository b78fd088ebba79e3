"""What node groups are given in tests: a cluster and subnets of us-west-2 under the catalog's zone names."""

import re
from pathlib import Path
from typing import Any

from eks_gpu.offline.answers import CatalogAnswers

CLUSTER: Any = {
    "name": "gaia",
    "endpoint": "https://gaia.example",
    "certificate_authority": "Y2VydGlmaWNhdGU=",
    "service_cidr": "172.20.0.0/16",
    "kubernetes_version": "1.35",
    "vpc_id": "vpc-1",
    "region": "us-west-2",
    "security_group_id": "sg-1",
}


def subnet(letter: str) -> Any:
    zone_id = {"a": "usw2-az2", "b": "usw2-az1", "c": "usw2-az3", "d": "usw2-az4"}[letter]
    return {"zone": f"us-west-2{letter}", "zone_id": zone_id, "subnet_id": f"subnet-{letter}"}


def subnets(letters: str) -> Any:
    return [subnet(letter) for letter in letters]


def released(minor: str, variant: str) -> str:
    """The offline run's answer for the newest release of an AL2023 image."""
    name = f"/aws/service/eks/optimized-ami/{minor}/amazon-linux-2023/x86_64/{variant}/recommended/release_version"
    return CatalogAnswers("us-west-2").invoke("aws:ssm/getParameter:getParameter", {"name": name})["insecureValue"]


def example(page: str, language: str = "python") -> str:
    """The first example in that language on a page of docs/."""
    text = (Path(__file__).parent.parent / "docs" / f"{page}.md").read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found, page
    return found[1]
