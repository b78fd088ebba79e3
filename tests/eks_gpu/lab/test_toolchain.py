"""The lab's tools: what is built and how, what is taken from the machine, and what is said when neither can be."""

import json
import re
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from eks_gpu.io.problems import InputError
from eks_gpu.lab import toolchain as lab
from eks_gpu.lab import toolset
from eks_gpu.lab.go_patches import KARPENTER, TERMINATION_HANDLER
from eks_gpu.lab.progress import spoken
from eks_gpu.lab.toolset import GROUPS, TOOLS, Group
from eks_gpu_components.catalog import KARPENTER_CHART, TERMINATION_HANDLER_CHART

GO = """#!/bin/sh
here={here}
case "$1" in
  env)
    if [ "$2" != GOVERSION ]; then echo $here/packages; echo $here/modules
    elif [ "$GOTOOLCHAIN" = local ]; then cat $here/version
    elif [ -f $here/fetched ]; then cat $here/fetched
    else echo "go: downloading go1.26.11 (linux/amd64)" >&2; echo "go: download go1.26.11: no route" >&2; exit 1; fi ;;
  mod) if [ "$3" = example.com/gone ]; then echo "no such module" >&2; exit 1; fi ;;
  list) echo $here/module ;;
  build)
    echo "$(basename $PWD): $*" >> $here/builds
    env > $here/environment
    if [ -f $here/during ]; then . $here/during; fi
    while [ "$1" != -o ]; do shift; done
    echo built > "$2" ;;
esac
"""


class Machine:
    """A PATH with a stand-in for `go` on it, an empty cache, and whatever programs a test installs."""

    def __init__(self, folder: Path):
        self.folder, self.bin, self.cache = folder, folder / "bin", folder / "cache"
        (folder / "module" / "cmd" / "pulumi-resource-kubernetes").mkdir(parents=True)
        (folder / "module" / "cmd" / "pulumi-resource-kubernetes" / "schema.json").write_text("{}")
        for copied in (KARPENTER, TERMINATION_HANDLER):
            for patch in copied.patches:
                file = folder / "module" / copied.folder / patch.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("".join(old for old, _ in patch.changes))
        self.bin.mkdir()
        self.program("go", GO.format(here=folder))
        self.go_is("go1.26.8")
        (folder / "fetched").write_text("go1.26.11\n")

    def program(self, name: str, text: str) -> Path:
        file = self.bin / name
        file.write_text(text)
        file.chmod(0o755)
        return file

    def answering(self, name: str, text: str) -> Path:
        return self.program(name, f"#!/bin/sh\necho '{text}'\n")

    def go_is(self, version: str) -> None:
        (self.folder / "version").write_text(f"{version}\n")

    def during_a_build(self, commands: str) -> None:
        (self.folder / "during").write_text(commands)

    def build_lasts_until(self, file: str) -> Path:
        """The file that lets builds end; after a minute they end without it."""
        self.during_a_build(
            f'n=0; until [ -e "{self.folder / file}" ] || [ $n = 6000 ]; do sleep 0.01; n=$((n+1)); done'
        )
        return self.folder / file

    def builds(self) -> list[str]:
        file = self.folder / "builds"
        return file.read_text().splitlines() if file.exists() else []

    def go_environment(self) -> dict[str, str]:
        lines = (self.folder / "environment").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)


@pytest.fixture
def machine(tmp_path, monkeypatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.cache))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "venv" / "bin" / "python"))
    monkeypatch.setattr(lab, "available_memory_gib", lambda: 16.0)
    monkeypatch.setattr(lab.shutil, "disk_usage", lambda folder: SimpleNamespace(free=100 * 2**30))
    return made


QUIET = Console(quiet=True)


def refused(names: list[str]) -> str:
    with pytest.raises(InputError) as told:
        lab.toolchain(names, QUIET)
    return str(told.value)


def test_a_missing_tool_is_built_from_its_module(machine):
    place = lab.toolchain(["etcd"], QUIET)["etcd"]

    assert place.read_text() == "built\n"
    assert place.parent.parent.parent == machine.cache / "eks-gpu" / "lab"
    assert machine.builds() == [
        f"etcd: build -trimpath -buildvcs=false -ldflags -s -w -o {place.parent}/.etcd go.etcd.io/etcd/server/v3"
    ]


def test_further_controllers_are_built_for_who_names_them_alone(machine, monkeypatch):
    machine.answering("kubectl", "Client Version: v1.36.0")
    assert not lab.is_built("jobset", "lws")
    assert {"jobset", "lws"}.isdisjoint(lab.toolchain((), QUIET))
    assert not lab.is_built("jobset", "lws")

    lab.toolchain(["jobset"], QUIET)

    assert (lab.is_built("jobset"), lab.is_built("jobset", "lws")) == (True, False)

    monkeypatch.setattr(sys, "argv", ["toolchain", "--further"])
    lab.main()
    assert lab.is_built("jobset", "lws", "kueue", "trainer", "keda-operator", "keda-adapter")
    assert lab.is_built("prometheus", "promtool", "kube-state-metrics")


