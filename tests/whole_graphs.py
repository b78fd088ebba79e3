"""A whole stack written by hand, as another program would register it: network, roles, controllers and workloads."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from tests import karpenter_graphs as karpenter
from tests.graphs import (
    GPU_TOLERATION,
    autoscaler,
    device_plugin,
    findings,
    gpu_group,
    kubernetes,
    launch_template,
    managed_group,
    managed_template,
    overrides,
    pod,
    release,
    resource,
    user_data,
)

ACCOUNT = "arn:aws:iam::123456789012:role"
MANAGED = "arn:aws:iam::aws:policy"
AUTOSCALER_ACTIONS = (
    *("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances"),
    *("autoscaling:DescribeScalingActivities", "autoscaling:SetDesiredCapacity"),
    *("autoscaling:TerminateInstanceInAutoScalingGroup", "ec2:DescribeInstanceTypes"),
    "ec2:DescribeLaunchTemplateVersions",
)
KARPENTER_ACTIONS = (
    *("ec2:*", "iam:*InstanceProfile", "iam:PassRole", "iam:CreateServiceLinkedRole", "pricing:GetProducts"),
    "ssm:GetParameter",
)
SERVING = {"app": "api"}


def vpc(**inputs: Any) -> Resource:
    return resource(
        "aws:ec2/vpc:Vpc", "vpc", {"enableDnsHostnames": True, "cidrBlock": "10.0.0.0/16"} | inputs, id_="vpc-1"
    )


RANGES = {"subnet-a": "10.0.0.0/19", "subnet-b": "10.0.32.0/19", "public-a": "10.0.96.0/24"}


def subnet(letter: str, tag: str = "internal-elb", kind: str = "subnet", **inputs: Any) -> Resource:
    tags = {f"kubernetes.io/role/{tag}": "1", "karpenter.sh/discovery": "shop" if kind == "subnet" else "none"}
    place = {"vpcId": "vpc-1", "cidrBlock": RANGES.get(f"{kind}-{letter}")}
    given = {"availabilityZone": f"us-west-2{letter}", **place, "tags": tags, **inputs}
    return resource("aws:ec2/subnet:Subnet", f"{kind}-{letter}", given, id_=f"{kind}-{letter}")


def route(name: str, **inputs: Any) -> Resource:
    given = {"destinationCidrBlock": "0.0.0.0/0", "routeTableId": f"rtb-{name}", **inputs}
    return resource("aws:ec2/route:Route", name, given)


def associated(subnet_id: str, table: str) -> Resource:
    inputs = {"subnetId": subnet_id, "routeTableId": f"rtb-{table}"}
    return resource("aws:ec2/routeTableAssociation:RouteTableAssociation", subnet_id, inputs)


def table(name: str, **inputs: Any) -> Resource:
    return resource("aws:ec2/routeTable:RouteTable", name, {"vpcId": "vpc-1", **inputs}, id_=f"rtb-{name}")


def nat(subnet_id: str = "public-a", **inputs: Any) -> Resource:
    given = {"subnetId": subnet_id, "allocationId": "eipalloc-1", **inputs}
    return resource("aws:ec2/natGateway:NatGateway", "nat", given, id_="nat-1")


def gateway(**inputs: Any) -> Resource:
    return resource("aws:ec2/internetGateway:InternetGateway", "internet", {"vpcId": "vpc-1", **inputs}, id_="igw-1")


def endpoint(service: str = "s3", **inputs: Any) -> Resource:
    """Of S3 by the private route table, or of another service in both private subnets."""
    name = {"vpcId": "vpc-1", "serviceName": f"com.amazonaws.us-west-2.{service}"}
    inside = {"vpcEndpointType": "Interface", "subnetIds": ["subnet-a", "subnet-b"], "privateDnsEnabled": True}
    kind = {"vpcEndpointType": "Gateway", "routeTableIds": ["rtb-private"]} if service == "s3" else inside
    return resource("aws:ec2/vpcEndpoint:VpcEndpoint", service, {**name, **kind, **inputs}, id_=f"vpce-{service}")


def security_group(name: str = "own", type_: str = "securityGroup:SecurityGroup", **rules: Any) -> Resource:
    return resource(f"aws:ec2/{type_}", name, {"vpcId": "vpc-1", **rules}, id_=f"sg-{name}")


def cluster(**inputs: Any) -> Resource:
    network = {
        "subnetIds": ["subnet-a", "subnet-b"],
        "endpointPrivateAccess": True,
        "publicAccessCidrs": ["192.88.99.7/32"],
    }
    given = {
        "name": "shop",
        "version": "1.35",
        "vpcConfig": network,
        "accessConfig": {"authenticationMode": "API"},
        "bootstrapSelfManagedAddons": False,
        "deletionProtection": True,
        "enabledClusterLogTypes": ["api", "audit"],
        "encryptionConfig": {"provider": {"keyArn": KEY_ARN}, "resources": ["secrets"]},
    }
    return resource("aws:eks/cluster:Cluster", "shop", given | inputs)


KEY_ARN = "arn:aws:kms:us-west-2:123456789012:key/8f0c-secrets"


def key() -> Resource:
    return resource("aws:kms/key:Key", "secrets", {}, id_="8f0c-secrets", outputs={"arn": KEY_ARN})


def addon(name: str, **inputs: Any) -> Resource:
    return resource("aws:eks/addon:Addon", name, {"addonName": name, "clusterName": "shop", **inputs})


def cni(configuration: str | None = '{"enableNetworkPolicy": "true"}') -> Resource:
    identity = {"roleArn": f"{ACCOUNT}/cni", "serviceAccount": "aws-node"}
    return addon("vpc-cni", podIdentityAssociations=[identity], configurationValues=configuration)


def network_policy() -> Resource:
    spec = {"podSelector": {"matchLabels": SERVING}, "ingress": [{"ports": [{"port": 8501}]}]}
    return kubernetes("NetworkPolicy", "api", spec, group="networking.k8s.io/v1", namespace="serving")


def monitoring(tolerations: Any = ({"operator": "Exists"},), **inputs: Any) -> Resource:
    configuration = json.dumps({"dcgmAgent": {"tolerations": list(tolerations)}})
    return addon("eks-node-monitoring-agent", configurationValues=configuration, **inputs)


def role(name: str, service: str = "pods.eks.amazonaws.com") -> Resource:
    actions = ["sts:AssumeRole", "sts:TagSession"]
    trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": actions}]}
    return resource("aws:iam/role:Role", name, {"name": name, "assumeRolePolicy": json.dumps(trust)}, id_=name)


def attached(role_name: str, policy: str) -> Resource:
    inputs = {"role": role_name, "policyArn": f"{MANAGED}/{policy}"}
    return resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", f"{role_name}-{policy}", inputs)


def inline(role_name: str, *actions: str, **statement: Any) -> Resource:
    document = {"Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*", **statement}]}
    return resource("aws:iam/rolePolicy:RolePolicy", role_name, {"role": role_name, "policy": json.dumps(document)})


def association(name: str, **inputs: Any) -> Resource:
    given = {"clusterName": "shop", "namespace": "kube-system", "serviceAccount": name, "roleArn": f"{ACCOUNT}/{name}"}
    return resource("aws:eks/podIdentityAssociation:PodIdentityAssociation", name, given | inputs)


def entry(role_name: str, **inputs: Any) -> Resource:
    given = {"clusterName": "shop", "principalArn": f"{ACCOUNT}/{role_name}", "type": "EC2_LINUX"}
    return resource("aws:eks/accessEntry:AccessEntry", f"{role_name}-entry", given | inputs)


def profile() -> Resource:
    name = {"name": "shop-node", "role": "shop-node"}
    return resource("aws:iam/instanceProfile:InstanceProfile", "shop-node", name, id_="shop-node")


def efa_template(*interfaces: Mapping[str, Any], **inputs: Any) -> Resource:
    given = interfaces or (
        {"networkCardIndex": 0, "deviceIndex": 0, "interfaceType": "efa", "securityGroups": ["sg-fast"]},
    )
    data = user_data(labels="nvidia.com/gpu.present=true,k8s.amazonaws.com/accelerator=nvidia")
    placed = {"networkInterfaces": list(given), "placement": {"groupName": "fast"}, "userData": data}
    return launch_template("lt-fast", **(placed | inputs))


def fabric() -> Resource:
    """A security group whose members exchange everything, EFA's traffic too, and reach everybody."""
    every = {"protocol": "-1", "fromPort": 0, "toPort": 0}
    inside = {**every, "self": True}
    return security_group("fast", ingress=[inside], egress=[inside, {**every, "cidrBlocks": ["0.0.0.0/0"]}])


