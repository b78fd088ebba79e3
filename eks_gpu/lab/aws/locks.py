"""One call at a time: moto reads its state, then writes it, without a lock, and an engine makes forty calls at once.

Of seven tags put on one auto scaling group in the same moment, some would be lost.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.core.responses import BaseResponse

WAITING = {"sqs"}
"""Services whose calls wait for something: 20 s for a message. Nobody else waits for them."""


@contextmanager
def in_turns() -> Iterator[None]:
    """While it lasts, moto in this process answers its calls one after the other."""
    answer, turn = BaseResponse.call_action, threading.RLock()

    def answer_in_turn(response: Any) -> Any:
        if response.service_name in WAITING:
            return answer(response)
        with turn:
            return answer(response)

    with patch.object(BaseResponse, "call_action", answer_in_turn):
        yield
