"""Plans as Markdown for a pull request: what they say first, and that a name in them stays text.

GitHub's own parser reads them here; mentions and references, which GitHub looks for afterwards, are looked for as its
documentation describes them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from typing import Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eks_gpu.checks import Finding
from eks_gpu.io.markdown import code, plain
from eks_gpu.io.visible import visible
from eks_gpu.plan.changes import Changes, compare
from eks_gpu.plan.markdown import LONGEST, markdown
from eks_gpu.plan.saved_plans import Snapshot
from tests import reports
from tests.graphs import healthy, resource
from tests.reports import every_kind, older, plan, saved, with_findings


def against(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Changes]:
    return {new["stack"]: compare(Snapshot.model_validate(old), Snapshot.model_validate(new))}


def compared(old: dict[str, Any], new: dict[str, Any]) -> str:
    return markdown([new], against(old, new))


# --- what it says ----------------------------------------------------------------------------------------------------


def test_it_begins_with_the_verdict_and_the_change_in_money_and_says_why():
    new = saved(every_kind())
    said = markdown([new], against(older(), new), ["stack new is new"]).splitlines()
    assert said == [
        "### FAIL: shop / dev: 1 check fails, 1 warns; steady unchanged, maximum +730\\* USD a month",
        "",
        "| USD a month | before | after | change |",
        "|---|---:|---:|---:|",
        "| idle | 236\\* | 236\\* | 0 |",
        "| steady | \\~544\\* | \\~544\\* | 0 |",
        "| demand\\_max | \\~544\\* | \\~544\\* | 0 |",
        "| max | 2,476\\* | 3,206\\* | +730 |",
        "",
        "**Fails**",
        "",
        "- new: `gpu-pools-are-capped` `gpu`: nothing limits it (fix: give it a maximum)",
        "",
        "**Warns**",
        "",
        "- new: `maximum-within-budget` `stack`: the maximum is dear (fix: lower max\\_gpus)",
        "",
        "**Checks that changed**",
        "",
        "- waived now: `nodes-require-imdsv2` `gpu`: a pod may read (waived: an old agent needs it)",
        "- not judged now: `one-zone-a-gpu-group` `gpu`: it needs subnetIds of gpu, which only pulumi up will tell",
        "- fixed: `nodes-may-join-the-cluster` `gpu`: its role may join",
        "",
        "**Pools**",
        "",
        "- changed: `gpu`, auto-scaling-group: instance\\_types − p3.2xlarge, + g5.xlarge; max\\_nodes 2 → 4; "
        "max\\_gpus 2 → 4",
        "- removed: `gone`, auto-scaling-group",
        "",
        "**An upgrade of Kubernetes would**",
        "",
        "- leave gpu: running nodes keep their image, because the group has no instance refresh",
        "- leave system: it has no version; its nodes fail once they are more than 3 minors behind",
        "",
        "- stack new is new",
    ]


def test_without_a_plan_of_before_it_says_the_money_itself_and_what_the_pools_are():
    said = markdown([saved(plan())]).splitlines()
    assert said[0] == "### OK: shop / dev: no check fails; steady \\~544\\*, maximum 3,206\\* USD a month"
    assert said[2:5] == [
        "| | idle | steady | demand\\_max | max |",
        "|---|---:|---:|---:|---:|",
        "| USD a month | 236\\* | \\~544\\* | \\~544\\* | 3,206\\* |",
    ]
    assert [line for line in said if line.startswith("- ")] == [
        "- `gpu`: auto-scaling-group; 0 to 4 nodes; spot; g4dn.xlarge, g5.xlarge",
        "- `system`: managed-node-group; 2 nodes; on-demand; m7i.large",
    ]


def test_a_plan_against_itself_changes_nothing():
    same = compared(saved(plan()), saved(plan())).splitlines()
    assert same[0] == "### OK: shop / dev: no check fails; cost unchanged"
    assert not [line for line in same if line.startswith("- ")]


def test_a_failure_of_before_fails_still_and_is_not_new():
    failing = saved(with_findings(plan(), reports.FAILING, reports.WARNING))
    said = compared(failing, failing)
    assert said.startswith("### FAIL: shop / dev: 1 check fails, 1 warns; cost unchanged\n")
    assert "\n- `gpu-pools-are-capped` `gpu`: nothing limits it" in said
    assert "new" not in said
    assert "\n- 1 more warning is as before\n" in said


def test_another_stack_is_named():
    assert "\nAgainst shop / prod.\n" in compared(saved(plan(stack="prod")), saved(plan()))


def test_what_is_not_read_is_told_nodes_fail_it_and_amounts_keep_their_marks():
    fleet = resource("aws:ec2/fleet:Fleet", "spare", {})
    unread = saved(with_findings(plan(*healthy(), fleet), Finding("nodes-are-all-read", "stack", True, "all")))
    said = compared(saved(plan()), unread)
    assert said.startswith("### FAIL: shop / dev: ")
    assert "| steady | \\~544\\* | at least \\~544\\* | 0 |" in said
    assert said.endswith(
        "**Not read**\n\n- nodes: `Fleet spare`: a fleet of EC2 instances may start nodes, and the planner does not "
        "read it (fix: make the nodes with a node group, an auto scaling group or a node pool, which are read)\n"
    )
    assert "**Not read**" not in compared(saved(plan()), saved(plan()))


def test_nodes_that_are_not_read_fail_a_stack_of_which_no_check_fails():
    rows = [{"subject": "Fleet a", "what": "nodes", "why": "nobody reads it", "how": "wait"}]
    said = markdown([{**saved(plan()), "unread": rows}])
    assert said.startswith("### FAIL: shop / dev: nodes are not read; steady")


def test_a_level_without_a_total_is_not_known():
    unknown = saved(plan())
    unknown["cost"]["max"] |= {"hourly": None, "monthly": None}
    assert markdown([unknown]).splitlines()[0].endswith("; steady \\~544\\*, maximum not known USD a month")
    assert (
        compared(saved(plan()), unknown).splitlines()[0].endswith("; steady unchanged, maximum not known USD a month")
    )


def test_several_stacks_have_a_verdict_and_a_sum_before_each_of_them():
    dev, prod = saved(every_kind()), saved(plan(stack="prod"))
    before = older()
    said = markdown([dev, prod], {**against(before, dev), **against({**before, "stack": "prod"}, prod)}).splitlines()
    assert said[0] == "### FAIL: 1 of 2 stacks fails; steady unchanged, maximum +1,460\\* USD a month in all"
    assert [line.split(";")[0] for line in said if line.startswith("####")] == [
        "#### FAIL: shop / dev: 1 check fails, 1 warns",
        "#### OK: shop / prod: no check fails",
    ]
    assert markdown([prod, saved(plan(stack="qa"))]).splitlines()[0] == "### OK: all 2 stacks hold"
    one = markdown([dev, prod], against(before, dev)).splitlines()[0]
    assert one.endswith("maximum +730\\* USD a month in 1 of them, which has a plan of before")


def test_a_baseline_is_counted():
    row = {"recorded": "2026-11-24", "known": 3, "new": [{}], "worse": [], "gone": [{}, {}]}
    said = markdown([{**saved(plan()), "baseline": row}])
    assert "Failures since the baseline of 2026-11-24: 1 new, 0 worse, 3 known, 2 gone." in said


def test_what_the_baseline_knows_is_no_change():
    before = saved(with_findings(plan(), reports.FAILING))
    known = replace(reports.FAILING, waived="in the baseline of 2026-11-24")
    row = {"recorded": "2026-11-24", "known": 1, "new": [], "worse": [], "gone": []}
    now = saved(with_findings(plan(), known))
    assert "waived now" in compared(before, now)
    said = compared(before, {**now, "baseline": row})
    assert said.startswith("### OK: ")
    assert "waived now" not in said
    assert "0 new, 0 worse, 1 known, 0 gone" in said


def test_a_list_and_the_whole_are_as_long_as_a_comment_may_be():
    many = [Finding("a", f"pool-{number}", False, "bad " * 300, "error", "mend " * 300) for number in range(60)]
    said = markdown([saved(with_findings(plan(), *many))] * 3)
    assert len(said) < LONGEST < 65_536
    assert said.endswith("- and more: a comment holds no more of this\n")
    assert said.count("`pool-") == 29
    assert "- and 35 more\n" in said
    assert max(map(len, said.splitlines())) < 2_200


# --- names stay text -------------------------------------------------------------------------------------------------


HARMLESS = {"h3", "h4", "p", "ul", "li", "strong", "code", "table", "thead", "tbody", "tr", "th", "td"}
# GitHub's documentation: mentions, references to issues and commits, addresses, and signs with a name.
COMES_ALIVE = [
    r"@[A-Za-z0-9]",
    r"#\d",
    r"(?i)\bgh-\d",
    r"(?<![0-9A-Za-z])(?!\d{12}(?![0-9A-Za-z]))[0-9a-fA-F]{7,40}",
    r"(?i)[a-z]://",
    r"(?i)www\.",
    r":[\w+-]+:",
]


class Read(HTMLParser):
    """What a browser gets: tags, their attributes, and text outside and inside of code."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.whole = self.text = ""
        self.codes: list[str] = []
        self.others: list[str] = []
        self._in_code = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._in_code = tag == "code"
        if self._in_code:
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")
        self._in_code = False

    def handle_data(self, data: str) -> None:
        self.whole += data
        if self._in_code:
            self.codes[-1] += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)