def efa_group(*types: str, **inputs: Any) -> Resource:
    return gpu_group("fast", mixedInstancesPolicy=overrides(*(types or ("g6.8xlarge",)), template="lt-fast"), **inputs)


def karpenter_release(**settings: Any) -> Resource:
    found = karpenter.karpenter(featureGates={"nodeRepair": True, "reservedCapacity": True}, **settings)
    values = {**found.inputs["values"], "serviceAccount": {"name": "karpenter"}}
    wait = frozenset(made.urn for made in (inline("karpenter"), association("karpenter")))
    return replace(found, inputs={**found.inputs, "namespace": "kube-system", "values": values}, dependencies=wait)


def reserved_pool(**spec: Any) -> Resource:
    capacity = karpenter.requirement("karpenter.sh/capacity-type", "reserved", "spot", "on-demand")
    zones = karpenter.requirement("topology.kubernetes.io/zone", "us-west-2a", "us-west-2b")
    return karpenter.node_pool(karpenter.ARCH, capacity, karpenter.THREE_TYPES, zones, name="reserved", **spec)


def reservation(**inputs: Any) -> Resource:
    given = {"instanceType": "g6.xlarge", "instanceCount": 1, "availabilityZone": "us-west-2a"}
    return resource("aws:ec2/capacityReservation:CapacityReservation", "reserved", given | inputs, id_="cr-1")


