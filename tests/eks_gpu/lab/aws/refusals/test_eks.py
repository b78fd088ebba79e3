"""What EKS refuses: endpoints, zones, versions, roles, and fields beside a launch template."""

import pytest

from tests.eks_gpu.lab.aws.refusals.account import INVALID, LENGTH, ROLE, Aws, Case, answer, each_of, twice

EKS_CHARACTERS = (
    'The parameter {} contains invalid characters. It should conform to the regular expression "{}"In other words, '
    "it should start with a number or letter, and can contain numbers, letters, dashes, and underscores."
)

CASES: dict[str, list[Case]] = {
    "eks:CreateCluster `name` of more than 100 characters": [
        (lambda aws: aws.cluster("n" * 101), INVALID, LENGTH.format("n" * 101, "name", 100), 400)
    ],
    r"eks:CreateCluster `name` with characters other than `^[0-9A-Za-z][A-Za-z0-9\-_]*`": [
        (
            lambda aws: aws.cluster("gaia.prod"),
            INVALID,
            EKS_CHARACTERS.format("name", r"^[0-9A-Za-z][A-Za-z0-9\-_]*"),
            400,
        )
    ],
    "eks:CreateNodegroup `nodegroupName` of more than 63 characters": [
        (lambda aws: aws.group(name="n" * 64), INVALID, LENGTH.format("n" * 64, "nodegroupName", 63), 400)
    ],
    "eks:CreateNodegroup `nodegroupName` with characters other than `[0-9A-Za-z][A-Za-z0-9-_]*`": [
        (
            lambda aws: aws.group(name="-gpu"),
            INVALID,
            EKS_CHARACTERS.format("nodegroupName", "[0-9A-Za-z][A-Za-z0-9-_]*"),
            400,
        )
    ],
    "eks:CreateCluster a range for the public endpoint that is private, for documentation, reserved or IPv6": [
        (
            lambda aws, given=given: aws.cluster(publicAccessCidrs=["8.8.8.0/24", given, "0.0.0.0/0"]),
            INVALID,
            f"The following CIDRs are invalid in publicAccessCidrs: [{given}]",
            400,
        )
        for given in (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.1.0/24",
            "192.0.2.0/24",
            "198.51.100.7/32",
            "203.0.113.0/24",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "2001:4860::/32",
            "office",
        )
    ],
    "eks:UpdateClusterConfig a range for the public endpoint that is private, for documentation, reserved or IPv6": [
        (
            lambda aws: (
                aws.cluster(),
                aws.eks.update_cluster_config(
                    name="gaia", resourcesVpcConfig={"publicAccessCidrs": ["10.0.0.0/8", "192.0.2.0/24"]}
                ),
            ),
            INVALID,
            "The following CIDRs are invalid in publicAccessCidrs: [10.0.0.0/8, 192.0.2.0/24]",
            400,
        )
    ],
    "eks:CreateCluster subnets in a single zone": [
        (
            lambda aws, zones=zones: aws.cluster(zones=zones),
            INVALID,
            "Subnets specified must be in at least two different AZs",
            400,
        )
        for zones in ("a", "aa")
    ],
    "eks:UpdateClusterConfig subnets in a single zone": [
        (
            lambda aws: (
                aws.cluster(),
                aws.eks.update_cluster_config(name="gaia", resourcesVpcConfig={"subnetIds": aws.subnets("a")}),
            ),
            INVALID,
            "Subnets specified must be in at least two different AZs",
            400,
        )
    ],
    "eks:CreateCluster a subnet in one of the zones cac1-az3, use1-az3, usw1-az2": [
        (
            lambda _: Aws("us-east-1").cluster(zones="ae"),
            "UnsupportedAvailabilityZoneException",
            "Cannot create cluster 'gaia' because us-east-1e, the targeted availability zone, does not currently have "
            "sufficient capacity to support the cluster. Retry and choose from these availability zones: us-east-1a, "
            "us-east-1b, us-east-1c, us-east-1d, us-east-1f",
            400,
        )
    ],
    "eks:UpdateClusterConfig a subnet in one of the zones cac1-az3, use1-az3, usw1-az2": [
        (
            lambda _: (
                Aws("us-east-1").cluster(),
                Aws("us-east-1").eks.update_cluster_config(
                    name="gaia", resourcesVpcConfig={"subnetIds": Aws("us-east-1").subnets("b", "e")}
                ),
            ),
            "UnsupportedAvailabilityZoneException",
            "Cannot create cluster 'gaia' because us-east-1e, the targeted availability zone, does not currently have "
            "sufficient capacity to support the cluster. Retry and choose from these availability zones: us-east-1a, "
            "us-east-1b, us-east-1c, us-east-1d, us-east-1f",
            400,
        )
    ],
    "eks:CreateCluster a Kubernetes version that EKS does not have": [
        (
            lambda aws, version=version: aws.cluster(version=version),
            INVALID,
            f"unsupported Kubernetes version {version}",
            400,
        )
        for version in ("1.19", "1.99", "1.35.1")
    ],
    "eks:UpdateClusterVersion a Kubernetes version that EKS does not have": [
        (lambda aws: aws.upgrade("1.36", "1.37"), INVALID, "unsupported Kubernetes version 1.37", 400)
    ],
    "eks:UpdateClusterVersion a version that skips a minor, or goes back by more than the upgrade before": [
        (
            lambda aws, steps=steps: aws.upgrade(*steps),
            INVALID,
            f"Unsupported Kubernetes minor version update from {steps[-2]} to {steps[-1]}",
            400,
        )
        for steps in (("1.33", "1.35"), ("1.35", "1.34"), ("1.33", "1.34", "1.35", "1.33"))
    ],
    "eks:CreateCluster a role made a moment ago, until IAM has spread it; providers try again": [
        (
            lambda aws: (aws.role("cluster"), aws.cluster()),
            INVALID,
            f"Role with arn: {ROLE}, could not be assumed because it does not exist or the trusted entity is not "
            "correct",
            400,
        )
    ],
    "eks:CreateCluster a cluster that exists": [
        (
            lambda aws: twice(aws.cluster),
            "ResourceInUseException",
            "Cluster already exists with name: gaia",
            409,
        )
    ],
    "eks:CreateNodegroup `instanceTypes` beside a launch template that has one": [
        (
            lambda aws: aws.group({"InstanceType": "g5.xlarge"}, instanceTypes=["g6.xlarge"]),
            "InvalidRequestException",
            "Cannot specify instance types in launch template and API request",
            400,
        )
    ],
    "eks:CreateNodegroup `diskSize` beside a launch template": [
        (
            lambda aws: aws.group({}, diskSize=50),
            INVALID,
            "Disk size must be specified within the launch template.",
            400,
        )
    ],
    "eks:CreateNodegroup `version` beside a launch template with an image": [
        (
            lambda aws: aws.group({"ImageId": "ami-12c6146b"}, version="1.35"),
            INVALID,
            "You cannot specify a kubernetes version to use when specifying an image id to use within the launch "
            "template.",
            400,
        )
    ],
    "eks:UpdateNodegroupVersion `version` beside a launch template with an image": [
        (
            lambda aws: (
                aws.group({"ImageId": "ami-12c6146b"}),
                aws.eks.update_nodegroup_version(clusterName="gaia", nodegroupName="gpu", version="1.35"),
            ),
            INVALID,
            "You cannot specify a kubernetes version to use when specifying an image id to use within the launch "
            "template.",
            400,
        )
    ],
    "eks:CreateNodegroup `releaseVersion` beside a launch template with an image": [
        (
            lambda aws: aws.group({"ImageId": "ami-12c6146b"}, releaseVersion="1.35.1-20260714"),
            INVALID,
            "You cannot specify a release version when specifying an image id to use within the launch template.",
            400,
        )
    ],
    "eks:UpdateNodegroupVersion `releaseVersion` beside a launch template with an image": [
        (
            lambda aws: (
                aws.group({"ImageId": "ami-12c6146b"}),
                aws.eks.update_nodegroup_version(
                    clusterName="gaia", nodegroupName="gpu", releaseVersion="1.35.1-20260714"
                ),
            ),
            INVALID,
            "You cannot specify a release version when specifying an image id to use within the launch template.",
            400,
        )
    ],
    "eks:CreateNodegroup `amiType` beside a launch template with an image": [
        (
            lambda aws: aws.group({"ImageId": "ami-12c6146b"}, amiType="AL2023_x86_64_NVIDIA"),
            INVALID,
            "You cannot specify an AMI Type other than CUSTOM, when specifying an image id in your launch template.",
            400,
        )
    ],
    "eks:CreateNodegroup an instance profile, market options or hibernation in the launch template": [
        (
            lambda aws: aws.group({"IamInstanceProfile": {"Name": "p"}}),
            INVALID,
            "Launch template must not specify IamInstanceProfile in a managed node group",
            400,
        )
    ],
    "eks:UpdateNodegroupVersion an instance profile, market options or hibernation in the launch template": [
        (
            lambda aws: (
                aws.group({}),
                aws.ec2.create_launch_template_version(
                    LaunchTemplateName="node", LaunchTemplateData={"InstanceMarketOptions": {"MarketType": "spot"}}
                ),
                aws.eks.update_nodegroup_version(
                    clusterName="gaia", nodegroupName="gpu", launchTemplate={"name": "node", "version": "2"}
                ),
            ),
            INVALID,
            "Launch template must not specify InstanceMarketOptions in a managed node group",
            400,
        )
    ],
    "eks:CreateNodegroup sizes that are not in the order minimum, desired, maximum": [
        (
            lambda aws: aws.group(scalingConfig={"minSize": 2, "desiredSize": 1, "maxSize": 3}),
            INVALID,
            "minSize can't be greater than desiredSize",
            400,
        ),
        (
            lambda aws: aws.group(scalingConfig={"minSize": 0, "desiredSize": 4, "maxSize": 3}),
            INVALID,
            "desiredSize can't be greater than maxSize",
            400,
        ),
    ],
    "eks:UpdateNodegroupConfig a minimum above the desired size": [
        (
            lambda aws, sizes=sizes: (
                aws.group(),
                aws.eks.update_nodegroup_config(clusterName="gaia", nodegroupName="gpu", scalingConfig=sizes),
            ),
            INVALID,
            "Minimum capacity 1 can't be greater than desired size 0",
            400,
        )
        for sizes in ({"minSize": 1}, {"minSize": 1, "desiredSize": 0, "maxSize": 1})
    ],
}


@each_of(CASES)
def test_eks_refuses(aws, call, code, words, status):
    assert answer(lambda: call(aws)) == (code, words, status)


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: aws.cluster("n" * 100, publicAccessCidrs=["0.0.0.0/0", "8.8.8.8/32"]),
        lambda aws: aws.upgrade("1.33", "1.34", "1.35", "1.34"),  # back by the one upgrade
        lambda aws: aws.group({"ImageId": "ami-12c6146b"}, amiType="CUSTOM"),
        lambda aws: aws.group({}, instanceTypes=["g6.xlarge"], version="1.35", amiType="AL2023_x86_64_NVIDIA"),
        lambda aws: aws.group(diskSize=50, name="n" * 63),
    ],
)
def test_eks_takes_what_is_just_within_the_rules(aws, call):
    assert answer(lambda: call(aws)) is None
