"""Documents broken at random, the same for a seed: in their text, and in the data that the text says."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, float("1e308"), "", " ", "\x00", "ü" * 300, "1e999999999", "-0"),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"a": {"a": {"a": {}}}},
        "urn:pulumi:x",
        "a\x1b[31m\u202eb",
        "[/red] ![a](https://x.example) <b> `",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    ),
)
SCRAPS = (
    "\x00",
    "\t",
    "{",
    "}",
    "[",
    "]",
    ":",
    "- ",
    "&a ",
    "*a ",
    "!!python/object:os.system ",
    "|",
    ">",
    "'",
    '"',
    "%",
    "---\n",
)


def broken(seeds: list[Any], number: int, seed: int, write: Any) -> Iterator[str]:
    """`write` turns data into text."""
    chance = random.Random(seed)
    for _ in range(number):
        data = copy.deepcopy(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            data = _mutated(data, chance)
        text = write(data)
        yield _scrawled(text, chance) if chance.random() < 0.3 else text


def _mutated(data: Any, chance: random.Random) -> Any:
    places = list(_places(data))
    if not places:
        return chance.choice(VALUES)
    holder, key = chance.choice(places)
    match chance.randint(0, 4):
        case 0:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
        case 1 if isinstance(holder, dict):
            del holder[key]
        case 2 if isinstance(holder, dict):
            holder[str(key).swapcase() + chance.choice(("", "s", "\x00"))] = holder.pop(key)
        case 3:
            other, its = chance.choice(places)
            holder[key] = copy.deepcopy(other[its])
        case _:
            holder[key] = [holder[key]] if chance.random() < 0.5 else {str(key): holder[key]}
    return data


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield data, key
            yield from _places(value)
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield data, position
            yield from _places(value)


def _scrawled(text: str, chance: random.Random) -> str:
    for _ in range(chance.randint(1, 5)):
        at = chance.randint(0, len(text))
        match chance.randint(0, 2):
            case 0:
                text = text[:at] + chance.choice(SCRAPS) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 40) :]
            case _:
                text = text[:at]
    return text


def as_json(data: Any) -> str:
    return json.dumps(data)
