"""What EC2 and Auto Scaling refuse: names, and objects that exist. Launches are in test_launches."""

from tests.eks_gpu.lab.aws.refusals.account import CHARACTERS, LENGTH, SPACED, VALIDATION, Case, answer, each_of, twice

DISK = {"BlockDeviceMappings": []}

CASES: dict[str, list[Case]] = {
    "ec2:CreateLaunchTemplate `LaunchTemplateName` of more than 128 characters": [
        (
            lambda aws: aws.ec2.create_launch_template(LaunchTemplateName="n" * 129, LaunchTemplateData=DISK),
            "InvalidLaunchTemplateName.MalformedException",
            LENGTH.format("n" * 129, "launchTemplateName", 128),
            400,
        )
    ],
    r"ec2:CreateLaunchTemplate `LaunchTemplateName` with characters other than `[a-zA-Z0-9().\-/_]*`": [
        (
            lambda aws: aws.ec2.create_launch_template(LaunchTemplateName=SPACED, LaunchTemplateData=DISK),
            "InvalidLaunchTemplateName.MalformedException",
            CHARACTERS.format(SPACED, "launchTemplateName", r"[a-zA-Z0-9().\-/_]*"),
            400,
        )
    ],
    "ec2:CreateSecurityGroup `GroupName` of more than 255 characters": [
        (
            lambda aws: aws.ec2.create_security_group(GroupName="n" * 256, Description="d"),
            "InvalidParameterValue",
            LENGTH.format("n" * 256, "groupName", 255),
            400,
        )
    ],
    r"ec2:CreateSecurityGroup `GroupName` with characters other than `[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*`": [
        (
            lambda aws: aws.ec2.create_security_group(GroupName="a~b", Description="d"),
            "InvalidParameterValue",
            CHARACTERS.format("a~b", "groupName", r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"),
            400,
        )
    ],
    "ec2:CreateLaunchTemplate a launch template that exists": [
        (
            lambda aws: twice(
                lambda: aws.ec2.create_launch_template(LaunchTemplateName="name", LaunchTemplateData=DISK)
            ),
            "InvalidLaunchTemplateName.AlreadyExistsException",
            "Launch template name already in use.",
            400,
        )
    ],
    "ec2:CreateSecurityGroup a security group that exists in the VPC": [
        (
            lambda aws: twice(lambda: aws.ec2.create_security_group(GroupName="web", Description="d")),
            "InvalidGroup.Duplicate",
            "The security group 'web' already exists",
            400,
        )
    ],
    "autoscaling:CreateAutoScalingGroup `AutoScalingGroupName` of more than 255 characters": [
        (
            lambda aws: aws.scaling_group("n" * 256),
            VALIDATION,
            LENGTH.format("n" * 256, "autoScalingGroupName", 255),
            400,
        )
    ],
    "autoscaling:CreateAutoScalingGroup `AutoScalingGroupName` with characters other than `[^:]*`": [
        (
            lambda aws: aws.scaling_group("a:b"),
            VALIDATION,
            CHARACTERS.format("a:b", "autoScalingGroupName", "[^:]*"),
            400,
        )
    ],
    "autoscaling:CreateAutoScalingGroup an auto scaling group that exists": [
        (
            lambda aws: twice(aws.scaling_group),
            "AlreadyExists",
            "AutoScalingGroup by this name already exists - A group with the name g already exists",
            400,
        )
    ],
}


@each_of(CASES)
def test_ec2_refuses(aws, call, code, words, status):
    assert answer(lambda: call(aws)) == (code, words, status)
