"""docs/pod-is-pending.md: it shows what is printed, and has each cause."""

import re

from eks_gpu.live.why.causes import Id
from eks_gpu.live.why.pod_answer import PodAnswer
from eks_gpu.live.why.render_pods import render
from tests.console import DOCS, broken_words, console_blocks, printed, shown
from tests.eks_gpu.live.why.doctors import NOW, diagnosed, node_class, node_pool, pod, word

OWNERS = [{"controller": True, "kind": "Deployment", "name": "llm", "uid": "llm"}]


def test_the_page_shows_what_is_printed():
    pods = [pod(name, ownerReferences=OWNERS) for name in ("llm-1", "llm-2")]
    asks = {"containers": [{"name": "s", "image": "x:1", "resources": {"requests": {"cpu": "6"}, **GPU}}]}
    for each in pods:
        each["spec"] |= asks
    pools = [node_pool(types=["g5.2xlarge"], resources={"nvidia.com/gpu": "4"}), node_pool("small", ["g4dn.xlarge"])]
    said = [
        word("FailedScheduling", "0/6 nodes are available: 6 Insufficient nvidia.com/gpu.", "default-scheduler", of, 40)
        for of in ("Pod shop/llm-1", "Pod shop/llm-2")
    ]
    answer = PodAnswer("inference", NOW, tuple(diagnosed(*pools, node_class(), *pods, said=said)))
    ((command, lines),) = console_blocks("pod-is-pending")
    assert command == "eks-gpu why pod --namespace shop"
    assert lines == printed(shown(render(answer)))
    for width in (60, 80, 100):
        assert broken_words(render(answer), width) == set()


GPU = {"limits": {"nvidia.com/gpu": "1"}}


def test_the_page_has_each_cause_once():
    text = (DOCS / "pod-is-pending.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z-]+)` \| ", text, re.MULTILINE) == [each.value for each in Id]
