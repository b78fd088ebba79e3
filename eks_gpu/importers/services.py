"""Services and Ingresses: whether the whole internet can reach what is behind them."""

from collections.abc import Mapping

from eks_gpu.importers.fields import Fields
from eks_gpu.importers.findings import Findings
from eks_gpu.importers.model import Described
from eks_gpu_components.catalog import INGRESS_ANNOTATION, SERVICE_ANNOTATION, SOURCE_RANGES_ANNOTATION

_RULE = "services-are-private-or-restricted"
_WORLD = ("0.0.0.0/0", "::/0")


def read_service(document: Fields, described: Described, findings: Findings) -> None:
    """A Service; one with a load balancer is judged."""
    metadata, spec = document.part("metadata"), document.part("spec", required=True)
    annotations = metadata.strings("annotations")
    if spec.text("type") != "LoadBalancer":
        return
    described.load_balancers = True
    ranges = spec.texts("loadBalancerSourceRanges") or _split(annotations.get(SOURCE_RANGES_ANNOTATION))
    if _is_public(spec, annotations) and _open(ranges):
        encrypted = f"{SERVICE_ANNOTATION}ssl-cert" in annotations
        how = "encrypted" if encrypted else "plain HTTP, which anybody on the way reads and changes"
        message = (
            f"its load balancer takes connections from the whole internet, {how}, and no server behind it asks for a "
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
    if public and _open(_split(annotations.get(f"{INGRESS_ANNOTATION}inbound-cidrs"))):
        message = f"its load balancer takes connections from the whole internet: set {INGRESS_ANNOTATION}inbound-cidrs"
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


def _open(ranges: list[str]) -> bool:
    return not ranges or any(world in ranges for world in _WORLD)


def _split(text: str | None) -> list[str]:
    return [piece.strip() for piece in (text or "").split(",") if piece.strip()]
