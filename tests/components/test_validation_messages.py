"""A ValidationError in a reader's words: path, rule, value given and nearest valid value."""

from collections.abc import Mapping
from datetime import date
from ipaddress import IPv4Network
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from components.values.validation_messages import RULES, Problem, problems_of, refused, shown, written


def told(shape: Any, given: Any, at: str = "") -> list[str]:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(shape).validate_python(given)
    return [problem.at(at) for problem in problems_of(error.value, shape)]


class Inner(BaseModel, extra="forbid"):
    count: int = 1


class Outer(BaseModel, extra="forbid"):
    inner: Inner = Inner()
    several: list[Inner] = []
    by_name: dict[str, Inner] = {}


def known(text: str) -> str:
    raise refused("must be a fruit", known=["apple", "pear"])


def unlike(text: str) -> str:
    raise ValueError("first is wrong\nmust be a fruit")


@pytest.mark.parametrize(
    ("shape", "given", "rule"),
    [
        (str, None, "must be a string, got nothing"),
        (str, 1.35, 'must be a string, got 1.35; nearest: "1.35"'),
        (str, True, 'must be a string, got true; nearest: "true"'),
        (str, ["a", {"b": None}], "must be a string, got ['a', {'b': nothing}]"),
        (Annotated[str, Field(min_length=1)], "", "must not be empty, got ''"),
        (Annotated[str, Field(min_length=2)], "a", "must have 2 characters or more, got 'a'"),
        (Annotated[str, Field(max_length=2)], "abc", "must have 2 characters or fewer, got 'abc'"),
        (Annotated[str, Field(pattern="^urn:")], "u", "must match ^urn:, got 'u'"),
        (int, "many", "must be a whole number, got 'many'"),
        (int, 1.5, "must be a whole number, got 1.5"),
        (int, [], "must be a whole number, got []"),
        (float, "much", "must be a number, got 'much'"),
        (bool, "maybe", "must be true or false, got 'maybe'"),
        (Annotated[int, Field(ge=3)], 2, "must be at least 3, got 2"),
        (Annotated[int, Field(gt=3)], 3, "must be more than 3, got 3"),
        (Annotated[float, Field(le=1)], 1.5, "must be at most 1, got 1.5"),
        (Annotated[int, Field(le=3)], 4, "must be at most 3, got 4"),
        (Annotated[int, Field(lt=3)], 3, "must be less than 3, got 3"),
        (list[str], "a", "must be a list, got 'a'"),
        (tuple[str, ...], {"a": 1}, "must be a list, got {'a': 1}"),
        (Annotated[list[str], Field(min_length=2)], ["a"], "must have 2 or more, got ['a']"),
        (Annotated[list[str], Field(max_length=1)], ["a", "b"], "must have 1 or fewer, got ['a', 'b']"),
        (dict[str, str], [], "must be a map, got []"),
        (Mapping[str, str], "a", "must be a map, got 'a'"),
        (Inner, 3, "must be a map, got 3"),
        (Literal["none", "single"], "singel", "must be one of none, single, got 'singel'; nearest: single"),
        (Literal["none", "single"], "banana", "must be one of none, single, got 'banana'"),
        (Literal["none", "single"], 3, "must be one of none, single, got 3"),
        (IPv4Network, "ten", "must be an IPv4 network, as 10.0.0.0/16, got 'ten'"),
        (date, "soon", "must be a date, as 2026-07-31, got 'soon'"),
        (Annotated[str, AfterValidator(known)], "aple", "must be a fruit, got 'aple'; nearest: apple"),
        (Annotated[str, AfterValidator(known)], "car", "must be a fruit, got 'car'"),
    ],
)
def test_the_rule_and_the_value(shape, given, rule):
    assert told(shape, given) == [rule]
    assert told(shape, given, "here") == [f"here {rule}"]


def test_every_row_of_the_table_is_a_rule_of_pydantics():
    assert RULES.keys() <= {*get_args(ErrorType), "ip_v4_address", "ip_v4_network"}


def test_a_path_through_maps_and_lists():
    assert told(Outer, {"several": [{}, {"count": "x"}], "by_name": {"a": {"count": "y"}}}, "top") == [
        "top.several[1].count must be a whole number, got 'x'",
        "top.by_name.a.count must be a whole number, got 'y'",
    ]
    assert told(list[Inner], [{"count": "x"}], "top") == ["top[0].count must be a whole number, got 'x'"]
    assert written(("spec", "containers", 0, "resources")) == "spec.containers[0].resources"


def test_a_wrong_key_of_a_map_stands_at_the_key():
    assert told(dict[int, str], {"a": "b"}) == ["a must be a whole number, got 'a'"]


def test_an_unknown_key_has_the_nearest_of_its_own_level_or_all():
    assert told(Outer, {"inner": {"cuont": 1}, "severel": []}) == [
        "inner.cuont is not a known key; nearest: count",
        "severel is not a known key; nearest: several",
    ]
    assert told(Outer, {"by_name": {"a": {"x": 1}}}) == ["by_name.a.x is not a known key; there are: count"]


def test_what_a_validator_says_has_a_line_each_and_a_colon_unless_it_continues_the_path():
    assert told(Annotated[str, AfterValidator(unlike)], "a", "here") == ["here: first is wrong", "here must be a fruit"]


def test_a_rule_without_a_row_is_told_as_pydantic_words_it():
    assert told(Annotated[int, Field(multiple_of=2)], 3) == ["input should be a multiple of 2, got 3"]


def test_what_is_large_is_cut():
    assert len(shown("x" * 10_000)) <= 82
    assert shown([{"a": ["x" * 90] * 90} for _ in range(90)]) == "a list"
    assert shown({"a": ["x" * 90] * 90}) == "a map"
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    assert shown(deep) == "[[[[...]]]]"


def test_a_problem_of_the_whole_has_no_path():
    assert Problem((), "must be a map, got 3").at("") == "must be a map, got 3"
