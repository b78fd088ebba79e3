"""Answers of the simulated cloud to a program that runs offline: outputs of resources, results of look-ups.

The user's own (`plan-answers.yaml`) come first, then the catalog's. Where neither has one, an output is unknown, as it
is in a preview, and so is the result of a look-up, whose question is kept.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.regions import region_of
from eks_gpu.offline.account import Account, Properties, shown, unanswered
from eks_gpu.offline.given import Given
from eks_gpu.offline.invokes import INVOKES
from eks_gpu.offline.kubernetes_children import COMPONENTS, RELEASE, KubernetesChildren
from eks_gpu.offline.provider_outputs import kubeconfig_of, outputs_of
from eks_gpu.offline.questions import NoRegion, Unanswered
from eks_gpu.offline.recorder import Recorder
from eks_gpu.offline.remote import construct, home_of
from eks_gpu.offline.remote.construction import Construction
from eks_gpu_components.catalog import regions

_PROVIDER = "pulumi:providers:aws"
_ONLY_AN_ACCOUNT_KNOWS = ("aws:ec2/getSubnet:getSubnet", "aws:ec2/getSubnets:getSubnets")


class CatalogAnswers:
    """Answers for one stack. `given` holds the user's own, as in `plan-answers.yaml`.

    Without a region the first explicit provider of AWS says it.
    """

    def __init__(self, region: str, given: Mapping[str, Any] | None = None):
        self.account = Account(region)
        self._given = Given(given or {})
        self.kubernetes = KubernetesChildren()

    def outputs(self, resource: Resource, recorder: Recorder) -> Properties:
        if resource.type == _PROVIDER and not self.account.region:
            self.account.region = str(resource.inputs.get("region", ""))
        place = f"{recorder.places[resource.urn]}: " if recorder.places.get(resource.urn) else ""
        if resource.type in COMPONENTS:
            return self.kubernetes.outputs(resource, recorder, place)
        account = self.account.at(region_of(resource, recorder.recorded.get, self.account.region))
        self._located(resource.type, account)
        given = self._given.outputs(resource)
        if not resource.custom:
            return given
        # A name that is unknown is no output either; id and ARN stand in, so that others can be found by them.
        found = {**outputs_of(account, resource, recorder)}
        if resource.type == RELEASE:
            found |= self.kubernetes.release(resource, place)
        return {**{name: value for name, value in found.items() if name not in resource.unknown}, **given}

    def construct(self, component: Resource, inputs: Properties, recorder: Recorder) -> Properties:
        """The outputs of a remote component: the user's, else what the planner makes of its provider."""
        account = self.account.at(region_of(component, recorder.recorded.get, self.account.region))
        self._located(component.type, account)
        made = construct(
            Construction(component, inputs, recorder, account, self._looked_up_in(account.region, recorder))
        )
        return {**made, **self._given.outputs(component)}

    def home(self, type_: str, inputs: Properties) -> str:
        """URN of the resource that a remote component gets for its parent; empty where the program decides."""
        return home_of(type_, inputs)

    def _looked_up_in(self, region: str, recorder: Recorder) -> Callable[[str, Properties], Properties | None]:
        def looked_up(token: str, args: Properties) -> Properties | None:
            try:
                result = self.invoke(token, args, region)
            except Unanswered:
                return None
            recorder.note_look_up(token, args, result, region)
            return result

        return looked_up

    def _located(self, token: str, account: Account) -> None:
        """Raises NoRegion for something of AWS where nothing says a region."""
        if token.startswith(("aws:", "eks:")) and not account.region:
            raise NoRegion(token)

    def invoke(self, token: str, args: Properties, region: str = "", *, in_part: bool = False) -> Properties:
        given = self._given.result(token, args)
        if given is not None:
            return given
        if in_part and token in INVOKES and token not in _ONLY_AN_ACCOUNT_KNOWS:  # it will be known with its arguments
            raise Unanswered("")
        if token == "kubernetes:helm:template":
            return self.kubernetes.template(args)
        if token == "kubernetes:kustomize:directory":
            return self.kubernetes.kustomize(args)
        own = str(args.get("region") or "")  # since pulumi-aws 7 a look-up may name its region
        account = self.account.at(own if own in regions() else region or self.account.region)
        self._located(token, account)
        answer = INVOKES.get(token)
        if answer is None:
            raise unanswered(token, f"the function {token}({shown(args)})", args)
        return answer(account, args)

    def call(self, token: str, args: Properties) -> Properties:
        given = self._given.result(token, args)
        if given is not None:
            return given
        if token == "eks:index:Cluster/getKubeconfig":
            return {"result": json.dumps(kubeconfig_of("cluster", self.account.region))}
        raise unanswered(token, f"the method {token}({shown(args)})", args)

    def read(self, resource: Resource, id_: str) -> Properties:
        if resource.type == "pulumi:pulumi:StackReference":
            name = str(resource.inputs.get("name", resource.name))
            outputs = self._given.stack(name)
            if outputs is None:
                raise unanswered(f"stack {name}", f"the outputs of stack {name}")
            return {"name": name, "outputs": outputs, "secretOutputNames": []}
        return self._given.state(resource.type, id_) or self._given.outputs(resource)
