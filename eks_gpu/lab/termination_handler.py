"""AWS Node Termination Handler in the lab, in queue mode: it drains nodes of auto scaling groups that are to go."""

from collections.abc import Mapping
from typing import Any

from eks_gpu.lab.control_plane import run, wait_for
from eks_gpu.lab.karpenter import ANY_CREDENTIALS
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.programs import Program, own
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import toolchain

HANDLER = "aws-node-termination-handler"

VARIABLES = {
    "CHECK_TAG_BEFORE_DRAINING": "checkTagBeforeDraining",
    "COMPLETE_LIFECYCLE_ACTION_DELAY_SECONDS": "completeLifecycleActionDelaySeconds",
    "CORDON_ONLY": "cordonOnly",
    "DELETE_LOCAL_DATA": "deleteLocalData",
    "DELETE_SQS_MSG_IF_NODE_NOT_FOUND": "deleteSqsMsgIfNodeNotFound",
    "DRY_RUN": "dryRun",
    "ENABLE_OUT_OF_SERVICE_TAINT": "enableOutOfServiceTaint",
    "EXCLUDE_FROM_LOAD_BALANCERS": "excludeFromLoadBalancers",
    "HEARTBEAT_INTERVAL": "heartbeatInterval",
    "HEARTBEAT_UNTIL": "heartbeatUntil",
    "IGNORE_DAEMON_SETS": "ignoreDaemonSets",
    "LOG_LEVEL": "logLevel",
    "MANAGED_TAG": "managedTag",
    "NODE_TERMINATION_GRACE_PERIOD": "nodeTerminationGracePeriod",
    "POD_TERMINATION_GRACE_PERIOD": "podTerminationGracePeriod",
    "QUEUE_URL": "queueURL",
    "SQS_MSG_VISIBILITY_TIMEOUT_SEC": "sqsMsgVisibilityTimeoutSec",
    "TAINT_NODE": "taintNode",
    "USE_PROVIDER_ID": "useProviderId",
    "WORKERS": "workers",
}
"""What the chart makes of its values for the handler's environment, which has the chart's defaults for the rest.

Source: chart 0.27, templates/deployment.yaml.
"""


def start_termination_handler(
    lab: Lab, values: Mapping[str, Any], credentials: Mapping[str, str] = ANY_CREDENTIALS
) -> Lab:
    """Starts the handler with a release's values, and returns when it works; the lab with it.

    `credentials` are the AWS_* variables it calls AWS with. It starts again when it ends, as its pod would: it gives up
    on a queue that it cannot read. Raises LabProblem.
    """
    port = str(free_ports(["probes"])["probes"])
    handler = Program(
        HANDLER,
        own("restarted", str(toolchain([HANDLER])[HANDLER])),
        f"http://{LOOPBACK}:{port}/healthz",
        {**environment(lab, values), "PROBES_SERVER_PORT": port, **credentials},
    )
    lab = run(lab, handler)
    wait_for(lab, handler)
    return lab


def environment(lab: Lab, values: Mapping[str, Any]) -> dict[str, str]:
    """What its pod would have from the chart, pointed at the lab."""
    told = {name: _text(values[key]) for name, key in VARIABLES.items() if values.get(key) is not None}
    return {
        **told,
        "KUBECONFIG": str(lab.kubeconfig),
        "AWS_ENDPOINT": lab.aws_endpoint,
        "AWS_REGION": lab.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "ENABLE_SQS_TERMINATION_DRAINING": "true",
        "ENABLE_PROBES_SERVER": "true",
        "NAMESPACE": "kube-system",
        "NODE_NAME": "lab",
        "POD_NAME": HANDLER,
    }


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
