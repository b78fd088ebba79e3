"""Groups and clusters in CloudFormation's words, of a stack's template or the native provider, in the AWS provider's.

Sources: CloudFormation resource reference, AWS::AutoScaling, AWS::EC2::LaunchTemplate, AWS::EKS; the native provider
has the same names in camelCase.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import merged, pairs, renamed, without
from eks_gpu.pools.clusters import RESOURCE as CLUSTER
from eks_gpu.pools.launch_template import LAUNCH_TEMPLATE

STACK, LAUNCH_CONFIGURATION = "aws:cloudformation/stack:Stack", "aws:ec2/launchConfiguration:LaunchConfiguration"
FARGATE_PROFILE = "aws:eks/fargateProfile:FargateProfile"
GROUP, NODE_GROUP = "aws:autoscaling/group:Group", "aws:eks/nodeGroup:NodeGroup"
MAX_TEMPLATE = 51_200
"""Bytes of a template in a request; a longer one is in S3. Source: CloudFormation quotas."""
_USERS_KEYS = frozenset({"labels", "Labels"})
_SIZE_IS_AWS_S = {"ignoreChanges": ["desiredCapacity", "scalingConfig.desiredSize"]}
"""An update changes a size only if the template does."""

Properties = Mapping[str, Any]


class Unreadable(Exception):
    """A template, or a group in it, cannot be read; the text is a clause that says why."""


# --- each type -------------------------------------------------------------------------------------------------------


_SAME_IN_NODE_GROUPS = {
    name: name
    for name in (
        *("clusterName", "instanceTypes", "amiType", "capacityType", "diskSize"),
        *("labels", "taints", "scalingConfig", "tags", "launchTemplate"),
    )
}


def _node_group(given: Properties) -> dict[str, Any]:
    own = {"nodeGroupName": "nodegroupName", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"}
    return renamed(given, {**own, **_SAME_IN_NODE_GROUPS})


def _cluster(given: Properties) -> dict[str, Any]:
    own = {"vpcConfig": "resourcesVpcConfig"}
    same = ("name", "version", "roleArn", "accessConfig", "computeConfig", "deletionProtection")
    return renamed(given, {**own, **{name: name for name in same}})


def _group(given: Properties) -> dict[str, Any]:
    own = {"vpcZoneIdentifiers": "vpcZoneIdentifier", "name": "autoScalingGroupName"}
    own |= {"launchConfiguration": "launchConfigurationName"}
    same = ("minSize", "maxSize", "desiredCapacity", "availabilityZones", "mixedInstancesPolicy", "tags")
    found = renamed(given, {**own, **{name: name for name in same}})
    names = {"id": "launchTemplateId", "name": "launchTemplateName", "version": "version"}
    template = given.get("launchTemplate")
    return merged(found, {"launchTemplate": renamed(template, names)}) if template else found


def _launch_template(given: Properties) -> dict[str, Any]:
    return merged(given.get("launchTemplateData") or {}, renamed(given, {"name": "launchTemplateName"}))


def _launch_configuration(given: Properties) -> dict[str, Any]:
    """As the launch template of the same nodes."""
    same = ("instanceType", "imageId", "metadataOptions", "userData", "name")
    names = {"userData": "userDataBase64", "vpcSecurityGroupIds": "securityGroups"}
    found = merged(renamed(given, names), renamed(given, {name: name for name in same}))
    if profile := given.get("iamInstanceProfile"):
        found["iamInstanceProfile"] = {"arn" if str(profile).startswith("arn:") else "name": profile}
    if given.get("spotPrice"):
        found["instanceMarketOptions"] = {"marketType": "spot"}
    disks = [{"deviceName": "/dev/xvda", "ebs": given["rootBlockDevice"]}] if given.get("rootBlockDevice") else []
    disks += [{"deviceName": disk.get("deviceName"), "ebs": disk} for disk in given.get("ebsBlockDevices") or ()]
    disks += [disk for disk in given.get("blockDeviceMappings") or () if disk.get("ebs")]
    return merged(found, {"blockDeviceMappings": disks}) if disks else found


def _fargate_profile(given: Properties) -> dict[str, Any]:
    selectors = [
        merged(without(each, "labels"), {"labels": pairs(each.get("labels"))}) for each in given.get("selectors") or ()
    ]
    found = merged(without(given, "subnets", "selectors"), renamed(given, {"subnetIds": "subnets"}))
    return merged(found, {"selectors": selectors}) if selectors else found


def _same(given: Properties) -> dict[str, Any]:
    """Of a type whose properties have the same names in both."""
    return without(given)


_TYPES: Mapping[str, tuple[str, str, Callable[[Properties], dict[str, Any]]]] = {
    "AWS::EKS::Nodegroup": ("aws-native:eks:Nodegroup", NODE_GROUP, _node_group),
    "AWS::EKS::FargateProfile": ("aws-native:eks:FargateProfile", FARGATE_PROFILE, _fargate_profile),
    "AWS::EKS::Cluster": ("aws-native:eks:Cluster", CLUSTER, _cluster),
    "AWS::AutoScaling::AutoScalingGroup": ("aws-native:autoscaling:AutoScalingGroup", GROUP, _group),
    "AWS::AutoScaling::LaunchConfiguration": (
        "aws-native:autoscaling:LaunchConfiguration",
        LAUNCH_TEMPLATE,
        _launch_configuration,
    ),
    "AWS::EC2::LaunchTemplate": ("aws-native:ec2:LaunchTemplate", LAUNCH_TEMPLATE, _launch_template),
    "AWS::EKS::Addon": ("aws-native:eks:Addon", "aws:eks/addon:Addon", _same),
    "AWS::EKS::AccessEntry": ("aws-native:eks:AccessEntry", "aws:eks/accessEntry:AccessEntry", _same),
    "AWS::EKS::PodIdentityAssociation": (
        "aws-native:eks:PodIdentityAssociation",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
        _same,
    ),
}
_OF_NATIVE = {native: (type_, translate) for native, type_, translate in _TYPES.values()}
_OF_TEMPLATE = {name: (type_, translate) for name, (_, type_, translate) in _TYPES.items()}
_NODES = ("AWS::EKS::Nodegroup", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::Instance", "AWS::EC2::SpotFleet")
_NODES += ("AWS::EC2::EC2Fleet", "AWS::CloudFormation::Stack")


# --- a graph ---------------------------------------------------------------------------------------------------------


def in_provider_terms(graph: Graph) -> Graph:
    """The graph with groups, clusters and launch templates of CloudFormation and the native provider, and launch
    configurations, as resources of the AWS provider. Resources in a template have its stack's URN, `#` and their name.
    """
    known = (*_OF_NATIVE, STACK, LAUNCH_CONFIGURATION)
    if not graph.of(*known):
        return graph
    found = [each for resource in graph for each in _told(resource)]
    launched = {name: each for each in found if each.type == LAUNCH_TEMPLATE for name in _names(each)}
    return graph.of_resources(_with_template(each, launched) for each in found)


def _told(resource: Resource) -> Iterator[Resource]:
    if resource.type in _OF_NATIVE:
        type_, translate = _OF_NATIVE[resource.type]
        yield replace(resource, type=type_, inputs=translate(resource.inputs))
    elif resource.type == LAUNCH_CONFIGURATION:
        inputs = _launch_configuration(resource.inputs)
        yield replace(resource, type=LAUNCH_TEMPLATE, inputs=inputs, id=resource.id or resource.urn)
    else:
        yield resource
        if resource.type == STACK:
            try:
                yield from _of_template(resource)
            except Unreadable:  # `unread` says so
                return


def _names(launched: Resource) -> set[str]:
    return {launched.id, str(launched["name"] or ""), launched.name} - {""}


def _with_template(resource: Resource, launched: Mapping[str, Resource]) -> Resource:
    """A group with a launch configuration gets it as its launch template."""
    name = resource.inputs.get("launchConfiguration") if resource.type == GROUP else None
    template = launched.get(str(name)) if name else None
    given = {"launchTemplate": {"id": template.id}} if template else {}
    return replace(resource, inputs=merged(resource.inputs, given)) if given else resource


# --- a template ------------------------------------------------------------------------------------------------------


def why_unread(stack: Resource, graph: Graph) -> str:
    """Why groups in the stack's template are not read; empty if all are, or there are none. `graph` is in the
    provider's terms.
    """
    try:
        template = _template(stack)
    except Unreadable as reason:
        return str(reason)
    resources = template.resources
    held = [name for name, row in resources.items() if isinstance(row, dict) and row.get("Type") in _NODES]
    if not held:
        return ""
    try:
        read = {each.urn for each in _of_template(stack)}
    except Unreadable as reason:
        return str(reason)
    left = [name for name in held if f"{stack.urn}#{name}" not in read]
    if left:
        return f"of {', '.join(left)} in its template the kind is not read"
    for each in map(graph.get, (f"{stack.urn}#{name}" for name in held)):
        if each and each.type == GROUP and not _says_types(each, graph):
            return f"the launch template of {each.urn.rpartition('#')[2]} in its template is not in the stack"
    return ""


def _says_types(group: Resource, graph: Graph) -> bool:
    policy = group.inputs.get("mixedInstancesPolicy") or {}
    template = group.inputs.get("launchTemplate") or {}
    named = (policy.get("launchTemplate") or {}).get("launchTemplateSpecification") or {}
    ids = {template.get("id"), named.get("launchTemplateId")} - {None}
    return bool((policy.get("launchTemplate") or {}).get("overrides")) or any(
        graph.by_id(str(id_), LAUNCH_TEMPLATE) for id_ in ids
    )


def _of_template(stack: Resource) -> Iterator[Resource]:
    template = _template(stack)
    names = template.names_of_outputs(stack)
    for logical, row in template.resources.items():
        if not isinstance(row, dict) or row.get("Type") not in _OF_TEMPLATE:
            continue
        type_, translate = _OF_TEMPLATE[row["Type"]]
        inputs = translate(_camel(template.resolved(row.get("Properties") or {}, logical)))
        name = names.get(logical) or str(inputs.get("name") or stack.inputs.get("name") or stack.name)
        urn = f"{stack.urn}#{logical}"
        yield Resource(
            urn=urn,
            type=type_,
            name=_of_pulumi_eks(stack) or name,
            parent=stack.urn,
            id=urn,
            inputs=inputs,
            outputs={"name": name} if type_ == GROUP else {},
            options=_SIZE_IS_AWS_S,
            dependencies=stack.dependencies,
        )


def _of_pulumi_eks(stack: Resource) -> str:
    """Name of the node group of pulumi-eks that the stack is, which no user of it calls by AWS's name; empty for
    another stack.
    """
    mark = "-nodes"
    return stack.name.removesuffix(mark) if "eks:index:" in stack.urn and stack.name.endswith(mark) else ""


@dataclass(frozen=True)
class _Template:
    urn: str
    resources: Mapping[str, Any]
    parameters: Mapping[str, Any]
    outputs: Mapping[str, Any]

    def names_of_outputs(self, stack: Resource) -> dict[str, str]:
        """Logical name -> the physical one that an output of the stack tells."""
        told = stack.outputs.get("outputs") or {}
        refs = {key: (row or {}).get("Value") for key, row in self.outputs.items() if isinstance(row, dict | None)}
        return {
            value["Ref"]: str(told[key])
            for key, value in refs.items()
            if isinstance(value, dict) and value.keys() == {"Ref"} and told.get(key)
        }

    def resolved(self, value: Any, where: str) -> Any:
        """The value with its functions applied. Raises Unreadable for one that only AWS can apply."""
        if isinstance(value, list):
            return [self.resolved(item, where) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, given),) = value.items()
            if name == "Ref":
                return self._referred(str(given), where)
            if name == "Fn::Sub" and isinstance(given, str):
                return re.sub(r"\$\{(?!!)([^}.]+)\}", lambda found: str(self._referred(found[1], where)), given)
            if name == "Fn::Base64":
                return self.resolved(given, where)
            if name in ("Fn::GetAtt", "Fn::Join", "Fn::ImportValue", "Fn::Select", "Fn::Split", "Fn::GetAZs"):
                return None  # no name, type or size comes from these
            if name.startswith("Fn::"):
                raise Unreadable(f"{where} in its template needs {name}")
        return {key: self.resolved(item, where) for key, item in value.items()}

    def _referred(self, name: str, where: str) -> Any:
        if name in self.resources:
            return f"{self.urn}#{name}"
        if name.startswith("AWS::"):
            return name
        if self.parameters.get(name) is None:
            raise Unreadable(f"{where} in its template needs parameter {name}, which has no value here")
        return self.parameters[name]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions: `!Ref x` is `{"Ref": "x"}`."""