def test_the_api_server_is_told_its_version(machine):
    lab.toolchain(["kube-apiserver"], QUIET)

    (built,) = machine.builds()
    assert "-X k8s.io/component-base/version.gitVersion=v1.36.3 " in built
    assert "-X k8s.io/component-base/version.gitMajor=1 " in built
    assert "-X k8s.io/component-base/version.gitMinor=36 " in built


@pytest.mark.parametrize("variable", ["GONOSUMDB", "GONOSUMCHECK", "GOINSECURE", "GOPRIVATE", "GOSUMDB"])
def test_no_setting_of_the_caller_switches_checksums_off(machine, monkeypatch, variable):
    monkeypatch.setenv(variable, "off")

    lab.toolchain(["etcd"], QUIET)

    assert variable not in machine.go_environment()


def test_a_build_takes_modules_only_as_go_sum_has_them(machine, monkeypatch):
    monkeypatch.setenv("GOFLAGS", "-mod=mod -insecure")

    lab.toolchain(["etcd"], QUIET)

    settings = machine.go_environment()
    assert (settings["GOFLAGS"], settings["GOTOOLCHAIN"], settings["GOWORK"]) == ("-mod=readonly", "local", "off")


def test_a_newer_go_is_fetched_only_where_go_mod_names_one(machine):
    lab.toolchain(["karpenter"], QUIET)
    assert machine.go_environment()["GOTOOLCHAIN"] == "auto"

    lab.toolchain(["cluster-autoscaler"], QUIET)
    assert machine.go_environment()["GOTOOLCHAIN"] == "local"


def test_a_newer_go_that_cannot_be_fetched_is_named(machine):
    (machine.folder / "fetched").unlink()

    assert refused(["karpenter", "etcd"]) == (
        f"karpenter is built with Go 1.26.9 or newer, {machine.bin}/go is older, and go1.26.11 could not be fetched in "
        "its place: install Go 1.26.9 or newer, or let `go` reach the module proxy and the checksum database; it said: "
        "go: download go1.26.11: no route"
    )
    assert machine.builds() == []


def test_the_provider_finds_its_schema_in_its_own_folder(machine):
    place = lab.toolchain(["pulumi-resource-kubernetes"], QUIET)["pulumi-resource-kubernetes"]

    assert (place.parent / "schema.json").read_text() == "{}"


def test_stage_files_and_crds_are_read_where_go_keeps_the_module(machine):
    assert lab.module_folder("kubernetes", "sigs.k8s.io/kwok") == machine.folder / "module"


def test_a_module_that_cannot_be_had_is_named(machine):
    with pytest.raises(InputError, match=r"go mod download example.com/gone failed in \S+/cli: no such module"):
        lab.module_folder("cli", "example.com/gone")


def test_what_was_built_is_not_built_again(machine):
    first = lab.toolchain(["etcd"], QUIET)
    (machine.bin / "go").unlink()

    assert lab.toolchain(["etcd"], QUIET) == first


