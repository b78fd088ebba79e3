"""The library in a project's own folder: the modules that the tool runs on, under the program's name for them.

The root project imports `components`, the folder that is installed as `eks_gpu_components`. No module of the library
has anything of a stack, so none is loaded a second time, for the first stack or the next.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import eks_gpu_components

LIBRARY = eks_gpu_components.__name__
HOME = Path(eks_gpu_components.__file__).resolve().parent


class _Finder(MetaPathFinder, Loader):
    """Finds `components.values.value` as `eks_gpu_components.values.value`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """None for a name that the library does not have, too."""
        ours = fullname.partition(".")[0] == HOME.name and find_spec(_installed(fullname)) is not None
        return ModuleSpec(fullname, self) if ours else None

    def exec_module(self, module: ModuleType) -> None:
        """Puts the library's module in the new one's place."""
        sys.modules[module.__name__] = import_module(_installed(module.__name__))


def _installed(name: str) -> str:
    return LIBRARY + name.removeprefix(HOME.name)


@contextmanager
def under_its_own_name(folder: Path) -> Iterator[None]:
    """Inside, a program gets the library's modules if the library lies in its folder and is not loaded from there."""
    if HOME.parent != folder.resolve() or HOME.name in sys.modules:
        yield
        return
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] == HOME.name]:
            del sys.modules[name]
