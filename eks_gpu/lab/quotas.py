"""Quotas of vCPUs that the lab's account has other than it had at the start, and launches that a quota refused."""

import json
from collections.abc import Mapping

from eks_gpu.io.problems import InputError
from eks_gpu.lab.state import Lab, alone
from eks_gpu_components.catalog.nearest import hint_or_all
from eks_gpu_components.catalog.quotas import VCPU_QUOTAS


def set_quotas(lab: Lab, wanted: Mapping[str, int]) -> None:
    """From now on these vCPUs by quota's code count, and of other quotas what the account has.

    Raises InputError for an unknown code and for a negative number.
    """
    known = [quota.code for quota in VCPU_QUOTAS]
    problems = [
        f"{code} is no quota of EC2 for vCPUs{hint_or_all(code, known)}" for code in wanted if code not in known
    ]
    problems += [f"{code}: vCPUs must be 0 or more, got {vcpus}" for code, vcpus in wanted.items() if vcpus < 0]
    if problems:
        raise InputError(problems)
    with alone(lab.folder):  # the file whole or not at all: EC2 reads it at each launch
        unfinished = lab.quotas.with_suffix(".new")
        unfinished.write_text(json.dumps(dict(wanted)), encoding="utf-8")
        unfinished.replace(lab.quotas)


def refusals(lab: Lab) -> list[str]:
    """The codes of the quotas that refused a launch since the lab came up, one for each launch, oldest first."""
    try:
        return lab.refused.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
