"""Questions to an account, several at once: what is refused becomes a row of `unread`, what is gone is not there."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from eks_gpu.graph.unread import Unread
from eks_gpu.live.account import AccountReader, Denied
from eks_gpu.live.permissions import BY_ACTION

T = TypeVar("T")
R = TypeVar("R")

SERVICES = ("autoscaling", "ec2", "eks", "elbv2", "events", "iam", "kms", "sqs", "sts")
"""Whose clients are made before the threads begin: boto3 makes one at a time."""
_GONE = ("NotFound", "NoSuchEntity", "NonExistentQueue", "QueueDoesNotExist", "VersionNotFound")


class Reading:
    """One reading of an account, whose calls run in these threads."""

    def __init__(self, account: AccountReader, calls: Executor):
        self.account = account
        self._calls = calls
        self._unread: dict[str, Unread] = {}
        for service in SERVICES:
            account.client(service)

    @property
    def unread(self) -> list[Unread]:
        """What was refused, by the action."""
        return [row for _, row in sorted(self._unread.items())]

    def add(self, row: Unread) -> None:
        """Says that something is there and not read."""
        self._unread[f"{row.subject} {row.why}"] = row

    def rows(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """All that a list has; nothing where it may not be asked for, or where what it is of is gone."""
        found = self._asked(service, operation, lambda: self.account.rows(service, operation, key, **arguments))
        return found or []

    def get(self, service: str, operation: str, key: str = "", **arguments: Any) -> dict[str, Any]:
        """One answer, or what it has by the key; empty where it may not be asked for, or is gone."""
        found = self._asked(service, operation, lambda: self.account.ask(service, operation, **arguments)) or {}
        return (found.get(key) or {}) if key else found

    def each(self, ask: Callable[[T], R | None], items: Iterable[T]) -> list[R]:
        """An answer for each item, in their order, without empty ones. `ask` may not call this itself."""
        return [found for found in self._calls.map(ask, items) if found]

    def refused(self, service: str, *operations: str) -> bool:
        """Whether one of these was asked and refused."""
        return any(self.account.action(service, operation) in self._unread for operation in operations)

    def _asked(self, service: str, operation: str, question: Callable[[], R]) -> R | None:
        try:
            return question()
        except Denied as denied:
            self._unread[denied.action] = BY_ACTION[denied.action].unread()
        except ClientError as refusal:
            code = str(refusal.response.get("Error", {}).get("Code", ""))
            if not any(word in code for word in _GONE):
                action = self.account.action(service, operation)
                row = BY_ACTION[action]
                self._unread[action] = Unread(row.subject, row.what, f"AWS answers {action} with {code}", "ask again")
        return None
