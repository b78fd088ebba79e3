"""The pods of an inference service: GPUs, probes, rights, their end, and where their model comes from."""

from typing import Any

import pytest

from tests.given import CLUSTER
from tests.inference import DEPLOYMENT, LABELS, POOL, S3, SERVICE, deployment, inference, pod, server


def test_a_pod_takes_one_gpu_of_the_pool_and_of_no_other():
    assert server()["resources"] == {
        "requests": {"cpu": "1000m", "memory": "4096Mi"},
        "limits": {"memory": "4096Mi", "nvidia.com/gpu": "1"},
    }
    assert pod()["nodeSelector"] == {
        "nvidia.com/gpu.present": "true",
        "k8s.amazonaws.com/accelerator": "nvidia-tesla-t4",
        "team": "vision",
    }
    assert pod()["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_it_tolerates_the_taint_that_its_pool_really_has():
    taint = {"key": "dedicated", "value": "gpu", "effect": "NoExecute"}
    assert pod(pool={**POOL, "taint": taint})["tolerations"] == [
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}
    ]


def test_pods_are_spread_over_zones_as_far_as_those_have_gpus():
    assert pod()["topologySpreadConstraints"] == [
        {
            "maxSkew": 1,
            "topologyKey": "topology.kubernetes.io/zone",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": LABELS},
        }
    ]


def test_a_pod_takes_requests_while_its_model_is_available_and_starts_again_only_when_the_server_is_silent():
    loaded = {"httpGet": {"path": "/v1/models/cats/metadata", "port": "rest"}, "timeoutSeconds": 5}
    found = server(model={"from_image": True, "name": "cats"})
    assert found["startupProbe"] == {**loaded, "periodSeconds": 10, "failureThreshold": 90}
    assert found["readinessProbe"] == {**loaded, "periodSeconds": 5, "failureThreshold": 3}
    assert found["livenessProbe"] == {
        "httpGet": {"path": "/v1/models/cats", "port": "rest"},
        "timeoutSeconds": 5,
        "periodSeconds": 10,
        "failureThreshold": 6,
    }
    assert found["ports"] == [{"name": "rest", "containerPort": 8501}]


def test_the_server_is_told_the_models_name_and_place():
    assert server(model={"from_image": True, "name": "cats"})["env"] == [
        {"name": "MODEL_NAME", "value": "cats"},
        {"name": "MODEL_BASE_PATH", "value": "/models"},
    ]


def test_a_pod_has_no_right_that_it_does_not_need():
    found = pod()
    assert found["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert server()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert found["automountServiceAccountToken"] is False
    assert not {"hostIPC", "hostNetwork", "hostPID", "serviceAccountName"} & found.keys()
    assert found["volumes"] == [{"name": "tmp", "emptyDir": {}}]


def test_a_pod_that_goes_answers_until_its_connections_have_ended_and_within_a_spot_notice():
    assert server()["lifecycle"] == {"preStop": {"sleep": {"seconds": 75}}}
    assert pod()["terminationGracePeriodSeconds"] == 105
    attributes = (
        inference()
        .one(SERVICE)
        .inputs["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-target-group-attributes"]
    )
    assert "deregistration_delay.timeout_seconds=60" in attributes.split(",")


@pytest.mark.parametrize(
    ("given", "update"),
    [
        ({"replicas": 5}, {"maxSurge": 1, "maxUnavailable": 0}),
        ({"replicas": 6}, {"maxSurge": 0, "maxUnavailable": 1}),
        # The third node is there to replace another, and starts for no pod.
        (
            {"replicas": 2, "pool": {"instance_types": ["g6.xlarge"], "nodes": 2, "max_gpus": 3}},
            {"maxSurge": 0, "maxUnavailable": 1},
        ),
    ],
)
def test_a_new_pod_comes_before_an_old_one_goes_where_the_pool_has_a_gpu_for_it(given, update):
    assert deployment(**given)["spec"]["strategy"] == {"type": "RollingUpdate", "rollingUpdate": update}


def test_servers_that_share_a_gpu_share_its_memory():
    shared = {**POOL, "sharing": {"strategy": "time-slicing", "replicas": 4}}
    assert server(pool=shared)["args"] == ["--per_process_gpu_memory_fraction=0.23"]
    assert server()["args"] == []


def test_cpu_and_memory_are_those_asked_for():
    assert server(cpu_millicores=2500, memory_mib=8192)["resources"] == {
        "requests": {"cpu": "2500m", "memory": "8192Mi"},
        "limits": {"memory": "8192Mi", "nvidia.com/gpu": "1"},
    }


def test_a_model_in_s3_is_copied_before_the_server_starts_which_cannot_change_it():
    found = pod(model=S3, cluster=CLUSTER)
    assert found["serviceAccountName"] == "resnet"
    assert found["initContainers"] == [
        {
            "name": "model",
            "image": "public.ecr.aws/aws-cli/aws-cli:2.31.23",
            "args": ["s3", "sync", "--only-show-errors", "s3://models/resnet/v2", "/models/resnet"],
            "env": [{"name": "HOME", "value": "/tmp"}],
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "model", "mountPath": "/models"}],
        }
    ]
    assert found["volumes"] == [{"name": "tmp", "emptyDir": {}}, {"name": "model", "emptyDir": {}}]
    assert server(model=S3, cluster=CLUSTER)["volumeMounts"] == [
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "model", "mountPath": "/models", "readOnly": True},
    ]


