"""Names, keys and values as the API server takes them.

Source: Kubernetes 1.36, k8s.io/apimachinery, pkg/util/validation.
"""

import re

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_PORT_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_FILE_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_ENV = re.compile(r"[ -<>-~]+")
_HEADER = re.compile(r"[-A-Za-z0-9]+")
_PERCENT = re.compile(r"[0-9]+%")


def dns_label(value: str) -> str:
    """Why it is no label of DNS; empty where it is one."""
    if len(value) <= 63 and _DNS_LABEL.fullmatch(value):
        return ""
    return f"must be at most 63 small letters, digits and '-', as my-name, got {value!r}"


def dns_1035(value: str) -> str:
    """The same, beginning with a letter."""
    if len(value) <= 63 and _DNS_1035.fullmatch(value):
        return ""
    return f"must be at most 63 small letters, digits and '-', beginning with a letter, got {value!r}"


def subdomain(value: str) -> str:
    """Why it is no name of DNS with or without dots."""
    if len(value) <= 253 and _SUBDOMAIN.fullmatch(value):
        return ""
    return f"must be at most 253 small letters, digits, '-' and '.', as my.name, got {value!r}"


def key(value: str) -> str:
    """Why it is no key of a label: a name, or a domain, a slash and a name."""
    domain, slash, name = value.rpartition("/")
    if (
        len(name) <= 63
        and _NAME.fullmatch(name)
        and (not slash or (len(domain) <= 253 and _SUBDOMAIN.fullmatch(domain)))
    ):
        return ""
    form = "a name of at most 63 letters, digits, '-', '_' and '.', with a domain and '/' before or none"
    return f"must be {form}, got {value!r}"


def label_value(value: str) -> str:
    """Why it is no value of a label; it may be empty."""
    if not value or (len(value) <= 63 and _NAME.fullmatch(value)):
        return ""
    return f"must be at most 63 letters, digits, '-', '_' and '.', got {value!r}"


def path_segment(value: str) -> str:
    """Why it is no part of a path."""
    good = value not in ("", ".", "..") and "/" not in value and "%" not in value
    return "" if good else f"must be without '/' and '%', got {value!r}"


def port_name(value: str) -> str:
    """Why it is no name of a port."""
    good = len(value) <= 15 and _PORT_NAME.fullmatch(value) and "--" not in value and re.search("[a-z]", value)
    return "" if good else f"must be at most 15 small letters, digits and '-', with a letter, got {value!r}"


def file_key(value: str) -> str:
    """Why it is no key of a ConfigMap or Secret."""
    good = len(value) <= 253 and _FILE_KEY.fullmatch(value) and value not in (".", "..") and not value.startswith("..")
    return "" if good else f"must be letters, digits, '-', '_' and '.', got {value!r}"


def variable(value: str) -> str:
    """Why it is no name of an environment variable."""
    return "" if _ENV.fullmatch(value) else f"must be printable characters without '=', got {value!r}"


def header(value: str) -> str:
    """Why it is no name of an HTTP header."""
    return "" if _HEADER.fullmatch(value) else f"must be letters, digits and '-', got {value!r}"


def is_percent(value: str) -> bool:
    """Whether it is a number and a percent sign."""
    return bool(_PERCENT.fullmatch(value))
