"""KEDA in the lab: its operator, which wakes a workload from zero, and its metrics API, by which the HPA counts on."""

from collections.abc import Mapping

from eks_gpu.lab.aggregated import ensure_api, ensure_service, remove_api
from eks_gpu.lab.certificates import CERTIFICATE, KEY, write_certificate
from eks_gpu.lab.cluster_api import ClusterApi
from eks_gpu.lab.control_plane import remove_crds, run, wait_for, wait_for_crds
from eks_gpu.lab.karpenter import ANY_CREDENTIALS
from eks_gpu.lab.ports import LOOPBACK, free_ports
from eks_gpu.lab.programs import Program
from eks_gpu.lab.scraped import expose
from eks_gpu.lab.state import Lab
from eks_gpu.lab.toolchain import module_folder, toolchain
from eks_gpu_components.catalog.metrics import KEDA_METRICS

OPERATOR, ADAPTER = "keda-operator", "keda-adapter"
METRICS = "keda-metrics-apiserver"
"""Its Service."""
GROUPS = ("keda.sh", "eventing.keda.sh")
EXTERNAL_METRICS = ("external.metrics.k8s.io", "v1beta1")
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_NAMESPACES = "/api/v1/namespaces"


def start_keda(
    lab: Lab, namespace: str = "keda", credentials: Mapping[str, str] = ANY_CREDENTIALS, adapter: bool = True
) -> Lab:
    """Starts KEDA and returns when it works; the lab with it. Both programs are built if need be.

    `credentials` are the AWS_* variables by which its triggers ask AWS. Without `adapter` nobody serves the metrics
    API, as where its APIService is broken. Raises LabProblem.
    """
    tools, api = toolchain([OPERATOR, ADAPTER]), ClusterApi(lab)
    folder = lab.folder / "keda"
    authority = write_certificate(folder, [f"{METRICS}.{namespace}.svc"])
    api.ensure(_NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    for file in sorted((module_folder("keda", "github.com/kedacore/keda/v2") / "config/crd/bases").glob("*.yaml")):
        api.ensure(_CRDS, file.read_text(encoding="utf-8"))
    wait_for_crds(api)
    ports = free_ports(("health", "operator-metrics", "service", "adapter", "adapter-metrics"))
    service = f"{LOOPBACK}:{ports['service']}"
    operator = Program(
        OPERATOR,
        (
            str(tools[OPERATOR]),
            f"--cert-dir={folder}",  # the adapter asks the operator, and each shows the other who it is
            f"--metrics-bind-address={LOOPBACK}:{ports['operator-metrics']}",
            f"--health-probe-bind-address={LOOPBACK}:{ports['health']}",
            f"--metrics-service-bind-address={service}",
        ),
        f"http://{LOOPBACK}:{ports['health']}/readyz",
        {**environment(lab, namespace), **credentials},
    )
    lab = run(lab, operator)
    wait_for(lab, operator)
    expose(lab, KEDA_METRICS.job, ports["operator-metrics"])
    if not adapter:
        remove_api(api, *EXTERNAL_METRICS)  # that of a release before
        return lab
    kubeconfig = str(lab.kubeconfig)
    metrics = Program(
        ADAPTER,
        (
            str(tools[ADAPTER]),
            f"--lister-kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={ports['adapter']}",
            f"--port={ports['adapter-metrics']}",
            f"--metrics-service-address={service}",
            f"--cert-dir={folder}",
            f"--tls-cert-file={folder / CERTIFICATE}",
            f"--tls-private-key-file={folder / KEY}",
        ),
        environment=environment(lab, namespace),
    )
    lab = run(lab, metrics)
    remove_api(api, *EXTERNAL_METRICS)  # that of a release before has another port, and another authority
    ensure_service(api, namespace, METRICS)
    ensure_api(api, *EXTERNAL_METRICS, {"namespace": namespace, "name": METRICS, "port": ports["adapter"]}, authority)
    return lab


def remove_keda(api: ClusterApi) -> None:
    """What its chart would take with it, while it is still at work: an API without a server holds up the deletion of
    every namespace.
    """
    for group in GROUPS:
        remove_crds(api, group)
    remove_api(api, *EXTERNAL_METRICS)


def environment(lab: Lab, namespace: str) -> dict[str, str]:
    """What its pods would have from the chart, pointed at the lab. Source: KEDA 2.21, chart and cmd/operator."""
    return {
        "KUBECONFIG": str(lab.kubeconfig),
        "WATCH_NAMESPACE": "",
        "POD_NAMESPACE": namespace,
        "KEDA_CLUSTER_OBJECT_NAMESPACE": namespace,  # without it the operator reads a file that only a pod has
        "AWS_ENDPOINT_URL": lab.aws_endpoint,
        "AWS_REGION": lab.region,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
