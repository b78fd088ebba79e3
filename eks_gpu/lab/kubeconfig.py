"""The kubeconfig that a person and the lab's own controllers use."""

import json
from base64 import b64encode
from typing import Any

from eks_gpu.lab.state import Lab


def kubeconfig(lab: Lab) -> dict[str, Any]:
    """One context, `lab`, whose user may do everything."""
    authority = b64encode(lab.certificate.read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": lab.server, "certificate-authority-data": authority}}],
        "users": [{"name": "lab", "user": {"token": lab.token}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}],
        "current-context": "lab",
    }


def write_kubeconfig(lab: Lab) -> None:
    """Readable for its owner alone: the token in it opens the cluster."""
    lab.kubeconfig.touch(mode=0o600)
    lab.kubeconfig.write_text(json.dumps(kubeconfig(lab), indent=2), encoding="utf-8")  # JSON is YAML
