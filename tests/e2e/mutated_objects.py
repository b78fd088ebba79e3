"""Objects of every kind that is judged, and changes of them: most make the API server refuse the object."""

import copy
import random
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Path = tuple[str | int, ...]

RICH = list(
    yaml.safe_load_all("""
apiVersion: v1
kind: Pod
metadata: {name: rich, namespace: default, labels: {app: rich, example.com/team: ml}, annotations: {note: "two words"}}
spec:
  restartPolicy: OnFailure
  terminationGracePeriodSeconds: 30
  nodeSelector: {kubernetes.io/arch: amd64}
  securityContext: {runAsUser: 1000, fsGroup: 2000, seccompProfile: {type: RuntimeDefault}, supplementalGroups: [1]}
  tolerations:
    - {key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}
    - {key: team, value: ml}
    - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 60}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
          - {matchExpressions: [{key: team, operator: In, values: [ml]}, {key: spot, operator: Exists}]}
      preferredDuringSchedulingIgnoredDuringExecution:
        - {weight: 10, preference: {matchExpressions: [{key: size, operator: Gt, values: ["3"]}]}}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - {weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: rich}}}}
  topologySpreadConstraints:
    - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: DoNotSchedule,
       labelSelector: {matchLabels: {app: rich}}}
  initContainers:
    - {name: first, image: "example/first:1", command: [sh, -c], volumeMounts: [{name: scratch, mountPath: /tmp}]}
  containers:
    - name: main
      image: example/main:1
      imagePullPolicy: IfNotPresent
      args: [--port=80]
      workingDir: /srv
      ports: [{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090, protocol: TCP}]
      env:
        - {name: PLAIN, value: "1"}
        - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
        - {name: TOKEN, valueFrom: {secretKeyRef: {name: hub, key: token}}}
      envFrom: [{configMapRef: {name: settings}}]
      resources:
        requests: {cpu: 500m, memory: 1Gi, nvidia.com/gpu: 1}
        limits: {memory: 2Gi, nvidia.com/gpu: 1}
      livenessProbe: {httpGet: {path: /live, port: http}, periodSeconds: 5, failureThreshold: 3}
      readinessProbe: {tcpSocket: {port: 8080}, initialDelaySeconds: 1, timeoutSeconds: 2}
      startupProbe: {exec: {command: [cat, /ready]}, failureThreshold: 60}
      lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, readOnlyRootFilesystem: true}
      volumeMounts:
        - {name: scratch, mountPath: /scratch}
        - {name: settings, mountPath: /etc/settings, readOnly: true, subPath: a/b}
        - {name: host, mountPath: /host, mountPropagation: HostToContainer}
    - {name: side, image: "example/side:1", ports: [{containerPort: 9100, hostPort: 9100}]}
  volumes:
    - {name: scratch, emptyDir: {sizeLimit: 10Gi}}
    - {name: shm, emptyDir: {medium: Memory}}
    - {name: settings, configMap: {name: settings, defaultMode: 420, items: [{key: a.yaml, path: a/b}]}}
    - {name: keys, secret: {secretName: hub, optional: true}}
    - {name: models, persistentVolumeClaim: {claimName: models}}
    - {name: host, hostPath: {path: /dev, type: Directory}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ring}
spec:
  replicas: 2
  serviceName: ring
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: ring}}
  template:
    metadata: {labels: {app: ring}}
    spec:
      hostNetwork: true
      containers:
        - name: main
          image: example/ring:1
          ports: [{containerPort: 8080, hostPort: 8080}]
          resources: {limits: {vpc.amazonaws.com/efa: 4, hugepages-2Mi: 512Mi, memory: 4Gi}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: kube-system}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      hostPID: true
      serviceAccountName: agent
      priorityClassName: system-node-critical
      tolerations: [{operator: Exists}]
      containers:
        - {name: agent, image: "example/agent:1", securityContext: {privileged: true},
           volumeMounts: [{name: run, mountPath: /run, mountPropagation: Bidirectional}]}
      volumes: [{name: run, hostPath: {path: /run}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  minReadySeconds: 5
  progressDeadlineSeconds: 900
  strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers: [{name: web, image: "example/web:1", resources: {requests: {aws.amazon.com/neuron: 1},
        limits: {aws.amazon.com/neuron: 1}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: claiming}
spec:
  selector: {matchLabels: {app: claiming}}
  template:
    metadata: {labels: {app: claiming}}
    spec:
      dnsPolicy: Default
      shareProcessNamespace: true
      runtimeClassName: nvidia
      resourceClaims: [{name: gpu, resourceClaimTemplateName: gpu}, {name: other, resourceClaimName: shared}]
      initContainers:
        - {name: proxy, image: "example/proxy:1", restartPolicy: Always, startupProbe: {grpc: {port: 9000}}}
      containers:
        - {name: main, image: "example/app:1", resources: {claims: [{name: gpu}, {name: other, request: one}]},
           terminationMessagePolicy: File, tty: true, stdin: true}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: "0 3 * * *"
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 2
      template:
        spec:
          restartPolicy: Never
          containers: [{name: main, image: "example/job:1", resources: {limits: {cpu: "2", ephemeral-storage: 5Gi}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: train}
spec:
  completions: 4
  parallelism: 4
  completionMode: Indexed
  ttlSecondsAfterFinished: 600
  template:
    spec:
      restartPolicy: OnFailure
      containers: [{name: main, image: "example/train:1", resources: {limits: {nvidia.com/mig-1g.5gb: 1}}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {a.yaml: "key: value", b: ""}
binaryData: {c: aGk=}
---
apiVersion: v1
kind: Secret
metadata: {name: hub}
type: Opaque
data: {token: aGk=}
stringData: {other: hi}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  loadBalancerSourceRanges: [10.0.0.0/8]
  externalTrafficPolicy: Local
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: admin, port: 81, targetPort: 8081, protocol: TCP}]
---
apiVersion: v1
kind: Service
metadata: {name: ring}
spec: {clusterIP: None, selector: {app: ring}, ports: [{port: 29500}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  minReplicas: 1
  maxReplicas: 5
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
  behavior: {scaleDown: {stabilizationWindowSeconds: 60, policies: [{type: Pods, value: 1, periodSeconds: 60}]}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: front}}}, {ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 80}]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: team, labels: {team: ml}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: agent}
automountServiceAccountToken: false
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: ebs.csi.aws.com
reclaimPolicy: Delete
volumeBindingMode: WaitForFirstConsumer
allowVolumeExpansion: true
parameters: {type: gp3}
---
apiVersion: karpenter.sh/v1
kind: NodePool
metadata: {name: rich}
spec:
  weight: 10
  limits: {nvidia.com/gpu: "8", cpu: 100}
  disruption:
    consolidationPolicy: WhenEmpty
    consolidateAfter: 5m
    budgets: [{nodes: 10%, reasons: [Empty]}, {nodes: "0", schedule: "0 9 * * *", duration: 8h}]
  template:
    metadata: {labels: {team: ml}, annotations: {note: here}}
    spec:
      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: rich}
      expireAfter: 720h
      terminationGracePeriod: 24h
      taints: [{key: nvidia.com/gpu, value: "true", effect: NoSchedule}]
      startupTaints: [{key: cni, effect: NoExecute}]
      requirements:
        - {key: kubernetes.io/arch, operator: In, values: [amd64]}
        - {key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}
        - {key: karpenter.k8s.aws/instance-family, operator: In, values: [g5, g6], minValues: 2}
        - {key: karpenter.k8s.aws/instance-cpu, operator: Gt, values: ["3"]}
        - {key: node.kubernetes.io/instance-type, operator: Exists}
---
apiVersion: karpenter.k8s.aws/v1
kind: EC2NodeClass
metadata: {name: rich}
spec:
  role: nodes
  amiFamily: AL2023
  amiSelectorTerms: [{alias: al2023@latest}]
  subnetSelectorTerms: [{tags: {karpenter.sh/discovery: shop}}, {id: subnet-0123456789abcdef0}]
  securityGroupSelectorTerms: [{tags: {karpenter.sh/discovery: shop}}, {name: nodes}]
  capacityReservationSelectorTerms: [{tags: {team: ml}}]
  metadataOptions: {httpTokens: required, httpPutResponseHopLimit: 1}
  instanceStorePolicy: RAID0
  detailedMonitoring: true
  tags: {team: ml}
  kubelet: {maxPods: 110, kubeReserved: {cpu: 100m, memory: 1Gi}, evictionHard: {memory.available: 5%}}
  blockDeviceMappings:
    - {deviceName: /dev/xvda, rootVolume: true, ebs: {volumeSize: 100Gi, volumeType: gp3, encrypted: true, iops: 3000}}
""")
)

