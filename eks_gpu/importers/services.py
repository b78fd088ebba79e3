"""Services and Ingresses: whether the whole internet can reach what is behind them."""

from collections.abc import Mapping

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import Described
from eks_gpu.pools.ranges import much_of_the_internet
from eks_gpu_components.catalog import INGRESS_ANNOTATION, SERVICE_ANNOTATION, SOURCE_RANGES_ANNOTATION

_RULE = "services-are-private-or-restricted"


def read_service(document: Fields, described: Described, findings: Findings) -> None:
    """A Service; one with a load balancer is judged."""
    metadata, spec = document.part("metadata"), document.part("spec", required=True)
    annotations = metadata.strings("annotations")
    if spec.text("type") != "LoadBalancer":
        return
    described.load_balancers = True
    ranges = spec.texts("loadBalancerSourceRanges") or _split(annotations.get(SOURCE_RANGES_ANNOTATION))
    whence = _whence(ranges, SERVICE_ANNOTATION, annotations)
    if whence and _is_public(spec, annotations):
        encrypted = f"{SERVICE_ANNOTATION}ssl-cert" in annotations
        how = "encrypted" if encrypted else "plain HTTP, which anybody on the way reads and changes"
        message = (
            f"its load balancer takes connections from {whence}, {how}, and no server behind it asks for a "
            "password: make it internal, or set spec.loadBalancerSourceRanges and a certificate"
        )
        scheme = f"{SERVICE_ANNOTATION}scheme"
        place = metadata.below("annotations", scheme) if scheme in annotations else spec.place("type")
        findings.tell(_RULE, place, message)


def read_ingress(document: Fields, findings: Findings) -> None:
    """An Ingress of the load balancer controller or of Auto Mode."""
    metadata = document.part("metadata")
    annotations = metadata.strings("annotations")
    public = annotations.get(f"{INGRESS_ANNOTATION}scheme") == "internet-facing"
    ranges = _split(annotations.get(f"{INGRESS_ANNOTATION}inbound-cidrs"))
    whence = _whence(ranges, INGRESS_ANNOTATION, annotations)
    if public and whence:
        message = f"its load balancer takes connections from {whence}: set {INGRESS_ANNOTATION}inbound-cidrs"
        findings.tell(_RULE, metadata.below("annotations", f"{INGRESS_ANNOTATION}scheme"), message)


def _is_public(spec: Fields, annotations: Mapping[str, str]) -> bool:
    """The load balancer controller makes internal ones by itself; Kubernetes' own code public ones."""
    if scheme := annotations.get(f"{SERVICE_ANNOTATION}scheme"):
        return scheme == "internet-facing"
    if annotations.get(f"{SERVICE_ANNOTATION}internal", "false").lower() in ("true", "0.0.0.0/0"):
        return False
    return not spec.text("loadBalancerClass") and annotations.get(f"{SERVICE_ANNOTATION}type") not in (
        "external",
        "nlb-ip",
    )


def _whence(ranges: list[str], prefix: str, annotations: Mapping[str, str]) -> str:
    """Much of the internet, in words; empty if ranges, prefix lists or security groups of one's own narrow it."""
    groups, lists = annotations.get(f"{prefix}security-groups"), annotations.get(f"{prefix}security-group-prefix-lists")
    if groups or (lists and not ranges):
        return ""
    return much_of_the_internet(ranges)


def _split(text: str | None) -> list[str]:
    return [piece.strip() for piece in (text or "").split(",") if piece.strip()]
