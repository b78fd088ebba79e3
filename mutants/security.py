"""Security: what opens a stack to strangers, or gives more than is needed."""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Resource

from .edits import EACH, JSON, Edit, Rewritten, gone, to, with_item, with_key
from .no_way_out import OPEN_OUT, SECURITY_GROUP, changed, made, once, policy, subnets
from .places import CLUSTER, DEPLOYMENT, EC2_NODE_CLASS, JOB, NODE_GROUP, SERVICE, TEMPLATE, balanced
from .programs import Program

_WORKLOADS = [DEPLOYMENT, JOB]
_POD = ("spec", "template", "spec")
_CONTAINERS = (*_POD, "containers", EACH)
_BALANCER = "service.beta.kubernetes.io/aws-load-balancer"
_HALVES = ["0.0.0.0/1", "128.0.0.0/1"]
_QUARTERS = ["1.0.0.0/8", "2.0.0.0/8", "64.0.0.0/3", "128.0.0.0/2", "192.0.0.0/9"]
_KEY = "aws:kms/key:Key"
_INLINE, _QUEUE_POLICY = ["aws:iam/rolePolicy:RolePolicy"], ["aws:sqs/queuePolicy:QueuePolicy"]
_ATTACHED = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
_ENTRY, _DEFAULT_GROUP = ["aws:eks/accessEntry:AccessEntry"], ["aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"]
_SSH = {"protocol": "tcp", "fromPort": 22, "toPort": 22, "cidrBlocks": ["0.0.0.0/0"]}


def _public(**spec: Any) -> Callable[[Any], Any]:
    """A Service that the internet reaches, with these source ranges."""
    annotations = spec.pop("annotations", {})
    return lambda inputs: {
        **inputs,
        "metadata": {**inputs["metadata"], "annotations": {f"{_BALANCER}-scheme": "internet-facing", **annotations}},
        "spec": {**inputs["spec"], **spec},
    }


def _has_public_api(resource: Resource, program: Program) -> bool:
    return resource.inputs.get("endpointPublicAccess") is True


def _ingress(**annotations: str) -> Callable[[Program], Iterable[Resource]]:
    def make(program: Program) -> Iterator[Resource]:
        for service in program.graph.of(SERVICE):
            given = {f"alb.ingress.kubernetes.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
            metadata = {"name": "web", "namespace": service.inputs["metadata"]["namespace"], "annotations": given}
            backend = {"service": {"name": service.inputs["metadata"]["name"], "port": {"number": 80}}}
            inputs = {"metadata": metadata, "spec": {"ingressClassName": "alb", "defaultBackend": backend}}
            yield _object("networking.k8s.io/v1", "Ingress", "web", inputs)

    return make


def _object(group: str, kind: str, name: str, inputs: Mapping[str, Any]) -> Resource:
    """A Kubernetes object that a user added."""
    metadata = {"name": name, **inputs.get("metadata", {})}
    whole = {"apiVersion": group.removeprefix("core/"), "kind": kind, **inputs, "metadata": metadata}
    return made(f"kubernetes:{group}:{kind}", name, whole)


def _roles(program: Program, *words: str) -> list[Resource]:
    roles = program.graph.of("aws:iam/role:Role")
    return [role for role in roles if any(word in str(role.inputs.get("assumeRolePolicy")) for word in words)]


def _attached(policy_name: str, *words: str) -> Callable[[Program], Iterator[tuple[str, list[Resource]]]]:
    """One mutant for the last two roles that such a service takes."""

    def rewrite(program: Program) -> Iterator[tuple[str, list[Resource]]]:
        for role in _roles(program, *words)[-2:]:
            given = {"role": role.id, "policyArn": f"arn:aws:iam::aws:policy/{policy_name}"}
            yield role.name, [made(_ATTACHED, f"{role.name}-{policy_name}", given)]

    return rewrite


def _allowed(*actions: str) -> Callable[[Program], Iterator[tuple[str, list[Resource]]]]:
    """One mutant a program, with a policy of one's own."""

    def rewrite(program: Program) -> Iterator[tuple[str, list[Resource]]]:
        document = policy({"Effect": "Allow", "Action": list(actions), "Resource": "*"})
        for role in _roles(program, "pods.eks", "ec2.amazonaws")[:1]:
            yield role.name, [made(_INLINE[0], f"{role.name}-more", {"role": role.id, "policy": document})]

    return rewrite


def _administrator(program: Program) -> Iterator[Resource]:
    for entry in program.graph.of(*_ENTRY):
        arn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
        kept = {key: entry.inputs[key] for key in ("clusterName", "principalArn")}
        given = {**kept, "policyArn": arn, "accessScope": {"type": "cluster"}}
        yield made("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", f"{entry.name}-admin", given)


def _bound(kind: str, name: str) -> Callable[[Program], Iterator[Resource]]:
    def make(program: Program) -> Iterator[Resource]:
        who = {"kind": kind, "name": name, **({"namespace": "default"} if kind == "ServiceAccount" else {})}
        inputs = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [who]}
        yield _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "everybody", inputs)

    return make


