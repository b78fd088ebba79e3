"""An account that has one of everything that a cluster can need, made in the lab's stand-in for AWS."""

import json
from typing import Any

import boto3

from eks_gpu.lab.aws import LAB_KEYS

REGION, CLUSTER, ACCOUNT = "us-west-2", "demo", "123456789012"


def client(service: str, **credentials: str) -> Any:
    """boto3's client of the lab's administrator, unless other credentials are given."""
    return boto3.client(service, region_name=REGION, **{**LAB_KEYS, **credentials})


def _trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole", "sts:TagSession"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _allowing(*actions: str, on: str = "*") -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": on}]})


def make_account() -> None:
    """Makes it."""
    iam, ec2, eks = client("iam"), client("ec2"), client("eks")

    def role(name: str, service: str, *managed: str, **given: str) -> str:
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_trust(service), **given)["Role"]["Arn"]
        for policy in managed:
            iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        return arn

    key = client("kms").create_key(Description="secrets")["KeyMetadata"]["Arn"]
    queue_url = client("sqs").create_queue(QueueName="notices", Attributes={"MessageRetentionPeriod": "300"})[
        "QueueUrl"
    ]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:notices"
    client("events").put_rule(Name="spot", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    client("events").put_targets(Rule="spot", Targets=[{"Id": "queue", "Arn": queue}])
    assert queue_url

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
            "SubnetId"
        ]
        for index, zone in enumerate("ab")
    ]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table])
    client("elbv2").create_load_balancer(Name="front", Subnets=subnets, Type="network")

    own = iam.create_policy(PolicyName="own", PolicyDocument=_allowing("ec2:DescribeInstances"))["Policy"]["Arn"]
    control = role("control", "eks.amazonaws.com", "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
    node = role("node", "ec2.amazonaws.com", "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy", own)
    pods = role("karpenter", "pods.eks.amazonaws.com", PermissionsBoundary=own)
    iam.put_role_policy(
        RoleName="karpenter", PolicyName="queue", PolicyDocument=_allowing("sqs:ReceiveMessage", on=queue)
    )
    fargate = role("fargate", "eks-fargate-pods.amazonaws.com")
    iam.create_instance_profile(InstanceProfileName="nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="nodes", RoleName="node")

    eks.create_cluster(
        name=CLUSTER,
        version="1.35",
        roleArn=control,
        resourcesVpcConfig={"subnetIds": subnets},
        accessConfig={"authenticationMode": "API"},
        encryptionConfig=[{"resources": ["secrets"], "provider": {"keyArn": key}}],
    )
    issuer = eks.describe_cluster(name=CLUSTER)["cluster"]["identity"]["oidc"]["issuer"]
    iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40])
    eks.create_addon(clusterName=CLUSTER, addonName="vpc-cni")
    eks.create_access_entry(clusterName=CLUSTER, principalArn=node, type="EC2_LINUX")
    eks.create_access_entry(clusterName=CLUSTER, principalArn=pods, type="STANDARD")
    eks.associate_access_policy(
        clusterName=CLUSTER,
        principalArn=pods,
        policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy",
        accessScope={"type": "cluster"},
    )
    eks.create_pod_identity_association(
        clusterName=CLUSTER, namespace="kube-system", serviceAccount="karpenter", roleArn=pods
    )
    eks.create_fargate_profile(
        clusterName=CLUSTER,
        fargateProfileName="quiet",
        podExecutionRoleArn=fargate,
        subnets=[subnets[1]],
        selectors=[{"namespace": "quiet"}],
    )
    _make_groups(node, subnets)


def _make_groups(node: str, subnets: list[str]) -> None:
    ec2, scaling = client("ec2"), client("autoscaling")
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    data = {
        "ImageId": image,
        "InstanceType": "g5.xlarge",
        "IamInstanceProfile": {"Name": "nodes"},
        "UserData": "IyEvYmluL2Jhc2gKL2V0Yy9la3MvYm9vdHN0cmFwLnNoIGRlbW8K",  # bootstrap.sh demo
    }
    template = ec2.create_launch_template(LaunchTemplateName="gpu", LaunchTemplateData=data)["LaunchTemplate"]
    client("eks").create_nodegroup(
        clusterName=CLUSTER,
        nodegroupName="system",
        nodeRole=node,
        subnets=subnets,
        scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 1},
        instanceTypes=["m7i.large"],
        amiType="AL2023_x86_64_STANDARD",
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="gpu",
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=0,
        VPCZoneIdentifier=",".join(subnets),
        LaunchTemplate={"LaunchTemplateId": template["LaunchTemplateId"], "Version": "1"},
        Tags=[{"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned", "PropagateAtLaunch": True}],
    )
    scaling.put_lifecycle_hook(
        LifecycleHookName="drain",
        AutoScalingGroupName="gpu",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
        HeartbeatTimeout=180,
    )
    scaling.put_scaling_policy(
        AutoScalingGroupName="gpu",
        PolicyName="more",
        PolicyType="SimpleScaling",
        AdjustmentType="ChangeInCapacity",
        ScalingAdjustment=1,
    )
    scaling.put_scheduled_update_group_action(
        AutoScalingGroupName="gpu", ScheduledActionName="night", Recurrence="0 20 * * *", DesiredCapacity=0
    )