def read(text: str) -> Read:
    unsafe = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES  # what GitHub's next step would still see
    return Read(cmarkgfm.github_flavored_markdown_to_html(text, unsafe))


def named(name: str) -> str:
    """A comment in which everything that a program or a chart can name has this name."""
    bad = Finding("gpu-pools-are-capped", name, False, f"of {name}", "error", f"mend {name}")
    dear = Finding("maximum-within-budget", name, False, name, "warning", name)
    waived = Finding("gpu-nodes-are-tainted", name, False, name, "error", name, name)
    new = saved(with_findings(_PLAN, bad, dear, waived))
    pool = {**new["pools"][0], "name": name, "backend": name, "instance_types": [name, f"{name} more"]}
    pool |= {"labels": {name: name}, "taints": [{"key": name, "value": name, "effect": "NoSchedule"}]}
    work = {**new["workloads"][0], "name": name, "namespace": name, "kind": name, "admitted_by": [name]}
    unread = [{"subject": name, "what": "values", "why": name, "how": name}]
    new |= {"project": name, "pools": [pool, *new["pools"][1:]], "workloads": [work], "unread": unread}
    old = json.loads(json.dumps(new))
    old |= {"project": f"old {name}", "workloads": []}
    old["pools"][0] |= {"labels": {}, "taints": [], "instance_types": []}
    return markdown([new], against(old, new), [name]) + markdown([{**new, "baseline": _BASELINE | {"recorded": name}}])


