"""Load balancers: who can reach them."""

import pytest

from tests.graphs import findings, kubernetes, release, resource
from tests.karpenter_graphs import failure, healthy, healthy_auto_mode, service

RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
PREFIX = "service.beta.kubernetes.io/aws-load-balancer-"
OPEN = (
    "its load balancer takes connections from the whole internet: set spec.loadBalancerSourceRanges, or make it "
    "internal"
)
PUBLIC = {f"{PREFIX}scheme": "internet-facing"}


@pytest.mark.parametrize(
    "made",
    [
        service(annotations=PUBLIC),
        service(annotations=PUBLIC, loadBalancerSourceRanges=["10.0.0.0/8", "0.0.0.0/0"]),
        service(annotations={**PUBLIC, RANGES: "::/0"}),
        service(annotations={**PUBLIC, f"{PREFIX}source-ranges": "192.88.99.7/32"}),  # a key that nobody reads
        service(loadBalancerClass=None),  # Kubernetes' own code makes a public one
    ],
)
def test_a_service_that_is_open_to_the_world(made):
    assert failure("services-are-private-or-restricted", service=made) == ("Service default/web", OPEN)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (service(), "reachable from the VPC alone"),
        (service(annotations=PUBLIC, loadBalancerSourceRanges=["203.0.113.7/32"]), "open to 203.0.113.7/32"),
        (
            service(annotations={**PUBLIC, RANGES: "203.0.113.7/32, 203.0.113.8/32"}),
            "open to 203.0.113.7/32, 203.0.113.8/32",
        ),
        (service(loadBalancerClass=None, annotations={f"{PREFIX}internal": "true"}), "reachable from the VPC alone"),
        (service(loadBalancerClass=None, annotations={f"{PREFIX}type": "external"}), "reachable from the VPC alone"),
    ],
)
def test_a_service_that_is_not(made, message):
    assert findings("services-are-private-or-restricted", *healthy(service=made)) == {
        "Service default/web": (True, message)
    }


@pytest.mark.parametrize("at", ["spec", "annotation"])
def test_much_of_the_internet_is_not_restricted(at):
    halves = ["0.0.0.0/1", "128.0.0.0/1"]
    listed = {**PUBLIC, RANGES: ", ".join(halves)}
    in_spec = service(annotations=PUBLIC, loadBalancerSourceRanges=halves)
    made = in_spec if at == "spec" else service(annotations=listed)
    assert failure("services-are-private-or-restricted", service=made) == (
        "Service default/web",
        "its load balancer takes connections from 0.0.0.0/1, 128.0.0.0/1, much of the internet: set "
        "spec.loadBalancerSourceRanges, or make it internal",
    )


def test_prefix_lists_and_groups_of_ones_own_restrict():
    check = "services-are-private-or-restricted"
    lists = service(annotations={**PUBLIC, f"{PREFIX}security-group-prefix-lists": "pl-1"})
    assert findings(check, *healthy(service=lists))["Service default/web"] == (True, "open to pl-1")
    own = service(annotations={**PUBLIC, f"{PREFIX}security-groups": "sg-own"})
    assert findings(check, *healthy(service=own))["Service default/web"][0]
    rule = {"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}
    group = resource("aws:ec2/securityGroup:SecurityGroup", "own", {"ingress": [rule]}, id_="sg-own")
    assert not findings(check, *healthy(service=[own, group]))["Service default/web"][0]


def test_an_ingress_is_what_the_parameters_of_its_class_say():
    check = "services-are-private-or-restricted"
    made = kubernetes("Ingress", "web", {"ingressClassName": "gpu"}, group="networking.k8s.io/v1")
    named = {"parameters": {"apiGroup": "elbv2.k8s.aws", "kind": "IngressClassParams", "name": "open"}}
    class_ = kubernetes("IngressClass", "gpu", named, group="networking.k8s.io/v1")
    params = kubernetes("IngressClassParams", "open", {"scheme": "internet-facing"}, group="elbv2.k8s.aws/v1beta1")
    limits = {"scheme": "internet-facing", "inboundCIDRs": ["192.88.99.7/32"]}
    limited = kubernetes("IngressClassParams", "open", limits, group="elbv2.k8s.aws/v1beta1")
    assert not findings(check, *healthy(service=[made, class_, params]))["Ingress default/web"][0]
    assert findings(check, *healthy(service=[made, class_, limited]))["Ingress default/web"][0]


def test_who_takes_a_service_without_class_decides():
    plain = service(loadBalancerClass=None)
    check = "services-are-private-or-restricted"
    assert findings(check, *healthy(service=[plain, release("aws-load-balancer-controller")]))["Service default/web"][0]
    off = release("aws-load-balancer-controller", enableServiceMutatorWebhook=False)
    assert not findings(check, *healthy(service=[plain, off]))["Service default/web"][0]
    assert findings(check, *healthy_auto_mode(), plain)["Service default/web"][0]


def test_a_service_inside_the_cluster_is_none_of_it():
    assert findings("services-are-private-or-restricted", *healthy(service=service(type="ClusterIP"))) == {}


def test_an_ingress_that_is_open_to_the_world():
    scheme = {"alb.ingress.kubernetes.io/scheme": "internet-facing"}
    made = kubernetes("Ingress", "web", {}, group="networking.k8s.io/v1", annotations=scheme)
    assert failure("services-are-private-or-restricted", service=made) == (
        "Ingress default/web",
        "its load balancer takes connections from the whole internet: set annotation "
        "alb.ingress.kubernetes.io/inbound-cidrs, or make it internal",
    )
    ranges = scheme | {"alb.ingress.kubernetes.io/inbound-cidrs": "203.0.113.7/32"}
    made = kubernetes("Ingress", "web", {}, group="networking.k8s.io/v1", annotations=ranges)
    assert findings("services-are-private-or-restricted", *healthy(service=made))["Ingress default/web"][0]
