"""EksCluster: the same values of a cluster, whoever made it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
from pulumi import export

from components.values.eks_cluster import (
    EksCluster,
    eks_cluster_by_name,
    from_aws,
    from_pulumi_eks,
    kubeconfig,
    kubeconfig_data,
)
from tests.documentation import run_example
from tests.engine import run

REQUIRED = {
    "name",
    "endpoint",
    "certificate_authority",
    "service_cidr",
    "kubernetes_version",
    "vpc_id",
    "region",
    "security_group_id",
}


def exported(program: Any) -> dict[str, Any]:
    """What a program's cluster value resolves to, through an update."""
    return dict(run(lambda: export("cluster", program())).exports["cluster"])


def made_with_pulumi_eks() -> EksCluster:
    return from_pulumi_eks(
        eks.Cluster("gaia", name="gaia", version="1.35", vpc_id="vpc-1", create_oidc_provider=True), "us-west-2"
    )


def made_with_pulumi_aws() -> EksCluster:
    cluster = aws.eks.Cluster(
        "gaia", name="gaia", version="1.35", role_arn="arn", vpc_config={"subnet_ids": ["subnet-a", "subnet-b"]}
    )
    return from_aws(cluster, "us-west-2")


def test_a_cluster_of_pulumi_eks_is_known_whole():
    found = exported(made_with_pulumi_eks)
    assert found.keys() == {*REQUIRED, "oidc_provider_arn", "oidc_issuer"}
    assert (found["name"], found["kubernetes_version"], found["vpc_id"]) == ("gaia", "1.35", "vpc-1")
    assert found["service_cidr"] == "172.20.0.0/16"
    assert None not in found.values()


def test_a_cluster_of_pulumi_aws_names_its_issuer_without_a_scheme():
    found = exported(made_with_pulumi_aws)
    assert found.keys() == {*REQUIRED, "oidc_issuer"}
    assert found["oidc_issuer"].startswith("oidc.eks.us-west-2.amazonaws.com/id/")
    assert None not in found.values()


def test_all_adapters_agree_on_one_cluster():
    by_name = exported(lambda: eks_cluster_by_name("gaia", "us-west-2"))
    made = exported(made_with_pulumi_aws)
    same = ("name", "endpoint", "certificate_authority", "service_cidr", "region", "security_group_id", "oidc_issuer")
    assert {key: by_name[key] for key in same} == {key: made[key] for key in same}


def test_a_kubeconfig_names_its_region_since_the_aws_cli_does_not_see_pulumis():
    assert kubeconfig_data("gaia", "https://api", "Y2E=", "us-west-2") == {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "gaia",
        "clusters": [{"name": "gaia", "cluster": {"server": "https://api", "certificate-authority-data": "Y2E="}}],
        "contexts": [{"name": "gaia", "context": {"cluster": "gaia", "user": "gaia"}}],
        "users": [
            {
                "name": "gaia",
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1beta1",
                        "command": "aws",
                        "args": [
                            "--region",
                            "us-west-2",
                            "eks",
                            "get-token",
                            "--cluster-name",
                            "gaia",
                            "--output",
                            "json",
                        ],
                    }
                },
            }
        ],
    }


def handed_out(make: Callable[[], pulumi.Output[str]], config: Mapping[str, str] | None = None) -> list[str]:
    """The text that a program gets; of an export, as of all that is shown, a plan masks it."""
    seen: list[str] = []
    run(lambda: make().apply(seen.append), config=config)
    return seen


def test_a_kubeconfig_of_a_cluster_that_is_being_made_is_known_once_it_is():
    (text,) = handed_out(lambda: kubeconfig(made_with_pulumi_aws()))
    server = json.loads(text)["clusters"][0]["cluster"]["server"]
    assert server == exported(made_with_pulumi_aws)["endpoint"]


def test_a_kubeconfig_names_the_profile_and_the_role_that_the_stack_uses():
    config = {"aws:profile": "work", "aws:assumeRoles": '[{"roleArn": "arn:aws:iam::1:role/a"}]'}
    (text,) = handed_out(lambda: kubeconfig(made_with_pulumi_aws()), config)
    command = json.loads(text)["users"][0]["user"]["exec"]
    assert command["args"][-2:] == ["--role-arn", "arn:aws:iam::1:role/a"]
    assert command["env"] == [{"name": "AWS_PROFILE", "value": "work"}]


def test_a_first_preview_passes_on_what_it_cannot_know_yet():
    def program() -> None:
        aws.sqs.Queue("queue", name=made_with_pulumi_eks()["service_cidr"])

    assert run(program, preview=True).one("aws:sqs/queue:Queue").unknown == ("name",)
    assert run(program).one("aws:sqs/queue:Queue").inputs["name"] == "172.20.0.0/16"


def test_the_page_has_an_example_that_runs():
    assert run_example("eks_cluster").one("eks-gpu-components:index:ClusterAutoscaler")
