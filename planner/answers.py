"""What AWS would say to a program that runs offline: outputs of resources, results of look-ups, from the catalog.

Where the catalog has no answer the run stops with the token and the way to give one (`plan-answers.yaml`).
"""

import hashlib
import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any

import yaml

from eks_gpu_components.catalog import DEFAULT_KUBERNETES, partition, zones

from .engine import Recorder, Unanswered
from .graph import Resource
from .sdk_types import example, required_outputs

ACCOUNT = "123456789012"
ANSWERS_FILE = "plan-answers.yaml"

Properties = Mapping[str, Any]

ID_PREFIX = {
    "aws:ec2/eip:Eip": "eipalloc",
    "aws:ec2/instance:Instance": "i",
    "aws:ec2/internetGateway:InternetGateway": "igw",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt",
    "aws:ec2/natGateway:NatGateway": "nat",
    "aws:ec2/routeTable:RouteTable": "rtb",
    "aws:ec2/securityGroup:SecurityGroup": "sg",
    "aws:ec2/subnet:Subnet": "subnet",
    "aws:ec2/vpc:Vpc": "vpc",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce",
}


class CatalogAnswers:
    """Answers for one stack. `given` holds the user's own, by token: a result, or for a StackReference its outputs."""

    def __init__(self, region: str, given: Mapping[str, Any] | None = None):
        self.region, self.partition = region, partition(region)
        self._given = dict(given or {})
        self.assumed: set[str] = set()
        """What was taken from the catalog though an account may differ, a sentence each."""

    # What a provider adds to the inputs

    def outputs(self, resource: Resource, recorder: Recorder) -> Properties:
        if not resource.custom and not resource.type.startswith("eks:"):
            return {}
        package = resource.type.split(":")[0]
        special = SPECIAL.get(resource.type)
        found: dict[str, Any] = dict(special(self, resource, recorder)) if special else {}
        if package == "aws":
            found = {**self._of_aws(resource), **found}
        elif package == "kubernetes":
            found = {**_of_kubernetes(resource), **found}
        return {**self._declared(resource, {**resource.inputs, **found}), **found}

    def _declared(self, resource: Resource, known: Properties) -> Properties:
        if not resource.custom or resource.type.startswith(("kubernetes:", "pulumi:")):
            return {}
        missing = {name: tp for name, tp in required_outputs(resource.type).items() if known.get(name) is None}
        values = {name: example(tp, f"{resource.name}.{name}") for name, tp in missing.items()}
        return {name: value for name, value in values.items() if value is not None}

    def _of_aws(self, resource: Resource) -> Properties:
        service, kind = _service_and_kind(resource.type)
        name = str(resource.inputs.get("name", resource.name))
        prefix = ID_PREFIX.get(resource.type)
        id_ = f"{prefix}-{_digest(resource.urn)}" if prefix else name
        return {
            "id": id_,
            "arn": self.arn(service, f"{kind}/{id_}"),
            "name": name,
            "region": self.region,
            "tagsAll": resource.inputs.get("tags", {}),
        }

    def arn(self, service: str, resource: str) -> str:
        """An ARN in the stack's region and the stand-in account; IAM's have no region."""
        region = "" if service == "iam" else self.region
        return f"arn:{self.partition}:{service}:{region}:{ACCOUNT}:{resource}"

    # What a program asks

    def invoke(self, token: str, args: Properties) -> Properties:
        if token in self._given:
            return self._given[token]
        answer = INVOKES.get(token)
        if answer is None:
            raise self.unanswered(token, f"the function {token}({_call(args)})")
        return answer(self, args)

    def call(self, token: str, args: Properties) -> Properties:
        if token in self._given:
            return self._given[token]
        if token == "eks:index:Cluster/getKubeconfig":
            return {"result": json.dumps(_kubeconfig("cluster", self.region))}
        raise self.unanswered(token, f"the method {token}({_call(args)})")

    def read(self, resource: Resource, id_: str) -> Properties:
        if resource.type == "pulumi:pulumi:StackReference":
            name = str(resource.inputs.get("name", resource.name))
            key = f"stack {name}"
            if key not in self._given:
                raise self.unanswered(key, f"the outputs of stack {name}")
            return {"name": name, "outputs": self._given[key], "secretOutputNames": []}
        given = self._given.get(f"{resource.type} {id_}")
        return given if given is not None else self._declared(resource, {})

    @staticmethod
    def unanswered(key: str, what: str) -> Unanswered:
        return Unanswered(
            f"the program asks for {what}, which only a cloud account can tell. "
            f"Give the answer in {ANSWERS_FILE} beside Pulumi.yaml, under the key {json.dumps(key)}."
        )