def test_two_callers_build_a_tool_once(machine, monkeypatch):
    waited_for = machine.build_lasts_until("a second caller")
    alone = lab.locked
    monkeypatch.setattr(lab, "locked", lambda file, on_wait: alone(file, waited_for.touch))
    found = []
    callers = [threading.Thread(target=lambda: found.append(lab.toolchain(["etcd"], QUIET))) for _ in range(2)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()

    assert len(found) == 2
    assert len(machine.builds()) == 1


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go"])
def test_a_change_in_what_a_tool_is_built_from_builds_it_anew(machine, monkeypatch, tmp_path, file):
    modules = tmp_path / "tools"
    folder = modules / "autoscaler"
    folder.mkdir(parents=True)
    for name in ("go.mod", "go.sum", "main.go"):
        (folder / name).write_text((GROUPS["autoscaler"].folder / name).read_text())
    monkeypatch.setattr(toolset, "MODULES", modules)
    before = lab.toolchain(["cluster-autoscaler"], QUIET)

    with (folder / file).open("a") as changed:
        changed.write("\n// changed\n")

    assert lab.toolchain(["cluster-autoscaler"], QUIET) != before
    assert len(machine.builds()) == 2


@pytest.mark.parametrize(
    ("name", "answer", "taken"),
    [
        ("pulumi", "v3.259.0", True),
        ("pulumi", "v3.301.2", True),
        ("pulumi", "v3.258.9", False),
        ("pulumi", "v4.0.0", False),
        ("kube-apiserver", "Kubernetes v1.36.0", True),
        ("kube-apiserver", "Kubernetes v1.35.3", False),
        ("etcd", "etcd Version: 3.6.4\nGit SHA: 5400cdc\nGo Version: go1.23.11", True),
        ("etcd", "etcd Version: 3.5.21", False),
        ("kwok", "kwok version v0.8.1 go1.26 (linux/amd64)", True),
        ("kwok", "an error", False),
        ("karpenter", "1.14.0", False),
        ("helm", "v3.21.3+g2f1a4c5", True),
        ("helm", "v4.0.1", True),
        ("helm", "v2.17.0", False),
    ],
)
def test_an_installed_tool_is_taken_in_a_version_that_will_do(machine, name, answer, taken):
    installed = machine.answering(name, answer)

    assert (lab.toolchain([name], QUIET)[name] == installed) is taken
    assert bool(machine.builds()) is not taken


@pytest.mark.parametrize(("minor", "taken"), [(34, False), (35, True), (36, True), (37, True), (38, False)])
def test_kubectl_may_be_one_minor_away_from_the_api_server(machine, minor, taken):
    installed = machine.answering("kubectl", f"Client Version: v1.{minor}.1\nKustomize Version: v5.7.1")

    if taken:
        assert lab.toolchain(["kubectl"], QUIET) == {"kubectl": installed}
    else:
        assert "pip install 'eks-gpu-components[lab]'" in refused(["kubectl"])


def test_the_program_beside_this_python_comes_first(machine):
    machine.answering("kubectl", "Client Version: v1.36.0")
    own = Path(sys.executable).parent
    own.mkdir(parents=True)
    machine.answering("kubectl", "Client Version: v1.37.1").rename(own / "kubectl")

    assert lab.toolchain(["kubectl"], QUIET) == {"kubectl": own / "kubectl"}


def test_an_unknown_tool_is_refused_with_the_nearest(machine):
    assert refused(["kube-apisrver"]) == "kube-apisrver is no tool of the lab; nearest: kube-apiserver"


def test_a_machine_without_go_is_told_which_one(machine, monkeypatch):
    monkeypatch.setenv("PATH", str(machine.folder / "nothing"))

    assert refused(["karpenter"]) == ("the lab's tools are built with Go 1.26.9 or newer, and there is no `go` on PATH")


def test_an_old_go_is_refused(machine):
    machine.go_is("go1.25.4")

    assert refused(["etcd"]) == (f"the lab's tools are built with Go 1.26.0 or newer, and {machine.bin}/go is go1.25.4")


def test_a_failed_build_shows_its_end_and_leaves_no_program(machine):
    machine.during_a_build("echo 'go: downloading x'; echo 'server.go:7: undefined: Start'; exit 1")

    told = refused(["etcd"])

    folder = lab.group_folder(GROUPS["etcd"])
    assert told == (
        f"etcd 3.6.15 could not be built; {folder}/logs/etcd.log ends with:\n  server.go:7: undefined: Start"
    )
    assert list((folder / "bin").iterdir()) == []


def test_a_failed_build_ends_the_others_at_once(machine):
    started, finished = machine.folder / "started", machine.folder / "finished"
    machine.during_a_build(
        f"case $PWD in */etcd) until [ -e {started} ]; do sleep 0.01; done; exit 1 ;; "
        f"*) touch {started}; sleep 20; touch {finished} ;; esac"
    )

    assert "etcd 3.6.15 could not be built" in refused(["etcd", "karpenter"])
    assert not finished.exists()


def test_a_full_disk_is_found_before_anything_is_built(machine, monkeypatch):
    monkeypatch.setattr(lab.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**29))

    told = refused(["etcd", "karpenter"])

    assert re.match(r"building etcd, karpenter takes up to [\d.]+ GiB and \S+/lab has 0.5 GiB free: make room", told)
    assert machine.builds() == []


def test_a_cache_that_cannot_be_written_is_named(machine):
    machine.cache.write_text("a file")

    assert re.match(r"\S+/bin cannot be made: Not a directory; set XDG_CACHE_HOME", refused(["etcd"]))


def group(name: str, memory_gib: float) -> Group:
    return Group(name, memory_gib, disk_gib=1)


BIG, MIDDLE, SMALL = group("big", 5), group("middle", 3), group("small", 1)


@pytest.mark.parametrize(
    ("waiting", "running", "budget_gib", "slots", "starts"),
    [
        ([BIG, MIDDLE, SMALL], [], 9, 3, [BIG, MIDDLE, SMALL]),
        ([BIG, MIDDLE, SMALL], [], 9, 2, [BIG, MIDDLE]),
        ([BIG, MIDDLE, SMALL], [], 6, 3, [BIG, SMALL]),
        ([BIG, MIDDLE, SMALL], [], 2, 3, [BIG]),
        ([MIDDLE, SMALL], [BIG], 5, 3, []),
    ],
)
def test_groups_are_built_at_once_while_memory_and_cores_allow(waiting, running, budget_gib, slots, starts):
    assert lab.startable(waiting, running, budget_gib, slots) == starts


