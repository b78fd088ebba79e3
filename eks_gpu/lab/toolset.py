"""The lab's programs: what each is built from, in which version, and which installed version can be used instead."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eks_gpu.lab import go_patches

MODULES = Path(__file__).parent / "tools"
"""A folder for each group, with its go.mod and go.sum."""

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Group:
    """Programs whose modules must agree on their versions: one go.mod."""

    name: str
    memory_gib: float
    """Peak of `go build` and the compilers it starts, on 2 cores."""
    disk_gib: float
    """What a first build leaves: modules, compiled packages, programs."""

    @property
    def folder(self) -> Path:
        return MODULES / self.name


@dataclass(frozen=True)
class GoProgram:
    """How `go build` makes a program."""

    group: str
    package: str
    """Import path; `.` is the group's own main.go."""
    tags: str = ""
    stamps: tuple[str, ...] = ()
    """`variable=value`: what the linker writes into the program."""
    beside: tuple[tuple[str, str], ...] = ()
    """Module and file in it: copied into the program's folder, where the program reads it."""

    copied: go_patches.Copied | None = None
    """Where the package is, if it is changed before it is built."""

    @property
    def built(self) -> str:
        """The package as `go build` finds it."""
        return f"./{self.copied.folder}" if self.copied else self.package

    def command(self, output: Path) -> list[str]:
        linker = " ".join(["-s -w", *(f"-X {stamp}" for stamp in self.stamps)])
        tags = ["-tags", self.tags] if self.tags else []
        return ["build", "-trimpath", "-buildvcs=false", *tags, "-ldflags", linker, "-o", str(output), self.built]


@dataclass(frozen=True)
class Tool:
    """A program of the lab."""

    name: str
    version: str
    """As in 1.36.3."""
    program: GoProgram | None = None
    """None: never built, it comes as a Python package of the extra `lab`."""
    ask: tuple[str, ...] = ()
    """Arguments at which it prints its version. Without them one that is installed is never taken."""
    accepts: Callable[[Version, Version], bool] = lambda wanted, found: wanted == found
    """Whether an installed version will do in place of the wanted one."""
    further: bool = False
    """Whether the lab does without it: it is built only if it is asked for by name, as `make replays` does."""


def same_minor(wanted: Version, found: Version) -> bool:
    return wanted[:2] == found[:2]


def same_major_not_older(wanted: Version, found: Version) -> bool:
    """What Pulumi promises: a state that an engine wrote is read by every later one of its major version."""
    return wanted[0] == found[0] and wanted <= found


def one_minor_apart(wanted: Version, found: Version) -> bool:
    """Kubernetes' version skew policy for kubectl."""
    return wanted[0] == found[0] and abs(wanted[1] - found[1]) <= 1


def charts_of_today(_: Version, found: Version) -> bool:
    """Helm 3 and 4 render the same charts; OCI references came with 3.8."""
    return (3, 8, 0) <= found < (5, 0, 0)


def parse_version(text: str) -> Version | None:
    """The first x.y.z in a program's answer."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def required_version(group: str, module: str) -> str:
    """What the group's go.mod asks for, without the v."""
    go_mod = (MODULES / group / "go.mod").read_text(encoding="utf-8")
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)} v(\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise LookupError(f"{MODULES / group / 'go.mod'} requires no {module}")
    return found[1]


def go_version(group: Group) -> Version:
    """The oldest Go that the group's go.mod allows."""
    found = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?$", (group.folder / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{group.folder / 'go.mod'} names no version of Go")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def fingerprint(group: Group) -> str:
    """12 hex digits that change with anything the group's programs are made from."""
    digest = hashlib.sha256()
    for file in sorted([group.folder / "go.mod", group.folder / "go.sum", *group.folder.glob("*.go")]):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    for tool in TOOLS.values():
        if tool.program and tool.program.group == group.name:
            digest.update(repr((tool.program.command(Path(tool.name)), tool.program.beside)).encode())
            if tool.program.copied:
                digest.update(repr(tool.program.copied).encode())
    return digest.hexdigest()[:12]


