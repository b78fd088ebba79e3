"""An answer as the text of a stack's file, with a comment at each choice that was made for the user."""

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from eks_gpu.importers.settings import Answer

SETTINGS, REGION = "eks-gpu:settings", "aws:region"


def written(answer: Answer, source: str) -> str:
    """YAML for Pulumi.<stack>.yaml."""
    settings = _with_comments(answer.settings, answer, ())
    config = CommentedMap({REGION: answer.region} if answer.region else {})
    if note := answer.notes.get((REGION,)):
        config.yaml_add_eol_comment(note, REGION)
    config[SETTINGS] = settings
    document = CommentedMap({"config": config})
    document.yaml_set_start_comment(f"From {source}, by eks-gpu import.")
    yaml, text = YAML(), StringIO()
    yaml.width = 200  # longer lists are written in lines
    yaml.dump(document, text)
    return text.getvalue()


def _is_small(value: dict[str, Any]) -> bool:
    """Whether it reads best on one line."""
    return len(value) < 4 and not any(isinstance(item, dict) for item in value.values()) and len(str(value)) < 80


def _with_comments(value: Any, answer: Answer, path: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        made = CommentedMap()
        for key, item in value.items():
            made[key] = _with_comments(item, answer, (*path, key))
            if note := answer.notes.get((*path, key)):
                _comment(made, key, note, indent=2 * (len(path) + 2))
        if _is_small(value):
            made.fa.set_flow_style()
        return made
    if isinstance(value, list | tuple):
        items = CommentedSeq([_with_comments(item, answer, path) for item in value])
        if not any(isinstance(item, dict) for item in items) and len(", ".join(map(str, items))) < 90:
            items.fa.set_flow_style()
        return items
    return value


def _comment(made: CommentedMap, key: str, note: str, indent: int) -> None:
    """At the end of a value's line; before a key whose value is long."""
    if len(str(made[key])) > 80:
        made.yaml_set_comment_before_after_key(key, before=note, indent=indent)
    else:
        made.yaml_add_eol_comment(note, key)
