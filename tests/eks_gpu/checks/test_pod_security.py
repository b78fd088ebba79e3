"""Pods that the level of their namespace refuses."""

from typing import Any

import pytest

from tests.graphs import findings, release
from tests.whole_graphs import changed, failure, healthy, holds, namespace, serving

CHECK, API = "pods-meet-the-level-of-their-namespace", "Deployment serving/api"
ENFORCE = "pod-security.kubernetes.io/enforce"
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
HOST: dict[str, Any] = {"volumes": [{"name": "models", "hostPath": {"path": "/mnt"}}]}


def refused(level: str, made) -> str:
    subject, message = failure(CHECK, serving=made, namespace=namespace(**{ENFORCE: level}))
    assert subject == API
    return message


@pytest.mark.parametrize("level", ["baseline", "restricted"])
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (serving(hostNetwork=True), "hostNetwork is on"),
        (serving(hostPID=True), "hostPID is on"),
        (serving(**HOST), "volume models is a hostPath"),
        (serving(securityContext={"seccompProfile": {"type": "Unconfined"}}), "seccomp is Unconfined"),
        (changed(serving(), securityContext={"privileged": True}), "container api is privileged"),
        (changed(serving(), securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}), "container api adds SYS_ADMIN"),
        (changed(serving(), ports=[{"containerPort": 1, "hostPort": 1}]), "container api has a hostPort"),
    ],
)
def test_what_both_levels_refuse(level, made, said):
    assert said in refused(level, made)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"allowPrivilegeEscalation": True}, "container api does not set allowPrivilegeEscalation: false"),
        ({"runAsNonRoot": None}, "container api does not set runAsNonRoot: true"),
        ({"runAsUser": 0}, "container api runs as user 0"),
        ({"seccompProfile": None}, "container api has no seccomp profile"),
        ({"capabilities": {}}, "container api does not drop ALL capabilities"),
        ({"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}}, "container api adds capabilities"),
    ],
)
def test_what_the_restricted_level_refuses(context, said):
    made = changed(serving(), securityContext=SAFE | context)
    assert refused("restricted", made) == f"its namespace is restricted: {said}"
    assert holds(CHECK, serving=made, namespace=namespace(**{ENFORCE: "baseline"}))


def test_what_the_restricted_level_takes():
    level = namespace(**{ENFORCE: "restricted"})
    assert holds(CHECK, serving=changed(serving(), securityContext=SAFE), namespace=level)
    pod: dict[str, Any] = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}
    assert holds(CHECK, serving=changed(serving(**pod), securityContext=own), namespace=level)


@pytest.mark.parametrize("label", ["pod-security.kubernetes.io/warn", "pod-security.kubernetes.io/audit"])
def test_levels_that_only_warn_refuse_nothing(label):
    assert holds(CHECK, serving=serving(hostPID=True), namespace=namespace(**{label: "restricted"}))
    assert holds(CHECK, serving=serving(hostPID=True), namespace=namespace(**{ENFORCE: "privileged"}))


def test_device_software_in_a_restricted_namespace():
    plugin = release("nvidia-device-plugin")
    plugin.inputs["namespace"] = "serving"  # pyright: ignore[reportIndexIssue] - a plain dict here
    safe = changed(serving(), securityContext=SAFE)
    level = namespace(**{ENFORCE: "restricted"})
    found = findings(CHECK, *healthy(device_plugin=plugin, serving=safe, namespace=level))
    assert found["nvidia-device-plugin"] == (
        False,
        "its pods have parts of their node, and namespace serving is restricted",
    )
