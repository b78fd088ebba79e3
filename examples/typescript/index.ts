// ResNet inference on EKS: Karpenter starts g4dn nodes for replicas, and removes each 30 s after its last pod.

import * as aws from "@pulumi/aws";
import * as eksGpu from "@eks-gpu/eks-gpu-components";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const region = "us-west-2";

const gpu: eksGpu.types.input.GpuPoolArgs = {
    instanceTypes: ["g4dn.xlarge", "g4dn.2xlarge"],
    capacityTypes: ["on-demand"],
    maxGpus: 100,
    idleS: 30,
};

export = async () => {
    const config = new pulumi.Config();
    const zones = await aws.getAvailabilityZones({ state: "available", region });

    const network = new eksGpu.Network("inference", {
        region,
        zones: zones.names.slice(0, 3).map((zone, place) => ({ zone, zoneId: zones.zoneIds[place] })),
        clusterName: "inference",
    });
    const cluster = new eksGpu.Cluster("inference", {
        region,
        vpcId: network.vpcId,
        subnets: network.privateSubnets,
        settings: {
            name: "inference",
            systemNodes: { nodes: 3, instanceTypes: ["m5.large", "m6i.large", "m7i.large"] },
            endpoint: { public: true }, // for the addresses in eks-gpu-components:api_cidrs
            deletionProtection: false,
        },
    });
    const provider = new k8s.Provider("in-cluster", { kubeconfig: cluster.kubeconfig }, { dependsOn: cluster });
    const inCluster = { providers: [provider] };

    const karpenter = new eksGpu.Karpenter("karpenter", { cluster: cluster.reference }, inCluster);
    const pool = new eksGpu.KarpenterGpuPool("gpu", {
        cluster: cluster.reference,
        subnets: network.privateSubnets,
        nodeRoleName: karpenter.nodeRoleName,
        pool: gpu,
    }, inCluster);
    new eksGpu.NvidiaDevicePlugin("nvidia-device-plugin", { pools: [gpu] }, inCluster);
    const balancers = new eksGpu.AwsLoadBalancerController("aws-load-balancer-controller", {
        cluster: cluster.reference,
    }, inCluster);
    const resnet = new eksGpu.ResnetInference("resnet", {
        pool: gpu,
        settings: { image: config.require("image"), model: { fromImage: true }, hpa: { maxReplicas: 6 } },
    }, { ...inCluster, dependsOn: [pool, balancers] }); // on the way down the service goes before them

    return { url: resnet.url, kubeconfig: pulumi.secret(cluster.kubeconfig) };
};