def _service_and_kind(token: str) -> tuple[str, str]:
    """`aws:ec2/subnet:Subnet` -> ("ec2", "subnet")."""
    service, _, kind = token.split(":")[1].partition("/")
    return service, kind


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:17]


def _call(args: Properties) -> str:
    return ", ".join(f"{key}={json.dumps(value)}" for key, value in args.items())


# --- outputs by type -------------------------------------------------------------------------------------------------


def _role(cloud: CatalogAnswers, resource: Resource, _: Recorder) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    return {"id": name, "arn": cloud.arn("iam", f"role{resource.inputs.get('path', '/')}{name}"), "name": name}


def _policy(cloud: CatalogAnswers, resource: Resource, _: Recorder) -> Properties:
    arn = cloud.arn("iam", f"policy/{resource.inputs.get('name', resource.name)}")
    return {"id": arn, "arn": arn}


def _node_group(cloud: CatalogAnswers, resource: Resource, _: Recorder) -> Properties:
    name = str(resource.inputs.get("nodeGroupName", resource.name))
    group = f"eks-{name}"
    return {
        "id": f"{resource.inputs.get('clusterName', '')}:{name}",
        "nodeGroupName": name,
        "resources": [{"autoscalingGroups": [{"name": group}], "remoteAccessSecurityGroupId": ""}],
        "status": "ACTIVE",
    }


def _subnet(cloud: CatalogAnswers, resource: Resource, _: Recorder) -> Properties:
    by_name = {zone.name: zone.id for zone in zones(cloud.region)}
    zone = resource.inputs.get("availabilityZone")
    return {"availabilityZoneId": by_name.get(zone, "")} if zone else {}


def _queue(cloud: CatalogAnswers, resource: Resource, _: Recorder) -> Properties:
    name = str(resource.inputs.get("name", resource.name))
    url = f"https://sqs.{cloud.region}.amazonaws.com/{ACCOUNT}/{name}"
    return {"id": url, "url": url, "arn": cloud.arn("sqs", name)}


def _aws_cluster(cloud: CatalogAnswers, name: str, inputs: Properties) -> dict[str, Any]:
    """The outputs of `aws.eks.Cluster`, of a cluster that answers."""
    issuer = f"https://oidc.eks.{cloud.region}.amazonaws.com/id/{_digest(name).upper()}"
    endpoint = f"https://{_digest(name).upper()}.gr7.{cloud.region}.eks.amazonaws.com"
    network = inputs.get("kubernetesNetworkConfig") or {}
    vpc = inputs.get("vpcConfig") or {}
    return {
        "id": name,
        "name": name,
        "arn": cloud.arn("eks", f"cluster/{name}"),
        "endpoint": endpoint,
        "status": "ACTIVE",
        "version": inputs.get("version"),
        "certificateAuthority": {"data": "Y2VydGlmaWNhdGU="},
        "identities": [{"oidcs": [{"issuer": issuer}]}],
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4", **network},
        "vpcConfig": {
            "subnetIds": [],
            "vpcId": f"vpc-{_digest(name)}",
            **vpc,
            "clusterSecurityGroupId": _group_id(name),
        },
    }


def _group_id(cluster: str) -> str:
    return f"sg-{_digest(cluster)}"


def _kubeconfig(cluster: str, region: str) -> dict[str, Any]:
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "aws"}
    user = {"exec": {**command, "args": ["eks", "get-token", "--cluster-name", cluster, "--region", region]}}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": f"https://{cluster}"}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
        "current-context": cluster,
        "users": [{"name": cluster, "user": user}],
    }


def _raw_cluster(cloud: CatalogAnswers, resource: Resource, _: Recorder) -> Properties:
    return _aws_cluster(cloud, str(resource.inputs.get("name", resource.name)), resource.inputs)


