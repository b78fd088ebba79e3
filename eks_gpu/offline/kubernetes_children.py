"""What Pulumi's Kubernetes provider makes of YAML files, kustomizations and charts: children of a component.

Names and defaults are those of the provider. Source: pulumi-kubernetes 4.25, provider/pkg/provider: yaml/v2,
kustomize/v2, helm/v4 and its functions kubernetes:helm:template and kubernetes:kustomize:directory.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import glob
from pathlib import Path
from typing import Any

from eks_gpu.graph.graph import Graph, Resource
from eks_gpu.graph.kubernetes_objects import OF_THE_CLUSTER
from eks_gpu.graph.unread import Unread, What
from eks_gpu.graph.values import shown
from eks_gpu.io.documents import parse, plain, read
from eks_gpu.io.problems import InputError
from eks_gpu.offline.account import Properties
from eks_gpu.offline.provider_outputs import References
from eks_gpu.offline.renderers import LocalChart, NotRendered, rendered_chart, rendered_kustomization
from eks_gpu_components.catalog import KNOWN_CHARTS, METRICS_SERVER_CHART

CONFIG_FILE, CONFIG_GROUP = "kubernetes:yaml/v2:ConfigFile", "kubernetes:yaml/v2:ConfigGroup"
DIRECTORY, CHART = "kubernetes:kustomize/v2:Directory", "kubernetes:helm.sh/v4:Chart"
COMPONENTS = (CONFIG_FILE, CONFIG_GROUP, DIRECTORY, CHART)
"""Components that the provider itself makes, with children."""
RELEASE, CHART_V3 = "kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v3:Chart"
SKIP_AWAIT = "pulumi.com/skipAwait"
_KEEP = ("helm.sh/resource-policy", "keep")
_DEPENDS_ON = "config.kubernetes.io/depends-on"

# Charts that the checks judge by their values, which is all that they want to know of them.
_JUDGED_BY_VALUES = KNOWN_CHARTS - {METRICS_SERVER_CHART.short_name}
# Charts that are about node pools by their name, as their authors publish them or as many name their own.
_BRINGS_POOLS = re.compile(r"karpenter-?(?:node-?pools?|resources|provisioners?|crs?|config|nodes|node-?class(?:es)?)$")


def _hidden(resource: Resource) -> set[str]:
    """Inputs that only an update tells, or that the program calls secret; of a chart's values each is hidden itself."""
    unknown = {path.partition(".")[0].partition("[")[0] for path in resource.unknown}
    inputs = resource.inputs
    secret = {key for key, value in _open(resource).items() if value != inputs[key]}
    return (unknown | secret) - ({"values"} if resource.type == CHART else set())


def _open(resource: Resource) -> Mapping[str, Any]:
    """The inputs, with a mask for what the program calls secret and none for what is a secret by its nature."""
    inputs, masked, nature = resource.inputs, resource.masked or {}, shown(resource.inputs, resource.type)
    return {key: masked[key] if masked.get(key, nature[key]) != nature[key] else inputs[key] for key in inputs}


