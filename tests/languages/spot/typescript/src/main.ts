// Spot auto scaling groups that the cluster autoscaler starts for pods with GPUs.
import * as aws from "@pulumi/aws";
import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { role } from "./role";

export = async () => {
    const config = new pulumi.Config();
    const mostGpus = config.requireNumber("maxGpus");
    const { names: zones } = await aws.getAvailabilityZones({ state: "available" });

    const vpc = new aws.ec2.DefaultVpc("net");
    const subnets = [0, 1].map((number) => new aws.ec2.Subnet(`net-${number}`, {
        vpcId: vpc.id,
        availabilityZone: zones[number],
        cidrBlock: `172.31.${100 + number}.0/24`,
    }));
    const clusterRole = role("cluster", "eks.amazonaws.com", "AmazonEKSClusterPolicy");
    const cluster = new aws.eks.Cluster("gaia", {
        name: "gaia",
        roleArn: clusterRole.arn,
        version: "1.34",
        accessConfig: { authenticationMode: "API" },
        vpcConfig: { subnetIds: subnets.map((subnet) => subnet.id) },
    });
    const nodes = role("nodes", "ec2.amazonaws.com", "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly");
    const profile = new aws.iam.InstanceProfile("nodes", { role: nodes.name });
    new aws.eks.AccessEntry("nodes", { clusterName: cluster.name, principalArn: nodes.arn, type: "EC2_LINUX" });

    const userData = pulumi.interpolate`---
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: ${cluster.name}
    apiServerEndpoint: ${cluster.endpoint}
  kubelet:
    flags: ['--register-with-taints=nvidia.com/gpu=true:NoSchedule']
`;
    const template = new aws.ec2.LaunchTemplate("gpu", {
        imageId: aws.ssm.getParameterOutput({
            name: "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/nvidia/recommended/image_id",
        }).value,
        instanceType: "g5.xlarge",
        iamInstanceProfile: { arn: profile.arn },
        userData: userData.apply((text) => Buffer.from(text).toString("base64")),
        blockDeviceMappings: [{ deviceName: "/dev/xvda", ebs: { volumeSize: 100, volumeType: "gp3" } }],
    });
    subnets.forEach((subnet, number) => new aws.autoscaling.Group(`gpu-${number}`, {
        name: `gpu-${number}`,
        minSize: 0,
        maxSize: Math.floor(mostGpus / 2),
        desiredCapacity: 0,
        vpcZoneIdentifiers: [subnet.id],
        suspendedProcesses: ["AZRebalance"],
        mixedInstancesPolicy: {
            instancesDistribution: {
                onDemandBaseCapacity: 0,
                onDemandPercentageAboveBaseCapacity: 0,
                spotAllocationStrategy: "price-capacity-optimized",
            },
            launchTemplate: {
                launchTemplateSpecification: { launchTemplateId: template.id, version: "$Latest" },
                overrides: [{ instanceType: "g5.xlarge" }, { instanceType: "g6.xlarge" }],
            },
        },
        tags: [
            { key: "kubernetes.io/cluster/gaia", value: "owned", propagateAtLaunch: true },
            { key: "k8s.io/cluster-autoscaler/enabled", value: "true", propagateAtLaunch: false },
            { key: "k8s.io/cluster-autoscaler/gaia", value: "owned", propagateAtLaunch: false },
        ],
    }));

    const provider = new k8s.Provider("gaia", {
        kubeconfig: pulumi.jsonStringify({
            apiVersion: "v1",
            kind: "Config",
            clusters: [{ cluster: cluster.endpoint }],
        }),
    });
    new k8s.helm.v3.Release("cluster-autoscaler", {
        chart: "cluster-autoscaler",
        version: "9.50.1",
        namespace: "kube-system",
        repositoryOpts: { repo: "https://kubernetes.github.io/autoscaler" },
        values: { autoDiscovery: { clusterName: cluster.name }, awsRegion: "us-west-2" },
    }, { provider });
    new k8s.batch.v1.Job("training", {
        metadata: { name: "training", namespace: "default" },
        spec: {
            parallelism: 2,
            template: {
                spec: {
                    restartPolicy: "Never",
                    tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
                    containers: [{
                        name: "train",
                        image: config.require("image"),
                        resources: { limits: { "nvidia.com/gpu": "1" } },
                    }],
                },
            },
        },
    }, { provider });
    return { cluster: cluster.name };
};
