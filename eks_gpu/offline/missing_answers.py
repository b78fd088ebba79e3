"""Answers that a run lacked, as a file to be filled in: `plan-answers.yaml` with null for each value."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.unknown import root_of
from eks_gpu.graph.values import MASK, shown
from eks_gpu.offline.given import RESOURCES
from eks_gpu.offline.questions import Question
from eks_gpu.offline.sdk_types import outputs, results, word

HEAD = """\
# Answers that a plan lacked. Replace null by the value, and move the file, or its lines, to plan-answers.yaml beside
# Pulumi.yaml. What stays null counts as not given; a line that the program does not need can be deleted.
"""


def waited_for(resources: Iterable[Resource]) -> list[Resource]:
    """Resources with unknown outputs that others have as inputs, or that the program waits for."""
    by_urn = {each.urn: each for each in resources}
    wanted = {
        urn
        for each in by_urn.values()
        for path in each.unknown
        for urn in each.property_dependencies.get(root_of(path), ())
    }
    return [each for urn, each in by_urn.items() if urn in wanted or each.wanted]


def text(questions: Iterable[Question], resources: Iterable[Resource] = ()) -> str:
    """The file: YAML with a comment for each question, and the type of each value."""
    asked = sorted(set_of(questions), key=lambda question: (question.key, json.dumps(question.args, default=str)))
    lines = [line for key in dict.fromkeys(each.key for each in asked) for line in _question(key, asked)]
    return "\n".join([HEAD, *lines, *_resources(resources)]).rstrip() + "\n"


def set_of(questions: Iterable[Question]) -> list[Question]:
    """Each question once."""
    return list({(each.key, json.dumps(each.args, sort_keys=True, default=str)): each for each in questions}.values())


def _question(key: str, asked: list[Question]) -> Iterator[str]:
    same = [each for each in asked if each.key == key]
    guessed = tuple(f'"{each.key}.' for each in asked)

    for each in same:
        yield f"# {each.what}"
    if key.startswith("stack "):
        yield f"{_key(key)}: null  # a map of its outputs"
    elif " " in key:
        declared = outputs(key.partition(" ")[0])
        wanted = {name: declared.get(name, Any) for each in same for name in each.outputs} or declared
        yield f"{_key(key)}:" + ("" if wanted else " null  # a map of its outputs")
        yield from _values(wanted, "  ")
    else:
        yield f"{_key(key)}:"
        for each in same:
            args = {name: value for name, value in shown(each.args).items() if not _made_up(value, guessed)}
            yield "  - args:" + ("" if args else " {}")
            yield from (f"      {_key(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in args.items())
            fields = results(key)
            yield "    result:" + ("" if fields else " null  # a map")
            yield from _values(fields, "      ")
    yield ""


def _made_up(value: Any, guessed: tuple[str, ...]) -> bool:
    """Whether an argument is a secret, or was made of a stand-in."""
    text = json.dumps(value)
    return MASK in text or any(start in text for start in guessed)


def _resources(found: Iterable[Resource]) -> Iterator[str]:
    by_type: dict[str, list[Resource]] = {}
    for each in found:
        by_type.setdefault(each.type, []).append(each)
    if by_type:
        yield f"{RESOURCES}:"
    for type_, resources in sorted(by_type.items()):
        yield f"  {_key(type_)}:"
        for resource in sorted(resources, key=lambda each: each.name):
            declared = outputs(type_) if resource.id else {"id": str, **outputs(type_)}
            missing = {name: tp for name, tp in declared.items() if name not in resource.outputs}
            if resource.wanted:
                missing = {name: missing.get(name, Any) for name in resource.wanted}
            yield f"    {_key(resource.name)}:" + ("" if missing else " null  # a map of its outputs")
            yield from _values(missing, "      ")


def _values(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    yield from (f"{indent}{_key(name)}: null  # {word(tp)}" for name, tp in fields.items())


def _key(text: str) -> str:
    """A key of YAML, in quotes where it would not be read as it stands."""
    plain = text and text[0].isalpha() and ": " not in text and " #" not in text and not text.endswith(":")
    reserved = text.lower() in ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
    return text if plain and not reserved and "\n" not in text else json.dumps(text, ensure_ascii=False)
