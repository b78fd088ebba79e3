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

from eks_gpu.graph.unread import Unread
from eks_gpu.lab import control_plane
from eks_gpu.lab.apply import lab_stack
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.kubeconfig import kubeconfig
from eks_gpu.lab.state import Lab
from eks_gpu.live.cluster import connect
from eks_gpu.live.cluster_role import RELEASES_READER, cluster_role, rules, rules_of_releases
from eks_gpu.live.drift import drift
from eks_gpu.live.judged import Running, running
from eks_gpu.live.kinds import NODE_POOL
from eks_gpu.live.nodes.machines import machines
from eks_gpu.live.nodes.why_node import KINDS as WATCHED
from eks_gpu.live.nodes.why_node import facts, why_nodes
from eks_gpu.live.observed import kept, observe
from eks_gpu.live.permissions import OF_MACHINES
from eks_gpu.live.releases import releases
from eks_gpu.live.spending import spending
from eks_gpu.live.watching import Watched
from eks_gpu.live.way_in import way_in
from eks_gpu.live.why.pod_answer import why_pods
from tests.committed import committed
from tests.e2e.least_rights import ROLES, User, allow, ensured, may, permissions, service_account, user, written
from tests.e2e.running import Answer, ask, ask_within, asking
from tests.programs import plan_of
from tests.waiting import until

pytestmark = [pytest.mark.xdist_group("live_check"), pytest.mark.minutes(2.5)]

KARPENTER, SPOT, ROOT = "examples/karpenter-inference", "examples/spot-autoscaling-groups", "."
POOL = "/apis/karpenter.sh/v1/nodepools/gpu"
PODS = "/api/v1/namespaces/default/pods"


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


@pytest.fixture(scope="module")
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
    files = {form: tmp_path / f"out.{form}" for form in ("baseline", "html", "sarif", "junit")}
    options = [word for form, file in files.items() for word in (f"--{form}", str(file))]
    asked = ("--region", lab.region, "--no-account", *options)
    assert ask(lab, "check", "--cluster", *asked).code == 1  # nodes are unread
    results = json.loads(files["sarif"].read_text())["runs"][0]["results"]
    assert "nodes-are-all-read" in {result["ruleId"] for result in results}
    assert 'classname="device-plugin-reaches-gpu-pools"' in files["junit"].read_text()
    assert "nodes-are-all-read" in files["baseline"].read_text()
    page = files["html"].read_text()
    assert "Read by <code>eks-gpu check --cluster</code>: nothing was changed." in page
    assert "in us-west-2, context " in page


# --- what it may, and what it does ------------------------------------------------------


@pytest.fixture
def reader(lab: Lab, tmp_path: Path) -> tuple[Path, ClusterApi]:
    """A kubeconfig of a service account that may read what the docs say and nothing else, and the administrator."""
    return service_account(lab, tmp_path), ClusterApi(lab)


@pytest.fixture(scope="module")
def asking_user(lab: Lab) -> Iterator[User]:
    """A user of AWS with the policy of the docs, whom AWS's SDK takes for the asker."""
    made = user(lab)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in asking(lab, **made.keys).items():
            patch.setenv(name, value)
        yield made


@pytest.fixture
def waiting_pod(lab: Lab) -> Iterator[None]:
    """One that a node group would take, so that what AWS and the autoscaler say of groups is asked for."""
    api = ClusterApi(lab)
    container = {"name": "a", "image": "registry.k8s.io/pause:3.10"}
    spec = {"schedulingGates": [{"name": "example.com/approval"}], "containers": [container]}
    api.create(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "gated"}, "spec": spec})
    yield
    api.delete(f"{PODS}/gated")


@pytest.fixture
def read(lab: Lab, reader: tuple[Path, ClusterApi], asking_user: User, waiting_pod: None) -> Running:
    """The cluster and its account as the service account and the user see them."""
    file, api = reader
    until(lambda: all(all(may(api, rule)) for rule in (*rules(), *rules_of_releases())))
    return running(*way_in(file, region=lab.region))


@karpenter
def test_with_the_roles_of_the_docs_everything_is_read(lab, reader, checked):
    file, _ = reader
    until(lambda: observe(connect(file)).unread == ())
    answer = ask_within(lab, "check", "--cluster", "--region", lab.region, "--json", "-", "--kubeconfig", str(file))
    assert answer.json["unread"] == []
    for key in ("pools", "workloads", "cost", "checks"):
        assert answer.json[key] == checked.json[key]


@karpenter
def test_with_the_roles_and_the_policy_of_the_docs_each_command_reads_everything(read):
    cluster, account = read.cluster, read.account
    answers = {
        "check": read.judged.analysis.unread,
        "why pod": why_pods(read).unread,
        "why node": why_nodes(facts(cluster, account, read.name), cluster).unread,
        "cost": spending(read, machines(account, read.name)).unread,
        "drift": drift(plan_of(KARPENTER, "dev"), read).unread,
    }
    assert [(command, row) for command, rows in answers.items() for row in rows] == []
    assert {each.waiting.name for each in why_pods(read).waiting} == {"gated"}
    watched = Watched(cluster)
    until(lambda: watched.gather(0.1) or watched.is_complete())
    assert watched.unread == {}


