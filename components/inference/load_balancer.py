"""The network load balancer of an inference service: internal by default, and never open to everyone."""

from ipaddress import IPv4Network
from typing import Annotated, Any, NotRequired, Self

from pydantic import AfterValidator, model_validator
from typing_extensions import TypedDict

from ..catalog import (
    AUTO_MODE_LOAD_BALANCER_CLASS,
    AUTO_MODE_READINESS_LABEL,
    CONTROLLER_LOAD_BALANCER_CLASS,
    CONTROLLER_READINESS_LABEL,
    SERVICE_ANNOTATION,
)
from ..values.arg_words import LoadBalancerControllerArg
from ..values.patterns import like
from ..values.value import Value
from ..values.words import LoadBalancerController

REST_PORT = 8501
"""Port of TensorFlow Serving's REST API. Source: TensorFlow Serving 2.20, Dockerfile.gpu."""
TLS_PORT = 443

DEREGISTRATION_S = 60
"""Seconds that connections to a terminating pod may last; the load balancer's default of 300 is more than a Spot
notice.
"""

CLASSES = {"aws-load-balancer-controller": CONTROLLER_LOAD_BALANCER_CLASS, "auto-mode": AUTO_MODE_LOAD_BALANCER_CLASS}
"""Load balancer class by controller. Source: AWS Load Balancer Controller 3.5, guide/service/nlb.md; EKS User Guide,
Auto Mode.
"""
READINESS_GATE_LABELS = {
    "aws-load-balancer-controller": CONTROLLER_READINESS_LABEL,
    "auto-mode": AUTO_MODE_READINESS_LABEL,
}
"""On a namespace: its pods are ready when the load balancer finds them healthy, not earlier."""

PRIVATE_RANGES = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
"""Ranges that a VPC's addresses may come from. Source: Amazon VPC User Guide, "VPC CIDR blocks"."""

Certificate = Annotated[
    str,
    like(
        r"arn:[a-z-]+:(acm|iam):[a-z0-9-]*:\d{12}:(certificate|server-certificate)/.+",
        "the ARN of a certificate, as arn:aws:acm:us-west-2:123456789012:certificate/1",
    ),
]


class LoadBalancerArgs(TypedDict):
    """Who can reach the service. A server may have no authentication, so that everyone who can reach it can use it."""

    controller: NotRequired[LoadBalancerControllerArg]
    """Controller of the load balancer: aws-load-balancer-controller or auto-mode. It cannot be changed once the Service
    exists. Default aws-load-balancer-controller.
    """
    public: NotRequired[bool]
    """Whether the load balancer can be reached from the internet. Needs `source_ranges`, and `certificate_arn` or
    `allow_plain_http`. Default no.
    """
    source_ranges: NotRequired[list[str]]
    """Address ranges that may connect, such as 10.20.0.0/16. Default whoever reaches the VPC, where it is internal."""
    certificate_arn: NotRequired[str]
    """ARN of a certificate in ACM. With it the service uses TLS on port 443, without it HTTP on the server's own port.
    Default none.
    """
    allow_plain_http: NotRequired[bool]
    """Whether requests and answers may cross the internet unencrypted. Default no."""
    vpc_cidrs: NotRequired[list[str]]
    """Address ranges of the VPC, from which the load balancer connects to the pods. Default 10.0.0.0/8, 100.64.0.0/10,
    172.16.0.0/12, 192.168.0.0/16: every private range.
    """


def _network(text: str) -> str:
    try:
        return str(IPv4Network(text))
    except ValueError:
        pass
    try:
        nearest = f"; nearest: {IPv4Network(text, strict=False)}"
    except ValueError:
        nearest = ""
    raise ValueError(f"must be an IPv4 range as 10.20.0.0/16, got {text!r}{nearest}")


def _not_everyone(text: str) -> str:
    if IPv4Network(text).prefixlen == 0:
        raise ValueError(
            f"{text} is everyone, and whoever reaches a model server uses its GPUs: give the clients' ranges"
        )
    return text


Range = Annotated[str, AfterValidator(_network)]


