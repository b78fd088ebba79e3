"""PromQL as far as tests need it without Prometheus: the names of the series that a query asks for."""

import re

_WORDS = frozenset({"and", "bool", "or", "unless"})


def series(query: str) -> set[str]:
    """Names of series in a query. Functions, labels and strings are no series."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', query)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)", " ", bare)
    names = re.findall(r"(?<![\w:.])([A-Za-z_:][\w:]*)\b(?!\s*\()", bare)
    return {name for name in names if name not in _WORDS}
