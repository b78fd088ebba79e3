"""Inputs that do not match their type: a file may contain anything, and readers rely on the types."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from eks_gpu.graph.graph import Resource
from eks_gpu.io.problems import InputError


@contextmanager
def read(resources: Iterable[Resource]) -> Iterator[None]:
    """What goes wrong inside is told as InputError, with resource and property where the providers' types know it."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        told = f"the inputs of a resource are not as its type has them ({type(error).__name__}: {error})"
        raise InputError(list(_misshapen(resources)) or [told]) from error


def _misshapen(resources: Iterable[Resource]) -> Iterator[str]:
    try:
        from eks_gpu.offline.sdk_schema import problems  # it takes a second to load, and is asked now only
    except ImportError:  # where the policy pack runs without the providers' SDKs
        return
    for resource in resources:
        if resource.custom and resource.type.startswith(("aws:", "kubernetes:")):
            for problem in problems(resource.type, resource.inputs):
                if ": want " in problem:  # what is missing, or new to this SDK, can be read all the same
                    yield f"{resource.urn.rpartition('::')[2]}: {problem}"
