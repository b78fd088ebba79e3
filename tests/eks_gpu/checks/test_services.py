"""Services that lead somewhere, and pods behind them that lose no request."""

import pytest

from tests.graphs import findings, release
from tests.whole_graphs import (
    changed,
    disruption_budget,
    failure,
    healthy,
    holds,
    kubernetes,
    namespace,
    pod_autoscaler,
    service,
    serving,
)

LEAD, DRAIN = "services-lead-to-pods", "load-balanced-pods-drain"


def test_a_selector_that_no_pod_matches():
    assert failure(LEAD, service=service(selector={"app": "web"})) == (
        "Service serving/api",
        "no pod of its namespace has app=web: select labels that the pods have",
    )


def test_a_port_that_no_container_names():
    assert failure(LEAD, service=service(ports=[{"port": 80, "targetPort": "http"}])) == (
        "Service serving/api",
        "no container names a port http: name the port in the pods",
    )
    assert holds(LEAD, service=service(ports=[{"port": 80, "targetPort": 8501}]))


def test_a_port_that_no_container_has():
    wrong = service(ports=[{"port": 80, "targetPort": 9999}])
    assert failure(LEAD, service=wrong) == (
        "Service serving/api",
        "no container has port 9999: name a port that they have",
    )
    assert failure(LEAD, service=service(ports=[{"port": 80}]))[1].startswith("no container has port 80")
    silent = changed(serving(), ports=None)
    assert holds(LEAD, service=wrong, serving=silent)  # it may listen on a port that it does not name


def test_pods_of_which_none_runs():
    said = "none of its pods runs: it has no replicas: raise the replicas, or let an autoscaler do it"
    assert failure(LEAD, serving=serving(replicas=0), pod_autoscaler=None) == ("Service serving/api", said)
    assert holds(LEAD, serving=serving(replicas=0))  # its autoscaler has two


def test_an_autoscaler_of_a_percentage_of_nothing():
    check = "autoscaled-workloads-have-metrics"
    silent = changed(serving(), resources={"requests": {"memory": "1Gi"}})
    assert failure(check, serving=silent) == (
        "HorizontalPodAutoscaler serving/api",
        "container api requests no cpu, of which it wants a percentage: set resources.requests.cpu",
    )
    assert holds(check, serving=changed(serving(), resources={"limits": {"cpu": "1"}}))


def test_pods_of_a_chart_are_not_known():
    chart = release("web")
    chart.inputs["namespace"] = "serving"  # pyright: ignore[reportIndexIssue] - a plain dict here
    assert findings(LEAD, *healthy(service=service(selector={"app": "web"}), storage_class=chart)) == {}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (changed(serving(), readinessProbe=None), "container api has no readiness probe: add one"),
        (
            changed(serving(), lifecycle=None),
            "its pods end while the load balancer still sends to them: add a preStop hook that sleeps",
        ),
        (
            serving(terminationGracePeriodSeconds=60),
            "the preStop hook sleeps 60 s, and the pod is killed after 60 s: make terminationGracePeriodSeconds longer "
            "than the hook",
        ),
        (
            changed(serving(), lifecycle={"preStop": {"exec": {"command": ["sh", "-c", "sleep 120"]}}}),
            "the preStop hook sleeps 120 s, and the pod is killed after 90 s: make terminationGracePeriodSeconds "
            "longer than the hook",
        ),
    ],
)
def test_pods_that_lose_requests(made, said):
    assert failure(DRAIN, serving=made) == ("Service serving/api", said)


def test_pods_that_count_as_ready_too_early():
    gates = {"elbv2.k8s.aws/pod-readiness-gate-inject": "disabled"}
    assert failure(DRAIN, namespace=namespace(**gates)) == (
        "Service serving/api",
        "pods count as ready before the load balancer knows them: label the namespace "
        "elbv2.k8s.aws/pod-readiness-gate-inject=enabled",
    )
    assert holds(DRAIN, namespace=namespace(**gates, **{"eks.amazonaws.com/pod-readiness-gate-inject": "enabled"}))


def test_targets_by_node_are_none_of_it():
    by_node = service({"service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "instance"})
    assert findings(DRAIN, *healthy(service=by_node)) == {}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"maxUnavailable": 0}, "maxUnavailable 0 lets no pod go"),
        ({"maxUnavailable": "0%"}, "maxUnavailable 0% lets no pod go"),
        ({"minAvailable": "100%"}, "minAvailable 100% lets no pod go"),
        ({"minAvailable": 4}, "minAvailable 4 lets no pod go"),
    ],
)
def test_a_budget_that_lets_no_pod_go(spec, said):
    assert failure("disruption-budgets-let-pods-move", budget=disruption_budget(**spec)) == (
        "PodDisruptionBudget serving/api",
        said,
    )
    assert holds("disruption-budgets-let-pods-move", budget=disruption_budget(minAvailable=3))


def test_an_autoscaler_of_nothing():
    assert failure("autoscaled-workloads-have-metrics", pod_autoscaler=pod_autoscaler("web")) == (
        "HorizontalPodAutoscaler serving/api",
        "the stack has no Deployment serving/web",
    )


def test_an_autoscaler_without_metrics():
    assert failure("autoscaled-workloads-have-metrics", metrics=None) == (
        "HorizontalPodAutoscaler serving/api",
        "nothing measures CPU and memory: add the EKS add-on metrics-server",
    )


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        (
            {"requests": {"nvidia.com/gpu": 1}},
            "nvidia.com/gpu is requested without a limit: write nvidia.com/gpu: 1 in resources.limits",
        ),
        ({"limits": {"nvidia.com/gpu": "0.5"}}, "nvidia.com/gpu must be a whole number, got 0.5"),
        (
            {"limits": {"nvidia.com/gpu": 2}, "requests": {"nvidia.com/gpu": 1}},
            "requests.nvidia.com/gpu is 1 and limits.nvidia.com/gpu 2: make them equal",
        ),
    ],
)
def test_devices_that_the_api_server_refuses(resources, said):
    container = {"name": "main", "image": "example/app:1", "resources": resources}
    made = kubernetes("Deployment", "train", {"template": {"spec": {"containers": [container]}}})
    assert failure("device-requests-are-limits", storage_class=made) == ("Deployment default/train", said)
