"""`--watch` without a terminal: a line for each node that came, went or is kept by something else."""

from copy import deepcopy

from eks_gpu.live.nodes.why_node import Facts, answers_of
from eks_gpu.live.watching import Picture, changes
from tests.running_nodes import NOW, OF_KARPENTER, ago, claim, facts, node, node_pool, pod


def picture(read: Facts, *pending: str) -> Picture:
    return Picture("north", NOW, tuple(answers_of(read, read.nodes, read.nodes)), pending)


def test_lines_tell_what_came_changed_and_went():
    young = claim() | {"metadata": {**claim()["metadata"], "creationTimestamp": ago(minutes=2)}}
    young["status"] = {key: value for key, value in young["status"].items() if key != "nodeName"}
    launching = picture(facts(claims=[young]), "default/train")
    there = picture(facts(nodes=[node(labels=OF_KARPENTER)], claims=[claim()], pools=[node_pool()], pods=[pod(gpus=1)]))
    empty = picture(facts())

    assert list(changes(None, empty)) == ["12:00:00 cluster north: 0 nodes, 0 pending pods, 0.000 USD an hour"]
    assert [line.partition(": ")[0] for line in changes(empty, launching)] == [
        "12:00:00 node gpu-1 came",
        "12:00:00 node gpu-1",
        "12:00:00 1 pending pod",
    ]
    assert list(changes(launching, there)) == [
        "12:00:00 node n: in-use: in use by 1 pod with 1 of 1 GPUs",
        "12:00:00 0 pending pods",
    ]
    assert list(changes(there, empty)) == [
        "12:00:00 node n went: pool gpu, g5.xlarge on-demand, 1.006 USD an hour; now 0 nodes, 0 pending pods, "
        "0.000 USD an hour"
    ]
    assert list(changes(there, deepcopy(there))) == []

    claim_alone = picture(facts(claims=[claim()], pools=[node_pool()]))  # its node is gone, and it goes too
    assert [line.partition(": ")[0] for line in changes(claim_alone, empty)] == ["12:00:00 node n went"]
