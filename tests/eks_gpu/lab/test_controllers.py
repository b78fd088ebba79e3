"""The controllers in the lab: what they are told, and the price list that Karpenter asks."""

import json
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from eks_gpu.lab import autoscaler, karpenter, state, termination_handler
from eks_gpu.lab.pricing import PriceList, products
from eks_gpu.lab.programs import Program
from eks_gpu.lab.state import Lab
from tests.documentation import examples


@pytest.fixture
def started(tmp_path, monkeypatch) -> list[Program]:
    """What was started, in order; nothing runs."""
    found: list[Program] = []

    def run(lab: Lab, program: Program) -> Lab:
        found.append(program)
        return lab

    for module in (karpenter, autoscaler, termination_handler):
        monkeypatch.setattr(module, "toolchain", lambda names: {name: Path("/tools") / name for name in names})
        monkeypatch.setattr(module, "run", run)
        monkeypatch.setattr(module, "wait_for", lambda *_: None)
    clusters(monkeypatch)
    return found


class Cluster:
    """An API server with these ConfigMaps, by name when each was made."""

    def __init__(self, config_maps: Mapping[str, datetime]):
        self.items, self.deleted = config_maps, list[str]()

    def list(self, path: str) -> list[dict[str, Any]]:
        assert path == "/api/v1/namespaces/kube-system/configmaps"
        return [
            {"metadata": {"name": name, "creationTimestamp": f"{made:%Y-%m-%dT%H:%M:%SZ}"}}
            for name, made in self.items.items()
        ]

    def delete(self, path: str) -> None:
        self.deleted.append(path)


MADE = datetime(2026, 11, 29, 18, 37, 31, 500_000, UTC)
"""When AWS made the cluster."""


def clusters(monkeypatch: pytest.MonkeyPatch, **config_maps: datetime) -> Cluster:
    """Puts a cluster with these in the lab's place."""
    eks = SimpleNamespace(describe_cluster=lambda name: {"cluster": {"createdAt": MADE}})
    made = Cluster({name.replace("_", "-"): each for name, each in config_maps.items()})
    monkeypatch.setattr(karpenter, "aws_client", lambda lab, service: eks)
    monkeypatch.setattr(karpenter, "ClusterApi", lambda lab: made)
    return made


def a_lab(folder: Path) -> Lab:
    return Lab(folder, "eu-west-1", "secret", "https://127.0.0.1:3", "http://127.0.0.1:7", {})


def test_karpenter_is_pointed_at_the_lab_and_its_own_price_list(started, tmp_path):
    karpenter.start_karpenter(a_lab(tmp_path), "gaia", "gaia-interruptions")
    pricing, controller = started
    assert pricing.command[1:3] == ("-m", "eks_gpu.lab.pricing")
    assert controller.command == ("/tools/karpenter",)
    environment = dict(controller.environment)
    assert environment.pop("AWS_ENDPOINT_URL_PRICING") == f"http://127.0.0.1:{pricing.command[3]}"
    assert controller.ready == f"http://127.0.0.1:{environment.pop('HEALTH_PROBE_PORT')}/readyz"
    assert int(environment.pop("METRICS_PORT")) > 0
    assert environment == {
        "KUBECONFIG": f"{tmp_path}/kubeconfig",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:7",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "CLUSTER_NAME": "gaia",
        "CLUSTER_ENDPOINT": "https://127.0.0.1:3",
        "INTERRUPTION_QUEUE": "gaia-interruptions",
        "SYSTEM_NAMESPACE": "kube-system",
        "ISOLATED_VPC": "false",
        "DISABLE_LEADER_ELECTION": "true",
    }


def test_karpenter_takes_the_credentials_of_its_role_and_the_programs_settings(started, tmp_path):
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    settings = {"FEATURE_GATES": "SpotToSpotConsolidation=true"}
    karpenter.start_karpenter(a_lab(tmp_path), "gaia", credentials=credentials, settings=settings)
    assert started[1].environment.items() >= {**credentials, **settings}.items()
    assert started[1].environment["INTERRUPTION_QUEUE"] == ""


def test_karpenter_forgets_machines_of_a_cluster_before_this_one_and_knows_those_of_its_own(
    started, tmp_path, monkeypatch
):
    before, since = MADE - timedelta(seconds=20), MADE + timedelta(seconds=0.1)
    api = clusters(
        monkeypatch, kwok_aws_instances_0=before, kwok_aws_instances_1=since, kube_root_ca=before - timedelta(hours=1)
    )
    karpenter.start_karpenter(a_lab(tmp_path), "gaia")
    assert api.deleted == ["/api/v1/namespaces/kube-system/configmaps/kwok-aws-instances-0"]


