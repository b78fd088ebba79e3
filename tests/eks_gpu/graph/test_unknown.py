"""Unknown values: as if they were not there, and who asks for one is heard."""

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.unknown import (
    Asked,
    Remembered,
    listening,
    merged,
    pairs,
    renamed,
    starting_with,
    tell,
    texts,
    without,
)
from eks_gpu.graph.values import decoded, replaced

ANY = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
URN = "urn:pulumi:dev::shop::aws:eks/nodeGroup:NodeGroup::gpu"


def told(value: Any) -> Any:
    return replaced(decoded(value), {}, URN)


def heard(ask: Callable[[], Any]) -> list[str]:
    with listening() as asked:
        ask()
    return [str(each) for each in sorted(asked)]


GROUP = {
    "name": "gpu",
    "tags": {"Name": ANY, "team": "ml"},
    "subnetIds": ["a", ANY],
    "taints": [{"key": "k"}],
    "size": ANY,
}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda group: group.get("name"), []),
        (lambda group: group["tags"].get("team"), []),
        (lambda group: group.get("size"), ["size of gpu"]),
        (lambda group: "size" in group, ["size of gpu"]),
        (lambda group: group["tags"].get("Name"), ["tags.Name of gpu"]),
        (lambda group: list(group["tags"].items()), ["tags.Name of gpu"]),
        (lambda group: list(group["tags"].values()), ["tags.Name of gpu"]),
        (lambda group: list(group["tags"]), ["tags.Name of gpu"]),
        (lambda group: list(group["subnetIds"]), ["subnetIds[1] of gpu"]),
        (lambda group: len(group["subnetIds"]), ["subnetIds[1] of gpu"]),
        (lambda group: "a" in group["subnetIds"], ["subnetIds[1] of gpu"]),
        (lambda group: group["subnetIds"][0], ["subnetIds[1] of gpu"]),
        (lambda group: bool(group["tags"]) and bool(group["subnetIds"]), []),
        (lambda group: list(group["taints"]), []),
    ],
)
def test_who_asks_for_an_unknown_value_is_heard_and_nobody_else(ask, said):
    assert heard(lambda: ask(told(GROUP))) == said


def test_an_unknown_value_is_as_if_it_were_not_there():
    group = told(GROUP)
    assert (group.get("size", 7), group["tags"], group["subnetIds"]) == (7, {"team": "ml"}, ["a"])
    with pytest.raises(KeyError):
        group["size"]


@pytest.mark.parametrize(
    ("made", "known", "asked"),
    [
        (lambda tags: merged({"a": "1"}, tags), {"a": "1", "team": "ml"}, "tags.Name of gpu"),
        (lambda tags: merged(tags, {"b": "2"}), {"team": "ml", "b": "2"}, "tags.Name of gpu"),
        (lambda tags: tags | {"b": "2"}, {"team": "ml", "b": "2"}, "tags.Name of gpu"),
        (lambda tags: {"b": "2"} | tags, {"b": "2", "team": "ml"}, "tags.Name of gpu"),
        (lambda tags: without(tags, "team"), {}, "tags.Name of gpu"),
        (lambda tags: texts(tags), {"team": "ml"}, "tags.Name of gpu"),
        (lambda tags: renamed(tags, {"Name": "Name"}), {}, "tags.Name of gpu"),
    ],
)
def test_a_map_made_of_an_unknown_one_says_nothing_when_it_is_made_and_all_when_it_is_asked(made, known, asked):
    tags = told(GROUP)["tags"]
    with listening() as before:
        found = made(tags)
    assert (dict(found.items()), before) == (known, set())
    assert heard(lambda: found.get("Name")) == [asked]
    assert heard(lambda: found.get("team")) == []


def test_a_known_value_in_its_place_makes_a_value_known():
    found = merged(told(GROUP)["tags"], {"Name": "node"})
    assert found == {"team": "ml", "Name": "node"}
    assert heard(lambda: found.get("Name")) == []


def test_a_list_of_tags_is_unknown_tag_by_tag():
    listed = told(
        [{"key": "Name", "value": ANY}, {"key": "ca/enabled", "value": "true"}, {"key": "ca/label/a", "value": ANY}]
    )
    found = pairs(listed)
    assert heard(lambda: found.get("ca/enabled")) == []
    assert heard(lambda: found.get("Name")) == ["[0].value of gpu"]
    assert heard(lambda: starting_with(found, "ca/label/")) == ["[2].value of gpu"]
    assert starting_with(found, "ca/") == {"enabled": "true"}


def test_what_was_computed_from_unknown_values_is_heard_where_it_is_taken():
    one = Asked(URN, "size")
    found = Remembered({"a": 1, "b": 2}, {"a": [one]})
    assert heard(lambda: found["b"]) == []
    assert heard(lambda: found["a"]) == ["size of gpu"]


@pytest.mark.parametrize(("alone", "outside"), [(False, ["size of gpu"]), (True, [])])
def test_an_outer_listener_hears_what_an_inner_one_does_unless_that_one_is_alone(alone, outside):
    def inner() -> None:
        with listening(alone=alone) as asked:
            tell([Asked(URN, "size")])
        assert len(asked) == 1

    assert heard(inner) == outside


def test_what_is_made_of_a_graph_is_made_once_and_asks_at_each_step_every_time():
    made = []

    def sizes(graph: Graph) -> Iterator[Any]:
        for each in graph:
            made.append(each.name)
            yield each.inputs.get("size")
        tell([Asked(URN, "end")])

    group = Resource(URN, "t", "gpu", inputs=told({"size": ANY}))
    graph = Graph([Resource("urn:a", "t", "a", inputs={"size": 1}), group])
    for _ in range(2):
        steps = graph.replayed(sizes)
        assert heard(lambda steps=steps: next(steps)) == []
        assert heard(lambda steps=steps: next(steps)) == ["size of gpu"]
        assert heard(lambda steps=steps: list(steps)) == ["end of gpu"]
    assert made == ["a", "gpu"]
    assert list(pickle.loads(pickle.dumps(graph)).replayed(sizes)) == [1, None]
    assert len(made) == 4


def test_what_is_heard_alone_is_not_heard_outside():
    def alone() -> None:
        with listening(alone=True):
            tell([Asked(URN, "size")])

    assert heard(alone) == []
    assert heard(lambda: tell([Asked(URN, "size")])) == ["size of gpu"]
