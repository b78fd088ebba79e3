"""Files that the Kubernetes SDK itself reads from an address, in `yaml.ConfigFile` and `ConfigGroup`, during a plan."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LIMIT_S = 10


@contextmanager
def unanswered_addresses(note: Callable[[str, str], None]) -> Iterator[None]:
    """While it lasts, a file whose address does not answer is empty, and `note` hears its address and the reason."""
    try:
        import requests
        from pulumi_kubernetes.yaml import yaml as sdk
    except ImportError:  # the program has no Kubernetes objects
        yield
        return
    original = sdk._read_url

    def read(address: str) -> str:
        try:
            answer = requests.get(address, timeout=_LIMIT_S)
            answer.raise_for_status()
        except requests.RequestException as error:
            note(address, type(error).__name__ if error.response is None else f"HTTP {error.response.status_code}")
            return ""
        return answer.text

    sdk._read_url = read
    try:
        yield
    finally:
        sdk._read_url = original
