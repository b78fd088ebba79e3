"""Pages: their generated parts are what `make pages` writes, and leave nothing out."""

import re

import pytest

from eks_gpu.checks import CHECKS
from eks_gpu.importers.findings import RULES
from tests.generated import pages
from tests.programs import ROOT
from tests.test_package import CLASSES
from tools.pages import filled, table


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_every_page_is_as_make_pages_writes_it():
    assert len(pages()) > 50
    stale = [file for file, text in pages().items() if (ROOT / file).read_text(encoding="utf-8") != text]
    assert stale == []


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)
def test_a_component_has_a_table_of_its_arguments(made):
    args = made.__init__.__annotations__["args"]
    (text,) = [text for text in pages().values() if f"<!-- generated: arguments {args.__name__} -->" in text]
    rows = re.findall(r"^\| `([a-z_]+)` \| ", text, re.MULTILINE)
    assert args.__annotations__ and args.__annotations__.keys() <= {*rows}


def test_a_pool_is_described_with_what_stands_inside_it():
    assert "| `need.architecture` | CPU architecture: amd64 or arm64. | amd64 |\n" in page("gpu_pool.md")
    assert "| `max_age_h` | Hours after which a node is replaced; not for node groups. | 720 with Karpenter, " in page(
        "gpu_pool.md"
    )
    assert "| `pool.taints[].key` | Key of the taint, such as nvidia.com/gpu. | required |\n" in page(
        "spot_node_group.md"
    )
    assert (
        "| `settings.access_entries.<name>.namespaces` | Namespaces in which the permission holds. | everywhere |"
        in page("cluster.md")
    )


def test_the_page_of_checks_has_each_at_an_anchor_of_its_id():
    rows = re.findall(r'^\| <a id="([a-z0-9-]+)"></a>`([a-z0-9-]+)` \| (error|warning) \|', page("checks.md"), re.M)
    assert len(rows) > 80
    assert rows == [(id_, id_, check.severity) for id_, check in sorted(CHECKS.items())]


def test_a_row_of_the_page_of_checks():
    assert (
        '| <a id="gpu-pools-start-at-zero"></a>`gpu-pools-start-at-zero` | error | GPU pool | NVIDIA, Neuron, AMD, '
        "Habana | Nodes run and cost money without work. DaemonSets do not count as work. It is a warning if somebody "
        "asked for a fixed number of nodes: a NodePool with `replicas`, or a group with the tag of `nodes` of a pool. "
        "| Set minimum and desired size to 0. | Cluster Autoscaler, its code and README for AWS (read 2026-11-21); "
        "Karpenter 1.15.0, its code and its CRDs (read 2026-11-28) |\n"
    ) in page("checks.md")


def test_the_page_of_import_has_each_rule_with_its_kind():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (wrong|outdated|lost) \| .+\. \|$", page("import.md"), re.M)
    assert len(rows) > 50
    assert rows == [(id_, rule.kind) for id_, rule in sorted(RULES.items())]


def test_the_page_of_the_catalog_has_each_chart_with_its_version():
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (v?[0-9.]+) \| (?:https|oci)://", page("catalog.md"), re.M)
    assert len(rows) == 18
    assert ("karpenter", "1.15.0") in rows
    assert ("gpu-operator", "v26.7.0") in rows


def test_what_is_around_a_generated_part_stays():
    text = "before\n<!-- generated: import-rules -->\nyesterday's\n<!-- end -->\nafter\n"
    assert filled(text).startswith("before\n<!-- generated: import-rules -->\n| Rule | Kind |")
    assert filled(text).endswith(" |\n<!-- end -->\nafter\n")
    assert "yesterday" not in filled(text)


def test_a_part_that_nothing_generates_is_an_error():
    with pytest.raises(KeyError, match="nonsense"):
        filled("<!-- generated: nonsense -->\n<!-- end -->\n")


def test_a_table_takes_bars_and_angle_brackets_for_text():
    assert table(["a", "b"], [["x|y <z>", "`<code>`"]]) == "| a | b |\n| --- | --- |\n| x\\|y \\<z> | `<code>` |"


def test_what_sarif_links_to_is_an_anchor_of_the_page(monkeypatch):
    monkeypatch.setattr("eks_gpu.io.documentation.address", lambda: "https://gpus.example/docs")
    links = [check.link for check in CHECKS.values()]
    assert len(links) > 80
    for link in links:
        file, _, anchor = link.removeprefix("https://gpus.example/docs/").partition("#")
        assert f'<a id="{anchor}"></a>' in page(file)