_PLAN = plan()
_BASELINE: dict[str, Any] = {"known": 0, "new": [], "worse": [], "gone": []}
PIECES = [
    *(
        "@team",
        "@org/team",
        "#12",
        "GH-12",
        "owner/repo#3",
        "_GH-1",
        "a@b.example",
        ":tada:",
        ":+1:",
        "$x^2$",
        "%3",
        "!4",
    ),
    *(
        "https://x.example/y",
        "www.x.example",
        "_www.x.example",
        "ftp://x",
        "mailto:a@b.example",
        "a://b",
        "//x.example",
    ),
    *(
        "![a](https://x.example/y.png)",
        "[a](b)",
        "[a]: b",
        "[^1]",
        "[^1]: a",
        "- [ ] a",
        "[x]",
        "<b>",
        "<!-- a -->",
        "</li>",
    ),
    *(
        "<img src=x onerror=y>",
        "<https://x.example>",
        "&lt;",
        "&#64;team",
        "&commat;team",
        "<?a?>",
        "<![CDATA[a]]>",
    ),
    *(
        "|",
        "||",
        "a|b",
        "\\|",
        "\\\\|",
        "|---|",
        "`",
        "``",
        "```",
        "`" * 90,
        "~~a~~",
        "**a**",
        "_a_",
        "***",
        "\\",
        "\\`",
    ),
    *(
        "\n",
        "\n\n",
        "\r\n",
        "\n# a",
        "\n> a",
        "\n```\na",
        "\n---\n",
        "\n| a | b |\n|---|---|\n",
        "\t",
        "  \n",
        "\x0b",
    ),
    *("1. a", "1) a", "- a", "+ a", "* a", "# a", "===", "---", "> a", "    a", "a" * 900),
    *("a5c3785ed8d6a35868bc169f07e40e889087fd2e", "111122223333", "1234567", "deadbeef", "i-0123456789abcdef0"),
    *(
        "\u202e",
        "\u2066",
        "\u200b",
        "\u200d",
        "\U000e0041",
        "\u2028",
        "\x00",
        "\x1b[31m",
        "\ud800",
        "é",
        "＠team",
        " ",
    ),
]
NAMES = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=6).map("".join)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NAMES.filter(str.split))
def test_a_name_changes_no_structure_and_nothing_of_it_comes_alive(name):
    _is_text(name)


