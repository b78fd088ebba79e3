"""`eks-gpu check --cluster` on what a program made in the lab: it says what `plan` says, and it only reads."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import urllib3

from eks_gpu.lab import control_plane
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.kubeconfig import kubeconfig
from eks_gpu.lab.state import Lab
from eks_gpu.live.cluster import connect
from eks_gpu.live.cluster_role import READER, RELEASES_READER, cluster_role, rules, rules_of_releases
from eks_gpu.live.observed import Observed, observe
from eks_gpu.live.releases import releases
from tests.committed import committed
from tests.e2e.running import Answer, ask
from tests.programs import plan_of
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("live_check"), pytest.mark.minutes(3)]

KARPENTER, SPOT, ROOT = "examples/karpenter-inference", "examples/spot-autoscaling-groups", "."
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts"


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab that nobody else uses, in which one project's stack `dev` is up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("lab")))
        try:
            made = control_plane.up()
            lab_stack(made, committed() / request.param, "dev").up()
            yield made
        finally:
            control_plane.down()


def project(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("lab", [name], indirect=True)


every_project = pytest.mark.parametrize("lab", [KARPENTER, SPOT, ROOT], indirect=True)
karpenter = project(KARPENTER)


@pytest.fixture
def checked(lab: Lab) -> Answer:
    return ask(lab, "check", "--cluster", "--region", lab.region, "--json", "-")


def logical(name: str) -> str:
    """A name without the letters that the engine ends it with, where the program gives no name of its own."""
    return re.sub(r"-[0-9a-f]{7}(?=$|:)", "", name)


def pools_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name. What a cluster cannot tell of a program: whether it follows newer images of a managed group, and the
    desired size of a group between two sizes, which is the autoscaler's.
    """
    found: dict[str, dict[str, Any]] = {}
    for pool in answer["pools"]:
        row = found[logical(pool["name"])] = {key: value for key, value in pool.items() if key != "name"}
        if pool["backend"] == "managed-node-group":
            row["upgrade"] = {**pool["upgrade"], "why": pool["upgrade"]["why"].rpartition("; ")[0]}
        if pool["desired_nodes"] is not None and pool["min_nodes"] < pool["max_nodes"]:
            del row["desired_nodes"]
    return found


def workloads_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By name."""
    return {
        row["name"]: {**row, "admitted_by": sorted(map(logical, row["admitted_by"]))} for row in answer["workloads"]
    }


def bill(answer: dict[str, Any], level: str) -> dict[str, tuple[float, float]]:
    """Quantity and USD an hour of each item."""
    return {logical(item["name"]): (item["quantity"], item["hourly"]) for item in answer["cost"][level]["items"]}


@every_project
def test_a_cluster_has_the_pools_ceilings_and_workloads_that_the_plan_of_its_program_has(request, lab, checked):
    planned = plan_of(request.node.callspec.params["lab"], "dev").as_json()
    found = checked.json
    assert pools_of(found) == pools_of(planned)
    assert workloads_of(found) == workloads_of(planned)
    for level in ("max", "demand_max"):
        assert bill(found, level) == bill(planned, level)
        assert found["cost"][level]["hourly"] == planned["cost"][level]["hourly"]


@every_project
def test_what_is_well_in_the_plan_is_well_in_the_cluster(request, lab, checked):
    """Of the checks that are asked of both; what fails in the cluster is what fails in the plan."""
    planned = plan_of(request.node.callspec.params["lab"], "dev").as_json()
    failed = {(each["id"], logical(each["subject"])) for each in planned["checks"] if each["passed"] is False}
    assert {
        (each["id"], each["subject"], each["message"])
        for each in checked.json["checks"]
        if each["passed"] is False and (each["id"], logical(each["subject"])) not in failed
    } == set()
    assert checked.json["unread"] == []


@karpenter
def test_the_answer_names_the_cluster_and_the_moment(lab, checked):
    assert checked.json["cluster"] == "inference"
    assert checked.json["context"] == "lab"
    assert checked.json["at"].endswith("+00:00")
    assert "inference  us-west-2, context lab, " in checked.err


@karpenter
def test_a_first_run_with_a_baseline_records_what_fails_and_writes_every_form(lab, tmp_path):
    files = {form: tmp_path / f"out.{form}" for form in ("baseline", "sarif", "junit")}
    options = [word for form, file in files.items() for word in (f"--{form}", str(file))]
    asked = ("--region", lab.region, "--no-account", *options)
    assert ask(lab, "check", "--cluster", *asked).code == 1  # nodes are unread
    results = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert "nodes-are-all-read" in {result["ruleId"] for result in results}
    assert 'classname="device-plugin-reaches-gpu-pools"' in files["junit"].read_text()
    assert "nodes-are-all-read" in files["baseline"].read_text()


# --- what it may, and what it does ------------------------------------------------------


def ensured(api: ClusterApi, path: str, manifest: dict[str, Any]) -> None:
    """The object as it is given, whatever is there."""
    try:
        api.create(path, manifest)
    except ApiRefusal:
        api.apply(f"{path}/{manifest['metadata']['name']}?fieldManager=test&force=true", manifest)


@pytest.fixture
def reader(lab: Lab, tmp_path: Path) -> tuple[Path, ClusterApi]:
    """A kubeconfig of a service account that may read what the docs say and nothing else, and the administrator."""
    api = ClusterApi(lab)
    ensured(api, ACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}})
    for role, found in ((READER, rules()), (RELEASES_READER, rules_of_releases())):
        ensured(api, ROLES, cluster_role(role, found))
        ensured(
            api,
            BINDINGS,
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": role},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "default"}],
            },
        )
    token = api._send(
        "POST",
        f"{ACCOUNT}/reader/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    return written(tmp_path, kubeconfig(lab), token=token["status"]["token"]), api


def written(folder: Path, config: dict[str, Any], **user: Any) -> Path:
    """The lab's kubeconfig with another user."""
    file = folder / "kubeconfig"
    file.write_text(json.dumps({**config, "users": [{"name": "lab", "user": user}]}))
    return file


