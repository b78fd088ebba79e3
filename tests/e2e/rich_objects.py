"""An object with many fields of every kind that is judged."""

import yaml

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
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: measured}
spec:
  maxReplicas: 9
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics:
    - {type: Pods, pods: {metric: {name: waiting, selector: {matchLabels: {model: a}}},
       target: {type: AverageValue, averageValue: "4"}}}
    - {type: External, external: {metric: {name: queue}, target: {type: Value, value: 10}}}
    - {type: Object, object: {metric: {name: hits}, target: {type: Value, value: 1k},
       describedObject: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: web}}}
    - {type: ContainerResource, containerResource: {name: cpu, container: web,
       target: {type: Utilization, averageUtilization: 50}}}
  behavior: {scaleUp: {selectPolicy: Max, tolerance: "0.05", policies: [{type: Percent, value: 9, periodSeconds: 15}]}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: models}
spec:
  accessModes: [ReadWriteOnce, ReadOnlyMany]
  storageClassName: fast
  volumeMode: Filesystem
  volumeName: models-1
  selector: {matchLabels: {app: web}}
  resources: {requests: {storage: 100Gi}, limits: {storage: 200Gi}}
  dataSource: {apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: yesterday}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: copied}
spec:
  accessModes: [ReadWriteOncePod]
  resources: {requests: {storage: 1Gi}}
  dataSourceRef: {kind: PersistentVolumeClaim, name: models}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "reader:pods"}
rules: [{apiGroups: [""], resources: [pods, pods/log], resourceNames: [a], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:reader"}
rules: [{nonResourceURLs: [/healthz], verbs: [get]}, {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: together}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {team: ml}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "reader:pods"}
subjects:
  - {kind: ServiceAccount, name: agent, namespace: default}
  - {kind: User, name: "jane@example.com", apiGroup: rbac.authorization.k8s.io}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:reader"}
subjects: [{kind: ServiceAccount, name: agent, namespace: default}, {kind: Group, name: "system:masters"}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, annotations: {alb.ingress.kubernetes.io/scheme: internal}}
spec:
  ingressClassName: alb
  defaultBackend: {service: {name: web, port: {name: http}}}
  tls: [{hosts: [web.example.com, "*.example.com"], secretName: hub}]
  rules:
    - host: "*.example.com"
      http:
        paths:
          - {path: /v1, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}
          - {pathType: ImplementationSpecific,
             backend: {resource: {apiGroup: example.com, kind: Bucket, name: files}}}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: internal}
spec:
  controller: ingress.k8s.aws/alb
  parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: internal}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: kata}
handler: kata
overhead: {podFixed: {cpu: 250m, memory: 120Mi}}
scheduling:
  nodeSelector: {runtime: kata}
  tolerations: [{key: runtime, operator: Equal, value: kata, effect: NoSchedule}]
---
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: training}
value: 1000
preemptionPolicy: Never
description: waits for its turn
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
