"""A running cluster: objects by kind, in pages. Every request is a GET; what is refused is told with its permission."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException, list_kube_config_contexts, load_incluster_config, new_client_from_config
from yaml import YAMLError

from eks_gpu.io.problems import InputError
from eks_gpu_components.catalog.nearest import hint_or_all

PAGE = 500
"""Objects that one answer has at most, as kubectl asks for them."""
TIMEOUT_S = 30
"""Seconds that the API server has for one page."""
PATIENCE = urllib3.Retry(
    total=6, connect=1, read=1, backoff_factor=0.5, status_forcelist=(429, 503), raise_on_status=False
)
"""A busy API server says how long to wait, in `Retry-After`; without that each wait is twice the one before."""

_DISCOVERY = ",".join(
    f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList" for version in ("v2", "v2beta1")
)
_METADATA_ALONE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NO_LONGER_THERE = 410
"""A list whose next page was asked for too late begins anew."""

Manifest = dict[str, Any]
WATCHED_S = 300
"""Seconds after which the API server ends a watch, and the next one goes on where it ended."""
_BREATH_S = 1.0
"""Seconds between two watches, so that a server which ends them at once is not asked without pause."""

LISTED, DELETED = "LISTED", "DELETED"
Happened = tuple[str, list[dict[str, Any]]]
"""What happened, and to which objects: `LISTED` has all that there are; `ADDED`, `MODIFIED` and `DELETED` have one."""
Keep = Callable[[Manifest], Manifest | None]
"""What is kept of an object of a page, None for nothing: ten thousand pods are never in memory whole."""


@dataclass(frozen=True)
class Refused(Exception):
    """The API server's answer to a request that it did not carry out."""

    status: int
    message: str

    def __str__(self) -> str:
        return self.message

    @property
    def forbids(self) -> bool:
        """Whether the asker may not ask that."""
        return self.status == 403

    @property
    def is_of_nothing(self) -> bool:
        """Whether what was asked for is not there."""
        return self.status == 404


@dataclass(frozen=True, order=True)
class Kind:
    """A kind of objects, whatever its version."""

    group: str
    """Empty for the core's."""
    name: str

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


@dataclass(frozen=True)
class Served:
    """How an API server has a kind."""

    version: str
    """The one that it prefers."""
    plural: str
    listed: bool
    """Whether it can be listed at all."""


