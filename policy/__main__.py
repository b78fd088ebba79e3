"""The policy pack: `pulumi preview --policy-pack policy`. It has its own module because creating the pack starts a
server.
"""

from pulumi_policy import PolicyPack
from rules import rules

PolicyPack("eks-gpu", rules())
