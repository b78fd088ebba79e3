"""How a Service or namespace names the controller of its load balancer, and tells it what to make.

Source: AWS Load Balancer Controller 3.5, guide/service/nlb.md; EKS User Guide, "Use Service Annotations to configure
Network Load Balancers".
"""

from .api_groups import AUTO_MODE_GROUP

CONTROLLER_LOAD_BALANCER_CLASS = "service.k8s.aws/nlb"
"""`loadBalancerClass` of the AWS load balancer controller."""
AUTO_MODE_LOAD_BALANCER_CLASS = f"{AUTO_MODE_GROUP}/nlb"
"""`loadBalancerClass` of Auto Mode, whose clusters have it as default."""
CONTROLLER_READINESS_LABEL = "elbv2.k8s.aws/pod-readiness-gate-inject"
"""Label of a namespace whose pods are ready when the AWS load balancer controller finds them healthy."""
AUTO_MODE_READINESS_LABEL = f"{AUTO_MODE_GROUP}/pod-readiness-gate-inject"
"""Label of a namespace whose pods are ready when Auto Mode's load balancer finds them healthy."""
SERVICE_ANNOTATION = "service.beta.kubernetes.io/aws-load-balancer-"
"""Prefix of a Service's annotations."""
SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"
"""A Service's annotation for the ranges that may connect; its prefix is not that of the others."""
INGRESS_ANNOTATION = "alb.ingress.kubernetes.io/"
"""Prefix of an Ingress's annotations."""
