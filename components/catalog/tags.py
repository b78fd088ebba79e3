"""Tags of AWS's resources by which controllers know what is theirs.

Source: EKS User Guide, "View Amazon EKS networking requirements for VPC and subnets"; Karpenter 1.14, getting started.
"""

CLUSTER_TAG = "kubernetes.io/cluster/"
"""Prefix of the tag `owned` or `shared`; the cluster's name follows."""
DISCOVERY_TAG = "karpenter.sh/discovery"
"""Subnets and security groups by which Karpenter finds them; the value is the cluster's name."""
INTERNAL_LOAD_BALANCER_TAG = "kubernetes.io/role/internal-elb"
"""Private subnets, for load balancers of the VPC alone."""
PUBLIC_LOAD_BALANCER_TAG = "kubernetes.io/role/elb"
"""Public subnets, for load balancers that the internet reaches."""