@pytest.mark.parametrize("name", [piece for piece in PIECES if piece.split()], ids=ascii)
def test_nothing_that_would_be_alive_by_itself_comes_alive(name):
    _is_text(name)


def _is_text(name: str) -> None:
    found = read(named(name))
    assert _blocks(found) == _plain_blocks()
    assert {tag.removeprefix("/") for tag in found.tags} <= HARMLESS
    assert {name for name, _ in found.attributes} <= {"align"}
    assert not found.others
    for alive in COMES_ALIVE:
        assert not re.search(alive, found.text), alive
    assert not set(found.text) & set("\u202e\u2066\u2028\U000e0041")


@cache
def _plain_blocks() -> list[str]:
    return _blocks(read(named("name")))


def _blocks(found: Read) -> list[str]:
    return [tag for tag in found.tags if not tag.endswith("code")]


@settings(max_examples=300, deadline=None)
@given(NAMES, NAMES)
def test_a_reader_sees_the_name_as_it_is(name, other):
    item = read(f"- {code(name)}: {plain(other)}\n")
    if item.codes:
        assert item.codes == [_seen(name) or " "]
    assert item.whole.replace("\u200b", "").strip() == f"{_seen(name)}: {_seen(other)}".strip()
    cells = read(f"| {plain(name)} | {plain(other)} |\n|---|---|\n")
    assert cells.tags[:4] == ["table", "thead", "tr", "th"]
    assert cells.tags.count("th") == 2
    assert cells.text.replace("\u200b", "").split("\n")[3:5] == [_seen(name), _seen(other)]


def _seen(name: str) -> str:
    said = " ".join(visible(name).split())
    return said if len(said) <= 1_000 else f"{said[:999]}…"


@pytest.mark.parametrize("name", ["a` b", "a``b", "`", "``` a ` b ``", "a`` <img src=x> ``b", "`a`", "", "`" * 15])
def test_a_name_stays_in_its_code_span(name):
    assert read(code(name)).codes == [name or " "]


def test_the_oracle_finds_what_is_alive():
    assert {"a", "img"} <= set(read("[a](b) ![c](d)").tags)
    assert read("<b>x</b> <!-- y -->").others == [" y "]
    assert read("_www.x.example").tags[1] == "a"
    alive = list(_alive("@team #12 GH-3 a5c3785ed8d6 https://x www.x :tada:"))
    assert alive == COMES_ALIVE


def _alive(text: str) -> Iterator[str]:
    for rule in COMES_ALIVE:
        if re.search(rule, text):
            yield rule
