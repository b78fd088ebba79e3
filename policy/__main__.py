"""The policy pack: `pulumi preview --policy-pack policy`. A pack of its own: making it starts a server."""

from pulumi_policy import PolicyPack
from rules import rules

PolicyPack("eks-gpu", rules())
