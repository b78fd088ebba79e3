"""Pods that take their node over, credentials of nodes, and secrets in the open."""

import base64

import pytest

from tests.graphs import findings, gpu_group, kubernetes, launch_template, resource
from tests.whole_graphs import changed, failure, healthy, holds, reserving_class, serving

ALONE, CREDENTIALS, OPEN = (
    "workloads-leave-their-node-alone",
    "pods-get-no-credentials-of-their-node",
    "secrets-stay-out-of-the-open",
)
API = "Deployment serving/api"


def host(path: str) -> dict:
    return {"volumes": [{"name": "node", "hostPath": {"path": path}}]}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (serving(hostPID=True), "hostPID shares the node's own: remove hostPID"),
        (serving(hostNetwork=True), "hostNetwork shares the node's own: remove hostNetwork"),
        (serving(**host("/")), "volume node is / of the node: remove the hostPath volume"),
        (serving(**host("/etc/")), "volume node is /etc/ of the node: remove the hostPath volume"),
        (
            serving(**host("/var/run/docker.sock")),
            "volume node is /var/run/docker.sock of the node: remove the hostPath volume",
        ),
        (
            changed(serving(), securityContext={"privileged": True}),
            "container api is privileged: remove privileged",
        ),
        (
            changed(serving(), securityContext={"capabilities": {"add": ["SYS_ADMIN", "IPC_LOCK"]}}),
            "container api has SYS_ADMIN: drop ALL capabilities",
        ),
    ],
)
def test_a_workload_that_takes_its_node_over(made, said):
    assert failure(ALONE, serving=made) == (API, said)


@pytest.mark.parametrize(
    "made",
    [
        serving(**host("/mnt/models")),
        serving(hostPID=False),
        changed(serving(), securityContext={"capabilities": {"add": ["IPC_LOCK"], "drop": ["ALL"]}}),
    ],
)
def test_a_workload_that_leaves_its_node_alone(made):
    assert holds(ALONE, serving=made)


def test_a_daemon_set_may_work_on_its_node():
    pod = {"hostPID": True, "containers": [{"name": "a", "image": "a:1", "securityContext": {"privileged": True}}]}
    assert holds(ALONE, s3=kubernetes("DaemonSet", "agent", {"template": {"spec": pod}}))
    assert not holds(ALONE, s3=kubernetes("StatefulSet", "agent", {"template": {"spec": pod}}))


def test_a_hop_that_reaches_into_pods():
    far = launch_template(metadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 2})
    assert failure(CREDENTIALS, gpu_template=far, gpu=gpu_group()) == ("gpu", "its hop limit is 2")
    by_class = reserving_class(metadataOptions={"httpPutResponseHopLimit": 3})
    assert failure(CREDENTIALS, node_class=by_class) == ("reserved", "its hop limit is 3")
    assert holds(CREDENTIALS, node_class=reserving_class(metadataOptions={"httpPutResponseHopLimit": 1}))


def env(name: str, value: str | None = None, **more):
    return changed(serving(), env=[{"name": name, **({"value": value} if value is not None else {}), **more}])


@pytest.mark.parametrize("name", ["DB_PASSWORD", "HF_TOKEN", "apiKey", "AWS_SECRET_ACCESS_KEY"])
def test_a_secret_in_a_variable_is_named_and_not_told(name):
    said = f"variable {name} of container api has its value in the open"
    assert failure(OPEN, serving=env(name, "correct-horse")) == (API, said)


@pytest.mark.parametrize(
    "made",
    [
        env("DB_PASSWORD", ""),
        env("DB_PASSWORD", None, valueFrom={"secretKeyRef": {"name": "db", "key": "password"}}),
        env("DB_PASSWORD", "$(OTHER)"),
        env("TOKEN_FILE", "token"),
        env("HF_TOKEN", "/run/secrets/token"),
        env("MAX_TOKEN", "4096"),
        env("MODEL", "meta-llama/Llama-3"),
    ],
)
def test_variables_that_hold_no_secret(made):
    assert holds(OPEN, serving=made)


@pytest.mark.parametrize(
    "value", ["AKIAIOSFODNN7EXAMPLE", "hf_abcdefghijklmnopqrst", "-----BEGIN RSA PRIVATE KEY-----"]
)
def test_a_key_is_known_by_its_form(value):
    assert failure(OPEN, serving=env("SETTING", value))[0] == API
    said = "the command of container api holds a secret"
    assert failure(OPEN, serving=changed(serving(), args=[f"--key={value}"])) == (API, said)


def test_a_secret_in_a_config_map_and_in_user_data():
    inputs = {"metadata": {"name": "settings"}, "data": {"url": "http://db", "DB_PASSWORD": "correct-horse"}}
    said = ("ConfigMap default/settings", "DB_PASSWORD looks like a secret")
    assert failure(OPEN, s3=resource("kubernetes:core/v1:ConfigMap", "settings", inputs)) == said
    for text, passed in (("export HF_TOKEN=hf_abcdefghijklmnopqrst", False), ("TOKEN=$(curl -X PUT x)", True)):
        told = launch_template("lt-old", userData=base64.b64encode(text.encode()).decode())
        assert findings(OPEN, *healthy(s3=told))["lt-old"][0] is passed