@karpenter
def test_with_one_line_less_the_answer_says_which_line(read, reader):
    _, api = reader
    served = {(kind.group, each.plural) for kind, each in read.cluster.served.items() if each.listed}
    whole, wrong = rules(), []
    for index, rule in enumerate(whole):
        group = rule["apiGroups"][0]
        wanted = {
            f"allow `list` of {name} in API group {group!r}" for name in rule["resources"] if (group, name) in served
        }
        if names := rule.get("resourceNames"):
            wanted = {f"allow `get` of configmaps named {name}" for name in names}
        if wanted:
            allow(api, [*whole[:index], *whole[index + 1 :]])
            until(lambda rule=rule: not any(may(api, rule)))
            wrong += [(rule, told)] if (told := permissions(what_kubernetes_hides(read))) != wanted else []
    allow(api, whole)
    assert wrong == []


def what_kubernetes_hides(read: Running) -> Iterator[Unread]:
    """Of all that the commands ask the API server for; AWS's part of the answer is not asked for again."""
    yield from observe(read.cluster).unread
    yield from why_pods(read).unread
    yield from facts(read.cluster, read.account, read.name).unread


@karpenter
def test_without_the_right_to_watch_a_watch_says_so(read, reader):
    _, api = reader
    watched = [rule for rule in rules() if "watch" in rule["verbs"]]
    allow(api, [{**rule, "verbs": [verb for verb in rule["verbs"] if verb != "watch"]} for rule in rules()])
    until(lambda: not any(any(may(api, {**rule, "verbs": ["watch"]})) for rule in watched))
    found = Watched(read.cluster)
    kinds = {kind for kind in WATCHED if kind in read.cluster.served}
    until(lambda: found.gather(0.1) and found.unread.keys() == kinds)
    allow(api, rules())
    assert permissions(found.unread.values()) == {
        f"allow `list` and `watch` of {name} in API group {rule['apiGroups'][0]!r}"
        for rule in watched
        for name in rule["resources"]
    }


@karpenter
def test_with_one_action_less_the_answer_says_which(read, asking_user):
    """Of the actions that are asked for beside the account's resources, which have a test of their own."""
    groups = ("eks:DescribeNodegroup", "autoscaling:DescribeAutoScalingGroups")
    wrong: list[tuple[str, set[str]]] = []
    for action in (*groups, *(each.action for each in OF_MACHINES)):
        asking_user.allow(without=action)
        found = [*why_pods(read).unread, *facts(read.cluster, read.account, read.name).unread]
        wrong += [(action, told)] if (told := permissions(found)) != {f"allow {action}"} else []
    asking_user.allow()
    assert wrong == []


@karpenter
def test_without_secrets_no_release_is_known_and_none_is_said_to_be_missing(lab, reader):
    file, api = reader
    ensured(api, ROLES, cluster_role(RELEASES_READER, []))
    until(lambda: bool(releases(connect(file))[1]))
    answer = ask_within(
        lab, "check", "--cluster", "--region", lab.region, "--json", "-", "--kubeconfig", str(file)
    ).json
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
        answer = ask_within(lab, "check", "--cluster", "--json", "-", *asked).json
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
        answer = ask_within(lab, "check", "--cluster", "--json", "-", *asked)
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
    assert [pool["metadata"]["name"] for pool in connect(file).objects(NODE_POOL, kept)] == ["gpu"]


@karpenter
def test_without_the_account_what_only_aws_knows_is_unread(lab):
    answer = ask_within(
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
    answer = ask_within(lab, "check", "--cluster", *asked)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1
    assert os.linesep not in answer.out.strip()


@karpenter
def test_a_limit_and_a_taint_that_somebody_changed_by_hand_are_the_drift(lab, reader, asking_user):
    file, api = reader
    given = ("--cluster", "--kubeconfig", str(file), "--json", "-")

    def answer() -> tuple[int, list[dict[str, Any]]]:
        found = ask(lab, "drift", str(committed() / KARPENTER), *given, **asking_user.keys)
        assert found.json["unread"] == []
        return found.code, found.json["differences"]

    def change(limits: dict[str, Any], taints: list[dict[str, Any]]) -> None:
        api.patch(POOL, {"spec": {"limits": limits, "template": {"spec": {"taints": taints}}}})

    spec = api.get(POOL)["spec"]
    limits, taints = spec["limits"], spec["template"]["spec"]["taints"]
    assert answer() == (0, [])
    change({"nvidia.com/gpu": "9"}, [*taints, {"key": "example.com/by-hand", "effect": "NoSchedule"}])
    try:
        code, differences = answer()
    finally:
        change(limits, taints)
    fields = {row["field"]: (row["program"], row["cluster"]) for row in differences}
    assert code == 1
    assert {row["pool"] for row in differences} == {"gpu"}
    assert fields.keys() == {"limit of nvidia.com/gpu", "max_gpus", "max_nodes", "taints"}
    assert fields["limit of nvidia.com/gpu"] == ("100", "9")
    assert fields["max_gpus"] == fields["max_nodes"] == (100, 9)  # as the limit lets them be
    assert [each["key"] for each in fields["taints"][1]] == ["example.com/by-hand", "nvidia.com/gpu"]
