"""The command that asks AWS for more of a quota."""

from eks_gpu_components.catalog.quotas import Quota


def increase(of: Quota, desired: int, region: str, separator: str = " ") -> str:
    """For a shell, in the caller's own region where none is known; `separator` stands where a line may end."""
    where = f" --region {region}" if region else ""
    return separator.join(
        (
            f"aws service-quotas request-service-quota-increase{where}",
            f"--service-code {of.service} --quota-code {of.code} --desired-value {desired}",
        )
    )
