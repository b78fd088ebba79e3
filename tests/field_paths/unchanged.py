"""Fields that change nothing in the settings, and of which nothing is told; each with the reason."""

_POLICY = "the program gives each add-on a role with what it needs"
_BY_ID = "a subnet is known by its id"
_KEYS = "keys do nothing without ssh.allow, whose loss is told"
_SELECTED = "the program makes subnets, security groups and roles itself, and its pools have their ids"

CLUSTER = {
    "addonsConfig.autoApplyPodIdentityAssociations": "the program's add-ons have Pod Identity",
    "addons[].resolveConflicts": "of one update, and no state",
    "addons[].useDefaultPodIdentityAssociations": _POLICY,
    "addons[].wellKnownPolicies.autoScaler": _POLICY,
    "addons[].wellKnownPolicies.awsLoadBalancerController": _POLICY,
    "addons[].wellKnownPolicies.certManager": _POLICY,
    "addons[].wellKnownPolicies.ebsCSIController": _POLICY,
    "addons[].wellKnownPolicies.efsCSIController": _POLICY,
    "addons[].wellKnownPolicies.externalDNS": _POLICY,
    "addons[].wellKnownPolicies.imageBuilder": _POLICY,
    "iam.vpcResourceControllerPolicy": "EKS's controller of network interfaces has the cluster's role in any case",
    "iam.withOIDC": "the program always makes the provider",
    "iamIdentityMappings[].noDuplicateARNs": "access entries cannot be there twice",
    "metadata.annotations.*": "notes in the file, which nothing in AWS or Kubernetes gets",
    "vpc.subnets.private.*.cidr": _BY_ID,
    "vpc.subnets.public.*.az": _BY_ID,
    "vpc.subnets.public.*.cidr": _BY_ID,
}
_GROUP = {
    "containerRuntime": "EKS's images have containerd alone",
    "disablePodIMDS": "the hop limit of the program's nodes is 1",
    "iam.withAddonPolicies.ebs": "the driver's add-on has a role",
    "propagateASGTags": "the program writes the tags for the autoscaler itself",
    "ssh.publicKey": _KEYS,
    "ssh.publicKeyName": _KEYS,
    "ssh.publicKeyPath": _KEYS,
    "ssh.sourceSecurityGroupIds[]": _KEYS,
}
GPU_GROUP = {**_GROUP, "iam.withAddonPolicies.autoScaler": "groups get the cluster autoscaler in any case"}
SYSTEM_GROUP = _GROUP
SPOT_GROUP = {**GPU_GROUP, "instanceType": "it is `mixed`, or the first of instanceTypes"}
NODE_POOL = {
    "spec.template.spec.nodeClassRef.apiVersion": "the version of another object",
    "spec.template.spec.nodeClassRef.name": "the name of another object",
    "spec.template.spec.taints[].timeAdded": "the API server's own, of nodes",
    "spec.providerRef.apiVersion": "the version of another object",
    "spec.providerRef.kind": "v1alpha5 has one kind",
    "spec.providerRef.name": "the name of another object",
    "spec.taints[].timeAdded": "the API server's own, of nodes",
}
NODE_CLASS = {
    "spec.apiVersion": "of the object inside a Provisioner",
    "spec.blockDeviceMappings[].rootVolume": "the first volume is the root in any case",
    "spec.instanceProfile": _SELECTED,
    "spec.instanceStorePolicy": "the program's nodes use the disks of the instance where they have some",
    "spec.kind": "of the object inside a Provisioner",
    "spec.role": _SELECTED,
    "spec.securityGroupSelector.*": _SELECTED,
    "spec.securityGroupSelectorTerms[].id": _SELECTED,
    "spec.securityGroupSelectorTerms[].name": _SELECTED,
    "spec.securityGroupSelectorTerms[].tags.*": _SELECTED,
    "spec.subnetSelector.*": _SELECTED,
    "spec.subnetSelectorTerms[].id": _SELECTED,
    "spec.subnetSelectorTerms[].tags.*": _SELECTED,
}