def _eks_component(cloud: CatalogAnswers, resource: Resource, recorder: Recorder) -> Properties:
    """`pulumi_eks.Cluster` is remote: what its provider would make is modelled by the outputs that it hands out."""
    name = str(resource.inputs.get("name", resource.name))
    vpc = {"subnetIds": resource.inputs.get("subnetIds", []), "vpcId": resource.inputs.get("vpcId", "")}
    state = _aws_cluster(cloud, name, {"version": resource.inputs.get("version"), "vpcConfig": vpc})
    issuer = state["identities"][0]["oidcs"][0]["issuer"].removeprefix("https://")
    kubeconfig = _kubeconfig(name, cloud.region)

    def child(type_: str, suffix: str, child_state: Properties) -> dict[str, str]:
        return recorder.reference(resource.urn, type_, f"{resource.name}-{suffix}", child_state)

    role = _role_state(cloud, f"{name}-cluster")
    cluster = child("aws:eks/cluster:Cluster", "eksCluster", state)
    provider = child("pulumi:providers:kubernetes", "provider", {"id": f"{name}-provider"})
    oidc_arn = cloud.arn("iam", f"oidc-provider/{issuer}")
    return {
        "eksCluster": cluster,
        "kubeconfig": kubeconfig,
        "kubeconfigJson": json.dumps(kubeconfig),
        "clusterSecurityGroupId": _group_id(name),
        "nodeSecurityGroupId": "",
        "oidcIssuer": issuer,
        "oidcProviderArn": oidc_arn,
        "oidcProviderUrl": f"https://{issuer}",
        "autoModeNodeRoleName": f"{name}-auto-mode-node",
        "instanceRoles": [],
        "core": {
            "cluster": cluster,
            "clusterIamRole": child("aws:iam/role:Role", "eksRole", role),
            "endpoint": state["endpoint"],
            "instanceRoles": [],
            "kubeconfig": kubeconfig,
            "nodeGroupOptions": {},
            "oidcProvider": child("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "oidc", {"arn": oidc_arn}),
            "provider": provider,
            "subnetIds": vpc["subnetIds"],
            "vpcId": vpc["vpcId"],
        },
    }


def _role_state(cloud: CatalogAnswers, name: str) -> Properties:
    return {"id": name, "name": name, "arn": cloud.arn("iam", f"role/{name}")}


def _of_kubernetes(resource: Resource) -> Properties:
    """The name and namespace that the provider would choose or default."""
    if resource.type.startswith("kubernetes:helm.sh/v3:Release"):
        name = resource.inputs.get("name", resource.name)
        return {
            "id": f"{resource.inputs.get('namespace', 'default')}/{name}",
            "name": name,
            "status": {"status": "deployed", "name": name},
        }
    metadata = resource.inputs.get("metadata") or {}
    name = metadata.get("name", resource.name)
    if (resource.inputs.get("spec") or {}).get("type") == "LoadBalancer":
        hostname = f"{name}-{_digest(resource.urn)}.elb.amazonaws.com"
        return {**_of_object(metadata, name), "status": {"loadBalancer": {"ingress": [{"hostname": hostname}]}}}
    return _of_object(metadata, name)


def _of_object(metadata: Properties, name: str) -> Properties:
    return {"id": f"{metadata.get('namespace', 'default')}/{name}", "metadata": {**metadata, "name": name}}


SPECIAL: dict[str, Callable[[CatalogAnswers, Resource, Recorder], Properties]] = {
    "aws:ec2/launchTemplate:LaunchTemplate": lambda *_: {"latestVersion": 1, "defaultVersion": 1},
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:eks/cluster:Cluster": _raw_cluster,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:iam/policy:Policy": _policy,
    "aws:iam/role:Role": _role,
    "aws:sqs/queue:Queue": _queue,
    "eks:index:Cluster": _eks_component,
}


# --- results of look-ups ---------------------------------------------------------------------------------------------


def _availability_zones(cloud: CatalogAnswers, args: Properties) -> Properties:
    cloud.assumed.add("zone names: an account may give the same name to another zone id")
    hidden = {*args.get("excludeZoneIds", ()), *args.get("excludeNames", ())}
    shown = [zone for zone in zones(cloud.region) if not {zone.id, zone.name} & hidden]
    return {
        "id": cloud.region,
        "region": cloud.region,
        "names": [zone.name for zone in shown],
        "zoneIds": [zone.id for zone in shown],
        "groupNames": [cloud.region],
    }


def _caller_identity(cloud: CatalogAnswers, _: Properties) -> Properties:
    cloud.assumed.add(f"account {ACCOUNT}")
    arn = f"arn:{cloud.partition}:iam::{ACCOUNT}:user/plan"
    return {"id": ACCOUNT, "accountId": ACCOUNT, "arn": arn, "userId": "AIDA00000000000000000"}


def _region(cloud: CatalogAnswers, _: Properties) -> Properties:
    endpoint = f"ec2.{cloud.region}.amazonaws.com"
    return {"id": cloud.region, "name": cloud.region, "region": cloud.region, "endpoint": endpoint, "description": ""}


def _partition(cloud: CatalogAnswers, _: Properties) -> Properties:
    suffix = "amazonaws.com.cn" if cloud.partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": cloud.partition, "partition": cloud.partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _ssm_parameter(cloud: CatalogAnswers, args: Properties) -> Properties:
    name = str(args.get("name", ""))
    if not name.startswith("/aws/service/"):
        raise cloud.unanswered("aws:ssm/getParameter:getParameter", f"the SSM parameter {name}")
    cloud.assumed.add("image ids: the newest image of an SSM parameter is known to AWS alone")
    value = f"ami-{_digest(name)}"
    arn = f"arn:{cloud.partition}:ssm:{cloud.region}::parameter{name}"
    return {
        "id": name,
        "name": name,
        "arn": arn,
        "type": "String",
        "value": value,
        "insecureValue": value,
        "version": 1,
    }


def _policy_document(_: CatalogAnswers, args: Properties) -> Properties:
    """The JSON that the provider builds of typed statements; one value is a string, several are a list."""
    statements = [_statement(statement) for statement in args.get("statements", ())]
    for source in args.get("sourcePolicyDocuments", ()):
        statements = [*json.loads(source).get("Statement", ()), *statements]
    document = {"Version": args.get("version", "2012-10-17"), "Statement": statements}
    if "policyId" in args:
        document["Id"] = args["policyId"]
    text = json.dumps(document)
    return {"id": _digest(text), "json": text, "minifiedJson": text, **args}


def _statement(statement: Properties) -> dict[str, Any]:
    def short(values: list[str]) -> Any:
        return values[0] if len(values) == 1 else values

    out: dict[str, Any] = {"Effect": statement.get("effect", "Allow")}
    if sid := statement.get("sid"):
        out["Sid"] = sid
    for wire, key in (
        ("actions", "Action"),
        ("notActions", "NotAction"),
        ("resources", "Resource"),
        ("notResources", "NotResource"),
    ):
        if statement.get(wire):
            out[key] = short(statement[wire])
    for wire, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if statement.get(wire):
            everyone = statement[wire] == [{"type": "*", "identifiers": ["*"]}]
            out[key] = "*" if everyone else {item["type"]: short(item["identifiers"]) for item in statement[wire]}
    conditions: dict[str, dict[str, Any]] = {}
    for condition in statement.get("conditions", ()):
        conditions.setdefault(condition["test"], {})[condition["variable"]] = short(condition["values"])
    return {**out, "Condition": conditions} if conditions else out


def _cluster(cloud: CatalogAnswers, args: Properties) -> Properties:
    name = str(args.get("name", ""))
    cloud.assumed.add(f"cluster {name}: Kubernetes {DEFAULT_KUBERNETES}, its endpoint, certificate and network")
    found = _aws_cluster(cloud, name, {"version": DEFAULT_KUBERNETES})
    # The look-up has lists where the resource has one object.
    lists = {
        "certificateAuthorities": [found["certificateAuthority"]],
        "kubernetesNetworkConfigs": [found["kubernetesNetworkConfig"]],
    }
    return {**found, **lists, "tags": {}}


def _cluster_auth(_: CatalogAnswers, args: Properties) -> Properties:
    return {"id": args.get("name", ""), "name": args.get("name", ""), "token": "offline"}


def _vpc(cloud: CatalogAnswers, args: Properties) -> Properties:
    if "id" not in args:
        raise cloud.unanswered("aws:ec2/getVpc:getVpc", f"a VPC by {_call(args)}")
    cloud.assumed.add(f"VPC {args['id']}: its address range")
    return {
        "id": args["id"],
        "cidrBlock": str(ipaddress.ip_network("10.0.0.0/16")),
        "arn": cloud.arn("ec2", f"vpc/{args['id']}"),
    }


def _yaml_objects(_: CatalogAnswers, args: Properties) -> Properties:
    return {"result": [item for item in yaml.safe_load_all(str(args.get("text", ""))) if item]}


INVOKES: dict[str, Callable[[CatalogAnswers, Properties], Properties]] = {
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:eks/getCluster:getCluster": _cluster,
    "aws:eks/getClusterAuth:getClusterAuth": _cluster_auth,
    "aws:iam/getPolicyDocument:getPolicyDocument": _policy_document,
    "aws:index/getAvailabilityZones:getAvailabilityZones": _availability_zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:ssm/getParameter:getParameter": _ssm_parameter,
    "kubernetes:yaml:decode": _yaml_objects,
}