GROUPS = {
    group.name: group
    for group in (
        Group("cli", memory_gib=2, disk_gib=3.5),
        Group("provider", memory_gib=5.5, disk_gib=4),
        Group("kubernetes", memory_gib=2.5, disk_gib=4.5),
        Group("karpenter", memory_gib=3.5, disk_gib=3),
        Group("karpenter-nodes", memory_gib=3.5, disk_gib=0.5),
        Group("etcd", memory_gib=1, disk_gib=1),
        Group("autoscaler", memory_gib=2, disk_gib=3),
        Group("handler", memory_gib=1.5, disk_gib=1),
        Group("helm", memory_gib=1.5, disk_gib=2),
        Group("gangs", memory_gib=1, disk_gib=1),
        Group("sdk", memory_gib=1.5, disk_gib=1),
        Group("yaml", memory_gib=1.5, disk_gib=1.5),
        Group("batch", memory_gib=2, disk_gib=4),
        Group("keda", memory_gib=3.5, disk_gib=6),
        Group("prometheus", memory_gib=2.5, disk_gib=3),
        Group("kube-state-metrics", memory_gib=1.5, disk_gib=1.5),
    )
}

PULUMI_MODULE = "github.com/pulumi/pulumi/pkg/v3"
PULUMI = required_version("cli", PULUMI_MODULE)
PROVIDER = "4.25.0"  # the first release after the commit in go.mod; the module has no versions of its own
KUBERNETES = required_version("kubernetes", "k8s.io/kubernetes")
KARPENTER = required_version("karpenter", "github.com/aws/karpenter-provider-aws")
KARPENTER_CORE = required_version("kubernetes", "sigs.k8s.io/karpenter")
TERMINATION_HANDLER = required_version("handler", "github.com/aws/aws-node-termination-handler")
HELM = required_version("helm", "helm.sh/helm/v4")
JOB_SET = required_version("gangs", "sigs.k8s.io/jobset")
LEADER_WORKER_SET = required_version("gangs", "sigs.k8s.io/lws")
KUEUE = required_version("batch", "sigs.k8s.io/kueue")
TRAINER = required_version("batch", "github.com/kubeflow/trainer/v2")
KEDA = required_version("keda", "github.com/kedacore/keda/v2")
PROMETHEUS = required_version("prometheus", "github.com/prometheus/prometheus")
KUBE_STATE_METRICS = required_version("kube-state-metrics", "k8s.io/kube-state-metrics/v2")
YAML = required_version("yaml", "github.com/pulumi/pulumi-yaml")
AUTOSCALER = "1.33.0"  # version/version.go at the commit in go.mod

KUBERNETES_STAMPS = (
    f"k8s.io/component-base/version.gitVersion=v{KUBERNETES}",  # without it the API server says that it is 0.0
    f"k8s.io/component-base/version.gitMajor={KUBERNETES.split('.')[0]}",
    f"k8s.io/component-base/version.gitMinor={KUBERNETES.split('.')[1]}",
)
PROVIDER_MODULE = "github.com/pulumi/pulumi-kubernetes/provider/v4"


def _kubernetes(name: str) -> Tool:
    program = GoProgram("kubernetes", f"k8s.io/kubernetes/cmd/{name}", stamps=KUBERNETES_STAMPS)
    return Tool(name, KUBERNETES, program, ("--version",), same_minor)


