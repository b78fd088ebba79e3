"""A plan as one HTML page that needs no network. What it is drawn with is the extra `report`."""

from collections.abc import Callable

from eks_gpu.io.problems import InputError


def page_maker() -> Callable[..., str]:
    """`html.page`; its libraries take a second to load. Raises InputError where the extra `report` is not installed."""
    try:
        from eks_gpu.report.html import page
    except ImportError as missing:
        raise InputError(f"--html needs {missing.name}: pip install 'eks-gpu-components[report]'") from None
    return page