def test_the_autoscaler_finds_the_clusters_groups_by_tag_and_takes_the_charts_arguments(started, tmp_path):
    autoscaler.start_autoscaler(a_lab(tmp_path), "gaia", {"scale-down-unneeded-time": "10s", "scan-interval": "5s"})
    (program,) = started
    assert program.command[0] == "/tools/cluster-autoscaler"
    assert set(program.command[1:]) == {
        f"--kubeconfig={tmp_path}/kubeconfig",
        "--cloud-provider=aws",
        f"--cloud-config={tmp_path}/cloud.conf",
        "--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/gaia",
        "--scan-interval=5s",
        "--scale-down-unneeded-time=10s",
        f"--address={program.ready.removeprefix('http://').removesuffix('/health-check')}",
    }
    assert program.environment == {
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
    }


def test_every_aws_service_that_the_autoscaler_calls_is_in_the_lab(started, tmp_path):
    autoscaler.start_autoscaler(a_lab(tmp_path), "gaia")
    sections = (tmp_path / "cloud.conf").read_text().split("\n\n")
    assert len(sections) == 3
    assert sections[0].splitlines() == [
        '[ServiceOverride "1"]',
        'Service = "autoscaling"',
        'Region = "eu-west-1"',
        'URL = "http://127.0.0.1:7"',
        'SigningRegion = "eu-west-1"',
    ]
    assert [section.splitlines()[1] for section in sections[1:]] == ['Service = "ec2"', 'Service = "eks"']


def test_the_termination_handler_reads_the_queue_of_its_release_in_the_lab(started, tmp_path):
    values = {
        "fullnameOverride": "aws-node-termination-handler",
        "enableSqsTerminationDraining": True,
        "queueURL": "http://127.0.0.1:7/1/gaia",
        "awsRegion": "eu-west-1",
        "checkTagBeforeDraining": True,
        "managedTag": "node-termination-handler/gaia",
        "nodeTerminationGracePeriod": 90,
    }
    termination_handler.start_termination_handler(a_lab(tmp_path), values)
    (program,) = started
    assert program.command[1:] == ("-m", "eks_gpu.lab.restarted", "/tools/aws-node-termination-handler")
    environment = dict(program.environment)
    assert program.ready == f"http://127.0.0.1:{environment.pop('PROBES_SERVER_PORT')}/healthz"
    assert environment == {
        "KUBECONFIG": f"{tmp_path}/kubeconfig",
        "AWS_ENDPOINT": "http://127.0.0.1:7",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "lab",
        "AWS_SECRET_ACCESS_KEY": "lab",
        "CHECK_TAG_BEFORE_DRAINING": "true",
        "ENABLE_PROBES_SERVER": "true",
        "ENABLE_SQS_TERMINATION_DRAINING": "true",
        "MANAGED_TAG": "node-termination-handler/gaia",
        "NAMESPACE": "kube-system",
        "NODE_NAME": "lab",
        "NODE_TERMINATION_GRACE_PERIOD": "90",
        "POD_NAME": "aws-node-termination-handler",
        "QUEUE_URL": "http://127.0.0.1:7/1/gaia",
    }


def test_the_termination_handler_takes_the_credentials_of_its_role(started, tmp_path):
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    termination_handler.start_termination_handler(a_lab(tmp_path), {}, credentials)
    assert started[0].environment.items() >= credentials.items()


def test_the_pages_example_starts_both_controllers(started, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "find_lab", lambda: a_lab(tmp_path))
    exec(compile(examples("lab")[0], "docs/lab.md", "exec"), {})
    assert [program.name for program in started] == ["cluster-autoscaler", "karpenter-pricing", "karpenter"]


def prices(tenancy: str, region: str, currency: str = "USD") -> dict[str, float]:
    filters = [{"Field": "regionCode", "Value": region}, {"Field": "tenancy", "Value": tenancy}]
    found: dict[str, float] = {}
    for text in products({"Filters": filters})["PriceList"]:
        product = json.loads(text)
        (term,) = product["terms"]["OnDemand"].values()
        (dimension,) = term["priceDimensions"].values()
        found[product["product"]["attributes"]["instanceType"]] = float(dimension["pricePerUnit"][currency])
    return found


def test_the_price_list_has_the_catalogs_prices_machines_and_bare_metal_apart():
    shared, dedicated = prices("Shared", "us-west-2"), prices("Dedicated", "us-west-2")
    assert (shared["g4dn.xlarge"], shared["g4dn.12xlarge"]) == (0.526, 3.912)
    assert dedicated["g4dn.metal"] == 7.824
    assert "g4dn.metal" not in shared
    assert not shared.keys() & dedicated.keys()


def test_in_china_prices_are_in_yuan_for_that_is_what_karpenter_reads():
    assert prices("Shared", "cn-north-1", "CNY")["g4dn.xlarge"] > 0


def test_the_price_list_speaks_awss_protocol():
    with ThreadingHTTPServer(("127.0.0.1", 0), PriceList) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        client: Any = boto3.client(
            "pricing",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )
        asked = [{"Type": "TERM_MATCH", "Field": "regionCode", "Value": "us-west-2"}]
        answer = client.get_products(ServiceCode="AmazonEC2", Filters=asked)
        server.shutdown()
        thread.join()
    assert len(answer["PriceList"]) > 400
    assert "NextToken" not in answer
