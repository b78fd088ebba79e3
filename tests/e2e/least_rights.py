"""One who may read what the docs say and nothing else: a service account of the lab's API server, a user of its AWS."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eks_gpu.graph.unread import Unread
from eks_gpu.lab.cluster_api import ApiRefusal, ClusterApi
from eks_gpu.lab.kubeconfig import kubeconfig
from eks_gpu.lab.nodes import aws_client
from eks_gpu.lab.state import Lab
from eks_gpu.live.cluster_role import READER, RELEASES_READER, Rule, cluster_role, rules, rules_of_releases
from eks_gpu.live.permissions import ALL, policy

ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
ACCOUNT = "/api/v1/namespaces/default/serviceaccounts"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_USER = "reader"


def ensured(api: ClusterApi, path: str, manifest: dict[str, Any]) -> None:
    """The object as it is given, whatever is there."""
    try:
        api.create(path, manifest)
    except ApiRefusal:
        api.apply(f"{path}/{manifest['metadata']['name']}?fieldManager=test&force=true", manifest)


def written(folder: Path, config: dict[str, Any], **user: Any) -> Path:
    """The lab's kubeconfig with another user."""
    file = folder / "kubeconfig"
    file.write_text(json.dumps({**config, "users": [{"name": "lab", "user": user}]}))
    return file


def service_account(lab: Lab, folder: Path) -> Path:
    """Kubeconfig of one that has both roles of the docs."""
    api = ClusterApi(lab)
    ensured(api, ACCOUNT, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader"}})
    for role, found in ((READER, rules()), (RELEASES_READER, rules_of_releases())):
        ensured(api, ROLES, cluster_role(role, found))
        ensured(
            api,
            BINDINGS,
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": role},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "default"}],
            },
        )
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = api._send("POST", f"{ACCOUNT}/reader/token", asked)
    return written(folder, kubeconfig(lab), token=token["status"]["token"])


def allow(api: ClusterApi, found: Sequence[Rule]) -> None:
    """Makes the first of the roles one of these rules."""
    ensured(api, ROLES, cluster_role(READER, found))


def may(api: ClusterApi, rule: Rule) -> list[bool]:
    """Whether the API server lets the service account do each thing that a rule allows."""
    attributes = [
        {"group": rule["apiGroups"][0], "resource": resource, "verb": verb, "name": name}
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    ]
    head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    specs = [{"user": "system:serviceaccount:default:reader", "resourceAttributes": each} for each in attributes]
    return [api._send("POST", _REVIEWS, {**head, "spec": spec})["status"]["allowed"] for spec in specs]


@dataclass(frozen=True)
class User:
    """A user of the lab's AWS, to whom the docs' policy is given."""

    lab: Lab
    keys: dict[str, str]

    def allow(self, without: str = "") -> None:
        """The policy, all of it or without an action."""
        document = policy(each for each in ALL if each.action != without)
        _iam(self.lab).put_user_policy(UserName=_USER, PolicyName="read", PolicyDocument=json.dumps(document))


def user(lab: Lab) -> User:
    """One with the whole policy."""
    iam = _iam(lab)
    iam.create_user(UserName=_USER)
    key = iam.create_access_key(UserName=_USER)["AccessKey"]
    made = User(lab, {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]})
    made.allow()
    return made


def _iam(lab: Lab) -> Any:
    return aws_client(lab, "iam")


def permissions(unread: Iterable[Unread]) -> set[str]:
    """What must be allowed for it to be read."""
    return {row.how for row in unread}
