"""The provider as a process that the engine starts."""

import sys
from importlib import import_module

import pulumi
from pulumi.provider import main

from .components import Components
from .package import installed_version


def components() -> list[type[pulumi.ComponentResource]]:
    """Every public component of the library."""
    library = import_module("..", __package__)
    found = (getattr(library, name) for name in dir(library))
    return [made for made in found if isinstance(made, type) and issubclass(made, pulumi.ComponentResource)]


def provider() -> Components:
    """The provider of every public component."""
    return Components(components(), installed_version())


def serve() -> None:
    """Prints the port that the provider answers on, and answers until it is ended."""
    main(provider(), sys.argv[1:])