def _open_group(*rules: Mapping[str, Any]) -> Callable[[Program], Iterator[Resource]]:
    def make(program: Program) -> Iterator[Resource]:
        place = subnets(program)[0].inputs["vpcId"]
        yield made(SECURITY_GROUP, "open", {"vpcId": place, "ingress": list(rules), "egress": [OPEN_OUT]}, "sg-open")

    return make


def _with_public_addresses(program: Program) -> Iterator[Resource]:
    return (changed(subnet, mapPublicIpOnLaunch=True) for subnet in subnets(program))


def _with_secret(text: str) -> str:
    return f"{text}\nexport HF_TOKEN=hf_abcdefghijklmnopqrstuvwx\n"


def _config_map(program: Program) -> Iterator[Resource]:
    yield _object("core/v1", "ConfigMap", "settings", {"data": {"DB_PASSWORD": "correct-horse-battery"}})


OPERATORS = (
    # Nodes.
    Edit("two hops", "pods get the node's role", [TEMPLATE], ("metadataOptions", "httpPutResponseHopLimit"), to(2)),
    Edit(
        "two hops from Karpenter's nodes",
        "pods get the node's role",
        [EC2_NODE_CLASS],
        ("spec", "metadataOptions"),
        with_key(httpPutResponseHopLimit=2),
    ),
    Edit(
        "another device in place of the root disk",
        "the root disk is small and in the clear",
        [TEMPLATE],
        ("blockDeviceMappings", EACH, "deviceName"),
        to("/dev/sdf"),
    ),
    Edit(
        "another device in place of Karpenter's root disk",
        "the root disk is small and in the clear",
        [EC2_NODE_CLASS],
        ("spec",),
        lambda spec: {
            **{key: value for key, value in spec.items() if key != "instanceStorePolicy"},
            "blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": "100Gi", "encrypted": True}}],
        },
    ),
    Edit(
        "a disk that says it is not encrypted",
        "images and caches lie in the clear",
        [TEMPLATE],
        ("blockDeviceMappings", EACH, "ebs", "encrypted"),
        to("false"),
    ),
    Edit(
        "public addresses from the template",
        "the internet reaches the nodes",
        [TEMPLATE],
        (),
        lambda inputs: {
            **{key: value for key, value in inputs.items() if key != "vpcSecurityGroupIds"},
            "networkInterfaces": [
                {
                    "deviceIndex": 0,
                    "associatePublicIpAddress": "true",
                    "securityGroups": inputs.get("vpcSecurityGroupIds", []),
                }
            ],
        },
    ),
    Edit(
        "public addresses from the class",
        "the internet reaches the nodes",
        [EC2_NODE_CLASS],
        ("spec",),
        with_key(associatePublicIPAddress=True),
    ),
    Rewritten("public addresses from the subnets", "addresses are paid for", once(_with_public_addresses)),
    Edit("SSH from everywhere", "port 22 is open", [NODE_GROUP], ("remoteAccess",), to({"ec2SshKey": "admin"})),
    Edit(
        "a secret in user data",
        "every pod can ask for it",
        [TEMPLATE],
        ("userData",),
        lambda data: base64.b64encode(_with_secret(base64.b64decode(data or "").decode()).encode()).decode(),
    ),
    # Who reaches the API and the Services.
    *(
        Edit(
            f"the API is open to {what}",
            "everybody may try it",
            [CLUSTER],
            ("publicAccessCidrs",),
            to(cidrs),
            _has_public_api,
        )
        for what, cidrs in (("both halves", _HALVES), ("much of the internet", _QUARTERS), ("IPv6", ["::/0"]))
    ),
    Edit(
        "both endpoints are off",
        "nobody reaches the API",
        [CLUSTER],
        (),
        with_key(endpointPrivateAccess=False, endpointPublicAccess=False),
    ),
    *(
        Edit(
            f"a Service is open to {what}", "whoever finds it uses the GPUs", [SERVICE], (), _public(**given), balanced
        )
        for what, given in (
            ("both halves", {"loadBalancerSourceRanges": _HALVES}),
            ("much of the internet", {"loadBalancerSourceRanges": _QUARTERS}),
            ("IPv6", {"loadBalancerSourceRanges": ["192.88.99.0/24", "::/0"]}),
            ("all by a key that nobody reads", {"annotations": {f"{_BALANCER}-source-ranges": "192.88.99.0/24"}}),
            (
                "both halves by annotation",
                {"annotations": {"service.beta.kubernetes.io/load-balancer-source-ranges": ",".join(_HALVES)}},
            ),
        )
    ),
    Rewritten("an Ingress is open", "whoever finds it uses the GPUs", once(_ingress(scheme="internet-facing"))),
    Rewritten(
        "an Ingress is open to both halves",
        "whoever finds it uses the GPUs",
        once(_ingress(scheme="internet-facing", inbound_cidrs=", ".join(_HALVES))),
    ),
    Rewritten("a security group with SSH for all", "port 22 is open", once(_open_group(_SSH))),
    Rewritten("a security group for all", "every port is open", once(_open_group({**OPEN_OUT}))),
    Rewritten(
        "a security group for both halves",
        "every port is open",
        once(_open_group({**OPEN_OUT, "cidrBlocks": _HALVES})),
    ),
    Edit("the default group is open", "every port is open", _DEFAULT_GROUP, ("ingress",), to([OPEN_OUT])),
    # What AWS lets them do.
    Edit(
        "anybody may send to the queue",
        "forged notices end nodes",
        _QUEUE_POLICY,
        ("policy", JSON, "Statement"),
        with_item({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}),
    ),
    Edit(
        "any account may do all with the queue",
        "forged notices end nodes",
        _QUEUE_POLICY,
        ("policy", JSON, "Statement"),
        with_item({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sqs:*", "Resource": "*"}),
    ),
    *(
        Rewritten(f"a role has {name}", "one pod is the whole account", _attached(name, "pods.eks", "ec2.amazonaws"))
        for name in ("AdministratorAccess", "IAMFullAccess")
    ),
    Rewritten("a role may do everything", "one pod is the whole account", _allowed("*")),
    Rewritten("a role may do all of IAM", "one pod is the whole account", _allowed("iam:*")),
    Rewritten(
        "nodes may push images",
        "a pod changes what all nodes run",
        _attached("AmazonEC2ContainerRegistryPowerUser", "ec2.amazonaws"),
    ),
    Edit(
        "everybody may take a role",
        "strangers are in the account",
        ["aws:iam/role:Role"],
        ("assumeRolePolicy", JSON, "Statement"),
        with_item({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}),
        lambda resource, program: "pods.eks" in str(resource.inputs) or "ec2.amazonaws" in str(resource.inputs),
    ),
    # What the cluster lets them do.
    Rewritten("nodes are cluster admins", "one pod is the whole cluster", once(_administrator)),
    Rewritten(
        "every pod is a cluster admin", "one pod is the whole cluster", once(_bound("ServiceAccount", "default"))
    ),
    Rewritten("everybody is a cluster admin", "strangers are in it", once(_bound("Group", "system:authenticated"))),
    # Pods.
    *(
        Edit(f"pods have {key}", "one pod is the whole node", _WORKLOADS, _POD, with_key(**{key: True}))
        for key in ("hostPID", "hostIPC", "hostNetwork")
    ),
    Edit(
        "a container is privileged",
        "one pod is the whole node",
        _WORKLOADS,
        (*_CONTAINERS, "securityContext"),
        with_key(privileged=True),
    ),
    Edit(
        "a container has a capability",
        "one pod is the whole node",
        _WORKLOADS,
        (*_CONTAINERS, "securityContext"),
        with_key(capabilities={"add": ["SYS_ADMIN"]}),
    ),
    *(
        Edit(
            f"a pod mounts {path}",
            "one pod is the whole node",
            _WORKLOADS,
            (*_POD, "volumes"),
            with_item({"name": "host", "hostPath": {"path": path}}),
        )
        for path in ("/", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/var/lib/kubelet")
    ),
    Edit(
        "a password in a variable",
        "whoever reads the object has it",
        _WORKLOADS,
        (*_CONTAINERS, "env"),
        with_item({"name": "DB_PASSWORD", "value": "correct-horse-battery"}),
    ),
    Edit(
        "an access key in a variable",
        "whoever reads the object has it",
        _WORKLOADS,
        (*_CONTAINERS, "env"),
        with_item({"name": "AWS_ID", "value": "AKIAIOSFODNN7EXAMPLE"}),
    ),
    Rewritten("a password in a ConfigMap", "whoever reads the object has it", once(_config_map)),
    # The control plane.
    Edit(
        "a protected cluster without logs",
        "nobody can tell who did what",
        [CLUSTER],
        ("enabledClusterLogTypes",),
        to([]),
        lambda resource, program: resource.inputs.get("deletionProtection") is True,
    ),
    Edit(
        "the key of the secrets is not used",
        "it costs money and encrypts nothing",
        [CLUSTER],
        ("encryptionConfigKeyArn",),
        gone,
        lambda resource, program: program.has(_KEY),
    ),
)