def test_a_build_is_announced_with_the_time_it_took_before(machine):
    times = machine.cache / "eks-gpu" / "lab" / "times.json"
    times.parent.mkdir(parents=True)
    times.write_text('{"etcd": 400.4}')
    with (machine.folder / "screen").open("w") as screen:
        lab.toolchain(["etcd"], Console(file=screen, force_terminal=False))

    assert (machine.folder / "screen").read_text().splitlines() == [
        "building etcd (last time 6 min 40 s)",
        "built etcd 3.6.15 in 0 s",
    ]
    assert json.loads(times.read_text())["etcd"] < 10


def test_durations_are_spoken():
    assert [spoken(seconds) for seconds in (0.4, 59.4, 59.6, 61)] == ["0 s", "59 s", "1 min 0 s", "1 min 1 s"]


def test_the_command_line_prints_where_each_tool_is(machine, monkeypatch, capsys):
    installed = machine.answering("etcd", "etcd Version: 3.6.4")
    monkeypatch.setattr(sys, "argv", ["toolchain", "etcd"])

    lab.main()

    assert capsys.readouterr().out == f"etcd\t{installed}\n"


def test_the_versions_are_these():
    assert {tool.name: tool.version for tool in TOOLS.values()} == {
        "pulumi": "3.259.0",
        "pulumi-resource-kubernetes": "4.25.0",
        "kube-apiserver": "1.36.3",
        "kube-controller-manager": "1.36.3",
        "kube-scheduler": "1.36.3",
        "kwok": "0.8.0",
        "karpenter-core": "1.14.1",
        "karpenter": "1.15.0",
        "karpenter-nodes": "1.15.0",
        "etcd": "3.6.15",
        "cluster-autoscaler": "1.33.0",
        "aws-node-termination-handler": "1.25.6",
        "helm": "4.3.2",
        "jobset": "0.11.1",
        "lws": "0.8.0",
        "package-sdk": "3.259.0",
        "pulumi-language-yaml": "1.38.0",
        "kueue": "0.17.0",
        "trainer": "2.2.0",
        "keda-operator": "2.21.0",
        "keda-adapter": "2.21.0",
        "prometheus": "0.316.0",
        "promtool": "0.316.0",
        "kube-state-metrics": "2.18.0",
        "kubectl": "1.36.3",
    }


def test_the_lab_runs_the_karpenter_that_its_chart_installs():
    assert TOOLS["karpenter"].version == KARPENTER_CHART.version


def test_the_nodes_that_tests_compare_with_are_of_the_karpenter_that_the_lab_runs():
    both = [
        dict(re.findall(r"^\s+(\S+) (v\S+)", (GROUPS[name].folder / "go.mod").read_text(), re.MULTILINE))
        for name in ("karpenter", "karpenter-nodes")
    ]
    karpenter, nodes = both
    assert nodes["github.com/aws/karpenter-provider-aws"] == "v1.15.0"
    assert nodes.items() <= karpenter.items()


def test_the_lab_runs_the_termination_handler_that_its_chart_installs():
    assert TOOLS["aws-node-termination-handler"].version == TERMINATION_HANDLER_CHART.app_version


@pytest.mark.parametrize("name", GROUPS)
def test_every_required_module_has_its_checksum(name):
    go_mod, go_sum = ((GROUPS[name].folder / file).read_text() for file in ("go.mod", "go.sum"))
    replaced = dict(re.findall(r"^\s*(?:replace )?(\S+)(?: v\S+)? => (\S+ \S+)", go_mod, re.MULTILINE))
    required = re.findall(r"^\s*(?:require )?(\S+\.\S+/\S+|\S+\.\S+) (v\S+)", go_mod, re.MULTILINE)
    listed = {" ".join(line.split()[:2]) for line in go_sum.splitlines()}

    assert len(required) > 20
    assert [
        at for module, version in required if (at := replaced.get(module, f"{module} {version}")) not in listed
    ] == []


def test_programs_are_asked_of_groups_that_have_a_folder():
    assert {tool.program.group for tool in TOOLS.values() if tool.program} == GROUPS.keys()
    assert {folder.name for folder in toolset.MODULES.iterdir() if folder.is_dir()} == GROUPS.keys()


def test_sdks_are_written_by_the_release_of_pulumi_that_the_lab_runs():
    assert TOOLS["package-sdk"].version == TOOLS["pulumi"].version
