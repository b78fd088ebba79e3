// A cluster with Karpenter, and inference on its GPU nodes.
import * as aws from "@pulumi/aws";
import * as eks from "@pulumi/eks";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const mostGpus = config.requireNumber("maxGpus");
const zones = ["us-west-2a", "us-west-2b"];

const vpc = new aws.ec2.Vpc("net", { cidrBlock: "10.0.0.0/16", enableDnsHostnames: true });
const gateway = new aws.ec2.InternetGateway("net", { vpcId: vpc.id });
const routes = new aws.ec2.RouteTable("net", {
    vpcId: vpc.id,
    routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: gateway.id }],
});
const subnets = zones.map((zone, number) => new aws.ec2.Subnet(`net-${number}`, {
    vpcId: vpc.id,
    availabilityZone: zone,
    cidrBlock: `10.0.${number}.0/24`,
    mapPublicIpOnLaunch: true,
    tags: { "karpenter.sh/discovery": "inference" },
}));
subnets.forEach((subnet, number) => new aws.ec2.RouteTableAssociation(`net-${number}`, {
    subnetId: subnet.id,
    routeTableId: routes.id,
}));

const cluster = new eks.Cluster("inference", {
    name: "inference",
    vpcId: vpc.id,
    publicSubnetIds: subnets.map((subnet) => subnet.id),
    instanceType: "m6i.large",
    desiredCapacity: 2,
    minSize: 2,
    maxSize: 2,
    createOidcProvider: true,
});
const nodeRole = new aws.iam.Role("nodes", {
    name: "nodes",
    assumeRolePolicy: {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }],
    },
});
const queue = new aws.sqs.Queue("interruptions", { name: "inference", messageRetentionSeconds: 300 });

const provider = new k8s.Provider("inference", { kubeconfig: cluster.kubeconfigJson });
const karpenter = new k8s.helm.v3.Release("karpenter", {
    chart: "oci://public.ecr.aws/karpenter/karpenter",
    version: "1.14.0",
    namespace: "kube-system",
    values: { settings: { clusterName: "inference", interruptionQueue: queue.name } },
}, { provider });
const pools = new k8s.yaml.v2.ConfigGroup("pools", {
    objs: [
        {
            apiVersion: "karpenter.k8s.aws/v1",
            kind: "EC2NodeClass",
            metadata: { name: "gpu" },
            spec: {
                role: "nodes",
                amiSelectorTerms: [{ alias: "al2023@v20250701" }],
                subnetSelectorTerms: [{ tags: { "karpenter.sh/discovery": "inference" } }],
                securityGroupSelectorTerms: [{ tags: { "aws:eks:cluster-name": "inference" } }],
            },
        },
        {
            apiVersion: "karpenter.sh/v1",
            kind: "NodePool",
            metadata: { name: "gpu" },
            spec: {
                limits: { "nvidia.com/gpu": mostGpus },
                disruption: { consolidationPolicy: "WhenEmpty", consolidateAfter: "30s" },
                template: {
                    spec: {
                        nodeClassRef: { group: "karpenter.k8s.aws", kind: "EC2NodeClass", name: "gpu" },
                        taints: [{ key: "nvidia.com/gpu", value: "true", effect: "NoSchedule" }],
                        requirements: [
                            {
                                key: "node.kubernetes.io/instance-type",
                                operator: "In",
                                values: ["g5.xlarge", "g6.xlarge"],
                            },
                            { key: "karpenter.sh/capacity-type", operator: "In", values: ["on-demand"] },
                            { key: "kubernetes.io/arch", operator: "In", values: ["amd64"] },
                        ],
                    },
                },
            },
        },
    ],
}, { provider, dependsOn: [karpenter] });
new k8s.helm.v3.Release("nvidia-device-plugin", {
    chart: "nvidia-device-plugin",
    version: "0.17.1",
    namespace: "kube-system",
    repositoryOpts: { repo: "https://nvidia.github.io/k8s-device-plugin" },
    values: { tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }] },
}, { provider });
new k8s.apps.v1.Deployment("resnet", {
    metadata: { name: "resnet", namespace: "default" },
    spec: {
        replicas: 3,
        selector: { matchLabels: { app: "resnet" } },
        template: {
            metadata: { labels: { app: "resnet" } },
            spec: {
                tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
                containers: [
                    { name: "resnet", image: config.require("image"), resources: { limits: { "nvidia.com/gpu": "1" } } },
                ],
            },
        },
    },
}, { provider, dependsOn: [pools] });

module.exports = { queue: queue.name };
