"""The page of a plan: what it says, and that nothing of a stack becomes markup."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from typer import Typer
from typer.testing import CliRunner

from eks_gpu.commands import plan as command
from eks_gpu.cost.money import Marks, share
from eks_gpu.graph.graph import Resource
from eks_gpu.io.problems import InputError
from eks_gpu.report.charts import cost_chart
from eks_gpu.report.diagram import boxes_and_edges, laid_out
from eks_gpu.report.html import page
from eks_gpu.report.made import Made, commit_of
from eks_gpu.report.palette import DARK, LIGHT
from eks_gpu.report.proof import Fact, proofs
from tests import karpenter_graphs, reports
from tests.found import every
from tests.graphs import GPU_TAGS, TEMPLATE, cluster, device_plugin, gpu_group, gpu_work, healthy, managed_group, tags
from tests.programs import IDS, PROGRAMS, ROOT, plan_of

DOCUMENTATION = "https://eks-gpu-components.example/docs"
EXAMPLE = "examples/spot-autoscaling-groups"
HOLDS = "the autoscaler is told every taint that nodes carry"
GPU_POOLS = [f"gpu-spot-us-west-2{zone}-spot" for zone in "abc"]


class Reader(HTMLParser):
    """Text by section: the id of a section to what is in it, in one line a text."""

    def __init__(self, html: str):
        super().__init__()
        self.sections: dict[str, list[str]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "section":
            self._section = str(dict(attrs).get("id", "notes"))

    def handle_data(self, data):
        if data.strip():
            self.sections.setdefault(self._section, []).append(" ".join(data.split()))


@pytest.fixture(scope="module")
def example():
    return page([plan_of(EXAMPLE, "dev")])


@pytest.fixture(scope="module")
def html():
    return page([reports.every_kind()], {"dev": reports.changes()})


# --- what it says ----------------------------------------------------------------------------------------------------


def test_the_example_is_told_from_network_to_objects(example):
    sections = Reader(example).sections
    assert list(sections)[1:] == [
        *("stack-dev-built", "stack-dev-pools", "stack-dev-upgrade", "stack-dev-cost", "stack-dev-quotas"),
        *("stack-dev-zero", "stack-dev-checks"),
        *("stack-dev-objects", "notes"),
    ]
    told = sections[""] + sections["stack-dev-built"]
    assert any(text.endswith("eks-gpu 0.1.0. 101 resources, 5 pools, 1 workload.") for text in told)
    for text in ("nothing fails, 1 warns", "~482*", "~2,021*", "29,668*"):
        assert text in told, text
    for text in ("VPC gaia", "6 subnets, 3 zones", "gaia-kube", "7 add-ons", "cluster-autoscaler", *GPU_POOLS):
        assert text in told, text
    checks = sections["stack-dev-checks"]
    assert checks[1].endswith(" hold, 0 fail, 1 warn, 0 waived.")
    assert checks[checks.index("scale-from-zero-taints-match-node") :][1:5] == [
        *("3", "What the check guards against", GPU_POOLS[0], HOLDS)
    ]
    assert sections["stack-dev-objects"].count("Deployment cuda-vector-add") == 1
    assert "image: nvcr.io" in "".join(sections["stack-dev-objects"])


def test_the_example_says_what_an_upgrade_would_do_with_its_groups(example):
    title, drained, kept = Reader(example).sections["stack-dev-upgrade"]
    assert title == "An upgrade of Kubernetes would"
    assert drained.startswith("drain and replace gaia-system: 1 at a time, ")
    assert kept == (
        f"leave {', '.join(GPU_POOLS)}, spot: running nodes keep their image, because the group has no instance refresh"
    )


def test_what_is_not_read_has_a_section_and_stands_beside_each_sum():
    sections = Reader(page([reports.partly_read()])).sections
    assert list(sections).index("stack-dev-unread") == list(sections).index("stack-dev-quotas") + 1
    assert sections["stack-dev-unread"][2:] == [
        "nodes",
        "Fleet spare, Fleet more",
        "a fleet of EC2 instances may start nodes, and the planner does not read it.",
        "Fix:",
        "make the nodes with a node group, an auto scaling group or a node pool, which are read.",
    ]
    told = sections[""]
    assert "2 resources not read" in told
    assert told.count("nodes of Fleet spare and Fleet more are not read") == 4
    assert [told[at + 1] for at, text in enumerate(told) if text == "at least"] == ["236*", "~544*", "~544*", "3,206*"]
    rows = sections["stack-dev-cost"]
    assert rows[rows.index("a month of 730 hours") + 1 :][:2] == ["at least 236*", "at least ~544*"]
    assert "stack-dev-unread" not in Reader(page([reports.plan()])).sections


def test_the_matrix_has_the_reason_on_each_refused_cell(example):
    cells = Reader(example).sections["stack-dev-pools"]
    assert cells.count("takes it") == 3
    reasons = [cells[at + 1] for at, cell in enumerate(cells) if cell == "no"]
    label = "k8s.amazonaws.com/accelerator"
    assert reasons == [
        f"the group may bring {first} in us-west-2a: pod selects {label}=nvidia, nodes have no label {label}"
        for first in ("m7i.large", "m5.2xlarge")
    ]


def test_the_example_proves_its_three_gpu_groups_by_their_tags():
    plan = plan_of(EXAMPLE, "dev")
    (proof,) = proofs(plan.graph, plan.analysis)
    assert proof.pools == tuple(GPU_POOLS)
    assert proof.takes == ("cuda-vector-add",)
    template = "tag k8s.io/cluster-autoscaler/node-template"
    assert proof.facts == (
        Fact(
            f"{template}/label/k8s.amazonaws.com/accelerator = nvidia",
            "label k8s.amazonaws.com/accelerator=nvidia",
            True,
        ),
        Fact(f"{template}/label/karpenter.sh/capacity-type = spot", "label karpenter.sh/capacity-type=spot", True),
        Fact(f"{template}/label/nvidia.com/gpu.present = true", "label nvidia.com/gpu.present=true", True),
        Fact(f"{template}/taint/nvidia.com/gpu = true:NoSchedule", "taint nvidia.com/gpu=true:NoSchedule", True),
        Fact(f"{template}/resources/nvidia.com/gpu = 1", "nvidia.com/gpu: 1", True),
    )


def test_every_item_of_the_cost_is_in_its_table(example):
    cost = Reader(example).sections["stack-dev-cost"]
    for text in ("control plane gaia-kube", "NAT gateway", "10 × g4dn.xlarge, Spot", "20 × m5n.2xlarge, on demand"):
        assert text in cost, text
    assert "prices of us-east-1 are used where those of us-west-2 are not known" in cost


def test_failures_come_first_with_fix_and_reason_then_warnings_then_waivers(html):
    checks = Reader(html).sections["stack-dev-checks"]
    words = [text for text in checks if text in ("fails", "warns", "waived", "not judged", "holds")]
    assert words[:5] == ["fails", "warns", "waived", "not judged", "holds"]
    assert checks[1].endswith(" hold, 1 fail, 1 warn, 1 waived, 1 not judged.")
    assert "it needs subnetIds of gpu, which only pulumi up will tell." in checks
    for text in ("nothing limits it.", "give it a maximum.", "an old agent needs it"):
        assert text in checks
    assert Reader(html).sections[""].count("1 check fails") == 2  # beside the project, and as the stack's headline


def test_changes_come_before_all_else(html):
    reader = Reader(html)
    assert list(reader.sections)[1] == "stack-dev-changes"
    changes = reader.sections["stack-dev-changes"]
    for text in ("Against shop / dev.", "+730", "max_nodes 2 → 4", "removed", "gone", "fails now", "fixed"):
        assert text in changes, text
    assert "stack-dev-changes" not in page([reports.plan()])


def test_all_stacks_are_on_one_page_under_ids_of_their_own():
    reader = Reader(page([reports.plan(stack="dev"), reports.plan(stack="prod")]))
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    assert links[:2] == ["#stack-dev", "#stack-prod"]
    assert {str(link).lstrip("#") for link in links if str(link).startswith("#")} <= set(ids)


def test_a_stack_of_nothing_has_a_page():
    plan = reports.plan(*healthy()[:1])
    sections = Reader(page([plan])).sections
    assert "This stack has no pool." in sections["stack-dev-pools"]
    assert "No pool of this stack scales from zero." in sections["stack-dev-zero"]
    assert "This stack makes no Kubernetes object." in sections["stack-dev-objects"]


# --- its head: the verdict, what it was made from, and money with its doubt and its budget ---------------------------


def headline(*findings, of=None):
    reader = Reader(page([reports.with_findings(of or reports.plan(), *findings)]))
    said = reader.sections[""]
    return said[said.index("dev") + 2]


def test_the_verdict_is_the_headline():
    assert headline() == "everything holds"
    assert headline(reports.FAILING, replace(reports.FAILING, subject="other")) == "2 checks fail"
    assert headline(reports.WARNING, reports.WAIVED) == "nothing fails, 1 warns and 1 is waived"
    assert headline(reports.UNJUDGED) == "nothing fails, 1 is not judged"
    assert headline(of=reports.partly_read()) == "2 checks fail"


def test_a_page_of_several_stacks_says_which_of_them_fail():
    good, bad = reports.plan(stack="dev"), replace(reports.every_kind(), stack="prod")
    assert "<title>shop, dev, prod: 1 of 2 stacks fail: prod</title>" in page([good, bad])
    assert "<title>shop, dev, prod: none of 2 stacks fails</title>" in page([good, replace(good, stack="prod")])


def test_a_page_names_project_commit_and_version():
    said = Reader(page([reports.plan()], made=Made(commit="1a2b3c4d5e6f, modified"))).sections
    assert any(
        text.startswith("shop / dev in us-west-2, commit 1a2b3c4d5e6f, modified, by eks-gpu 0.1.0.")
        for text in said[""]
    )
    assert not any("commit" in text for text in Reader(page([reports.plan()])).sections[""])


def test_a_commit_is_that_of_the_project_s_checkout(tmp_path):
    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    assert commit_of(tmp_path) == ""
    git("init", "--quiet")
    assert commit_of(tmp_path) == ""
    (tmp_path / "Pulumi.yaml").write_text("name: shop")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    git("tag", "v1")
    commit = commit_of(tmp_path)
    assert re.fullmatch("[0-9a-f]{12}", commit)
    (tmp_path / "plan.html").write_text("a page that was written here")
    (tmp_path / "below").mkdir()
    assert commit_of(tmp_path / "below") == commit
    (tmp_path / "Pulumi.yaml").write_text("name: other")
    assert commit_of(tmp_path) == f"{commit}, modified"


def test_a_budget_stands_beside_each_total(example):
    told = Reader(example).sections
    assert [text for text in told[""] if "budget" in text] == [
        *("~1%* of the budget of 35,000", "~5%* of the budget of 35,000"),
        *("~5%* of the budget of 35,000", "84%* of the budget of 35,000"),
    ]
    rows = told["stack-dev-cost"]
    assert rows[rows.index("of the budget of 35,000") + 1 :][:4] == ["~1%*", "~5%*", "~5%*", "84%*"]
    over = reports.plan()
    over = replace(over, analysis=replace(over.analysis, budget=3_000.0))
    assert '<span class="over">107%* of the budget of 3,000</span>' in page([over])
    assert "budget of" not in page([reports.plan()])


@pytest.mark.parametrize(
    ("amount", "marks", "said"),
    [
        (0, Marks(), "0%"),
        (99.99, Marks(estimate=True), "~99%"),
        (100, Marks(), "100%"),
        (100.01, Marks(missing=True), "101% + ?"),
        (250_000, Marks(at_least=True, borrowed=True), "at least 250,000%*"),
    ],
)
def test_a_share_of_a_budget_never_rounds_what_is_over_to_what_is_not(amount, marks, said):
    assert share(amount, 100, marks) == said


def test_marks_are_explained_where_they_first_stand(example):
    assert "~ an estimate: Spot prices change; * partly at prices of us-east-1." in Reader(example).sections[""]


# --- checks: folded where they hold, each with its page --------------------------------------------------------------


def test_a_check_has_a_link_to_its_page(html):
    links = [attributes["href"] for tag, attributes in Reader(html).tags if tag == "a"]
    for check in ("gpu-pools-are-capped", "one-zone-a-gpu-group", "nodes-may-join-the-cluster"):
        assert f"{DOCUMENTATION}/checks.md#{check}" in links


def test_equal_failures_share_a_card():
    names = [f"gpu-{number}" for number in range(30)]
    plan = reports.with_findings(reports.plan(), *(replace(reports.FAILING, subject=name) for name in names))
    checks = Reader(page([plan])).sections["stack-dev-checks"]
    assert checks.count("fails") == 1
    assert ", ".join(names) in checks
    assert ", 30 fail, " in checks[1]


def test_like_pools_share_a_row_and_a_proof_but_for_their_names_and_zones():
    def labelled(name: str) -> Resource:
        given = {**GPU_TAGS, f"{TEMPLATE}/label/pool": name}
        return gpu_group(name, tags=tags(given))

    plan = reports.plan(*healthy(gpu=labelled("one")), labelled("two"), gpu_group("other"))
    said = proofs(plan.graph, plan.analysis)
    assert [(proof.pools, proof.own) for proof in said] == [(("one", "two"), ("name",)), (("other",), ())]
    sections = Reader(page([plan])).sections
    assert "The same for two, each with its own name." in sections["stack-dev-zero"]
    pools = sections["stack-dev-pools"]
    assert pools[pools.index("one") :][:5] == ["one", ",", "two", ",", "other"]


# --- the proof, where it fails and for node pools --------------------------------------------------------------------


def proof_of(**instead):
    plan = reports.plan(*healthy(**instead))
    return proofs(plan.graph, plan.analysis)[0]


@pytest.mark.parametrize(
    ("tag", "value", "broken"),
    [
        ("label/nvidia.com/gpu.present", None, Fact("", "label nvidia.com/gpu.present=true", False)),
        ("label/team", "ai", Fact(f"tag {TEMPLATE}/label/team = ai", "", False)),
        ("taint/nvidia.com/gpu", "true", Fact("", "taint nvidia.com/gpu=true:NoSchedule", False)),
        (
            "resources/nvidia.com/gpu",
            "4",
            Fact(f"tag {TEMPLATE}/resources/nvidia.com/gpu = 4", "nvidia.com/gpu: 1", False),
        ),
    ],
)
def test_what_is_told_and_not_true_is_shown(tag, value, broken):
    given = {**GPU_TAGS, f"{TEMPLATE}/{tag}": value}
    proof = proof_of(gpu=gpu_group(tags=tags({key: text for key, text in given.items() if text})))
    assert [fact for fact in proof.facts if not fact.holds] == [broken]
    assert not proof.holds


def test_a_shared_gpu_counts_as_often_as_it_is_shared():
    sharing = "sharing: {timeSlicing: {resources: [{name: nvidia.com/gpu, replicas: 8}]}}"
    told = tags({**GPU_TAGS, f"{TEMPLATE}/resources/nvidia.com/gpu": "8"})
    proof = proof_of(gpu=gpu_group(tags=told), device_plugin=device_plugin(config={"map": {"default": sharing}}))
    assert proof.facts[-1] == Fact(f"tag {TEMPLATE}/resources/nvidia.com/gpu = 8", "nvidia.com/gpu: 8", True)


def test_a_node_pool_is_proven_by_its_requirements():
    plan = reports.plan(*karpenter_graphs.healthy())
    gpu = next(proof for proof in proofs(plan.graph, plan.analysis) if "gpu" in proof.pools)
    assert gpu.planner == "Karpenter reads the pod, then launches what the pool's requirements allow."
    facts = {fact.told: fact.node for fact in gpu.facts}
    assert facts["requirement karpenter.sh/capacity-type In spot, on-demand"] == (
        "label karpenter.sh/capacity-type=spot, on-demand"
    )
    assert facts["taint nvidia.com/gpu=true:NoSchedule of the template"] == "taint nvidia.com/gpu=true:NoSchedule"
    assert gpu.holds


# --- the drawings ----------------------------------------------------------------------------------------------------


def test_the_diagram_links_what_acts_on_what():
    plan = reports.plan()
    boxes, edges = boxes_and_edges(plan.graph, plan.analysis)
    names = {box.key: box.title for box in boxes}
    assert [(names[start], names[end]) for start, end in edges] == [
        ("shop", "cluster-autoscaler"),
        ("shop", "nvidia-device-plugin"),
        ("shop", "aws-node-termination-handler"),
        ("cluster-autoscaler", "gpu"),
        ("shop", "system"),
        ("gpu", "train"),
        ("system", "web"),
    ]


def test_no_box_lies_on_another_and_every_edge_goes_from_rank_to_rank():
    plan = plan_of(EXAMPLE, "dev")
    ranks, paths = laid_out(*boxes_and_edges(plan.graph, plan.analysis))
    for rank in every(ranks):
        for above, below in pairwise(rank):
            assert above.top + above.height < below.top
    for path in every(paths):
        assert [slot.rank for slot in path] == list(range(path[0].rank, path[-1].rank + 1))


def test_charts_use_colours_that_the_page_can_change(html):
    assert LIGHT.keys() == DARK.keys()
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', html))
    assert used and used <= set(LIGHT.values())


def test_bars_say_their_amount():
    drawn = cost_chart(plan_of(EXAMPLE, "dev").analysis.cost, 330)
    for text in ("pool gpu-spot-us-west-2a-spot", "everything but nodes", "~2.108*", "10.170*", "~0.297*", "0.150*"):
        assert f">{text}</text>" in drawn, text


# --- one file, and nothing of a stack in its markup ------------------------------------------------------------------


@pytest.mark.parametrize(("folder", "stack"), PROGRAMS, ids=IDS)
def test_a_page_is_under_a_megabyte_and_names_no_address(folder, stack):
    html = page([plan_of(folder, stack)])
    assert 50_000 < len(html.encode()) < 1_000_000
    for tag, attributes in every(Reader(html).tags):
        assert tag not in ("link", "img", "iframe", "object", "base")
        assert not {"src", "style", "onclick", "srcset"} & attributes.keys()
        assert str(attributes.get("href", "#")).startswith(("#", f"{DOCUMENTATION}/checks.md#"))


def test_two_pages_of_a_plan_are_the_same(html):
    assert page([reports.every_kind()], {"dev": reports.changes()}) == html


def test_the_policy_runs_the_page_s_own_style_and_script_and_fetches_nothing(html):
    (policy,) = (attributes["content"] for _, attributes in Reader(html).tags if "http-equiv" in attributes)
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in str(policy)
    assert str(policy).startswith("default-src 'none'; ")
    assert "unsafe" not in str(policy)


EVIL = "<script>alert(1)</script>"
ATTRIBUTE = 'x" onfocus="alert(2)'


def test_names_and_messages_are_text_wherever_they_stand():
    plan = reports.with_findings(
        reports.plan(*healthy(gpu=gpu_group(EVIL), train=gpu_work(ATTRIBUTE))),
        replace(reports.FAILING, subject=EVIL, message=EVIL, fix=ATTRIBUTE),
    )
    plan = replace(plan, project=EVIL, stack=ATTRIBUTE, assumed=[EVIL], said=[("info", EVIL)])
    html = page([plan])
    reader = Reader(html)
    assert html.count("<script>") == 1
    assert not any("onfocus" in attributes for _, attributes in reader.tags)
    assert EVIL in " ".join(reader.sections["notes"])
    assert "alert(1)" in "".join(reader.sections[next(key for key in reader.sections if key.endswith("-pools"))])


# --- the command -----------------------------------------------------------------------------------------------------


def eks_gpu(*args):
    app = Typer(pretty_exceptions_enable=False)
    app.command()(command.plan)
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_the_command_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.setattr("eks_gpu.plan.plan.make_plan", lambda *_, **__: plan_of(EXAMPLE, "dev"))
    ran = eks_gpu(ROOT / EXAMPLE, "--html", tmp_path / "plan.html")
    assert ran.exit_code == 0, ran.output
    expected = page([plan_of(EXAMPLE, "dev")], made=Made(commit=commit_of(ROOT)))
    assert (tmp_path / "plan.html").read_text(encoding="utf-8") == expected
    assert eks_gpu(ROOT / EXAMPLE, "--html", "-").stdout == expected


@pytest.mark.parametrize("missing", ["altair", "vl_convert", "jinja2"])
def test_without_the_extra_the_message_names_it(monkeypatch, missing):
    for name in [name for name in sys.modules if name.startswith("eks_gpu.report")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    ran = eks_gpu(ROOT / EXAMPLE, "--html", "x.html")
    assert isinstance(ran.exception, InputError)
    assert ran.exception.problems == [f"--html needs {missing}: pip install 'eks-gpu-components[report]'"]


def test_pools_of_one_name_in_two_clusters_are_told_apart():
    def group(of: str) -> Resource:
        sizes = {"minSize": 0, "desiredSize": 0, "maxSize": 2}
        return managed_group(f"{of}-gpu", clusterName=of, nodeGroupName="gpu", scalingConfig=sizes)

    two = reports.plan(*(made for of in ("north", "south") for made in (cluster(of), group(of))))
    pools = Reader(page([two])).sections["stack-dev-pools"]
    assert [text for text in pools if text.startswith("gpu")] == ["gpu in north", "gpu in south"]
    boxes, _ = boxes_and_edges(two.graph, two.analysis)
    assert [box.title for box in boxes if box.rank == 3] == ["gpu in north", "gpu in south"]
    assert [name for proof in proofs(two.graph, two.analysis) for name in proof.pools] == [
        "gpu in north",
        "gpu in south",
    ]
    one = Reader(page([reports.plan(cluster("north"), group("north"))])).sections["stack-dev-pools"]
    assert [text for text in one if text.startswith("gpu")] == ["gpu"]
