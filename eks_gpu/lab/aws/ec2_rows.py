"""EC2: networks, security groups, launch templates."""

from functools import partial

from eks_gpu.lab.aws import sources as say
from eks_gpu.lab.aws.row import ARN, Row, call

EC2 = partial(
    Row,
    "ec2",
    tag=call("create_tags", Resources="id"),
    untag=call("delete_tags", Resources="id", Tags=say.removed_pairs("tags")),
)

EC2_ROWS = {
    "aws:ec2/vpc:Vpc": EC2(
        call("create_vpc"),
        "Vpc.VpcId",
        delete=call("delete_vpc"),
        read=call("describe_vpcs", VpcIds="id"),
        found="Vpcs[0]",
        after=(call("modify_vpc_attribute"),),
        sources={"VpcId": "id"},
        outputs={"arn": ARN % ("ec2", "vpc/{id}")},
    ),
    "aws:ec2/subnet:Subnet": EC2(
        call("create_subnet"),
        "Subnet.SubnetId",
        delete=call("delete_subnet"),
        read=call("describe_subnets", SubnetIds="id"),
        found="Subnets[0]",
        after=(call("modify_subnet_attribute"),),
        sources={"SubnetId": "id"},
        outputs={"arn": ARN % ("ec2", "subnet/{id}")},
    ),
    "aws:ec2/internetGateway:InternetGateway": EC2(
        call("create_internet_gateway"),
        "InternetGateway.InternetGatewayId",
        delete=call("delete_internet_gateway"),
        read=call("describe_internet_gateways", InternetGatewayIds="id"),
        found="InternetGateways[0].{{vpcId: Attachments[0].VpcId, tags: Tags, ownerId: OwnerId}}",
        after=(call("attach_internet_gateway"),),
        before_delete=(call("detach_internet_gateway"),),
        sources={"InternetGatewayId": "id"},
        outputs={"arn": ARN % ("ec2", "internet-gateway/{id}")},
        fixed=frozenset({"vpcId"}),
    ),
    "aws:ec2/eip:Eip": EC2(
        call("allocate_address"),
        "AllocationId",
        delete=call("release_address", AllocationId="id"),
        read=call("describe_addresses", AllocationIds="id"),
        found="Addresses[0]",
        outputs={"arn": ARN % ("ec2", "elastic-ip/{id}")},
    ),
    "aws:ec2/natGateway:NatGateway": EC2(
        call("create_nat_gateway"),
        "NatGateway.NatGatewayId",
        delete=call("delete_nat_gateway", NatGatewayId="id"),
        read=call("describe_nat_gateways", NatGatewayIds="id"),
        found="NatGateways[?State!='deleted'].merge(NatGatewayAddresses[0], @) | [0]",
    ),
    "aws:ec2/routeTable:RouteTable": EC2(
        call("create_route_table"),
        "RouteTable.RouteTableId",
        delete=call("delete_route_table", RouteTableId="id"),
        read=call("describe_route_tables", RouteTableIds="id"),
        found="RouteTables[0].{{vpcId: VpcId, tags: Tags, ownerId: OwnerId}}",
        outputs={"arn": ARN % ("ec2", "route-table/{id}")},
    ),
    "aws:ec2/route:Route": Row(
        "ec2",
        call("create_route"),
        "r-{routeTableId}-{destinationCidrBlock}{destinationIpv6CidrBlock}",
        delete=call("delete_route"),
        read=call("describe_route_tables", RouteTableIds="routeTableId"),
        found="RouteTables[0].Routes[?DestinationCidrBlock=='{destinationCidrBlock}'"
        " || DestinationIpv6CidrBlock=='{destinationIpv6CidrBlock}'] | [0]",
        update=(call("replace_route", whole=True),),
        fixed=frozenset({"destinationCidrBlock", "destinationIpv6CidrBlock"}),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Row(
        "ec2",
        call("associate_route_table"),
        "AssociationId",
        delete=call("disassociate_route_table", AssociationId="id"),
        read=call("describe_route_tables", Filters=say.filters(association__route_table_association_id="id")),
        found="RouteTables[].Associations[] | [?RouteTableAssociationId=='{id}'] | [0]",
    ),
    "aws:ec2/tag:Tag": Row(
        "ec2",
        call("create_tags", Resources="resourceId", Tags=say.one_tag),
        "{resourceId},{key}",
        delete=call("delete_tags", Resources="resourceId", Tags=say.one_tag),
        read=call("describe_tags", Filters=say.filters(resource_id="resourceId", key="key")),
        found="Tags[0]",
        update=(call("create_tags", Resources="resourceId", Tags=say.one_tag, whole=True),),
        fixed=frozenset({"key"}),
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": EC2(
        call("create_vpc_endpoint"),
        "VpcEndpoint.VpcEndpointId",
        delete=call("delete_vpc_endpoints", VpcEndpointIds="id"),
        read=call("describe_vpc_endpoints", VpcEndpointIds="id"),
        found="VpcEndpoints[?State!='deleted'] | [0]",
        update=(
            call(
                "modify_vpc_endpoint",
                VpcEndpointId="id",
                AddRouteTableIds=say.added("routeTableIds"),
                RemoveRouteTableIds=say.removed("routeTableIds"),
                AddSubnetIds=say.added("subnetIds"),
                RemoveSubnetIds=say.removed("subnetIds"),
            ),
        ),
        sources={"PolicyDocument": "policy"},
        outputs={"arn": ARN % ("ec2", "vpc-endpoint/{id}")},
    ),
    "aws:ec2/flowLog:FlowLog": EC2(
        call("create_flow_logs", ResourceIds="vpcId", ResourceType=lambda new, _: "VPC"),
        "FlowLogIds[0]",
        delete=call("delete_flow_logs", FlowLogIds="id"),
        read=call("describe_flow_logs", FlowLogIds="id"),
        found="FlowLogs[0]",
        sources={"DeliverLogsPermissionArn": "iamRoleArn"},
        outputs={"arn": ARN % ("ec2", "vpc-flow-log/{id}")},
    ),
    "aws:ec2/securityGroup:SecurityGroup": EC2(
        call(
            "create_security_group",
            GroupName="name",
            Description=lambda new, _: new.get("description", "Managed by Pulumi"),
        ),
        "GroupId",
        delete=call("delete_security_group", GroupId="id"),
        read=call("describe_security_groups", GroupIds="id"),
        found="SecurityGroups[0].{{name: GroupName, description: Description, vpcId: VpcId, tags: Tags}}",
        after=(
            call("revoke_security_group_egress", IpPermissions=lambda new, old: [] if old else say.EVERYTHING),
            call("revoke_security_group_ingress", IpPermissions=say.removed("ingress", say.permission)),
            call("revoke_security_group_egress", IpPermissions=say.removed("egress", say.permission)),
            call("authorize_security_group_ingress", IpPermissions=say.added("ingress", say.permission)),
            call("authorize_security_group_egress", IpPermissions=say.added("egress", say.permission)),
        ),
        sources={"GroupId": "id"},
        outputs={"arn": ARN % ("ec2", "security-group/{id}")},
        named="name",
        quiet=frozenset({"revokeRulesOnDelete"}),
    ),
    # The VPC's own, which is taken over: what it lets through goes, and it stays when its resource goes.
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": EC2(
        call("describe_security_groups", Filters=say.default_group),
        "SecurityGroups[0].GroupId",
        delete=call("describe_security_groups", GroupIds="id"),
        read=call("describe_security_groups", GroupIds="id"),
        found="SecurityGroups[0].{{name: GroupName, description: Description, vpcId: VpcId, tags: Tags}}",
        after=(
            call("revoke_security_group_egress", IpPermissions=lambda new, old: [] if old else say.EVERYTHING),
            call("revoke_security_group_ingress", IpPermissions=say.removed("ingress", say.permission)),
            call("revoke_security_group_egress", IpPermissions=say.removed("egress", say.permission)),
            call("authorize_security_group_ingress", IpPermissions=say.added("ingress", say.permission)),
            call("authorize_security_group_egress", IpPermissions=say.added("egress", say.permission)),
        ),
        sources={"GroupId": "id"},
        outputs={"arn": ARN % ("ec2", "security-group/{id}")},
        fixed=frozenset({"vpcId"}),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": EC2(
        call("create_launch_template", LaunchTemplateName="name", VersionDescription="description"),
        "LaunchTemplate.LaunchTemplateId",
        delete=call("delete_launch_template"),
        read=call("describe_launch_templates", LaunchTemplateIds="id"),
        found="LaunchTemplates[0].{{name: LaunchTemplateName, latestVersion: LatestVersionNumber,"
        " defaultVersion: DefaultVersionNumber, tags: Tags}}",
        update=(
            call("create_launch_template_version", VersionDescription="description", whole=True),
            call("modify_launch_template", DefaultVersion=say.next_default_version),
        ),
        sources={"LaunchTemplateId": "id", "LaunchTemplateData": say.template_data},
        outputs={"arn": ARN % ("ec2", "launch-template/{id}")},
        named="name",
        quiet=frozenset({"updateDefaultVersion"}),
        renewed=frozenset({"defaultVersion", "latestVersion"}),
    ),
    **{
        f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule": EC2(
            call(f"authorize_security_group_{way.lower()}"),
            "SecurityGroupRules[0].SecurityGroupRuleId",
            delete=call(f"revoke_security_group_{way.lower()}", SecurityGroupRuleIds="id"),
            read=call("describe_security_group_rules", SecurityGroupRuleIds="id"),
            found="SecurityGroupRules[0]",
            sources={"GroupId": "securityGroupId", "IpPermissions": say.rule_permission},
            outputs={"securityGroupRuleId": "{id}"},
        )
        for way in ("Ingress", "Egress")
    },
}