def reserving_class(**spec: Any) -> Resource:
    return karpenter.node_class(capacityReservationSelectorTerms=[{"id": "cr-1"}], **spec)


def exporter(**values: Any) -> Resource:
    fitting = {
        "nodeSelector": {"nvidia.com/gpu.present": "true"},
        "tolerations": [GPU_TOLERATION],
        "serviceMonitor": {"enabled": False},
    }
    inputs = {"name": "dcgm", "chart": "dcgm-exporter", "namespace": "kube-system", "values": fitting | values}
    return resource("kubernetes:helm.sh/v3:Release", "dcgm", inputs)


def serving(labels: Mapping[str, str] = SERVING, replicas: int = 2, **spec: Any) -> Resource:
    container = {
        "name": "api",
        "image": "example/api:1",
        "ports": [{"name": "rest", "containerPort": 8501}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "rest"}},
        "lifecycle": {"preStop": {"sleep": {"seconds": 60}}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    pod = {"containers": [container], "serviceAccountName": "default", "terminationGracePeriodSeconds": 90, **spec}
    template = {"metadata": {"labels": dict(labels)}, "spec": pod}
    spec_ = {"replicas": replicas, "selector": {"matchLabels": dict(labels)}, "template": template}
    made = kubernetes("Deployment", "api", spec_, namespace="serving")
    return replace(made, options={"ignoreChanges": ["spec.replicas"]})  # its autoscaler moves them


def changed(made: Resource, **container: Any) -> Resource:
    """The serving Deployment with another container."""
    spec = made.inputs["spec"]
    (first,) = spec["template"]["spec"]["containers"]
    pod = {**spec["template"]["spec"], "containers": [{**first, **container}]}
    template = {**spec["template"], "spec": pod}
    return replace(made, inputs={**made.inputs, "spec": {**spec, "template": template}})


def service(annotations: Mapping[str, str] | None = None, **spec: Any) -> Resource:
    prefix = "service.beta.kubernetes.io/aws-load-balancer"
    given = {f"{prefix}-nlb-target-type": "ip", f"{prefix}-scheme": "internal", **(annotations or {})}
    healthy = {
        "type": "LoadBalancer",
        "loadBalancerClass": "service.k8s.aws/nlb",
        "selector": SERVING,
        "ports": [{"port": 80, "targetPort": "rest"}],
    }
    made = kubernetes("Service", "api", healthy | spec, group="core/v1", namespace="serving", annotations=given)
    return replace(made, dependencies=frozenset({karpenter.balancer().urn}))


def namespace(**labels: str) -> Resource:
    given = {"elbv2.k8s.aws/pod-readiness-gate-inject": "enabled"} | labels
    inputs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "serving", "labels": given}}
    return resource("kubernetes:core/v1:Namespace", "serving", inputs)


