"""Times that a cluster writes."""

import re
from datetime import UTC, datetime

_GO = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4}) ")


def moment(told: object) -> datetime | None:
    """A time as Kubernetes writes it, as YAML reads it, or as Go prints it: `2026-11-30 02:29:11.6 +0000 UTC m=+1.2`.

    It is in UTC if it names no zone. None for what is no time.
    """
    if isinstance(told, str) and (of_go := _GO.match(told)):
        told = f"{of_go[1]}T{of_go[2]}{of_go[3]}"
    try:
        found = told if isinstance(told, datetime) else datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
