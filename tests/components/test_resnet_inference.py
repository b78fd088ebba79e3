"""ResnetInference: what it registers, in which order, and what it refuses."""

import json
from typing import Any

import kubernetes_validate
import pytest
from pulumi_kubernetes.core.v1.outputs import LoadBalancerIngress, LoadBalancerStatus, ServiceStatus

from components.inference.load_balancer import LoadBalancer, hostname, url
from components.values.value import BadInput
from eks_gpu.graph.kubernetes_objects import kubernetes_objects
from eks_gpu.offline.sdk_schema import problems
from tests.documentation import run_example
from tests.found import every
from tests.given import CLUSTER
from tests.inference import DEPLOYMENT, S3, SQS, deployment, inference

COMPONENT = "eks-gpu-components:index:ResnetInference"


def test_an_update_gives_a_node_from_zero_its_time():
    assert deployment()["spec"]["progressDeadlineSeconds"] == 2040
    assert inference().one(DEPLOYMENT).options["customTimeouts"] == {"create": "39m", "update": "39m"}
    assert "annotations" not in deployment()["metadata"]


def test_pods_may_read_the_models_prefix_alone_and_wait_for_it():
    found = inference(model=S3, cluster={**CLUSTER, "region": "us-gov-west-1"})
    policy = found.one("aws:iam/rolePolicy:RolePolicy")
    identity = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    account = found.one("kubernetes:core/v1:ServiceAccount")
    assert json.loads(policy.inputs["policy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": "arn:aws-us-gov:s3:::models/resnet/v2/*",
            },
            {
                "Sid": "List",
                "Effect": "Allow",
                "Action": "s3:ListBucket",
                "Resource": "arn:aws-us-gov:s3:::models",
                "Condition": {"StringLike": {"s3:prefix": "resnet/v2/*"}},
            },
        ],
    }
    assert (identity.inputs["namespace"], identity.inputs["serviceAccount"]) == ("resnet", "resnet")
    assert account.inputs["automountServiceAccountToken"] is False
    assert {policy.urn, identity.urn, account.urn} <= found.one(DEPLOYMENT).dependencies


VARIANTS: list[dict[str, Any]] = [
    {},
    {"hpa": {"max_replicas": 5}},
    {"keda": {"max_replicas": 5, "sqs": SQS}},
    {"model": S3, "cluster": CLUSTER},
    {"model": {"volume_claim": "models"}, "create_namespace": False},
    {"load_balancer": {"public": True, "source_ranges": ["203.0.113.0/24"], "allow_plain_http": True}},
]


@pytest.mark.parametrize("args", VARIANTS)
def test_kubernetes_and_the_sdk_take_all_of_it_and_a_preview_plans_the_same(args):
    found = inference(**args)
    for _, manifest in every(kubernetes_objects(found.graph)):
        if not manifest["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(manifest, "1.35", strict=True)
    assert [problem for resource in found.graph for problem in problems(resource.type, resource.inputs)] == []
    assert inference(preview=True, **args).urns() == found.urns()


@pytest.mark.parametrize("args", VARIANTS)
def test_every_object_is_in_the_namespace_of_the_service(args):
    found = inference(**args, namespace="ml")
    objects = [made for _, made in kubernetes_objects(found.graph) if made["kind"] != "Namespace"]
    assert {made["metadata"]["namespace"] for made in objects} == {"ml"}


@pytest.mark.parametrize(
    ("settings", "scaler"),
    [
        ({"hpa": {"max_replicas": 5}}, "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"),
        ({"keda": {"max_replicas": 5, "sqs": SQS}}, "kubernetes:keda.sh/v1alpha1:ScaledObject"),
    ],
)
def test_what_scales_the_deployment_comes_after_it(settings, scaler):
    found = inference(**settings)
    assert found.one(DEPLOYMENT).urn in found.one(scaler).dependencies


def test_the_url_is_the_load_balancers():
    certificate = "arn:aws:acm:us-west-2:123456789012:certificate/1"
    host = hostname(
        ServiceStatus(
            load_balancer=LoadBalancerStatus(
                ingress=[LoadBalancerIngress(hostname="k8s-resnet.elb.us-west-2.amazonaws.com")]
            )
        )
    )
    assert url(LoadBalancer(), "resnet.resnet.svc", host) == "http://k8s-resnet.elb.us-west-2.amazonaws.com:8501"
    assert (
        url(LoadBalancer(certificate_arn=certificate), "resnet.resnet.svc", host)
        == "https://k8s-resnet.elb.us-west-2.amazonaws.com"
    )


def test_while_there_is_no_load_balancer_the_url_is_the_services_own():
    assert hostname(None) == ""
    assert url(LoadBalancer(), "resnet.resnet.svc", "") == "http://resnet.resnet.svc:8501"


def test_the_url_it_publishes_is_that_of_its_service():
    found = inference()
    (ingress,) = found.one("kubernetes:core/v1:Service").outputs["status"]["loadBalancer"]["ingress"]
    assert found.one(COMPONENT).outputs["url"] == f"http://{ingress['hostname']}:8501"


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            {"pool": {"instance_types": ["inf2.xlarge"], "max_gpus": 1}},
            "pool must have NVIDIA GPUs, got neuron",
        ),
        (
            {
                "pool": {"instance_types": ["g5g.xlarge"], "max_gpus": 1},
                "image": "tensorflow/serving:2.20.0-gpu",
                "model": {"volume_claim": "models"},
                "create_namespace": False,
            },
            "pool must have amd64 nodes, since tensorflow/serving:2.20.0-gpu is made for no other, got arm64",
        ),
        ({"hpa": {"max_replicas": 7}}, "settings: the pool has GPUs for 6 pods (max_gpus 6), got 7 replicas"),
        (
            {"pool": {"instance_types": ["g6.xlarge"], "nodes": 2, "max_gpus": 3}, "replicas": 3},
            "settings: the pool has GPUs for 2 pods (nodes 2), got 3 replicas",
        ),
        ({"model": S3}, "cluster is required for settings.model.s3_uri: its pods need a role to read it"),
        (
            {"model": S3, "replicas": 7},
            "settings: the pool has GPUs for 6 pods (max_gpus 6), got 7 replicas; "
            "cluster is required for settings.model.s3_uri: its pods need a role to read it",
        ),
    ],
)
def test_what_does_not_fit_the_pool_or_the_cluster_is_refused(args, problem):
    with pytest.raises(BadInput) as refused:
        inference(**args)
    assert refused.value.problems == [problem]


def test_the_page_has_an_example_that_runs():
    assert run_example("resnet_inference").one(COMPONENT)