def _prometheus(name: str) -> Tool:
    # Targets are named in a file, so no cloud's service discovery is compiled in, and none of its SDKs.
    program = GoProgram("prometheus", f"github.com/prometheus/prometheus/cmd/{name}", tags="remove_all_sd")
    return Tool(name, PROMETHEUS, program, further=True)


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "pulumi",
            PULUMI,
            GoProgram(
                "cli",
                "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
                tags="osusergo,grpcnotrace",
                stamps=(f"github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI}",),
            ),
            ("version",),
            same_major_not_older,
        ),
        Tool(
            "pulumi-resource-kubernetes",
            PROVIDER,
            GoProgram(
                "provider",
                ".",
                stamps=(f"{PROVIDER_MODULE}/pkg/version.Version={PROVIDER}",),
                beside=((PROVIDER_MODULE, "cmd/pulumi-resource-kubernetes/schema.json"),),
            ),
        ),
        _kubernetes("kube-apiserver"),
        _kubernetes("kube-controller-manager"),
        _kubernetes("kube-scheduler"),
        Tool(
            "kwok",
            required_version("kubernetes", "sigs.k8s.io/kwok"),
            GoProgram("kubernetes", "sigs.k8s.io/kwok/cmd/kwok"),
            ("--version",),
            same_minor,
        ),
        Tool(
            "karpenter-core",
            KARPENTER_CORE,
            GoProgram(
                "kubernetes",
                "sigs.k8s.io/karpenter/kwok",
                stamps=(f"sigs.k8s.io/karpenter/pkg/operator.Version={KARPENTER_CORE}",),
            ),
        ),
        Tool(
            "karpenter",
            KARPENTER,
            GoProgram(
                "karpenter",
                "github.com/aws/karpenter-provider-aws/kwok",
                stamps=(f"sigs.k8s.io/karpenter/pkg/operator.Version={KARPENTER}",),
                copied=go_patches.KARPENTER,
            ),
        ),
        Tool("karpenter-nodes", KARPENTER, GoProgram("karpenter-nodes", ".")),
        Tool(
            "etcd",
            required_version("etcd", "go.etcd.io/etcd/server/v3"),
            GoProgram("etcd", "go.etcd.io/etcd/server/v3"),
            ("--version",),
            same_minor,
        ),
        Tool("cluster-autoscaler", AUTOSCALER, GoProgram("autoscaler", ".", tags="aws")),
        Tool(
            "aws-node-termination-handler",
            TERMINATION_HANDLER,
            GoProgram(
                "handler",
                "github.com/aws/aws-node-termination-handler/cmd",
                copied=go_patches.TERMINATION_HANDLER,
            ),
        ),
        Tool(
            "helm",
            HELM,
            GoProgram(
                "helm", "helm.sh/helm/v4/cmd/helm", stamps=(f"helm.sh/helm/v4/internal/version.version=v{HELM}",)
            ),
            ("version", "--short"),
            charts_of_today,
        ),
        Tool("jobset", JOB_SET, GoProgram("gangs", "sigs.k8s.io/jobset"), further=True),
        Tool("lws", LEADER_WORKER_SET, GoProgram("gangs", "sigs.k8s.io/lws/cmd"), further=True),
        Tool("package-sdk", required_version("sdk", PULUMI_MODULE), GoProgram("sdk", "."), further=True),
        Tool(
            "pulumi-language-yaml",
            YAML,
            GoProgram("yaml", "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"),
            further=True,
        ),
        Tool(
            "kueue",
            KUEUE,
            GoProgram(
                "batch", "sigs.k8s.io/kueue/cmd/kueue", stamps=(f"sigs.k8s.io/kueue/pkg/version.GitVersion=v{KUEUE}",)
            ),
            further=True,
        ),
        Tool(
            "trainer",
            TRAINER,
            GoProgram("batch", "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager"),
            further=True,
        ),
        Tool("keda-operator", KEDA, GoProgram("keda", "github.com/kedacore/keda/v2/cmd/operator"), further=True),
        Tool("keda-adapter", KEDA, GoProgram("keda", "github.com/kedacore/keda/v2/cmd/adapter"), further=True),
        _prometheus("prometheus"),
        _prometheus("promtool"),
        Tool(
            "kube-state-metrics",
            KUBE_STATE_METRICS,
            GoProgram("kube-state-metrics", "k8s.io/kube-state-metrics/v2"),
            further=True,
        ),
        Tool("kubectl", KUBERNETES, None, ("version", "--client"), one_minor_apart),
    )
}
