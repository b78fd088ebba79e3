"""What an account has for a cluster, as resources of the graph in the AWS provider's terms.

Nodes, networks and roles come from whoever made them, so this reads by what belongs to the cluster: its groups by their
tags, its network by its VPC, its roles and queues by what names them. What Karpenter starts is no part of it.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader
from eks_gpu.live.aws.access import (
    association,
    associations,
    documents,
    entries,
    instance_profiles,
    oidc_provider,
    roles,
)
from eks_gpu.live.aws.cluster import cluster, issuer
from eks_gpu.live.aws.groups import groups
from eks_gpu.live.aws.interruption import keys, queue_names, queues
from eks_gpu.live.aws.network import network
from eks_gpu.live.aws.reading import Reading
from eks_gpu.live.aws.software import addons
from eks_gpu.live.mentioned import Mentioned

AT_ONCE = 8
"""Calls that run at the same time: AWS answers so many without throttling."""


def account_resources(
    account: AccountReader, described: dict[str, Any], mentioned: Mentioned | None = None
) -> tuple[list[Resource], list[Unread]]:
    """The cluster and all that belongs to it, and what may not be read. `described` is EKS's description of it, and
    `mentioned` what its objects name.
    """
    names, name = mentioned or Mentioned(), str(described["name"])
    with ThreadPoolExecutor(AT_ONCE) as calls, ThreadPoolExecutor(AT_ONCE) as parts:
        reading = Reading(account, calls)
        caller = parts.submit(lambda: account.caller["Account"])
        vpc = str((described.get("resourcesVpcConfig") or {}).get("vpcId") or "")
        of_network = parts.submit(network, reading, vpc)
        of_nodes = parts.submit(groups, reading, name, names.instances)
        of_access = parts.submit(entries, reading, described)
        of_pods = parts.submit(associations, reading, name)
        of_identity = parts.submit(oidc_provider, reading, issuer(described), str(described["arn"]))
        held, admitted, given = of_nodes.result(), of_access.result(), of_pods.result()
        software = addons(reading, name, given)
        account_id = caller.result()
        profiles = instance_profiles(reading, [*held.profiles, *names.profiles])
        auto_mode = (described.get("computeConfig") or {}).get("nodeRoleArn")
        named = [described.get("roleArn"), auto_mode, *(each.get("roleArn") for each in given), *admitted.roles]
        named += [*held.roles, *software.roles, *(each.inputs.get("role") for each in profiles), *sorted(names.roles)]
        made_roles = roles(reading, [str(each) for each in named if each])
        told = queue_names(documents(made_roles), account_id, account.region)
        notices = queues(reading, [name, *sorted(names.queues), *told])
        encrypted = [each["provider"].get("keyArn") for each in described.get("encryptionConfig") or ()]
        encrypted += [*held.keys, *(each.inputs.get("kmsMasterKeyId") for each in notices)]
        made_keys = keys(reading, [str(each) for each in encrypted if each])
        found = [
            _judgeable(cluster(described), admitted.complete),
            *of_network.result(),
            *held.resources,
            *software.resources,
            *admitted.resources,
            *(association(row) for row in given if not row.get("ownerArn")),
            *of_identity.result(),
            *profiles,
            *made_roles,
            *notices,
            *made_keys,
        ]
        return found, reading.unread


def _judgeable(made: Resource, entries_known: bool) -> Resource:
    """Without its access entries nobody knows whom the cluster admits."""
    if entries_known:
        return made
    return replace(made, inputs={key: value for key, value in made.inputs.items() if key != "accessConfig"})