class LoadBalancer(Value):
    """The load balancer, checked."""

    controller: LoadBalancerController = "aws-load-balancer-controller"
    public: bool = False
    source_ranges: tuple[Annotated[Range, AfterValidator(_not_everyone)], ...] = ()
    certificate_arn: Certificate | None = None
    allow_plain_http: bool = False
    vpc_cidrs: tuple[Range, ...] = PRIVATE_RANGES

    @model_validator(mode="after")
    def _keeps_strangers_out(self) -> Self:
        problems = []
        if self.public and not self.source_ranges:
            problems.append("public needs source_ranges: whoever reaches a model server uses its GPUs")
        if self.public and not (self.certificate_arn or self.allow_plain_http):
            problems.append("public needs certificate_arn, or allow_plain_http: true where nobody minds being read")
        if self.certificate_arn and self.allow_plain_http:
            problems.append("give certificate_arn or allow_plain_http, not both: with a certificate all of it is TLS")
        if not self.vpc_cidrs:
            problems.append("vpc_cidrs must name a range, or the load balancer reaches no pod")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self.certificate_arn else "http"

    def port(self, server: int = REST_PORT) -> int:
        """Port that clients connect to. server: the port of the server."""
        return TLS_PORT if self.certificate_arn else server


def service(
    name: str,
    namespace: str,
    labels: dict[str, str],
    balancer: LoadBalancer,
    health_path: str,
    server: int = REST_PORT,
    drain_s: int = DEREGISTRATION_S,
) -> dict[str, Any]:
    """A Service whose load balancer connects straight to the pods.

    health_path: what it asks them, over HTTP. server: the pods' port. drain_s: seconds that connections to a
    terminating pod may last.
    """
    spec: dict[str, Any] = {
        "type": "LoadBalancer",
        "loadBalancerClass": CLASSES[balancer.controller],
        "allocateLoadBalancerNodePorts": False,  # the targets are the pods' own addresses
        "selector": labels,
        "ports": [{"name": balancer.scheme, "port": balancer.port(server), "targetPort": server, "protocol": "TCP"}],
    }
    if balancer.source_ranges:
        spec["loadBalancerSourceRanges"] = list(balancer.source_ranges)
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {
                **_annotations(balancer, health_path, server, drain_s),
                # Not for pods, as the provider does by itself: they wait for the Service, and there may be none.
                "pulumi.com/waitFor": "jsonpath={.status.loadBalancer.ingress[0].hostname}",
            },
        },
        "spec": spec,
    }


def _annotations(balancer: LoadBalancer, health_path: str, server: int, drain_s: int) -> dict[str, str]:
    values = {
        "nlb-target-type": "ip",
        "scheme": "internet-facing" if balancer.public else "internal",
        # Pods are few, and a zone may have none.
        "attributes": "load_balancing.cross_zone.enabled=true",
        "target-group-attributes": _attributes(
            {
                "deregistration_delay.timeout_seconds": str(drain_s),
                "deregistration_delay.connection_termination.enabled": "true",
                # The network policy knows the load balancer's addresses, not the clients'.
                "preserve_client_ip.enabled": "false",
            }
        ),
        "healthcheck-protocol": "http",
        "healthcheck-port": str(server),
        "healthcheck-path": health_path,
    }
    if balancer.certificate_arn:
        values |= {"ssl-cert": balancer.certificate_arn, "ssl-ports": str(TLS_PORT)}
    return {f"{SERVICE_ANNOTATION}{key}": value for key, value in values.items()}


def _attributes(values: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in values.items())


def hostname(status: Any) -> str:
    """Host name of the load balancer; empty while it has none."""
    ingress = status and status.load_balancer and status.load_balancer.ingress
    return ingress[0].hostname if ingress else ""


def url(balancer: LoadBalancer, inside: str, host: str, server: int = REST_PORT) -> str:
    """URL of the load balancer; while it has no host name, URL of the Service inside the cluster, without TLS.
    server: port of the server.
    """
    if not host:
        return f"http://{inside}:{balancer.port(server)}"
    return f"https://{host}" if balancer.certificate_arn else f"http://{host}:{balancer.port(server)}"
