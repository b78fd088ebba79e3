"""The control plane for real: API server, scheduler, kwok and controllers at work; `down` leaves nothing."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from components.catalog import Taint
from components.nodes.autoscaler_tags import autoscaler_tags
from components.nodes.node_group import Node
from components.nodes.user_data import user_data
from eks_gpu.lab.autoscaler import start_autoscaler
from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.control_plane import down, up
from eks_gpu.lab.karpenter import start_karpenter
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab
from eks_gpu.lab.status import status
from tests.e2e.cluster_of_karpenter import DISCOVERY, make_cluster
from tests.given import CLUSTER
from tests.waiting import until

pytestmark = [
    pytest.mark.xdist_group("lab_control_plane"),
    pytest.mark.minutes(2),
]  # what its fixtures bring up is brought up once

NODE = Node(
    image="al2023",
    architecture="amd64",
    accelerator="nvidia",
    disk_gib=100,
    labels={"team": "vision"},
    taints=(Taint("nvidia.com/gpu", "true", "NoSchedule"),),
    resources={"nvidia.com/gpu": 1},
)
DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "vectors"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "vectors"}},
        "template": {
            "metadata": {"labels": {"app": "vectors"}},
            "spec": {
                "nodeSelector": {"team": "vision"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
                "containers": [{"name": "c", "image": "vectors", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
            },
        },
    },
}
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
EVERY_FEATURE = {
    "FEATURE_GATES": "NodeRepair=true,NodeOverlay=true,StaticCapacity=true,CapacityBuffer=true",
    "AWS_FEATURE_GATES": "DRANVIDIAGPU=true,DRAEFA=true",
    "IGNORE_DRA_REQUESTS": "false",
}
"""What Karpenter gets of a release that turns its features on."""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    yield up()
    down()


def test_a_person_can_look_with_kubectl_and_down_leaves_nothing(lab: Lab):
    kubectl = Path(sys.executable).with_name("kubectl")
    answer = subprocess.run(
        [kubectl, "--kubeconfig", lab.kubeconfig, "get", "namespaces,crds", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "namespace/kube-system" in answer.stdout
    for kind in ("nodepools.karpenter.sh", "capacitybuffers.autoscaling.x-k8s.io"):
        assert f"customresourcedefinition.apiextensions.k8s.io/{kind}" in answer.stdout
    for pid in (process.pid for process in lab.processes):
        listening = [each.laddr.ip for each in psutil.Process(pid).net_connections("inet") if each.status == "LISTEN"]
        assert set(listening) <= {"127.0.0.1"}

    assert len(down()) == 7
    assert not any(psutil.pid_exists(process.pid) for process in lab.processes)
    assert not lab.folder.exists()


def test_the_api_server_refuses_another_token_and_an_object_that_its_crd_forbids(lab: Lab):
    api = ClusterApi(lab)
    pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpu"}, "spec": {"weight": 101}}
    with pytest.raises(ApiRefusal, match=r"spec.weight: Invalid value: 101: spec.weight in body should be less than"):
        api.create("/apis/karpenter.sh/v1/nodepools", pool)
    stranger = ClusterApi(Lab(lab.folder, lab.region, "another", lab.server, lab.aws_endpoint, lab.ports))
    with pytest.raises(ApiRefusal, match="Unauthorized"):
        stranger.list("/api/v1/nodes")


def test_the_autoscaler_brings_gpu_nodes_for_pending_pods_and_takes_them_away(lab: Lab):
    ec2, autoscaling = aws_client(lab, "ec2"), aws_client(lab, "autoscaling")
    template = ec2.create_launch_template(
        LaunchTemplateName="gpu",
        LaunchTemplateData={
            "ImageId": ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"],
            "InstanceType": "g4dn.xlarge",
            "UserData": user_data(NODE, CLUSTER),
        },
    )["LaunchTemplate"]["LaunchTemplateId"]
    tags = {
        "k8s.io/cluster-autoscaler/enabled": "true",
        "k8s.io/cluster-autoscaler/gaia": "owned",
        **autoscaler_tags(NODE),
    }
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName="gpu",
        MinSize=0,
        MaxSize=10,
        DesiredCapacity=0,
        VPCZoneIdentifier=ec2.describe_subnets()["Subnets"][0]["SubnetId"],
        LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )
    start_autoscaler(lab, "gaia", {"scale-down-unneeded-time": "5s", "scale-down-delay-after-add": "5s"})
    api = ClusterApi(lab)
    api.create(DEPLOYMENTS, DEPLOYMENT)

    until(lambda: status(lab).running_pods == 3, pause_s=0.5)
    found = status(lab)
    assert [node.instance_type for node in found.nodes] == ["g4dn.xlarge"] * 3
    assert found.hourly == pytest.approx(3 * 0.526)

    api.delete(f"{DEPLOYMENTS}/vectors")
    until(lambda: not status(lab).nodes, pause_s=0.5)


def test_karpenter_buys_a_node_of_the_type_that_its_node_pool_names(lab: Lab):
    make_cluster(lab)
    start_karpenter(lab, "gaia", "gaia", settings=EVERY_FEATURE)

    api, terms = ClusterApi(lab), [{"tags": DISCOVERY}]
    api.create(
        "/apis/karpenter.k8s.aws/v1/ec2nodeclasses",
        {
            "apiVersion": "karpenter.k8s.aws/v1",
            "kind": "EC2NodeClass",
            "metadata": {"name": "gpu"},
            "spec": {
                "role": "gaia-node",
                "amiSelectorTerms": [{"alias": "al2023@latest"}],
                "subnetSelectorTerms": terms,
                "securityGroupSelectorTerms": terms,
            },
        },
    )
    api.create(
        "/apis/karpenter.sh/v1/nodepools",
        {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": {"name": "gpu"},
            "spec": {
                "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "5s"},
                "template": {
                    "metadata": {"labels": {"team": "vision"}},
                    "spec": {
                        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}],
                        "requirements": [
                            {
                                "key": "node.kubernetes.io/instance-type",
                                "operator": "In",
                                "values": ["g4dn.2xlarge", "g4dn.xlarge"],
                            },
                            {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
                        ],
                    },
                },
            },
        },
    )
    api.create(DEPLOYMENTS, DEPLOYMENT)

    until(lambda: status(lab).running_pods == 3, pause_s=0.5)
    found = status(lab)
    # The cheaper of the two, at the catalog's price: moto's own price list would not have told them apart.
    assert [(node.instance_type, node.capacity_type, node.hourly) for node in found.nodes] == [
        ("g4dn.xlarge", "on-demand", 0.526)
    ] * 3
