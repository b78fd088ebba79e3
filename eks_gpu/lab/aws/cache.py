"""What moto works out anew at each call though it never changes, kept: 2 s for the instance types of a region.

Whoever may not ask hears so as before: moto looks at that first.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from moto.core.responses import ActionResult
from moto.ec2.responses.instances import InstanceResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from eks_gpu.lab.aws.offered import LISTS

Answer = tuple[int, dict[str, str], Any]


@contextmanager
def kept() -> Iterator[None]:
    """While it lasts, moto in this process answers these as it did the first time."""
    answers: dict[str, Answer] = {}
    backend_of = DomainDispatcherApplication.get_backend_for_host
    with ExitStack() as patches:
        for operation in LISTS:
            answer = _kept(answers, getattr(InstanceResponse, operation))
            patches.enter_context(patch.object(InstanceResponse, operation, answer))
        patches.enter_context(patch.object(DomainDispatcherApplication, "get_backend_for_host", cache(backend_of)))
        yield


def _kept(answers: dict[str, Answer], answer: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def answer_once(response: Any) -> ActionResult:
        asked = json.dumps([response.region, response._get_action(), response.params], sort_keys=True, default=str)
        return _Kept(answers, asked, None if asked in answers else answer(response).result)

    return answer_once


class _Kept(ActionResult):
    """An answer as it goes over the wire: most of the time is for writing it as XML."""

    def __init__(self, answers: dict[str, Answer], asked: str, result: object):
        super().__init__(result)
        self._answers, self._asked = answers, asked

    def execute_result(self, context: Any) -> Any:
        if self._asked not in self._answers:
            self._answers[self._asked] = super().execute_result(context)
        status, headers, body = self._answers[self._asked]
        return status, dict(headers), body
