"""The line of the program that registers a resource, which is all that a plan tells of the SDK's stack traces."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import source_pb2


@contextmanager
def lines_alone() -> Iterator[None]:
    """Inside, the SDK sends the one frame that is asked for; with all of them, it reads each file of the trace."""
    registering: Any = sys.modules["pulumi.runtime.resource"]
    original, registering._get_stack_trace = registering._get_stack_trace, _trace
    try:
        yield
    finally:
        registering._get_stack_trace = original


def _trace() -> source_pb2.StackTrace:
    """The caller of a resource's constructor, the third `__init__` from here, as the SDK finds it."""
    frame, constructors = sys._getframe(1), 0
    while frame and constructors < 3:
        constructors += frame.f_code.co_name == "__init__"
        frame = frame.f_back
    if frame is None:
        return source_pb2.StackTrace()
    file = Path(frame.f_code.co_filename)
    if not file.is_absolute():  # code that was made from a text
        return source_pb2.StackTrace(frames=[source_pb2.StackFrame()])
    position = source_pb2.SourcePosition(uri=file.as_uri(), line=frame.f_lineno)
    return source_pb2.StackTrace(frames=[source_pb2.StackFrame(pc=position)])
