"""The operations of EKS that moto lacks: add-ons, access, pod identities, upgrades; and what its own ones drop."""

import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.eks.exceptions import ResourceInUseException
from moto.eks.responses import EKSResponse

from eks_gpu.lab.aws.asked_before import OLDEST_BUILD, access_policies, addon_versions, cluster_versions
from eks_gpu.lab.aws.eks_backend import done

# What moto's own handlers drop, by the attribute under which its answer finds it.
CLUSTER_PARTS = {
    "accessConfig": "access_config",
    "computeConfig": "compute_config",
    "deletionProtection": "deletion_protection",
    "storageConfig": "storage_config",
    "upgradePolicy": "upgrade_policy",
    "zonalShiftConfig": "zonal_shift_config",
}
NODE_GROUP_PARTS = {"nodeRepairConfig": "node_repair_config", "updateConfig": "update_config"}


class LabEksResponse(EKSResponse):
    """moto's handlers of EKS's operations, and those that it lacks."""

    @property
    def eks_backend(self) -> Any:
        return super().eks_backend

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := self._get_param(name)) is not None}

    def _keep(self, kept: Any, parts: dict[str, str]) -> None:
        for name, attribute in parts.items():
            if (value := self._get_param(name)) is not None:
                setattr(kept, attribute, value)

    def _arn(self, *path: str) -> str:
        return f"arn:{self.partition}:eks:{self.region}:{self.current_account}:{'/'.join(path)}"

    # What is on offer

    def describe_cluster_versions(self) -> ActionResult:
        return ActionResult({"clusterVersions": cluster_versions()})

    def describe_addon_versions(self) -> ActionResult:
        addons = addon_versions(self._get_param("addonName"), self._get_param("kubernetesVersion"))
        return ActionResult({"addons": addons})

    def list_access_policies(self) -> ActionResult:
        return ActionResult({"accessPolicies": access_policies(self.partition)})

    # Clusters and node groups

    def create_cluster(self) -> ActionResult:
        answer = super().create_cluster()
        cluster = self.eks_backend.describe_cluster(self._get_param("name"))
        self._keep(cluster, CLUSTER_PARTS)
        access = {"bootstrapClusterCreatorAdminPermissions": True, "authenticationMode": "CONFIG_MAP"}
        cluster.access_config = {**access, **getattr(cluster, "access_config", {})}
        return answer

    def update_cluster_config(self) -> ActionResult:
        super().update_cluster_config()
        self._keep(self.eks_backend.describe_cluster(self._get_param("name")), CLUSTER_PARTS)
        return ActionResult({"update": done("ConfigUpdate")})

    def update_cluster_version(self) -> ActionResult:
        cluster = self.eks_backend.describe_cluster(self._get_param("name"))
        cluster.upgraded_from, cluster.version = cluster.version, self._get_param("version")
        return ActionResult({"update": done("VersionUpdate")})

    def create_nodegroup(self) -> ActionResult:
        answer = super().create_nodegroup()
        name = self._get_param("name"), self._get_param("nodegroupName")
        self._keep(self.eks_backend.describe_nodegroup(*name), NODE_GROUP_PARTS)
        return answer

    def update_nodegroup_version(self) -> ActionResult:
        update = self.eks_backend.update_nodegroup_version(
            self._get_param("name"),
            self._get_param("nodegroupName"),
            self._get_param("version"),
            self._get_param("launchTemplate"),
            self._get_param("releaseVersion"),
        )
        return ActionResult({"update": update})

    # Add-ons

    def _addon(self) -> tuple[str, ...]:
        return (self._get_param("name"), "addon", self._get_param("addonName"))

    def _addon_parts(self) -> dict[str, Any]:
        parts = self._given("addonVersion", "serviceAccountRoleArn", "configurationValues", "tags")
        if (associations := self._get_param("podIdentityAssociations")) is not None:
            parts["podIdentityAssociations"] = [self._associate_addon(given) for given in associations]
        return parts

    def _associate_addon(self, given: dict[str, str]) -> str:
        """EKS makes a pod identity association for an add-on's service account, and answers with its ARN."""
        cluster, _, addon = self._addon()
        id_ = f"a-{addon}-{given['serviceAccount']}"
        self.eks_backend.parts.pop((cluster, "pod-identity", id_), None)
        return self._associate(cluster, id_, {**given, "namespace": "kube-system"})["associationArn"]

    def create_addon(self) -> ActionResult:
        cluster, _, name = self._addon()
        self.eks_backend.describe_cluster(cluster)
        part = {
            "addonName": name,
            "addonArn": self._arn("addon", cluster, name, str(uuid.uuid4())),
            "addonVersion": OLDEST_BUILD,
            "status": "ACTIVE",
            "health": {"issues": []},
            **self._addon_parts(),
        }
        return ActionResult({"addon": self.eks_backend.add(self._addon(), part)})

    def describe_addon(self) -> ActionResult:
        return ActionResult({"addon": self.eks_backend.part(self._addon())})

    def update_addon(self) -> ActionResult:
        self.eks_backend.part(self._addon()).update({**self._addon_parts(), "modifiedAt": utcnow()})
        return ActionResult({"update": done("AddonUpdate")})

    def delete_addon(self) -> ActionResult:
        cluster, _, name = self._addon()
        part = self.eks_backend.remove(self._addon())
        for path in [path for path in self.eks_backend.parts if path[1] == "pod-identity" and path[0] == cluster]:
            if path[2].startswith(f"a-{name}-"):
                self.eks_backend.remove(path)
        return ActionResult({"addon": part})

    def list_addons(self) -> ActionResult:
        found = self.eks_backend.below((self._get_param("name"), "addon"))
        return ActionResult({"addons": [part["addonName"] for part in found]})

    # Access entries

    def _entry(self) -> tuple[str, ...]:
        return (self._get_param("name"), "access", self._get_param("principalArn"))

    def create_access_entry(self) -> ActionResult:
        cluster, _, principal = self._entry()
        part = {
            "principalArn": principal,
            "accessEntryArn": self._arn("access-entry", cluster, str(uuid.uuid4())),
            "type": "STANDARD",
            "username": principal,
            "kubernetesGroups": [],
            **self._given("kubernetesGroups", "type", "username", "tags"),
        }
        return ActionResult({"accessEntry": self.eks_backend.add(self._entry(), part)})

    def describe_access_entry(self) -> ActionResult:
        return ActionResult({"accessEntry": self.eks_backend.part(self._entry())})

    def update_access_entry(self) -> ActionResult:
        part = self.eks_backend.part(self._entry())
        part.update(self._given("kubernetesGroups", "username"))
        return ActionResult({"accessEntry": part})

    def delete_access_entry(self) -> ActionResult:
        self.eks_backend.remove(self._entry())
        return ActionResult({})

    def list_access_entries(self) -> ActionResult:
        found = self.eks_backend.below((self._get_param("name"), "access"))
        return ActionResult({"accessEntries": [part["principalArn"] for part in found]})

    def associate_access_policy(self) -> ActionResult:
        self.eks_backend.part(self._entry())
        path = (*self._entry(), self._get_param("policyArn"))
        self.eks_backend.parts.pop(path, None)
        part = self.eks_backend.add(path, self._given("policyArn", "accessScope"))
        return ActionResult({"associatedAccessPolicy": {**part, "associatedAt": part["createdAt"]}})

    def list_associated_access_policies(self) -> ActionResult:
        self.eks_backend.part(self._entry())
        found = [{**part, "associatedAt": part["createdAt"]} for part in self.eks_backend.below(self._entry())]
        return ActionResult({"associatedAccessPolicies": found})

    def disassociate_access_policy(self) -> ActionResult:
        self.eks_backend.remove((*self._entry(), self._get_param("policyArn")))
        return ActionResult({})

    # Pod identity associations

    def _associate(self, cluster: str, id_: str, given: dict[str, Any]) -> dict[str, Any]:
        arn = self._arn("podidentityassociation", cluster, id_)
        return self.eks_backend.add(
            (cluster, "pod-identity", id_), {**given, "associationId": id_, "associationArn": arn}
        )

    def _association(self) -> tuple[str, ...]:
        return (self._get_param("name"), "pod-identity", self._get_param("associationId"))

    def create_pod_identity_association(self) -> ActionResult:
        cluster = self._get_param("name")
        given = self._given("namespace", "serviceAccount", "roleArn", "tags")
        for other in self.eks_backend.below((cluster, "pod-identity")):
            if (other["namespace"], other["serviceAccount"]) == (given["namespace"], given["serviceAccount"]):
                raise ResourceInUseException(message=f"Association already exists: {other['associationId']}")
        return ActionResult({"association": self._associate(cluster, f"a-{uuid.uuid4().hex[:17]}", given)})

    def describe_pod_identity_association(self) -> ActionResult:
        return ActionResult({"association": self.eks_backend.part(self._association())})

    def update_pod_identity_association(self) -> ActionResult:
        part = self.eks_backend.part(self._association())
        part.update(self._given("roleArn"))
        return ActionResult({"association": part})

    def delete_pod_identity_association(self) -> ActionResult:
        return ActionResult({"association": self.eks_backend.remove(self._association())})

    def list_pod_identity_associations(self) -> ActionResult:
        return ActionResult({"associations": self.eks_backend.below((self._get_param("name"), "pod-identity"))})
