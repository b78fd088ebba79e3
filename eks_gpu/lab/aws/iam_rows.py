"""IAM: roles, policies, instance profiles, identity providers."""

from functools import partial
from typing import Any

from eks_gpu.lab.aws import sources as say
from eks_gpu.lab.aws.row import Call, Row, call

IAM = partial(Row, "iam")


def _role_tags(of: str, name: str) -> dict[str, Any]:
    return {
        "tag": Call(f"tag_{of}", {name: "name"}),
        "untag": Call(f"untag_{of}", {name: "name", "TagKeys": say.removed_keys("tags")}),
    }


IAM_ROWS = {
    "aws:iam/role:Role": IAM(
        call("create_role"),
        "{name}",
        delete=call("delete_role"),
        read=call("get_role"),
        found="Role",
        update=(
            call("update_assume_role_policy"),
            call("update_role"),
        ),
        **_role_tags("role", "RoleName"),
        sources={
            "RoleName": "name",
            "AssumeRolePolicyDocument": "assumeRolePolicy",
            "PolicyDocument": "assumeRolePolicy",
        },
        named="name",
        quiet=frozenset({"forceDetachPolicies"}),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": IAM(
        call("attach_role_policy"),
        "{role}/{policyArn}",
        delete=call("detach_role_policy"),
        read=call("list_attached_role_policies"),
        found="AttachedPolicies[?PolicyArn=='{policyArn}'] | [0]",
        sources={"RoleName": "role"},
    ),
    "aws:iam/rolePolicy:RolePolicy": IAM(
        call("put_role_policy"),
        "{role}:{name}",
        delete=call("delete_role_policy"),
        read=call("get_role_policy"),
        found="{{policy: PolicyDocument}}",
        update=(call("put_role_policy", whole=True),),
        sources={"RoleName": "role", "PolicyName": "name", "PolicyDocument": "policy"},
        named="name",
    ),
    "aws:iam/policy:Policy": IAM(
        call("create_policy"),
        "Policy.Arn",
        delete=call("delete_policy", PolicyArn="id"),
        read=call("get_policy", PolicyArn="id"),
        found="Policy",
        sources={"PolicyName": "name", "PolicyDocument": "policy"},
        named="name",
    ),
    "aws:iam/instanceProfile:InstanceProfile": IAM(
        call("create_instance_profile"),
        "{name}",
        delete=call("delete_instance_profile"),
        read=call("get_instance_profile"),
        found="InstanceProfile.merge(@, {{role: Roles[0].RoleName, uniqueId: InstanceProfileId}})",
        after=(call("add_role_to_instance_profile"),),
        before_delete=(call("remove_role_from_instance_profile"),),
        **_role_tags("instance_profile", "InstanceProfileName"),
        sources={"InstanceProfileName": "name", "RoleName": "role"},
        named="name",
        fixed=frozenset({"role"}),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": IAM(
        call("create_open_id_connect_provider"),
        "OpenIDConnectProviderArn",
        delete=call("delete_open_id_connect_provider"),
        read=call("get_open_id_connect_provider"),
        found="{{arn: '{id}', clientIdLists: ClientIDList, thumbprintLists: ThumbprintList, tags: Tags}}",
        update=(call("update_open_id_connect_provider_thumbprint", whole=True),),
        sources={"OpenIDConnectProviderArn": "id"},
        outputs={"arn": "{id}"},
    ),
    "aws:iam/serviceLinkedRole:ServiceLinkedRole": IAM(
        call("create_service_linked_role"),
        "Role.Arn",
        delete=call("delete_service_linked_role"),
        read=call("get_role"),
        found="Role",
        sources={"RoleName": "name", "AWSServiceName": "awsServiceName"},
    ),
}