VALUES: tuple[Any, ...] = (
    -1,
    0,
    1,
    3,
    70000,
    2**40,
    1.5,
    True,
    False,
    "",
    "x",
    "Bad_Name!",
    "two words",
    "-a",
    "a.b",
    "UPPER",
)
VALUES += (
    "1",
    "-1",
    "1.5",
    "500m",
    "1Gi",
    "10GB",
    "1h",
    "5m",
    "50%",
    "150%",
    "Never",
    "Always",
    "NoSchedule",
    "Exists",
    "In",
)
VALUES += (
    "a" * 64,
    "a" * 300,
    "10.0.0.0/8",
    "/path",
    "../up",
    "a/b",
    "a/b/c",
    "g5.xlarge",
    [],
    {},
    [1],
    ["x"],
    {"x": "y"},
    [{}],
)
FRAGMENTS: tuple[tuple[str, Any], ...] = (
    ("resources", {"requests": {"nvidia.com/gpu": 1}}),
    ("resources", {"limits": {"vpc.amazonaws.com/efa": "1500m"}}),
    ("resources", {"limits": {"hugepages-2Mi": "4Mi"}}),
    ("resources", {"limits": {"hugepages-2Mi": "3Mi", "cpu": 1}}),
    ("resources", {"requests": {"hugepages-1Gi": "1Gi", "memory": "1Gi"}}),
    ("resources", {"limits": {"hugepages-big": "1Gi", "cpu": 1}}),
    ("resources", {"limits": {"cpu": 1}, "requests": {"cpu": 2}}),
    ("resources", {"limits": {"aws.amazon.com/neuroncore": 2}, "requests": {"aws.amazon.com/neuroncore": 1}}),
    ("resources", {"limits": {"gpu": 1}}),
    ("resources", {"limits": {"nvidia.com/gpu": "1k"}, "requests": {"nvidia.com/gpu": 1000}}),
    ("resources", {"limits": {"Nvidia.com/GPU": 1}}),
    ("resources", {"limits": {"a/b/c": 1}}),
    ("resources", {"limits": {"memory": "-1Gi"}}),
    ("resources", {"limits": {"cpu": "0.1m"}}),
    ("resources", {"limits": {"nvidia.com/gpu": "0.5"}}),
    ("tolerations", [{"value": "x"}]),
    ("tolerations", [{"key": "a", "operator": "Exists", "value": "x"}]),
    ("tolerations", [{"key": "a", "tolerationSeconds": 5}]),
    ("tolerations", [{"key": "a", "effect": "NoExecutes"}]),
    ("tolerations", [{"key": "a", "operator": "In"}]),
    ("tolerations", [{"operator": "Exists"}, {"operator": "Exists"}]),
    ("livenessProbe", {"periodSeconds": 3}),
    ("livenessProbe", {"httpGet": {"port": 80}, "tcpSocket": {"port": 80}}),
    ("livenessProbe", {"httpGet": {"port": 0}}),
    ("livenessProbe", {"httpGet": {"port": "Web"}}),
    ("livenessProbe", {"httpGet": {"port": 80, "scheme": "https"}}),
    ("livenessProbe", {"tcpSocket": {"port": 80}, "successThreshold": 2}),
    ("livenessProbe", {"grpc": {"port": 70000}}),
    ("readinessProbe", {"grpc": {"port": 50051}, "successThreshold": 2}),
    ("readinessProbe", {"exec": {"command": []}}),
    ("env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
    ("env", [{"name": "A=B", "value": "1"}]),
    ("env", [{"name": "1A", "value": "1"}]),
    ("env", [{"name": "A", "value": 1}]),
    ("env", [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
    ("env", [{"name": "A", "valueFrom": {}}]),
    ("env", [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.hostname"}}}]),
    ("env", [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "a b"}}}]),
    ("env", [{"name": "A", "valueFrom": {"secretKeyRef": {"key": "a"}}}]),
    ("ports", [{"containerPort": 80}, {"containerPort": 80}]),
    ("ports", [{"containerPort": 80}, {"containerPort": 80, "protocol": "UDP"}]),
    ("ports", [{"name": "a", "containerPort": 80}, {"name": "a", "containerPort": 81}]),
    ("ports", [{"containerPort": 80, "hostPort": 90}]),
    ("ports", [{"containerPort": 80, "name": "a-very-long-name-of-a-port"}]),
    ("ports", [{"containerPort": 80, "protocol": "tcp"}]),
    ("volumeMounts", [{"name": "gone", "mountPath": "/x"}]),
    ("volumeMounts", [{"name": "scratch", "mountPath": "/x"}, {"name": "scratch", "mountPath": "/x"}]),
    ("volumeMounts", [{"name": "scratch", "mountPath": "/x", "mountPropagation": "Bidirectional"}]),
    ("volumes", [{"name": "a"}]),
    ("volumes", [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]),
    ("volumes", [{"name": "a", "emptyDir": {"sizeLimit": "-1"}}]),
    ("volumes", [{"name": "a", "secret": {"name": "x"}}]),
    ("volumes", [{"name": "a", "configMap": {}}]),
    ("volumes", [{"name": "a", "configMap": {"name": "x", "defaultMode": 1000}}]),
    ("containers", []),
    ("containers", [{"name": "a", "image": "x"}, {"name": "a", "image": "y"}]),
    ("containers", [{"name": "a"}]),
    ("containers", [{"image": "x"}]),
    ("containers", [{"name": "a", "image": " x"}]),
    ("initContainers", [{"name": "main", "image": "x"}]),
    ("initContainers", [{"name": "i", "image": "x", "livenessProbe": {"tcpSocket": {"port": 1}}}]),
    (
        "initContainers",
        [{"name": "i", "image": "x", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}}],
    ),
    ("resourceClaims", [{"name": "gpu"}]),
    ("resourceClaims", [{"name": "gpu", "resourceClaimName": "a", "resourceClaimTemplateName": "b"}]),
    ("resources", {"claims": [{"name": "none"}]}),
    ("nodeSelector", {"a b": "c"}),
    ("nodeSelector", {"a": "c d"}),
    ("nodeSelector", {"a": True}),
    ("securityContext", {"runAsUser": -5}),
    ("securityContext", {"runAsUser": "root"}),
    ("securityContext", {"seccompProfile": {"type": "Localhost"}}),
    ("restartPolicy", "Sometimes"),
    ("restartPolicy", "Never"),
    ("dnsPolicy", "None"),
    ("selector", {"matchLabels": {"app": "other"}}),
    ("selector", {}),
    ("strategy", {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}),
    ("strategy", {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}),
    ("strategy", {"rollingUpdate": {"maxSurge": "x"}}),
    ("taints", [{"key": "a", "effect": "NoSchedule", "operator": "Exists"}]),
    ("taints", [{"key": "a"}]),
    ("taints", [{"key": "a", "effect": "NO_SCHEDULE"}]),
    ("taints", [{"key": "a", "value": "", "effect": "NoSchedule"}]),
    ("requirements", [{"key": "karpenter.sh/nodepool", "operator": "Exists"}]),
    ("requirements", [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["x"]}]),
    ("requirements", [{"key": "karpenter.k8s.aws/instance-familly", "operator": "Exists"}]),
    ("requirements", [{"key": "a", "operator": "In"}]),
    ("requirements", [{"key": "a", "operator": "In", "values": []}]),
    ("requirements", [{"key": "a", "operator": "Gt", "values": ["1", "2"]}]),
    ("requirements", [{"key": "a", "operator": "Gte", "values": ["x"]}]),
    ("requirements", [{"key": "a", "operator": "In", "values": ["x"], "minValues": 2}]),
    ("requirements", [{"key": "a", "operator": "Equals", "values": ["x"]}]),
    ("budgets", [{"nodes": 1}]),
    ("budgets", [{"nodes": "1", "schedule": "@daily"}]),
    ("budgets", [{"nodes": "1", "schedule": "every day", "duration": "1h"}]),
    ("budgets", [{"nodes": "1", "reasons": ["Full"]}]),
    ("nodeClassRef", {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass"}),
    ("nodeClassRef", {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "name": "x"}),
    ("consolidateAfter", "5 minutes"),
    ("limits", {"cpu": "lots"}),
    ("limits", {"nodes": "5"}),
    ("replicas", 3),
    ("weight", 101),
    ("instanceProfile", "nodes"),
    ("amiSelectorTerms", []),
    ("amiSelectorTerms", [{"alias": "al2023@latest"}, {"id": "ami-0123456789abcdef0"}]),
    ("amiSelectorTerms", [{"alias": "ubuntu@latest"}]),
    ("amiSelectorTerms", [{"alias": "bottlerocket@latest"}]),
    ("amiSelectorTerms", [{"id": "ami-0123456789abcdef0", "tags": {"a": "b"}}]),
    ("amiSelectorTerms", [{"tags": {"a": ""}}]),
    ("subnetSelectorTerms", [{"tags": {"a": "b"}, "id": "subnet-0123456789abcdef0"}]),
    ("subnetSelectorTerms", [{"id": "private"}]),
    ("securityGroupSelectorTerms", [{}]),
    ("metadataOptions", {"httpTokens": "must"}),
    ("metadataOptions", {"httpPutResponseHopLimit": 65}),
    ("kubelet", {"maxPods": -1}),
    ("kubelet", {"kubeReserved": {"gpu": "1"}}),
    ("kubelet", {"evictionSoft": {"memory.available": "5%"}}),
    ("blockDeviceMappings", [{"deviceName": "/dev/xvda", "ebs": {}}]),
    ("blockDeviceMappings", [{"deviceName": "a", "ebs": {"volumeSize": "100G", "volumeType": "gp4"}}]),
    ("blockDeviceMappings", [{"rootVolume": True, "ebs": {"volumeSize": "1Gi"}}] * 2),
    ("tags", {"karpenter.sh/nodeclaim": "x"}),
    ("tags", {"kubernetes.io/cluster/shop": "owned"}),
    ("clusterIP", "None"),
    ("type", "Internal"),
    ("minAvailable", 1),
    ("maxUnavailable", 1),
    ("schedule", "every day"),
    ("schedule", "61 * * * *"),
    ("completions", -1),
    ("labels", {"a b": "c"}),
    ("labels", {"a": "-"}),
    ("labels", {"a": 5}),
    ("annotations", {"a/b/c": ""}),
    ("name", "Bad_Name"),
    ("name", "a" * 60),
    ("name", "1-name"),
)
"""A field, wherever an object has one of its name or a sibling of it, and what is put there."""


def mutated(objects: list[dict[str, Any]], count: int, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What was changed, and the object with it."""
    draw = random.Random(seed)
    while count:
        made = copy.deepcopy(draw.choice(draw.choice((objects, RICH))))
        change = draw.choice(
            (_replace, _replace, _remove, _unknown, _double, _fragment, _fragment, _fragment, _fragment)
        )
        said = change(draw, made)
        if said:
            count -= 1
            yield f"{made['kind']} {said}", made


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place below an object but what says which kind it is."""
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        if path or key not in ("apiVersion", "kind"):
            yield (*path, key)
            yield from places(item, (*path, key))


def _holder(made: Any, path: Path) -> Any:
    for key in path[:-1]:
        made = made[key]
    return made


def _replace(draw: random.Random, made: dict[str, Any]) -> str:
    path = draw.choice([each for each in places(made) if each not in (("metadata",), ("metadata", "name"))])
    value = copy.deepcopy(draw.choice(VALUES))
    if path == ("metadata", "namespace"):
        return ""
    _holder(made, path)[path[-1]] = value
    return f"{_shown(path)} = {value!r:.40}"


def _remove(draw: random.Random, made: dict[str, Any]) -> str:
    path = draw.choice([each for each in places(made) if each[0] != "metadata"] or [("metadata", "labels")])
    holder: Any = _holder(made, path)
    if isinstance(holder, dict) and path[-1] not in holder:
        return ""
    del holder[path[-1]]
    return f"without {_shown(path)}"


def _unknown(draw: random.Random, made: dict[str, Any]) -> str:
    maps = [path for path in places(made) if isinstance(_holder(made, (*path, "")), dict)]
    path = draw.choice(maps)
    name = draw.choice(("extra", "Name", "image_pull_policy", "nodeselector", "operator", "values", "enabled"))
    _holder(made, (*path, ""))[name] = draw.choice(("x", 1, True, ["x"], {"x": "y"}))
    return f"{_shown(path)}.{name} added"


def _double(draw: random.Random, made: dict[str, Any]) -> str:
    lists = [path for path in places(made) if isinstance(_holder(made, (*path, "")), list)]
    if not lists:
        return ""
    path = draw.choice(lists)
    items = _holder(made, (*path, ""))
    if not items:
        return ""
    items.append(copy.deepcopy(draw.choice(items)))
    return f"{_shown(path)} twice"


def _fragment(draw: random.Random, made: dict[str, Any]) -> str:
    field, value = draw.choice(FRAGMENTS)
    found = [path for path in places(made) if path[-1] == field]
    if not found:
        return ""
    path = draw.choice(found)
    _holder(made, path)[field] = copy.deepcopy(value)
    return f"{_shown(path)} = {value!r:.60}"


def _shown(path: Path) -> str:
    return ".".join(map(str, path))
