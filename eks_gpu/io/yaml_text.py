"""YAML that kubectl, Pulumi and this tool read as what was written, in the order of the keys."""

from collections.abc import Mapping
from typing import Any

import yaml

from eks_gpu.io.yaml_values import KUBECTL, PULUMI, Dialect

_LINES = 120
_ENDLESS = 2**31 - 1


def dump(value: Any) -> str:
    """A document, a line for each key and item."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=_LINES, allow_unicode=True)


def dump_inline(value: Any) -> str:
    """A value on one line: `{nodes: 2}`, `[a, b]`, `text`."""
    text = yaml.dump(
        [value], Dumper=_Dumper, sort_keys=False, width=_ENDLESS, allow_unicode=True, default_flow_style=True
    )
    return text.strip()[1:-1]


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = not all(_is_text(text, dialect) for dialect in (KUBECTL, PULUMI))
    style = "|" if "\n" in text else "'" if quoted else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_text(text: str, dialect: Dialect) -> bool:
    try:
        return dialect.value(text) == text
    except ValueError:
        return False


_Dumper.add_representer(str, _text)
# A Map of the reader is a dict by its class, and a Mapping by its name alone.
for _kind in (dict, Mapping):
    _Dumper.add_multi_representer(_kind, lambda dumper, value: dumper.represent_dict(value.items()))
_Dumper.add_multi_representer(list, lambda dumper, value: dumper.represent_list(value))
