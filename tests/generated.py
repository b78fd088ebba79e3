"""The generated parts of pages, which one process of a test session writes for all."""

from functools import cache

from tests.session import once
from tools.pages import generated


@cache
def pages() -> dict[str, str]:
    """File -> the text that it should have."""
    return once("generated pages", generated)
