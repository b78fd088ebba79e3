"""NetworkPolicies: something in the cluster enforces them."""

from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.checks import sources
from eks_gpu.checks.names import subject
from eks_gpu.checks.pod_specs import PodSpec, pod_specs
from eks_gpu.checks.registry import Context, Problem, Said, check, verdict
from eks_gpu.checks.services import namespace_of, selected_by, services_with_selector
from eks_gpu.graph.graph import Graph
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.karpenter.objects import part
from eks_gpu.pools.clusters import COMPONENT
from eks_gpu.pools.software import ADDON, configuration
from eks_gpu_components.catalog import NETWORK_POLICY_CHARTS, NETWORK_POLICY_SETTING, VPC_CNI, VPC_CNI_CHART
from eks_gpu_components.catalog.auto_mode import NETWORK_POLICY_CONFIG, NETWORK_POLICY_KEY, NETWORK_POLICY_NAMESPACE

_CNI_COMPONENT = "eks:index:VpcCniAddon"  # of pulumi-eks
_CONFIG_MAP = (NETWORK_POLICY_NAMESPACE, NETWORK_POLICY_CONFIG)
_MAP = "/".join(_CONFIG_MAP)
_ON_OWN_NODES = f'set {NETWORK_POLICY_SETTING} to "true" in the configuration of {VPC_CNI}'
_ON_AUTO_MODE = f'make the ConfigMap {_MAP} with {NETWORK_POLICY_KEY}: "true"'


@check(
    "network-policies-have-an-enforcer",
    subject="NetworkPolicy",
    severity="warning",
    fix=f"{_ON_OWN_NODES}; on Auto Mode {_ON_AUTO_MODE}",
    relies_on=("software", "pods"),
    sources=(sources.eks_guide("cni-network-policy"),),
)
def have_an_enforcer(context: Context) -> Iterator[Said]:
    """The policy has no effect: the API server stores it, and nothing enforces it.

    The check applies if the stack creates the cluster. A configuration that cannot be read is not checked.
    """
    if not context.clusters:
        return  # what else runs in somebody else's cluster is not known
    auto_mode = any(cluster.auto_mode for cluster in context.clusters)
    enforced = _on_auto_mode(context.graph) if auto_mode else _on_own_nodes(context)
    if enforced is None:
        return
    where, fix = (f"the configuration of {VPC_CNI} has no", NETWORK_POLICY_SETTING), _ON_OWN_NODES
    if auto_mode:
        where, fix = (f"there is no ConfigMap {_MAP} with", NETWORK_POLICY_KEY), _ON_AUTO_MODE
    said = f'nothing in the stack enforces it: {" ".join(where)}: "true"'
    problem = None if enforced else Problem(said, f"{fix}, or waive this where another stack has an enforcer")
    for _, manifest in kubernetes_objects(context.graph):
        if manifest["kind"] == "NetworkPolicy" and str(manifest["apiVersion"]).startswith("networking.k8s.io/"):
            yield verdict(subject(manifest), problem, "the network of its pods enforces it")


def _on_auto_mode(graph: Graph) -> bool:
    """Whether the ConfigMap asks Auto Mode's nodes for it."""
    return any(
        part(manifest, "data").get(NETWORK_POLICY_KEY) == "true"
        for _, manifest in kubernetes_objects(graph)
        if manifest["kind"] in ("ConfigMap", "ConfigMapPatch")
        and (manifest["metadata"].get("namespace"), manifest["metadata"]["name"]) == _CONFIG_MAP
    )


def _on_own_nodes(context: Context) -> bool | None:
    """Whether a network plugin of the stack enforces them; None where the plugin's configuration is unknown."""
    if context.charts(*NETWORK_POLICY_CHARTS):
        return True
    graph = context.graph
    configured = [release.values for release in context.charts(VPC_CNI_CHART)]
    configured += [configuration(addon) for addon in graph.of(ADDON) if addon.inputs.get("addonName") == VPC_CNI]
    options = [made.inputs for made in graph.of(_CNI_COMPONENT)]
    options += [part(made.inputs, "vpcCniOptions") for made in graph.of(COMPONENT)]
    configured += [value for given in options for value in (given, given.get("configurationValues") or {})]
    if any(values and str(values.get(NETWORK_POLICY_SETTING)).lower() == "true" for values in configured):
        return True
    return None if None in configured else False


@check(
    "network-policies-let-services-through",
    subject="Service whose pods a NetworkPolicy is for",
    severity="warning",
    fix="add an ingress rule for the port to a policy of the pods",
    sources=(sources.kubernetes("network-policies"),),
)
def let_services_through(context: Context) -> Iterator[Said]:
    """Nobody gets an answer: the pods are behind policies of which none lets anybody in on the Service's port.

    The check adds up the policies that are for a pod, and looks at ports alone. Who may connect is not followed.
    """
    specs = list(pod_specs(context.graph))
    policies = [manifest for _, manifest in kubernetes_objects(context.graph) if _limits_ingress(manifest)]
    for service in services_with_selector(context):
        problems, judged = [], False
        for pod in selected_by(service, specs):
            over = [policy for policy in policies if _is_for(policy, pod)]
            judged = judged or bool(over)
            shut = [str(port) for port in _ports(service, pod) if over and not any(_opens(one, port) for one in over)]
            names = ", ".join(str(policy["metadata"]["name"]) for policy in over)
            problems += [Problem(f"NetworkPolicy {names} lets nobody in on {', '.join(shut)}")] if shut else []
        if judged:
            yield verdict(subject(service), problems, "a policy lets its port through")


def _limits_ingress(manifest: Mapping[str, Any]) -> bool:
    spec = part(manifest, "spec")
    return manifest["kind"] == "NetworkPolicy" and "Ingress" in (spec.get("policyTypes") or ["Ingress"])


def _is_for(policy: Mapping[str, Any], pod: PodSpec) -> bool:
    """Whether a policy is for the pods for sure: one with expressions may not be."""
    selector = part(policy, "spec", "podSelector")
    wanted = part(selector, "matchLabels").items()
    named = not selector.get("matchExpressions") and wanted <= dict(pod.labels).items()
    return namespace_of(policy) == pod.namespace and named


def _ports(service: Mapping[str, Any], pod: PodSpec) -> Iterator[int]:
    """Numbers of the ports that a Service leads to, as far as the pod's containers say."""
    named = {port.get("name"): port.get("containerPort") for one in pod.containers for port in one.get("ports") or ()}
    for port in part(service, "spec").get("ports") or ():
        target = port.get("targetPort") or port.get("port")
        number = named.get(target, target)
        if str(number).isdigit():
            yield int(str(number))


def _opens(policy: Mapping[str, Any], port: int) -> bool:
    for rule in part(policy, "spec").get("ingress") or ():
        given = rule.get("ports")
        if not given:
            return True
        for one in given:
            first = one.get("port")
            if first is None or not str(first).isdigit():  # a name is that of a container's port
                return True
            if int(str(first)) <= port <= int(one.get("endPort") or str(first)):
                return True
    return False