@karpenter
def test_with_the_roles_of_the_docs_everything_is_read(lab, reader, checked):
    file, _ = reader
    until(lambda: observe(connect(file)).unread == ())
    answer = ask(lab, "check", "--cluster", "--region", lab.region, "--json", "-", "--kubeconfig", str(file))
    assert answer.json["unread"] == []
    for key in ("pools", "workloads", "cost", "checks"):
        assert answer.json[key] == checked.json[key]


@karpenter
def test_with_one_line_less_the_answer_says_which_line(lab, reader):
    file, api = reader
    served = {(kind.group, each.plural) for kind, each in connect(file).served.items() if each.listed}
    whole = rules()

    def unread_without(path: str, role: dict[str, Any]) -> Observed:
        """What is seen once the API server knows of the smaller role."""
        ensured(api, path, role)
        until(lambda: bool(observe(connect(file)).unread))
        return observe(connect(file))

    for index, rule in enumerate(whole):
        wanted = {(rule["apiGroups"][0], name) for name in rule["resources"]} & served - {("", "events")}
        if not wanted:
            continue
        found = unread_without(ROLES, cluster_role(READER, [*whole[:index], *whole[index + 1 :]]))
        told = {row.how for row in found.unread}
        if rule.get("resourceNames"):
            assert told == {f"allow `get` of configmaps named {name}" for name in rule["resourceNames"]}
        else:
            assert told == {f"allow `list` of {name} in API group {group!r}" for group, name in wanted}
    ensured(api, ROLES, cluster_role(READER, whole))
    until(lambda: observe(connect(file)).unread == ())


@karpenter
def test_without_secrets_no_release_is_known_and_none_is_said_to_be_missing(lab, reader):
    file, api = reader
    ensured(api, ROLES, cluster_role(RELEASES_READER, []))
    until(lambda: bool(releases(connect(file))[1]))
    answer = ask(lab, "check", "--cluster", "--region", lab.region, "--json", "-", "--kubeconfig", str(file)).json
    assert {row["subject"]: row["how"] for row in answer["unread"]} == {
        "releases of Helm": "allow `list` and `get` of secrets in API group '', as the docs' optional rule"
    }
    missed = {"device-plugin-reaches-gpu-pools", "what-needs-a-controller-has-one"}
    assert {each["id"]: each["passed"] for each in answer["checks"] if each["id"] in missed} == dict.fromkeys(missed)


