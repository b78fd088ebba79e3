"""`eks-gpu preflight` against the lab's AWS: each shortage of an account is found, and a healthy account has none."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from eks_gpu.io.terminal import Terminal
from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.accounts import ACCOUNTS
from eks_gpu.lab.aws.capacity import Capacity, having
from eks_gpu.lab.aws.moto_server import moto
from eks_gpu.live.preflight.permissions import PERMISSIONS, policy
from eks_gpu.live.preflight.preflight import Preflight, preflight
from eks_gpu.live.preflight.render import render
from eks_gpu.offline.project import Project
from eks_gpu.plan.plan import Plan, make_plan
from tests.e2e.lives import COMMAND
from tests.programs import ROOT, plan_of

pytestmark = [pytest.mark.minutes(2), pytest.mark.xdist_group("preflight")]

REGION = "us-west-2"
PROJECT = Path(__file__).parent / "shortages"
G_ON_DEMAND, G_SPOT, ADDRESSES = "L-DB2E81BA", "L-3819A6DF", "L-0263D0A3"
WORKERS, GONE = "arn:aws:iam::123456789012:role/shortages-workers", "arn:aws:iam::123456789012:role/shortages-gone"
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


@cache
def plan(**config: str) -> Plan:
    """The plan of the stack with other configuration."""
    loaded = Project.load(PROJECT)
    stack = loaded.stack("dev")
    own = {f"shortages:{key}": value for key, value in config.items()}
    return make_plan(loaded, replace(stack, config={**stack.config, **own}))


class Aws:
    """The lab's AWS, of which the test says what it has."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, url: str):
        self.quotas, self.outages = folder / "quotas.json", folder / "outages.json"
        self.patch, self.url = patch, url
        self.role("shortages-workers")
        image = self.client("ec2").describe_images()["Images"][0]["ImageId"]
        table = self.client("ec2").describe_route_tables()["RouteTables"][0]["RouteTableId"]
        subnets = [subnet["SubnetId"] for subnet in self.client("ec2").describe_subnets()["Subnets"]]
        network = {"subnetIds": subnets}
        self.client("eks").create_cluster(name="other", version="1.35", roleArn=WORKERS, resourcesVpcConfig=network)
        self.healthy = {"image": image, "table": table, "onto": "other"}
        """Configuration with ids that this account has."""

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=REGION, endpoint_url=self.url, **LAB_KEYS)

    def role(self, name: str) -> None:
        self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(EVERYTHING))

    def as_user(self, document: dict[str, Any]) -> dict[str, str]:
        """Keys of a user who may do this alone, which AWS's SDK takes from now on."""
        iam, name = self.client("iam"), "deploy"
        if name not in [user["UserName"] for user in iam.list_users()["Users"]]:
            iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        for variable, value in keys.items():
            self.patch.setenv(variable, value)
        return keys

    def asked(self, **config: str) -> Preflight:
        """What it says to the plan."""
        return preflight(plan(**{**self.healthy, **config}))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder = tmp_path_factory.mktemp("account")
    with (
        pytest.MonkeyPatch.context() as patch,
        moto(account=ACCOUNTS["used"], quotas=folder / "quotas.json", outages=folder / "outages.json") as url,
    ):
        for name, value in {"AWS_ENDPOINT_URL": url, "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        made = Aws(folder, patch, url)
        made.as_user(EVERYTHING)
        yield made


@pytest.fixture(autouse=True)
def a_healthy_account(aws: Aws) -> Iterator[None]:
    yield
    for file in (aws.quotas, aws.outages):
        file.unlink(missing_ok=True)


def failed(found: Preflight) -> list[tuple[str, str, str]]:
    return [(each.id, each.subject, each.message) for each in found.checks if each.failed]


def test_an_account_that_has_everything_is_short_of_nothing(aws):
    found = aws.asked()
    assert failed(found) == []
    assert [row.need.quota.code for row in found.quotas if row.short is not False] == []
    assert [each.as_json() for each in found.unread] == []
    assert not found.failed
    assert len({each.id for each in found.checks}) >= 14


def test_quotas_of_vcpus_are_found_on_demand_and_spot_each_with_its_command(aws):
    aws.quotas.write_text(json.dumps({G_ON_DEMAND: 4, G_SPOT: 7}))
    found = aws.asked()
    short = {row.need.quota.code: row for row in found.quotas if row.short}
    assert short.keys() == {G_ON_DEMAND, G_SPOT}
    assert found.failed
    assert short[G_SPOT].command() == (
        "aws service-quotas request-service-quota-increase --region us-west-2 "
        "--service-code ec2 --quota-code L-3819A6DF --desired-value 8"
    )
    assert [message for id_, _, message in failed(found) if id_ == "quotas-are-enough"] == [
        f"`pulumi up` itself needs 8 vCPUs ({by}: 2 g5.xlarge), and the account has {has} vCPUs and uses 0: {then}"
        for by, has, then in (("steady", 4, "the update fails"), ("spot", 7, "the update fails"))
    ]


def test_a_new_account_lacks_vcpus_for_the_system_nodes_of_this_projects_prod(aws):
    with having(Capacity(ACCOUNTS["new"])):
        found = preflight(plan_of(".", "prod"))
    first = next(row for row in found.quotas if row.short)
    assert (first.need.quota.code, first.need.at_once, first.value) == ("L-1216C47A", 36, 5)
    assert first.finding().message == (
        "`pulumi up` itself needs 36 vCPUs (cluster-system: 3 m7i.xlarge; general: 3 m7i.2xlarge), "
        "and the account has 5 vCPUs and uses 0: the update fails"
    )
    assert {row.need.quota.code for row in found.quotas if row.short} == {
        "L-1216C47A",
        "L-34B43A08",
        G_ON_DEMAND,
        G_SPOT,
    }
    assert {each.id for each in found.checks if each.failed} == {"quotas-are-enough"}


def test_the_page_shows_what_stack_dev_is_told_in_a_new_account(aws):
    with having(Capacity(ACCOUNTS["new"])):
        found = preflight(plan_of(".", "dev"))
    terminal = Terminal(file=StringIO())
    terminal.width = 80
    with terminal.capture() as captured:
        terminal.print(render(replace(found, at=datetime(2026, 11, 30, 9, 0, tzinfo=UTC))))
    lines = [line.rstrip() for line in captured.get().splitlines()]
    shown = lines[1 : lines.index("Quotas")]
    assert "\n".join(shown) in (ROOT / "docs/preflight.md").read_text(encoding="utf-8")


def test_what_others_use_counts_and_a_request_that_is_with_aws_is_told(aws):
    ec2, quotas = aws.client("ec2"), aws.client("service-quotas")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ids = ec2.run_instances(ImageId=image, InstanceType="g4dn.2xlarge", MinCount=1, MaxCount=1)["Instances"]
    aws.quotas.write_text(json.dumps({G_ON_DEMAND: 15}))
    row = next(row for row in aws.asked().quotas if row.short)
    assert (row.used.usage, row.value, row.desired, row.pending) == (8, 15, 16, None)
    quotas.request_service_quota_increase(ServiceCode="ec2", QuotaCode=G_ON_DEMAND, DesiredValue=row.desired)
    found = aws.asked()
    assert [row.pending for row in found.quotas if row.short] == [16]
    assert failed(found)[0][2].endswith("; a request for 16 is with AWS already")
    ec2.terminate_instances(InstanceIds=[each["InstanceId"] for each in ids])


def test_elastic_ips_are_counted_with_those_of_others(aws):
    ec2 = aws.client("ec2")
    made = [ec2.allocate_address(Domain="vpc")["AllocationId"] for _ in range(96)]
    found = aws.asked(addresses="5")
    assert [(row.need.quota.code, row.need.needed, row.used.usage) for row in found.quotas if row.short] == [
        (ADDRESSES, 5, 96)
    ]
    for id_ in made:
        ec2.release_address(AllocationId=id_)


SHORTAGES = [
    ({"node_role": GONE}, "named-roles-exist", "role shortages-gone", "the account does not have it"),
    ({"kube_proxy": "v9.9.9-eksbuild.1"}, "add-on-versions-are-on-offer", "kube-proxy", "is not on offer"),
    (
        {"kubernetes": "1.29"},
        "kubernetes-version-is-on-offer",
        "cluster shortages",
        "EKS does not offer Kubernetes 1.29",
    ),
    ({"instance_type": "p5e.48xlarge"}, "zones-offer-the-instance-types", "pool steady", "no node can start"),
    ({"image": "ami-0123456789abcdef0"}, "images-are-there", "ami-0123456789abcdef0", "has no such image"),
    ({"table": "rtb-0123456789abcdef0"}, "named-resources-exist", "route table rtb-", "does not have it in us-west-2"),
    (
        {"access_policy": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdmin"},
        "access-policies-exist",
        "AmazonEKSClusterAdmin",
        "EKS has no access policy",
    ),
]


@pytest.mark.parametrize(("config", "id_", "subject", "says"), SHORTAGES, ids=[row[1] for row in SHORTAGES])
def test_what_the_account_lacks_is_found(aws, config, id_, subject, says):
    found = failed(aws.asked(**config))
    assert [row for row in found if row[0] == id_ and row[1].startswith(subject) and says in row[2]], found
    beside = {"add-on-versions-are-on-offer"} if "kubernetes" in config else set()  # which no add-on is for
    assert {row[0] for row in found} - {id_} == beside


def test_a_role_that_the_account_has_may_be_named(aws):
    assert failed(aws.asked(node_role=WORKERS)) == []


def test_a_low_spot_placement_score_warns(aws):
    aws.outages.write_text(json.dumps([["g5.xlarge", f"us-west-2{letter}"] for letter in "abcd"]))
    found = aws.asked()
    assert [row[:2] for row in failed(found)] == [("spot-capacity-is-likely", "pool spot")]
    assert "a score of 1 of 10" in failed(found)[0][2]
    assert not found.failed  # a warning


def test_a_name_that_is_taken_is_found(aws):
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/aws/eks/shortages/cluster")
    found = failed(aws.asked())
    logs.delete_log_group(logGroupName="/aws/eks/shortages/cluster")
    assert [row[:2] for row in found] == [("names-are-free", "log group /aws/eks/shortages/cluster")]


REFUSED = [
    (["sqs:CreateQueue"], "error", "caller-may-create", "aws:sqs/queue:Queue", "sqs:CreateQueue"),
    (["iam:PassRole"], "error", "caller-may-pass-roles", "role shortages-control-plane", "iam:PassRole"),
    (["eks:DeleteCluster"], "warning", "caller-may-change-and-delete", "aws:eks/cluster:Cluster", "eks:DeleteCluster"),
]


@pytest.mark.parametrize(
    ("actions", "severity", "id_", "subject", "named"), REFUSED, ids=[row[0][0] for row in REFUSED]
)
def test_what_the_caller_may_not_do_is_found(aws, actions, severity, id_, subject, named):
    denied = {"Effect": "Deny", "Action": actions, "Resource": "*"}
    aws.as_user({**EVERYTHING, "Statement": [*EVERYTHING["Statement"], denied]})
    found = aws.asked()
    aws.as_user(EVERYTHING)
    refused = [each for each in found.checks if each.failed]
    assert (refused[0].id, refused[0].subject, refused[0].severity) == (id_, subject, severity)
    assert named in refused[0].message and {each.id for each in refused} == {id_}
    assert found.failed == (severity == "error")


def test_the_policy_of_the_page_is_enough_to_ask_everything(aws):
    aws.as_user(policy())
    found = aws.asked()
    aws.as_user(EVERYTHING)
    assert [each.as_json() for each in found.unread] == []
    assert {each.id for each in found.checks if each.failed and each.severity == "error"} == {
        "caller-may-create",
        "caller-may-pass-roles",
        "service-linked-roles-are-there",
    }


READ = sorted({action for each in PERMISSIONS.values() for action in each} - {"sts:GetCallerIdentity"})
GROUPS = [READ[start::6] for start in range(6)]


@pytest.mark.parametrize("without", GROUPS, ids=[str(number) for number in range(len(GROUPS))])
def test_each_permission_that_is_missing_is_named_and_nothing_is_good_without_it(aws, without):
    aws.quotas.write_text(json.dumps({G_ON_DEMAND: 4}))  # so that requests for more are asked for
    denied = {"Effect": "Deny", "Action": without, "Resource": "*"}
    aws.as_user({**EVERYTHING, "Statement": [*EVERYTHING["Statement"], denied]})
    found = aws.asked()
    aws.as_user(EVERYTHING)
    assert {each.how.removeprefix("allow ") for each in found.unread} == set(without)
    assert found.failed


@pytest.fixture(scope="module")
def run(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command on the stack with other configuration."""
    folder = Path(shutil.copytree(PROJECT, tmp_path_factory.mktemp("stack") / "shortages"))

    def told(*arguments: str, **config: str) -> subprocess.CompletedProcess[str]:
        lines = [f"  shortages:{key}: {value}\n" for key, value in {**aws.healthy, **config}.items()]
        text = (PROJECT / "Pulumi.dev.yaml").read_text() + "".join(lines)
        (folder / "Pulumi.dev.yaml").write_text(text)
        command = [str(COMMAND), "preflight", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return told


def test_the_command_says_the_verdict_first_and_exits_with_it(aws, run):
    good = run()
    assert good.returncode == 0, good.stderr
    assert good.stdout.splitlines()[2] == "Yes: the account takes what the plan creates, up to its maximum"
    aws.quotas.write_text(json.dumps({G_ON_DEMAND: 4}))
    short = run()
    assert short.returncode == 1
    lines = short.stdout.splitlines()
    assert lines[2] == "No: 1 quota is short"
    at = lines.index("aws service-quotas request-service-quota-increase --region us-west-2 \\")
    assert lines[at + 1] == "  --service-code ec2 --quota-code L-DB2E81BA --desired-value 8"
    assert max(map(len, lines)) <= 80


def test_the_command_writes_json(aws, run):
    answer = json.loads(run("--json", "-").stdout)
    assert answer.keys() == {"project", "stack", "region", "account", "caller", "at", "quotas", "checks", "unread"}
    assert (answer["project"], answer["stack"], answer["region"]) == ("shortages", "dev", "us-west-2")
    assert answer["caller"] == "arn:aws:iam::123456789012:user/deploy"
    row = next(row for row in answer["quotas"] if row["code"] == G_SPOT)
    expected = {"needed": 8, "value": 100_000, "usage": 0, "short": False, "command": None, "pending": None}
    assert {key: row[key] for key in expected} == expected


def test_who_has_no_credentials_is_told_so(run, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN")
    told = run()
    assert told.returncode == 2
    assert told.stderr.startswith("error: AWS does not know who asks: ")
