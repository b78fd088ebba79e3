"""Where the pages of docs/ are published: `Documentation` in pyproject's `[project.urls]`, and nowhere else."""

from functools import cache
from importlib.metadata import metadata


@cache
def address() -> str:
    """Address of the folder with the pages, without a slash at the end; empty where the distribution names none."""
    urls = dict(url.split(", ", 1) for url in metadata("eks-gpu-components").get_all("Project-URL", ()))
    return urls.get("Documentation", "").rstrip("/")


def link(page: str) -> str:
    """Address of a page or of an anchor on it, as `checks.md#gpu-nodes-are-tainted`; empty where there is none."""
    return f"{address()}/{page}" if address() else ""