def _function(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            given: Any = loader.construct_scalar(node)
        case yaml.SequenceNode():
            given = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            given = loader.construct_mapping(node, deep=True)
        case _:
            given = None
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": given}


_Loader.add_multi_constructor("!", _function)


def _template(stack: Resource) -> _Template:
    body = stack.inputs.get("templateBody") or stack.outputs.get("templateBody")
    if not body:
        raise Unreadable("its template is in S3" if stack.inputs.get("templateUrl") else "its template is not known")
    text = str(body)
    if len(text.encode()) > MAX_TEMPLATE or _has_aliases(text):
        raise Unreadable("its template is not one that CloudFormation takes")
    try:
        found = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Unreadable("its template is not YAML") from None
    if not isinstance(found, dict) or not isinstance(found.get("Resources") or {}, dict):
        raise Unreadable("its template has no map of resources")
    declared = {key: row for key, row in (found.get("Parameters") or {}).items() if isinstance(row, dict)}
    values = {key: row.get("Default") for key, row in declared.items()} | dict(stack.inputs.get("parameters") or {})
    return _Template(stack.urn, found.get("Resources") or {}, values, found.get("Outputs") or {})


def _has_aliases(text: str) -> bool:
    try:
        return any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))
    except yaml.YAMLError:
        return False


def _camel(value: Any) -> Any:
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {_first_word_lower(key): item if key in _USERS_KEYS else _camel(item) for key, item in value.items()}


def _first_word_lower(name: str) -> str:
    """`minSize` of MinSize, and `vpcZoneIdentifier` of VPCZoneIdentifier."""
    return re.sub(r"^[A-Z]+(?![a-z])|^[A-Z]", lambda found: found[0].lower(), name)
