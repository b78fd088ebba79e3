"""The load balancer of an inference service: which one, what it asks the pods, and who reaches it."""

from typing import Any

import pytest

from components.inference.load_balancer import LoadBalancer, service
from components.values.value import BadInput, check

CERTIFICATE = "arn:aws:acm:us-west-2:123456789012:certificate/1"
PUBLIC = {"public": True, "source_ranges": ["10.20.0.0/16"]}
PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"


def made(**args: Any) -> dict[str, Any]:
    return service("resnet", "ml", {"app": "resnet"}, check(LoadBalancer, args), "/v1/models/resnet")


def annotation(key: str, **args: Any) -> str | None:
    return made(**args)["metadata"]["annotations"].get(f"{PREFIX}{key}")


def test_unasked_it_is_internal_plain_and_leads_straight_to_the_pods():
    assert made() == {
        "metadata": {
            "name": "resnet",
            "namespace": "ml",
            "labels": {"app": "resnet"},
            "annotations": {
                "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
                "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
                "service.beta.kubernetes.io/aws-load-balancer-attributes": "load_balancing.cross_zone.enabled=true",
                "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes": (
                    "deregistration_delay.timeout_seconds=60,"
                    "deregistration_delay.connection_termination.enabled=true,"
                    "preserve_client_ip.enabled=false"
                ),
                "service.beta.kubernetes.io/aws-load-balancer-healthcheck-protocol": "http",
                "service.beta.kubernetes.io/aws-load-balancer-healthcheck-port": "8501",
                "service.beta.kubernetes.io/aws-load-balancer-healthcheck-path": "/v1/models/resnet",
                "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0].hostname}",
            },
        },
        "spec": {
            "type": "LoadBalancer",
            "loadBalancerClass": "service.k8s.aws/nlb",
            "allocateLoadBalancerNodePorts": False,
            "selector": {"app": "resnet"},
            "ports": [{"name": "http", "port": 8501, "targetPort": 8501, "protocol": "TCP"}],
        },
    }


def test_on_auto_mode_it_has_the_class_of_auto_mode():
    assert made(controller="auto-mode")["spec"]["loadBalancerClass"] == "eks.amazonaws.com/nlb"


def test_public_it_faces_the_internet_for_those_ranges_alone():
    assert annotation("scheme", **PUBLIC, certificate_arn=CERTIFICATE) == "internet-facing"
    assert made(**PUBLIC, certificate_arn=CERTIFICATE)["spec"]["loadBalancerSourceRanges"] == ["10.20.0.0/16"]


def test_internal_it_may_be_limited_too():
    assert made(source_ranges=["10.8.0.0/16"])["spec"]["loadBalancerSourceRanges"] == ["10.8.0.0/16"]


def test_with_a_certificate_all_of_it_is_tls_up_to_the_load_balancer():
    assert annotation("ssl-cert", certificate_arn=CERTIFICATE) == CERTIFICATE
    assert annotation("ssl-ports", certificate_arn=CERTIFICATE) == "443"
    assert made(certificate_arn=CERTIFICATE)["spec"]["ports"] == [
        {"name": "https", "port": 443, "targetPort": 8501, "protocol": "TCP"}
    ]


def test_plain_http_on_the_internet_is_asked_for_by_name():
    asked = made(**PUBLIC, allow_plain_http=True)
    assert asked["spec"]["ports"][0]["port"] == 8501
    assert annotation("ssl-cert", **PUBLIC, allow_plain_http=True) is None


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (
            {"public": True},
            "public needs source_ranges: whoever reaches a model server uses its GPUs; "
            "public needs certificate_arn, or allow_plain_http: true where nobody minds being read",
        ),
        (PUBLIC, "public needs certificate_arn, or allow_plain_http: true where nobody minds being read"),
        (
            {"certificate_arn": CERTIFICATE, "allow_plain_http": True},
            "give certificate_arn or allow_plain_http, not both: with a certificate all of it is TLS",
        ),
        ({"vpc_cidrs": []}, "vpc_cidrs must name a range, or the load balancer reaches no pod"),
        (
            {"source_ranges": ["0.0.0.0/0"]},
            "source_ranges[0]: 0.0.0.0/0 is everyone, and whoever reaches a model server uses its GPUs: "
            "give the clients' ranges",
        ),
        (
            {"source_ranges": ["10.8.0.1/16"]},
            "source_ranges[0] must be an IPv4 range as 10.20.0.0/16, got '10.8.0.1/16'; nearest: 10.8.0.0/16",
        ),
        ({"source_ranges": ["office"]}, "source_ranges[0] must be an IPv4 range as 10.20.0.0/16, got 'office'"),
        (
            {"certificate_arn": "certificate/1"},
            "certificate_arn must be the ARN of a certificate, as "
            "arn:aws:acm:us-west-2:123456789012:certificate/1, got 'certificate/1'",
        ),
        (
            {"controller": "nlb"},
            "controller must be one of aws-load-balancer-controller, auto-mode, got 'nlb'",
        ),
    ],
)
def test_what_would_let_strangers_in_or_cannot_work_is_refused(args, problem):
    with pytest.raises(BadInput) as refused:
        check(LoadBalancer, args)
    assert refused.value.problems == [problem]