@karpenter
def test_karpenter_is_known_by_what_runs_where_its_release_may_not_be_read(lab, reader):
    file, api = reader
    ensured(api, ROLES, cluster_role(RELEASES_READER, []))
    path, settings = "/apis/apps/v1/namespaces/kube-system/deployments", {"CLUSTER_NAME": "another"}
    container = {
        "name": "controller",
        "image": "public.ecr.aws/karpenter/controller:1.15.0",
        "env": [{"name": key, "value": value} for key, value in settings.items()],
    }
    labels = {"app": "karpenter"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    ensured(api, path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "karpenter"}, "spec": spec})
    try:
        until(lambda: bool(releases(connect(file))[1]))
        asked = ("--region", lab.region, "--kubeconfig", str(file))
        answer = ask(lab, "check", "--cluster", "--json", "-", *asked).json
    finally:
        api.delete(f"{path}/karpenter")
    told = {(each["id"], each["subject"]): each for each in answer["checks"]}
    assert told["what-needs-a-controller-has-one", "gpu"]["passed"] is True
    assert "settings.clusterName is another" in told["controllers-work-for-this-cluster", "karpenter"]["message"]
    assert "karpenter" not in {workload["name"] for workload in answer["workloads"]}


@karpenter
def test_nothing_but_get_reaches_the_api_server(lab, tmp_path):
    with recording(lab) as (server, methods):
        config = kubeconfig(lab)
        config["clusters"][0]["cluster"] = {"server": server}
        file = written(tmp_path, config, token=lab.token)
        asked = ("--region", lab.region, "--cluster-name", "inference", "--kubeconfig", str(file))
        answer = ask(lab, "check", "--cluster", "--json", "-", *asked)
    assert answer.json["pools"]
    assert methods == {"GET"}


@contextmanager
def recording(lab: Lab) -> Iterator[tuple[str, set[str]]]:
    """A way to the API server that notes the method of each request."""
    methods: set[str] = set()
    server = urllib3.PoolManager(ca_certs=str(lab.certificate))

    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            methods.add(self.command)
            headers = {key: self.headers[key] for key in ("Accept", "Authorization") if key in self.headers}
            answer = server.request(self.command, f"{lab.server}{self.path}", headers=headers)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.data)))
            self.end_headers()
            self.wfile.write(answer.data)

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}", methods
    finally:
        proxy.shutdown()
        proxy.server_close()


# --- the way in ------------------------------------------------------


@karpenter
@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_kubeconfig_with_an_exec_plugin_works(lab, tmp_path, version):
    api = f"client.authentication.k8s.io/{version}"
    credential = {"apiVersion": api, "kind": "ExecCredential", "status": {"token": lab.token}}
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps(credential))})\n")
    plugin.chmod(0o700)
    told = {"apiVersion": api, "command": str(plugin), "interactiveMode": "Never"}
    file = written(tmp_path, kubeconfig(lab), exec=told)
    answer = ask(
        lab, "check", "--cluster", "--no-account", "--region", lab.region, "--json", "-", "--kubeconfig", str(file)
    )
    assert [pool["name"] for pool in answer.json["pools"]] == ["gpu"]


@karpenter
def test_without_the_account_what_only_aws_knows_is_unread(lab):
    answer = ask(
        lab, "check", "--cluster", "--no-account", "--region", lab.region, "--json", "-", aws_access_key_id="nobody"
    )
    assert answer.code == 1
    assert {(row["what"], row["why"]) for row in answer.json["unread"]} == {
        (what, "--no-account was given") for what in ("nodes", "network", "software")
    }
    assert [pool["name"] for pool in answer.json["pools"]] == ["gpu"]


@karpenter
def test_who_may_ask_aws_for_nothing_is_told_which_permission_it_takes(lab):
    answer = ask(lab, "check", "--cluster", "--region", lab.region, **nobody(lab))
    assert answer.code in (1, 2)
    assert "eks:ListClusters" in answer.out + answer.err


def nobody(lab: Lab) -> dict[str, str]:
    """Keys of a user without any policy."""
    from eks_gpu.lab.nodes import aws_client

    iam = aws_client(lab, "iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


@karpenter
@pytest.mark.parametrize(
    ("change", "arguments", "said"),
    [
        ({"token": "of-another"}, (), "does not know who asks (401)"),
        ({}, ("--context", "lob"), "--context: must be one of the kubeconfig's, got 'lob'; nearest: lab"),
        ({"server": "https://127.0.0.1:9"}, (), "https://127.0.0.1:9 does not answer"),
    ],
    ids=["token", "context", "server"],
)
def test_a_way_that_does_not_lead_in_is_said_in_one_line(lab, tmp_path, change, arguments, said):
    config = kubeconfig(lab)
    if "server" in change:
        config["clusters"][0]["cluster"]["server"] = change["server"]
    file = written(tmp_path, config, token=change.get("token", lab.token))
    asked = ("--no-account", "--region", lab.region, "--kubeconfig", str(file), *arguments)
    answer = ask(lab, "check", "--cluster", *asked)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1
    assert os.linesep not in answer.out.strip()