def disruption_budget(**spec: Any) -> Resource:
    given = {"selector": {"matchLabels": SERVING}, **(spec or {"maxUnavailable": 1})}
    return kubernetes("PodDisruptionBudget", "api", given, group="policy/v1", namespace="serving")


def pod_autoscaler(target: str = "api") -> Resource:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
    spec = {"minReplicas": 2, "maxReplicas": 4, "metrics": [cpu], "scaleTargetRef": reference}
    return kubernetes("HorizontalPodAutoscaler", "api", spec, group="autoscaling/v2", namespace="serving")


def training(deadline_s: int = 7200) -> Resource:
    needs = pod(
        {"nvidia.com/gpu": 1, "cpu": "500m", "memory": "1Gi"}, tolerations=[GPU_TOLERATION], restartPolicy="Never"
    )
    spec = {"activeDeadlineSeconds": deadline_s, "template": {"spec": needs}}
    return kubernetes("Job", "training", spec, group="batch/v1")


def claiming(**spec: Any) -> Resource:
    """Pods that claim a device, and may run on the nodes of every GPU pool."""
    on_gpus = {"nodeSelector": {"nvidia.com/gpu.present": "true"}, "tolerations": [GPU_TOLERATION]}
    claims = {"resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "gpu"}], **on_gpus, **spec}
    pod = {"containers": [{"name": "main", "image": "example/app:1"}], **claims}
    labels = {"app": "claiming"}
    template = {"metadata": {"labels": labels}, "spec": pod}
    made = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return kubernetes("Deployment", "claiming", made)


def claim_template(device_class: str = "gpu.nvidia.com") -> Resource:
    requests = [{"name": "gpu", "exactly": {"deviceClassName": device_class}}]
    spec = {"spec": {"devices": {"requests": requests}}}
    return kubernetes("ResourceClaimTemplate", "gpu", spec, group="resource.k8s.io/v1")


def storage_class() -> Resource:
    inputs = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp3"}}
    made = {**inputs, "provisioner": "ebs.csi.aws.com", "volumeBindingMode": "WaitForFirstConsumer"}
    return resource("kubernetes:storage.k8s.io/v1:StorageClass", "gp3", made)


def quota(**hard: str) -> Resource:
    names = {key.replace("__", "/").replace("_", "."): value for key, value in hard.items()}
    return kubernetes("ResourceQuota", "quota", {"hard": names}, group="core/v1", namespace="serving")


def limit_range(**row: Any) -> Resource:
    spec = {"limits": [{"type": "Container", **row}]}
    return kubernetes("LimitRange", "limits", spec, group="core/v1", namespace="serving")


def webhook(**hook: Any) -> Resource:
    """In front of it are the pods of the Service serving/api."""
    service_of_it = {"clientConfig": {"service": {"name": "api", "namespace": "serving"}}}
    inputs = {"metadata": {"name": "policy"}, "webhooks": [{"name": "policy.example.com", **service_of_it, **hook}]}
    type_ = "kubernetes:admissionregistration.k8s.io/v1:ValidatingWebhookConfiguration"
    return resource(type_, "policy", {"kind": "ValidatingWebhookConfiguration", **inputs})


def healthy(**instead: Any) -> list[Resource]:
    """A stack in which every check holds; `instead` puts resources for others, by role, None for none."""
    gpu = user_data(labels="nvidia.com/gpu.present=true,k8s.amazonaws.com/accelerator=nvidia")
    parts: dict[str, Any] = {
        "vpc": vpc(),
        "subnet_a": subnet("a"),
        "subnet_b": subnet("b"),
        "public": subnet("a", tag="elb", kind="public"),
        "gateway": gateway(),
        "nat": nat(),
        "tables": [table("private"), table("public")],
        "s3": endpoint(),
        "default_group": security_group("default", "defaultSecurityGroup:DefaultSecurityGroup"),
        "private_route": route("private", natGatewayId="nat-1"),
        "public_route": route("public", gatewayId="igw-1"),
        "associated_a": associated("subnet-a", "private"),
        "associated_b": associated("subnet-b", "private"),
        "associated_public": associated("public-a", "public"),
        "cluster": cluster(),
        "key": key(),
        "cni": cni(),
        "cni_role": [role("cni"), attached("cni", "AmazonEKS_CNI_Policy")],
        "kube_proxy": addon("kube-proxy"),
        "coredns": addon("coredns", configurationValues='{"nodeSelector": {"role": "system"}}'),
        "agent": addon("eks-pod-identity-agent"),
        "metrics": addon("metrics-server"),
        "disks": addon("aws-ebs-csi-driver"),
        "monitoring": monitoring(),
        "node_role": role("shop-node", "ec2.amazonaws.com"),
        "worker": attached("shop-node", "AmazonEKSWorkerNodePolicy"),
        "images": attached("shop-node", "AmazonEC2ContainerRegistryPullOnly"),
        "profile": profile(),
        "entry": entry("shop-node"),
        "system_template": managed_template(),
        "system": managed_group(nodeRoleArn=f"{ACCOUNT}/shop-node"),
        "gpu_template": launch_template(userData=gpu),
        "gpu": gpu_group(),
        "fast_security": fabric(),
        "fast_template": efa_template(),
        "fast": efa_group(),
        "autoscaler": autoscaler(rbac={"serviceAccount": {"name": "ca"}}),
        "autoscaler_role": role("ca"),
        "autoscaler_policy": inline("ca", *AUTOSCALER_ACTIONS),
        "autoscaler_association": association("ca"),
        "handler": release("aws-node-termination-handler"),
        "crds": karpenter.karpenter("karpenter-crd"),
        "karpenter": karpenter_release(),
        "karpenter_role": role("karpenter"),
        "karpenter_policy": inline("karpenter", *KARPENTER_ACTIONS, "eks:DescribeCluster", "sqs:*"),
        "karpenter_association": association("karpenter"),
        "queue": [karpenter.queue(), karpenter.queue_policy(), *karpenter.rules()],
        "node_class": reserving_class(),
        "reserved": reserved_pool(),
        "reservation": reservation(),
        "device_plugin": device_plugin(),
        "exporter": exporter(),
        "balancer": karpenter.balancer(),
        "namespace": namespace(),
        "serving": serving(),
        "training": training(),
        "service": service(),
        "budget": disruption_budget(),
        "pod_autoscaler": pod_autoscaler(),
        "network_policy": network_policy(),
        "claiming": None,
        "storage_class": storage_class(),
        "quota": quota(pods="10", requests_cpu="2"),
        "limit_range": limit_range(max={"cpu": "4"}),
        "webhook": webhook(),
    }
    assert instead.keys() <= parts.keys()
    lists = (part if isinstance(part, list) else [part] for part in (parts | instead).values())
    return [made for part in lists for made in part if made is not None]


def failure(check: str, **instead: Any) -> tuple[str, str]:
    """The one subject that fails a check when one part of the stack is another, and what is said of it."""
    said = findings(check, *healthy(**instead))
    ((subject, message),) = [(subject, message) for subject, (passed, message) in said.items() if not passed]
    return subject, message


def holds(check: str, **instead: Any) -> bool:
    """Whether a check holds of everything that it says something of."""
    said = findings(check, *healthy(**instead))
    return all(passed for passed, _ in said.values())
