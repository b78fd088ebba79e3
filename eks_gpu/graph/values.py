"""Values that nobody knows yet, and values that nobody may see, as the engine writes and sends them.

Source: Pulumi, sdk/go/common/resource: signatures of special objects, and the string that stands for an unknown value.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any

from eks_gpu.graph.unknown import Asked, Told, ToldList

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of an object that is no plain one."""
SECRET, OUTPUT, REFERENCE = (
    "1b47061264138c4ac30d75fd1eb44270",
    "d0e6a833031e9bbcd3f4e8bde6ca49a4",
    "5cf8f73096256a8f31e491e813e4eb8e",
)
UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a string, or nobody knows what
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # an object
    }
)
_SIGN = "04da6b54-80e4-46f7"
"""How the sign of an unknown text begins: a name that was cut short still has it."""
MASK = "[secret]"
"""A secret's place in what is printed or written."""

Path = tuple[str | int, ...]


def _encoded(text: str) -> Iterator[str]:
    """What base64 has of a text wherever it stands in a longer one: at each of three places between its groups."""
    for before in range(3):
        whole = b64encode(b"-" * before + text.encode()).decode()
        yield whole[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]


_SIGNS = (_SIGN, _SIGN.upper(), *_encoded(_SIGN))


def is_unknown_text(text: str) -> bool:
    """Whether a text is an unknown value, or was made with one: an ARN, a policy, or base64 that has one in it."""
    return text in UNKNOWNS or any(sign in text for sign in _SIGNS)


class Unknown:
    """A value that cannot be read: the reason is that of UNKNOWN or of HIDDEN."""

    def __init__(self, name: str, why: str):
        self.name, self.why = name, why

    def __repr__(self) -> str:
        return self.name.lower()

    def __reduce__(self) -> str:  # there is one of each in a process
        return self.name


UNKNOWN = Unknown("UNKNOWN", "only `pulumi up` will tell")
"""What is known after an update."""
HIDDEN = Unknown("HIDDEN", "it is an encrypted secret")
"""What only the stack's key tells."""


def decoded(value: Any) -> Any:
    """Plain data. A secret in the clear keeps its shape and can be read; UNKNOWN and HIDDEN stand for what cannot."""
    if isinstance(value, str):
        return UNKNOWN if is_unknown_text(value) else HIDDEN if value == MASK else value
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get(SIGNATURE)
    if kind == SECRET:
        return decoded(_told(value))
    if kind == OUTPUT:
        return decoded(value["value"]) if "value" in value else UNKNOWN
    if kind == REFERENCE:
        return {"urn": value.get("urn", ""), "id": decoded(value.get("id", ""))}
    return {str(key): decoded(item) for key, item in value.items()}


def _told(secret: Mapping[str, Any]) -> Any:
    try:
        return json.loads(secret["plaintext"]) if "plaintext" in secret else secret.get("value", MASK)
    except (TypeError, ValueError):
        return MASK


def unknowns(value: Any, path: Path = (), *, which: Unknown | None = None) -> Iterator[Path]:
    """Where a value cannot be read, at any depth; `which` asks for one of the two reasons."""
    if isinstance(value, Unknown):
        if which in (None, value):
            yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from unknowns(item, (*path, key), which=which)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from unknowns(item, (*path, position), which=which)