class KubernetesChildren:
    """The rows of one run, and what could not be rendered."""

    def __init__(self) -> None:
        self.rows: dict[str, Resource] = {}
        """Expanded resources by URN."""
        self.unread: list[Unread] = []
        self._charts: dict[str, Mapping[str, Any]] = {}
        """What each helm.v3.Chart was asked to be, by its name: the SDK registers it without inputs."""

    # --- components of the provider -----------------------------------------------------------------------------------

    def outputs(self, resource: Resource, recorder: References, place: str) -> Properties:
        """Makes the children of a component; its outputs refer to them. `place` begins each problem with a file.

        Raises InputError for a file that is missing or broken.
        """
        readers: Mapping[str, Callable[[Resource, str], Iterator[Properties]]] = {
            CONFIG_FILE: self._config_file,
            CONFIG_GROUP: self._config_group,
            DIRECTORY: self._directory,
            CHART: self._chart_v4,
        }
        hidden = sorted(_hidden(resource))
        if hidden:
            kind = resource.type.rpartition(":")[2]
            why = f"{' and '.join(hidden)} of it is secret, or known later only"
            self.unread.append(
                Unread(f"{kind} {resource.name}", "pods", why, "give a plain value to a stack for plans")
            )
        objects = [] if hidden else list(readers[resource.type](resource, place))
        made = self._expanded(resource, objects)
        return {"resources": [recorder.reference(resource.urn, row.type, row.name, row.outputs) for row in made]}

    def release(self, resource: Resource, place: str) -> Properties:
        """What a Release adds to its inputs: the values of its files too. The objects of a local chart become rows."""
        given = resource.inputs
        chart, values = str(given.get("chart") or ""), self._values(resource.shown, place)
        local = _local(chart, given)
        name = str(given.get("name") or resource.name)
        if local:
            namespace = str(given.get("namespace") or "default")
            wanted = LocalChart(
                path=chart, release=name, namespace=namespace, values=values, crds=not given.get("skipCrds")
            )
            self._expanded(resource, self._chart(wanted, resource, place), prefix=resource.name, namespace=namespace)
        elif _short(chart) not in KNOWN_CHARTS:
            self._elsewhere(chart, "Release", resource.name)
        return {"values": values} if given.get("valueYamlFiles") else {}

    def _config_file(self, resource: Resource, place: str) -> Iterator[Properties]:
        yield from self._of_files([str(resource.inputs.get("file") or "")], "ConfigFile", resource, place, globs=False)

    def _config_group(self, resource: Resource, place: str) -> Iterator[Properties]:
        given = resource.inputs
        files = given.get("files") or ()
        yield from self._of_files([files] if isinstance(files, str) else files, "ConfigGroup", resource, place)
        yield from _parsed(str(given.get("yaml") or ""), f"{place}yaml of ConfigGroup {resource.name}")
        yield from _lists_opened((given.get("objs") or ()), f"{place}objs of ConfigGroup {resource.name}")

    def _directory(self, resource: Resource, place: str) -> Iterator[Properties]:
        directory = str(resource.inputs.get("directory") or "")
        yield from self._kustomized(directory, f"Directory {resource.name}", place, any_file=True)

    def _chart_v4(self, resource: Resource, place: str) -> Iterator[Properties]:
        given = resource.inputs
        chart = str(given.get("chart") or "")
        if not _local(chart, given):
            self._elsewhere(chart, "Chart", resource.name)
            return
        wanted = LocalChart(
            path=chart,
            release=str(given.get("name") or resource.name),
            namespace=str(given.get("namespace") or "default"),
            values=self._values(resource.shown, place),
            crds=not given.get("skipCrds"),
        )
        yield from self._chart(wanted, resource, place)

    def no_answer(self, address: str, reason: str) -> None:
        """Notes a file whose address did not answer."""
        why = f"its address did not answer ({reason})"
        self.unread.append(Unread(f"file {address}", "pods", why, "save it in the project, and name its path"))

    # --- functions of the provider ------------------------------------------------------------------------------------

    def kustomize(self, args: Properties) -> Properties:
        """kubernetes:kustomize:directory, which kustomize.Directory asks for its objects."""
        directory = str(args.get("directory") or "")
        return {"result": list(self._kustomized(directory, f"Directory {directory}", "", any_file=False))}

    def template(self, args: Properties) -> Properties:
        """kubernetes:helm:template, which helm.v3.Chart asks for its objects."""
        try:
            given: Mapping[str, Any] = json.loads(str(args.get("jsonOpts") or "{}"))
        except ValueError:
            why = "one of its values is a secret, which hides them all"
            self.unread.append(Unread("a helm.v3.Chart", "software", why, "use helm.v4.Chart, which hides the one"))
            return {"result": []}
        name, chart = str(given.get("release_name") or ""), str(given.get("path") or given.get("chart") or "")
        self._charts[name] = {
            "chart": chart,
            "version": given.get("version") or (given.get("fetch_opts") or {}).get("version"),
            "namespace": given.get("namespace"),
            "values": given.get("values"),
        }
        if not given.get("path"):
            self._elsewhere(chart, "Chart", name)
            return {"result": []}
        namespace = str(given.get("namespace") or "default")
        wanted = LocalChart(
            path=chart,
            release=name,
            namespace=namespace,
            values=_map(given.get("values")),
            crds=not given.get("skip_crd_rendering"),
            hooks=True,
            kube_version=str(given.get("kube_version") or ""),
            api_versions=[str(version) for version in given.get("api_versions") or ()],
        )
        tests = bool(given.get("include_test_hook_resources"))
        found = self._chart(wanted, Resource("", CHART_V3, name), "")
        return {"result": [_in(namespace, each) for each in found if tests or not _is_test(each)]}

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def added_to(self, graph: Graph) -> Graph:
        """The graph with the rows, with what each helm.v3.Chart is, and with what was not read."""
        known = [self._described(resource) for resource in graph]
        rows = sorted([*known, *self.rows.values()], key=lambda resource: resource.urn)
        return graph.of_resources(rows).with_unread(self.unread)

    def _described(self, resource: Resource) -> Resource:
        told = self._charts.get(resource.name) if resource.type == CHART_V3 else None
        if told is None:
            return resource
        return replace(resource, inputs={**resource.inputs, **{key: value for key, value in told.items() if value}})

    # --- from where objects come --------------------------------------------------------------------------------------

    def _of_files(
        self, names: Iterable[Any], kind: str, resource: Resource, place: str, *, globs: bool = True
    ) -> Iterator[Properties]:
        for name in map(str, names):
            if re.match(r"[a-z][a-z0-9+.-]*://", name):
                why = "it is on another machine, and a plan asks none"
                how = "save it in the project, and name its path"
                self.unread.append(Unread(f"file {name} of {kind} {resource.name}", "pods", why, how))
                continue
            found = sorted(glob(name)) if globs and re.search(r"(?:^|[^\\])[*?\[]", name) else [name]  # noqa: PTH207 - Path.glob takes no absolute one
            for file in found:
                if not Path(file).is_file():
                    raise InputError(f"{place}{kind} {resource.name}: {file}: no such file")
                for document in read(Path(file), file):
                    yield from _lists_opened([plain(document)], f"{file}:{document.line}")

    def _kustomized(self, directory: str, of: str, place: str, *, any_file: bool) -> Iterator[Properties]:
        folder = Path(directory)
        if re.match(r"(?:[a-z]+://|git@|github\.com/)", directory):
            why = "it is on another machine, and a plan asks none"
            self.unread.append(Unread(f"kustomization {directory} of {of}", "pods", why, "clone it into the project"))
            return
        if not any((folder / name).is_file() for name in ("kustomization.yaml", "kustomization.yml", "Kustomization")):
            raise InputError(f"{place}{of}: {folder / 'kustomization.yaml'}: no such file")
        try:
            text = rendered_kustomization(directory, any_file=any_file)
        except NotRendered as error:
            self.unread.append(Unread(f"kustomization {directory} of {of}", "pods", error.why, error.how))
            return
        yield from _parsed(text, f"kustomization {directory}")

    def _chart(self, wanted: LocalChart, resource: Resource, place: str) -> list[Properties]:
        kind = resource.type.rpartition(":")[2]
        path = Path(wanted.path)
        if not (path.is_file() or (path / "Chart.yaml").is_file()):
            raise InputError(f"{place}{kind} {resource.name}: {path / 'Chart.yaml'}: no such file")
        try:
            return list(_parsed(rendered_chart(wanted), f"chart {wanted.path}"))
        except NotRendered as error:
            shown = wanted.path if wanted.path.startswith((".", "/")) else f"./{wanted.path}"
            self.unread.append(Unread(f"chart {shown} of {kind} {resource.name}", "software", error.why, error.how))
            return []

    def recorded(self, release: Resource) -> None:
        """Notes a Release of a preview or a state, which have its values, and not its objects."""
        chart = str(release.inputs.get("chart") or "")
        if chart and _short(chart) not in KNOWN_CHARTS:
            name = str(release["name"] or release.name)
            why = "the file has the values of a Release, and not its objects"
            how = f"`helm get manifest {name} --namespace {release['namespace'] or 'default'}` prints them"
            what: What = "nodes" if _BRINGS_POOLS.search(_short(chart)) else "software"
            self.unread.append(Unread(f"chart {chart} of Release {release.name}", what, why, how))

    def _elsewhere(self, chart: str, kind: str, name: str) -> None:
        short = _short(chart)
        if short in _JUDGED_BY_VALUES:
            return
        how = "name a chart in a folder of the project, which helm renders"
        if _BRINGS_POOLS.search(short):
            why = "charts of this name bring node pools or node classes, and this one is in a repository"
            self.unread.append(Unread(f"chart {chart} of {kind} {name}", "nodes", why, how))
            return
        why = "it is in a repository, and a plan asks none: chart, version and values are known"
        self.unread.append(Unread(f"chart {chart} of {kind} {name}", "software", why, how))

    def _values(self, given: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        """The values of the files, each over the one before, and those of the program over them."""
        found: Mapping[str, Any] = {}
        for asset in given.get("valueYamlFiles") or ():
            told = asset if isinstance(asset, Mapping) else {}
            if "path" in told:
                file = Path(str(told["path"]))
                if not file.is_file():
                    raise InputError(f"{place}valueYamlFiles: {file}: no such file")
                documents: Sequence[Any] = read(file, str(file), holds="a map of values")
            else:
                documents = parse(str(told.get("text") or ""), f"{place}valueYamlFiles")
            for document in documents:
                found = _merged(found, _map(plain(document)))
        return _merged(found, _map(given.get("values")))

    # --- children -----------------------------------------------------------------------------------------------------

    def _expanded(
        self, component: Resource, objects: Sequence[Properties], *, prefix: str | None = None, namespace: str = ""
    ) -> list[Resource]:
        given = component.inputs
        prefix = prefix if prefix is not None else str(given.get("resourcePrefix", component.name))
        default = namespace or str(given.get("namespace") or "default")
        rows: list[tuple[Properties, Resource]] = []
        for found in objects:
            row = _row(component, _in(default, found), prefix, skip_await=bool(given.get("skipAwait")))
            if row.urn in self.rows:
                raise InputError(f"two resources would have the URN {row.urn}: set resourcePrefix of one of them")
            self.rows[row.urn] = row
            rows.append((row.inputs, row))
        for made, row in rows:
            before = frozenset(other.urn for manifest, other in rows if _comes_before(manifest, made))
            self.rows[row.urn] = replace(row, dependencies=component.dependencies | before)
        return [self.rows[row.urn] for _, row in rows]


def _row(component: Resource, manifest: Mapping[str, Any], prefix: str, *, skip_await: bool) -> Resource:
    metadata = dict(manifest["metadata"])
    if skip_await:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), SKIP_AWAIT: "true"}
    api_version, kind = str(manifest["apiVersion"]), str(manifest["kind"])
    core = "core/" if "/" not in api_version else ""
    type_ = f"kubernetes:{core}{api_version}:{kind}"
    name = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    inputs = {**manifest, "metadata": metadata}
    if kind == "Secret":
        inputs |= {key: "[secret]" for key in ("data", "stringData") if key in inputs}
    options: dict[str, Any] = {}
    if (metadata.get("annotations") or {}).get(_KEEP[0]) == _KEEP[1]:
        options["retainOnDelete"] = True
    full = f"{prefix}:{name}" if prefix else name
    start, _, _ = component.urn.rpartition("::")
    return Resource(
        urn=f"{start}${type_}::{full}",
        type=type_,
        name=full,
        parent=component.urn,
        id=name,
        inputs=inputs,
        outputs=inputs,
        options=options,
        provider=component.provider,
        expanded_from=component.urn,
    )