def test_a_model_on_a_volume_is_mounted_where_the_server_looks():
    args: Any = {"model": {"volume_claim": "models"}, "create_namespace": False}
    assert pod(**args)["volumes"][1] == {
        "name": "model",
        "persistentVolumeClaim": {"claimName": "models", "readOnly": True},
    }
    assert server(**args)["volumeMounts"][1] == {"name": "model", "mountPath": "/models", "readOnly": True}
    assert inference(**args).of("kubernetes:core/v1:Namespace") == []


@pytest.mark.parametrize(
    ("controller", "gate"),
    [
        ("aws-load-balancer-controller", "elbv2.k8s.aws/pod-readiness-gate-inject"),
        ("auto-mode", "eks.amazonaws.com/pod-readiness-gate-inject"),
    ],
)
def test_the_namespace_admits_plain_pods_alone_and_holds_them_for_unready_until_the_load_balancer_agrees(
    controller, gate
):
    found = inference(load_balancer={"controller": controller})
    assert found.one("kubernetes:core/v1:Namespace").inputs["metadata"] == {
        "name": "resnet",
        "labels": {"pod-security.kubernetes.io/enforce": "restricted", gate: "enabled"},
    }
    # A pod that starts before the Service has a load balancer gets no gate.
    assert found.one(SERVICE).urn in found.one(DEPLOYMENT).dependencies


def test_a_node_goes_one_pod_at_a_time():
    assert inference().one("kubernetes:policy/v1:PodDisruptionBudget").inputs["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": LABELS},
    }


def test_the_rest_port_is_open_to_the_vpc_and_nothing_leads_out():
    given = {"vpc_cidrs": ["10.0.0.0/16"]}
    policy = inference(load_balancer=given).one("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert policy.inputs["spec"] == {
        "podSelector": {"matchLabels": LABELS},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/16"}}], "ports": [{"protocol": "TCP", "port": 8501}]}],
        "egress": [],
    }


def test_without_the_vpcs_ranges_every_private_one_may_be_the_load_balancers():
    policy = inference().one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]
    (rule,) = policy["ingress"]
    assert [place["ipBlock"]["cidr"] for place in rule["from"]] == [
        "10.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "192.168.0.0/16",
    ]


def test_reading_from_s3_takes_names_https_and_credentials():
    policy = inference(model=S3, cluster=CLUSTER).one("kubernetes:networking.k8s.io/v1:NetworkPolicy")
    assert policy.inputs["spec"]["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 443}]},
        {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"protocol": "TCP", "port": 80}]},
    ]
