"""Nothing of the lab may reach a person's account: neither by variables nor by the files of the AWS CLI and SDKs."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

FOREIGN = ("AWS_", "PULUMI_", "KUBE")
"""Variables that lead to a person's accounts and clusters, by how they begin."""
NO_FILES = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",  # on an instance it gives the credentials of the instance's role
}
"""What keeps every SDK from ~/.aws. Source: AWS SDKs and Tools Reference Guide, shared config and credentials files."""


def isolated(environment: Mapping[str, str], foreign: tuple[str, ...] = ("AWS_",)) -> dict[str, str]:
    """The variables without those that begin so, and with what keeps SDKs from a person's files."""
    return {**{name: value for name, value in environment.items() if not name.startswith(foreign)}, **NO_FILES}


@contextmanager
def alone_with(given: Mapping[str, str], foreign: tuple[str, ...] = FOREIGN) -> Iterator[None]:
    """This process has these variables, and none that leads out of the lab; afterwards all is as before."""
    before = dict(os.environ)
    changed = {**isolated(before, foreign), **given}
    try:
        for name in before.keys() - changed.keys():
            del os.environ[name]
        os.environ.update(changed)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
