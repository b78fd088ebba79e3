"""Admission webhooks whose pods wait for a node."""

from tests.graphs import GPU_TOLERATION
from tests.whole_graphs import changed, failure, holds, serving, webhook

CHECK = "webhooks-run-on-standing-nodes"
ON_GPUS = changed(
    serving(tolerations=[GPU_TOLERATION], nodeSelector={"nvidia.com/gpu.present": "true"}),
    resources={"limits": {"nvidia.com/gpu": 1}},
)


def test_a_webhook_on_nodes_that_come_and_go():
    subject, message = failure(CHECK, serving=ON_GPUS)
    assert subject == "ValidatingWebhookConfiguration policy"
    assert message == "pods of policy.example.com run on gpu, fast, reserved, where no node stands ready"


def test_a_webhook_that_fails_open_or_leads_elsewhere():
    assert holds(CHECK, serving=ON_GPUS, webhook=webhook(failurePolicy="Ignore"))
    elsewhere = {"service": {"name": "api", "namespace": "other"}}
    assert holds(CHECK, serving=ON_GPUS, webhook=webhook(clientConfig=elsewhere))
    assert holds(CHECK, webhook=webhook())
