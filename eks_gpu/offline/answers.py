"""Answers of the simulated cloud to a program that runs offline: outputs of resources, results of look-ups.

Where the catalog has no answer the run stops with the token and the way to give one (`plan-answers.yaml`).
"""

import json
from collections.abc import Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.offline.account import Account, Properties, shown, unanswered
from eks_gpu.offline.invokes import INVOKES
from eks_gpu.offline.provider_outputs import kubeconfig_of, outputs_of
from eks_gpu.offline.recorder import Recorder
from eks_gpu.offline.sdk_types import example, required_outputs


class CatalogAnswers:
    """Answers for one stack. `given` holds the user's own, by token: a result, or for a StackReference its outputs."""

    def __init__(self, region: str, given: Mapping[str, Any] | None = None):
        self.account = Account(region)
        self._given = dict(given or {})

    def outputs(self, resource: Resource, recorder: Recorder) -> Properties:
        if not resource.custom and not resource.type.startswith("eks:"):
            return {}
        found = outputs_of(self.account, resource, recorder)
        return {**self._declared(resource, {**resource.inputs, **found}), **found}

    def _declared(self, resource: Resource, known: Properties) -> Properties:
        """A stand-in for each output that every instance has and nobody here knows."""
        if not resource.custom or resource.type.startswith(("kubernetes:", "pulumi:")):
            return {}
        missing = {name: tp for name, tp in required_outputs(resource.type).items() if known.get(name) is None}
        values = {name: example(tp, f"{resource.name}.{name}") for name, tp in missing.items()}
        return {name: value for name, value in values.items() if value is not None}

    def invoke(self, token: str, args: Properties) -> Properties:
        if token in self._given:
            return self._given[token]
        answer = INVOKES.get(token)
        if answer is None:
            raise unanswered(token, f"the function {token}({shown(args)})")
        return answer(self.account, args)

    def call(self, token: str, args: Properties) -> Properties:
        if token in self._given:
            return self._given[token]
        if token == "eks:index:Cluster/getKubeconfig":
            return {"result": json.dumps(kubeconfig_of("cluster", self.account.region))}
        raise unanswered(token, f"the method {token}({shown(args)})")

    def read(self, resource: Resource, id_: str) -> Properties:
        if resource.type == "pulumi:pulumi:StackReference":
            name = str(resource.inputs.get("name", resource.name))
            key = f"stack {name}"
            if key not in self._given:
                raise unanswered(key, f"the outputs of stack {name}")
            return {"name": name, "outputs": self._given[key], "secretOutputNames": []}
        given = self._given.get(f"{resource.type} {id_}")
        return given if given is not None else self._declared(resource, {})