def _comes_before(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether the provider makes the first before the second: a namespace, a definition, or what it says itself."""
    metadata, spec = first["metadata"], _map(first.get("spec"))
    if first["kind"] == "Namespace":
        return second["metadata"].get("namespace") == metadata["name"]
    if first["kind"] == "CustomResourceDefinition":
        group = str(second["apiVersion"]).rpartition("/")[0]
        return (spec.get("group"), _map(spec.get("names")).get("kind")) == (group, second["kind"])
    wanted = (second["metadata"].get("annotations") or {}).get(_DEPENDS_ON) or ""
    group = str(first["apiVersion"]).rpartition("/")[0]
    place = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{group}{place}/{first['kind']}/{metadata['name']}" in re.split(r"\s*,\s*", str(wanted))


def _in(namespace: str, manifest: Properties) -> dict[str, Any]:
    """The object in a namespace, if it has none and needs one."""
    metadata = dict(manifest["metadata"])
    if manifest["kind"] not in OF_THE_CLUSTER and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    return {**manifest, "metadata": metadata}


def _parsed(text: str, name: str) -> Iterator[Properties]:
    """Raises InputError."""
    for document in parse(text, name):
        yield from _lists_opened([plain(document)], name)


def _lists_opened(objects: Iterable[Any], name: str) -> Iterator[Properties]:
    """The objects, those of a List one by one. Raises InputError for what is no Kubernetes object."""
    for found in objects:
        if not isinstance(found, Mapping):
            raise InputError(f"{name}: must be a Kubernetes object, got {type(found).__name__}")
        if not found:
            continue
        if not (found.get("apiVersion") and found.get("kind")):
            raise InputError(f"{name}: a Kubernetes object needs apiVersion and kind, got {', '.join(map(str, found))}")
        if str(found["kind"]).endswith("List") and isinstance(found.get("items"), list):
            yield from _lists_opened(found["items"], name)
            continue
        if not _map(found.get("metadata")).get("name"):
            raise InputError(f"{name}: {found['kind']} needs metadata.name")
        yield found


def _is_test(manifest: Mapping[str, Any]) -> bool:
    return "test" in str((manifest["metadata"].get("annotations") or {}).get("helm.sh/hook") or "")


def _local(chart: str, given: Mapping[str, Any]) -> bool:
    """Whether a chart is named by its path: then the provider asks no repository."""
    if _map(given.get("repositoryOpts")).get("repo") or "://" in chart:
        return False
    return chart.startswith((".", "/")) or Path(chart).exists()


def _short(chart: str) -> str:
    """The chart's own name: the last part of a reference, without the version of an archive."""
    return re.sub(r"-v?\d[^/]*\.tgz$", "", chart.rstrip("/").rpartition("/")[2])


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values as helm merges them: maps key by key, all else as a whole."""
    both = {key: _merged(under[key], over[key]) for key in over if _maps(under.get(key), over[key])}
    return {**under, **over, **both}


def _maps(*values: Any) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def _map(value: Any) -> Mapping[str, Any]:
    """The value if it is a map; an empty one else, as for a secret."""
    return value if isinstance(value, Mapping) else {}
