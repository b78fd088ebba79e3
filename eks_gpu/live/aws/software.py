"""Software that EKS itself installs: add-ons, with the roles of their pods."""

from collections.abc import Iterator
from dataclasses import dataclass

from eks_gpu.graph.graph import Resource
from eks_gpu.live.aws.reading import Reading
from eks_gpu.live.aws.wire import Row, resource
from eks_gpu.pools.software import ADDON


@dataclass(frozen=True)
class Addons:
    """Add-ons of a cluster."""

    resources: list[Resource]
    roles: list[str]
    """ARNs of the roles of their pods."""


def addons(reading: Reading, cluster: str, associations: list[Row]) -> Addons:
    """The add-ons; `associations` are pod identity associations, of which add-ons own some."""
    names = reading.rows("eks", "list_addons", "addons", clusterName=cluster)
    rows = reading.each(
        lambda name: reading.get("eks", "describe_addon", "addon", clusterName=cluster, addonName=name), names
    )
    made = [_addon(row, _owned(row, associations)) for row in rows]
    return Addons(made, [arn for each in made for arn in _roles(each)])


def _owned(addon: Row, associations: list[Row]) -> list[Row]:
    arns = addon.get("podIdentityAssociations") or ()
    return [each for each in associations if each.get("associationArn") in arns]


def _addon(row: Row, associations: list[Row]) -> Resource:
    name = str(row["addonName"])
    same = ("addonName", "clusterName", "addonVersion", "configurationValues", "serviceAccountRoleArn", "tags")
    owned = [{"roleArn": each.get("roleArn"), "serviceAccount": each.get("serviceAccount")} for each in associations]
    inputs = {**{key: row.get(key) for key in same}, "podIdentityAssociations": owned}
    return resource(ADDON, name, inputs, id_=f"{row.get('clusterName')}:{name}", outputs={"arn": row.get("addonArn")})


def _roles(addon: Resource) -> Iterator[str]:
    given = [addon.inputs.get("serviceAccountRoleArn")]
    given += [each.get("roleArn") for each in addon.inputs.get("podIdentityAssociations") or ()]
    yield from (str(arn) for arn in given if arn)