def written(path: Path) -> str:
    """`subnetIds[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def replaced(value: Any, by: Mapping[Path, Any], urn: str, path: Path = ()) -> Any:
    """The value with what stands at these paths put in. What cannot be read is as if it were not there, and tells who
    asks for it. `urn` is the resource's.
    """
    if isinstance(value, dict):
        items = {key: replaced(item, by, urn, (*path, key)) for key, item in value.items()}
        unknown = {key: _asked(urn, (*path, key), item) for key, item in items.items() if isinstance(item, Unknown)}
        found = {key: item for key, item in items.items() if not isinstance(item, Unknown)}
        return Told(found, unknown) if unknown else found
    if isinstance(value, list):
        items = [replaced(item, by, urn, (*path, position)) for position, item in enumerate(value)]
        missing = [_asked(urn, (*path, at), item) for at, item in enumerate(items) if isinstance(item, Unknown)]
        there = [item for item in items if not isinstance(item, Unknown)]
        return ToldList(there, missing) if missing else there
    return by.get(path, value) if isinstance(value, Unknown) else value


def _asked(urn: str, path: Path, value: Unknown) -> Asked:
    return Asked(urn, written(path), secret=value is HIDDEN)


def known(value: Any) -> Any:
    """The value without what cannot be read; nobody hears who asks."""
    if isinstance(value, dict):
        return {key: known(item) for key, item in value.items() if not isinstance(item, Unknown)}
    if isinstance(value, list):
        return [known(item) for item in value if not isinstance(item, Unknown)]
    return value


# --- what may be shown -----------------------------------------------------------------------------------------------

_SECRET_KEYS = re.compile(
    r"(^|.*(auth|access|api|session|bearer|bootstrap|registration|refresh|id|web|hf|github|gitlab|slack|bot))token$"
    r"|.*(password|passwd|passphrase|privatekey|secretkey|secretaccesskey|accesskey|apikey|clientsecret|secretstring)$"
    r"|.*(kubeconfig|kubeconfigjson|credentials|connectionstring|webhookurl)$|^secret$"
)
"""Keys, in lower case without signs, whose text is a secret whatever the program says of it."""
_SECRET_TEXTS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|[\"']?\bkind[\"']?\s*:\s*[\"']?(Secret|Config)\b|[\"']?\busers[\"']?\s*:\s*[\[\n]"
)
"""A document that holds a Secret, a kubeconfig or a private key."""
_PROVIDER = "pulumi:providers:"
_OF_PROVIDERS = frozenset(
    {"region", "profile", "version", "context", "cluster", "namespace", "defaultTags", "ignoreTags"}
)
"""Inputs of a provider that are no secrets; all others are masked."""
_PARTS = {
    "kubernetes:core/v1:Secret": ("data", "stringData"),
    "kubernetes:core/v1:SecretPatch": ("data", "stringData"),
    "aws:secretsmanager/secretVersion:SecretVersion": ("secretString", "secretBinary"),
    "aws:ssm/parameter:Parameter": ("value", "valueWo"),
}
"""Properties that are secret by nature, by type."""


def shown(value: Any, type_: str = "") -> Any:
    """What may be printed or written: secrets keep their shape, with masked leaves; what is unknown is absent.

    The value is raw, as the engine writes it, and holds the inputs of a resource of that type. Secret is what the
    program or the SDK says is, and in any case what a provider, a Secret or a kubeconfig holds, and text under a key
    such as `password`.
    """
    return _shown(value, type_, (), False)


def _shown(value: Any, type_: str, path: Path, secret: bool) -> Any:
    if isinstance(value, Mapping):
        kind = value.get(SIGNATURE)
        if kind in (SECRET, OUTPUT):
            inner = _told(value) if kind == SECRET else value.get("value", UNKNOWN)
            return _shown(inner, type_, path, secret or kind == SECRET or bool(value.get("secret")))
        if kind == REFERENCE:
            return value.get("urn", "")
        of_secret = _is_secret(value.get("name")) if isinstance(value.get("value"), str) else False
        items = {
            str(key): _shown(item, type_, (*path, str(key)), secret or (of_secret and key == "value"))
            for key, item in value.items()
        }
        return {key: item for key, item in items.items() if not isinstance(item, Unknown)}
    if isinstance(value, list):
        items = [_shown(item, type_, (*path, position), secret) for position, item in enumerate(value)]
        return [item for item in items if not isinstance(item, Unknown)]
    if isinstance(value, Unknown) or (isinstance(value, str) and is_unknown_text(value)):
        return UNKNOWN
    if value is None or value == "":
        return value
    if secret or _by_nature(value, type_, path):
        return MASK
    return _shown_json(value, type_, path) if isinstance(value, str) and value[0] in "{[" else value


def _shown_json(text: str, type_: str, path: Path) -> str:
    """A text of JSON, which may hold a secret under a key of its own."""
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return text
    masked = _shown(inner, type_, path, False)
    return text if masked == inner else json.dumps(masked)


def _by_nature(value: Any, type_: str, path: Path) -> bool:
    if not isinstance(value, str):
        return False
    first = path[0] if path else ""
    if type_.startswith(_PROVIDER) and first not in _OF_PROVIDERS and value not in ("true", "false"):
        return True
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return first in _PARTS.get(type_, ()) or _is_secret(key) or bool(_SECRET_TEXTS.search(value))


def _is_secret(key: Any) -> bool:
    return isinstance(key, str) and bool(_SECRET_KEYS.fullmatch(re.sub(r"[^a-z0-9]", "", key.lower())))
