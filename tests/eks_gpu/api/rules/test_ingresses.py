"""Ingresses and their classes, and what the API server refuses of them."""

import pytest

from eks_gpu.api.judged import judged
from tests.eks_gpu.api.asked import of, said

SERVICE = {"service": {"name": "web", "port": {"number": 80}}}
HTTP = "spec.rules[0].http"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"rules": [], "defaultBackend": None}, "spec must have rules or a defaultBackend"),
        ({"ingressClassName": ""}, "spec.ingressClassName must be at most 253"),
        ({"rules": [{"host": "10.0.0.1"}]}, "spec.rules[0].host must be a name of DNS, got the address '10.0.0.1'"),
        ({"rules": [{"host": "a.*.b"}]}, "spec.rules[0].host must have '*' as its whole first part alone"),
        ({"tls": [{"hosts": ["A.b"]}]}, "spec.tls[0].hosts[0] must be at most 253"),
        ({"rules": [{"http": {"paths": []}}]}, f"{HTTP}.paths is required"),
        (
            {"defaultBackend": {"service": {"name": "a", "port": {"number": 1, "name": "b"}}}},
            "spec.defaultBackend.service.port must have one of name and number",
        ),
        ({"defaultBackend": {"service": {"name": "a"}}}, "spec.defaultBackend.service.port is required, a name or"),
        ({"defaultBackend": {}}, "spec.defaultBackend must have one of resource and service"),
        ({"defaultBackend": {"service": {"name": "Web", "port": {"number": 1}}}}, "got 'Web'"),
        ({"defaultBackend": {"resource": {"kind": "Bucket"}}}, "spec.defaultBackend.resource.name is required"),
    ],
)
def test_an_ingress_that_is_refused(change, refused):
    made = of("Ingress")
    made["spec"] |= change
    (found,) = said(made)
    assert refused in found


@pytest.mark.parametrize(
    ("path", "kind", "refused"),
    [
        ("/a", "Prefix", ""),
        ("a", "Prefix", "must begin with '/', got 'a'"),
        ("", "Exact", "must begin with '/', got ''"),
        ("", "ImplementationSpecific", ""),
        ("a", "ImplementationSpecific", "must begin with '/', got 'a'"),
        ("/a//b", "ImplementationSpecific", ""),
        ("/a//b", "Prefix", "must be without '//', got '/a//b'"),
        ("/a/..", "Exact", "must not end with '/..', got '/a/..'"),
        ("/a%2Fb", "Exact", "must be without '%2F', got '/a%2Fb'"),
    ],
)
def test_a_path_of_an_ingress(path, kind, refused):
    made = of("Ingress")
    made["spec"]["rules"] = [{"http": {"paths": [{"path": path, "pathType": kind, "backend": SERVICE}]}}]
    assert said(made) == ([f"{HTTP}.paths[0].path {refused}"] if refused else [])


def test_a_path_needs_its_type():
    made = of("Ingress")
    made["spec"]["rules"] = [{"http": {"paths": [{"path": "/", "backend": SERVICE}]}}]
    assert said(made) == [f"{HTTP}.paths[0].pathType is required"]


def test_a_class_in_the_old_annotation_is_that_of_the_field():
    made = of("Ingress")
    made["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
    assert said(made) == ["metadata.annotations.kubernetes.io/ingress.class must be the ingressClassName, alb"]
    made["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "alb"}
    assert said(made) == []


def test_the_name_of_a_service_that_begins_with_a_digit_is_not_judged_because_versions_differ():
    made = of("Ingress")
    made["spec"]["defaultBackend"]["service"]["name"] = "1a"
    found = judged(made)
    assert found and (found.refused, found.unjudged) == ((), ("spec.defaultBackend.service.name",))


@pytest.mark.parametrize(
    ("field", "value", "refused"),
    [
        ("controller", "ingress.k8s.aws/alb", []),
        ("controller", "alb", ["spec.controller must be a domain, '/' and a path, as ingress.k8s.aws/alb, got 'alb'"]),
        ("controller", "a.b/" + "c" * 250, ["spec.controller must have at most 250 characters"]),
        ("parameters", {"kind": "A"}, ["spec.parameters.name is required"]),
        ("parameters", {"kind": "A", "name": "b", "namespace": "c", "scope": "Namespace"}, []),
        (
            "parameters",
            {"kind": "A", "name": "b", "scope": "Namespace"},
            ["spec.parameters.namespace is required, because the scope is Namespace"],
        ),
        (
            "parameters",
            {"kind": "A", "name": "b", "namespace": "c"},
            ["spec.parameters.namespace must be left out, because the scope is Cluster"],
        ),
    ],
)
def test_a_class_of_ingresses(field, value, refused):
    made = of("IngressClass")
    made["spec"][field] = value
    assert said(made) == refused