class ClusterReader:
    """One cluster as one identity may see it."""

    def __init__(self, client: ApiClient, context: str, entry: str = ""):
        """`context` is its name in the kubeconfig, and `entry` that of the cluster there, which AWS's command line
        writes as the cluster's ARN.
        """
        self._client = client
        self.context = context
        self.entry = entry

    @property
    def server(self) -> str:
        """URL of the API server."""
        return str(self._client.configuration.host)

    @cached_property
    def served(self) -> Mapping[Kind, Served]:
        """Every kind that the API server has, in two requests. Raises Refused."""
        found: dict[Kind, Served] = {}
        for path in ("/api", "/apis"):
            for group in self._get(path, accept=_DISCOVERY).get("items", ()):
                for version in group.get("versions", ()):
                    for resource in version.get("resources", ()):
                        kind = Kind(group["metadata"].get("name", ""), resource["responseKind"]["kind"])
                        served = Served(
                            version["version"],
                            resource["resource"],
                            "list" in resource["verbs"],
                        )
                        found.setdefault(kind, served)  # the preferred version comes first
        return found

    def get(self, path: str, **query: str) -> Manifest:
        """The answer to a path, as `/api/v1/namespaces/default/pods/web`. Raises Refused."""
        return self._get(path, query)

    def objects(self, kind: Kind, keep: Keep, namespace: str = "", **query: str) -> list[Manifest]:
        """All objects of a kind that the API server has, each with its `apiVersion` and `kind`; none of a kind that it
        does not have. Raises Refused.

        `query` is the API's: `fieldSelector`, `labelSelector`.
        """
        return self._list(kind, keep, namespace, query, "")

    def metadata(self, kind: Kind, keep: Keep, **query: str) -> list[Manifest]:
        """The same without `spec`, `status` and data, which the API server then does not send. Raises Refused."""
        return self._list(kind, keep, "", query, _METADATA_ALONE)

    def watch(self, kind: Kind, keep: Keep, since: str = "") -> Iterator[Happened]:
        """What happens to the objects of a kind, for as long as somebody asks for the next: first `LISTED`, and again
        whenever the API server has forgotten where the watch was (410). Nothing of a kind that it does not have.

        `since` is a resource version to begin at, without a list. Raises Refused, and InputError where nobody answers.
        """
        served = self.served.get(kind)
        if served is None or not served.listed:
            return
        path, head = self._at(kind, served)
        while True:
            if not since:
                since, objects = self._listed(path, keep, head)
                yield LISTED, objects
            began = time.monotonic()
            try:
                for event in self._events(path, since):
                    if event["type"] == "ERROR":
                        raise Refused(int(event["object"].get("code") or 0), str(event["object"].get("message")))
                    since = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK" and (kept := keep({**event["object"], **head})) is not None:
                        yield event["type"], [kept]
            except Refused as refused:
                if refused.status != _NO_LONGER_THERE:
                    raise
                since = ""
            time.sleep(max(0.0, _BREATH_S - (time.monotonic() - began)))

    def _list(self, kind: Kind, keep: Keep, namespace: str, query: Mapping[str, str], accept: str) -> list[Manifest]:
        served = self.served.get(kind)
        if served is None or not served.listed:
            return []
        path, head = self._at(kind, served, namespace)
        try:
            return [kept for each in self._pages(path, query, accept) if (kept := keep({**each, **head})) is not None]
        except Refused as refused:
            if refused.status != _NO_LONGER_THERE:
                raise
        return [kept for each in self._pages(path, query, accept) if (kept := keep({**each, **head})) is not None]

    def _listed(self, path: str, keep: Keep, head: Manifest) -> tuple[str, list[Manifest]]:
        """All objects, and the resource version at which they were so."""
        versions: list[str] = []
        pages = self._pages(path, {}, "", versions.append)
        found = [kept for each in pages if (kept := keep({**each, **head})) is not None]
        return versions[0], found

    def _at(self, kind: Kind, served: Served, namespace: str = "") -> tuple[str, Manifest]:
        """The path of a kind's objects, and what a list leaves out of each of them."""
        version = f"{kind.group}/{served.version}" if kind.group else served.version
        within = f"namespaces/{quote(namespace)}/" if namespace else ""
        path = f"/{'apis' if kind.group else 'api'}/{version}/{within}{served.plural}"
        return path, {"apiVersion": version, "kind": kind.name}

    def _pages(
        self, path: str, query: Mapping[str, str], accept: str, tell_version: Callable[[str], Any] | None = None
    ) -> Iterator[Manifest]:
        more = ""
        while True:
            page = self._get(path, {**query, "limit": str(PAGE), **({"continue": more} if more else {})}, accept)
            if tell_version:
                tell_version(str((page.get("metadata") or {}).get("resourceVersion", "")))
            yield from page.get("items") or ()
            more = (page.get("metadata") or {}).get("continue") or ""
            if not more:
                return

    def _events(self, path: str, since: str) -> Iterator[Manifest]:
        """One watch, until the API server or the network ends it."""
        query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": since}
        answer = self._answered(path, {**query, "timeoutSeconds": str(WATCHED_S)}, "", WATCHED_S + TIMEOUT_S)
        try:
            for line in answer.response:
                yield json.loads(line)
        except urllib3.exceptions.HTTPError:  # the next watch goes on from there
            return
        finally:
            answer.response.close()

    def _get(self, path: str, query: Mapping[str, str] | None = None, accept: str = "") -> Manifest:
        return json.loads(self._answered(path, query or {}, accept, TIMEOUT_S).read() or b"")

    def _answered(self, path: str, query: Mapping[str, str], accept: str, timeout_s: int) -> Any:
        """An answer that nobody has read yet. Raises Refused, and InputError."""
        request = self._client.param_serialize(
            "GET",
            path,
            query_params=list(query.items()),
            header_params={"Accept": accept or "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*request, _request_timeout=timeout_s)
            body = (answer.read() or b"") if answer.status >= 400 or "watch" not in query else b""
        except urllib3.exceptions.HTTPError as problem:
            raise InputError(f"context {self.context}: {self.server} does not answer: {_cause(problem)}") from None
        if answer.status == 401:
            raise InputError(
                f"context {self.context}: {self.server} does not know who asks (401): the token or certificate has "
                "ended or is of another cluster"
            )
        if answer.status >= 400:
            raise Refused(answer.status, _message(body))
        return answer


def connect(kubeconfig: Path | None = None, context: str = "") -> ClusterReader:
    """The cluster of a kubeconfig's context, by default as kubectl finds it; in a pod without one, its own cluster.

    Raises InputError for a kubeconfig that is not there or broken, and for a context that it does not have.
    """
    settings = Configuration(retries=PATIENCE)
    file = str(kubeconfig) if kubeconfig else None
    if kubeconfig and not kubeconfig.is_file():
        raise InputError(f"--kubeconfig: {kubeconfig}: there is no such file")
    contexts: list[dict[str, Any]]
    current: dict[str, Any] | None
    try:
        contexts, current = list_kube_config_contexts(file)  # pyright: ignore[reportAssignmentType] - the client says `list` of both
        names = [str(each["name"]) for each in contexts]
    except ConfigException as problem:
        if kubeconfig is None and not context and _in_a_pod(settings):
            return ClusterReader(ApiClient(settings), "in-cluster")
        raise InputError(f"kubeconfig: {_one_line(problem)}; --kubeconfig FILE names another one") from None
    except _MALFORMED as problem:
        raise InputError(f"kubeconfig: {_form(problem)}; --kubeconfig FILE names another one") from None
    chosen = context or str((current or {}).get("name", ""))
    if chosen not in names:
        rule = f"must be one of the kubeconfig's, got {chosen!r}{hint_or_all(chosen, names)}"
        raise InputError(f"--context: {rule}")
    try:
        client = new_client_from_config(file, chosen, persist_config=False, client_configuration=settings)
    except ConfigException as problem:
        raise InputError(f"context {chosen}: {_one_line(problem)}") from None
    except _MALFORMED as problem:
        raise InputError(f"context {chosen}: kubeconfig: {_form(problem)}") from None
    entry = next((each.get("context") or {} for each in contexts if each["name"] == chosen), {}).get("cluster", "")
    return ClusterReader(client, chosen, str(entry))


_MALFORMED = (YAMLError, OSError, TypeError, KeyError, AttributeError, ValueError)
"""What the client raises for a file that is no kubeconfig."""


def _form(problem: Exception) -> str:
    if isinstance(problem, YAMLError):
        return f"not valid YAML: {_one_line(problem)}"
    if isinstance(problem, OSError):
        return _one_line(problem)
    return f"it has not the form of a kubeconfig ({type(problem).__name__}: {_one_line(problem)})"


def _in_a_pod(settings: Configuration) -> bool:
    try:
        load_incluster_config(client_configuration=settings)
    except ConfigException:
        return False
    return True


def _cause(problem: BaseException) -> str:
    reason = getattr(problem, "reason", None) or problem
    return _one_line(reason)


def _one_line(problem: object) -> str:
    return " ".join(str(problem).split())


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace")[:200]
