"""Run the examples of a component's page."""

import json
import re
from pathlib import Path

from eks_gpu_components.catalog import ADDRESS_NOT_GIVEN, API_CIDRS_KEY
from tests.engine import Run, run

DOCS = Path(__file__).parent.parent / "docs"


def examples(page: str) -> list[str]:
    """The Python blocks of `docs/<page>.md`."""
    return re.findall(
        r"^```python\n(.*?)^```$", (DOCS / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


LOOKED_UP = {
    "aws:eks/getCluster:getCluster": {
        "name": "gaia",
        "endpoint": "https://gaia.example",
        "version": "1.35",
        "certificateAuthorities": [{"data": "Y2E="}],
        "kubernetesNetworkConfigs": [{"serviceIpv4Cidr": "172.20.0.0/16"}],
        "vpcConfig": {"vpcId": "vpc-1", "clusterSecurityGroupId": "sg-1"},
        "identities": [{"oidcs": [{"issuer": "https://oidc.example/id/1"}]}],
    }
}
"""What examples for a cluster that exists already are told of it."""


def run_example(page: str) -> Run:
    """The page's first example as a program of its own."""
    code = compile(examples(page)[0], f"docs/{page}.md", "exec")
    planned = {API_CIDRS_KEY: json.dumps([ADDRESS_NOT_GIVEN])}
    return run(lambda: exec(code, {"__name__": "__main__"}), given=LOOKED_UP, config=planned)
