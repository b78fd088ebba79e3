"""How args are refused: every problem at once, each with its path, the rule, the value and the nearest valid one."""

from enum import StrEnum
from typing import Annotated, Any, NotRequired

import pytest
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from components import AutoModeGpuPool, GpuNodeGroup, KarpenterGpuPool, SpotNodeGroup
from components.values.value import BadInput, CheckedAs, Value, check


class Nat(StrEnum):
    NONE = "none"
    SINGLE = "single"


class Network(Value):
    nat: Nat = Nat.SINGLE
    zones: int = Field(default=3, ge=2, le=3)

    @model_validator(mode="after")
    def _a_rule_between_fields(self):
        if self.nat is Nat.NONE and self.zones == 3:
            raise ValueError("nat none takes 2 zones")
        return self


class NetworkArgs(TypedDict):
    nat: NotRequired[str]
    zones: NotRequired[int]


class Settings(TypedDict):
    network: Annotated[NetworkArgs, CheckedAs(Network)]
    pools: NotRequired[dict[str, Annotated[NetworkArgs, CheckedAs(Network)]]]


def problems(shape: Any, given: Any, at: str = "") -> list[str]:
    with pytest.raises(BadInput) as bad:
        check(shape, given, at)
    return bad.value.problems


def test_every_problem_is_told_at_once_with_its_path():
    assert problems(Settings, {"network": {"nat": "singel", "zones": 4}, "pool": {}}, "dev:settings") == [
        "dev:settings.network.nat must be one of none, single, got 'singel'; nearest: single",
        "dev:settings.network.zones must be at most 3, got 4",
        "dev:settings.pool is not a known key; nearest: pools",
    ]


def test_an_unknown_key_names_the_nearest_of_its_own_level():
    assert problems(Settings, {"network": {}, "pools": {"a": {"zoness": 2}}}) == [
        "pools.a.zoness is not a known key; nearest: zones"
    ]


class Networks(Value):
    several: tuple[Network, ...] = Field(min_length=2)


def test_a_list_that_is_too_short():
    assert problems(Networks, {"several": [{}]}) == ["several must have 2 or more, got [{}]"]


def test_a_list_is_not_too_short_for_what_is_wrong_in_it():
    assert problems(Networks, {"several": [{}, {"zones": 4}]}) == ["several[1].zones must be at most 3, got 4"]


def test_an_unknown_key_like_no_other_names_them_all():
    assert problems(Network, {"q": 1}) == ["q is not a known key; there are: nat, zones"]


def test_a_rule_between_fields_stands_at_their_path():
    assert problems(Settings, {"network": {"nat": "none"}}) == ["network: nat none takes 2 zones"]


def test_a_missing_key_and_a_wrong_type():
    assert problems(Settings, {"pools": []}) == [
        "network is required",
        "pools must be a map, got []",
    ]


def test_a_number_where_a_text_belongs_is_told_in_quotes():
    class Version(Value):
        version: str

    assert problems(Version, {"version": 1.35}) == ['version must be a string, got 1.35; nearest: "1.35"']


def test_a_long_value_is_cut():
    (problem,) = problems(Network, {"zones": "x" * 200})
    assert "x...x" in problem and len(problem) < 150


def test_checked_args_stay_as_they_were_given():
    assert check(Settings, {"network": {"zones": 2}}) == {"network": {"zones": 2}}


def test_a_value_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        check(Network, {}).zones = 2


SPOT = {"instance_types": [f"{family}.large" for family in ["m5", "m5a", "m6i", "m6a", "m7i", "m7a"]], "max_nodes": 2}


@pytest.mark.parametrize("made", [GpuNodeGroup, SpotNodeGroup, KarpenterGpuPool, AutoModeGpuPool])
def test_a_component_of_nodes_refuses_an_argument_that_it_does_not_have(made):
    known = dict.fromkeys(made.__init__.__annotations__["args"].__required_keys__ - {"pool"})
    pool = {"instance_types": ["g5.xlarge"], "max_gpus": 1}
    with pytest.raises(BadInput, match=r"^subnet is not a known key; nearest: subnets$"):
        made("gpu", {**known, "pool": SPOT if made is SpotNodeGroup else pool, "subnet": []})
