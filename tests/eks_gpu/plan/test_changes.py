"""What changes between two plans: found, said in words, and written by the command."""

import json
from dataclasses import replace

import pytest
from typer import Typer
from typer.testing import CliRunner

from eks_gpu.checks import Finding
from eks_gpu.commands.plan import plan as plan_command
from eks_gpu.io.problems import InputError
from eks_gpu.plan.changes import changes, compare
from eks_gpu.plan.render_changes import render, signed
from eks_gpu.plan.saved_plans import Snapshot, older, snapshots
from tests import reports
from tests.console import shown
from tests.graphs import cpu_work, gpu_work, healthy
from tests.programs import ROOT, plan_of
from tests.reports import FAILING, plan, saved, with_findings

EXAMPLE = str(ROOT / "examples/spot-autoscaling-groups")


def compared(old, new):
    return compare(Snapshot.model_validate(old), Snapshot.model_validate(new))


def failing(**more):
    return saved(with_findings(plan(), Finding(**{**vars(FAILING), **more})))


def text(changes, width=80):
    return shown(render([changes]), width)


# --- what differs ----------------------------------------------------------------------------------------------------


def test_a_plan_against_itself_changes_nothing():
    changes = compared(saved(plan()), saved(plan()))
    assert changes.none
    assert changes.as_json()["pools"] == changes.as_json()["workloads"] == changes.as_json()["checks"] == []


def test_a_pool_is_added_removed_or_changed_field_by_field():
    pools = reports.changes().as_json()["pools"]
    assert pools[0] == {
        "name": "gpu",
        "backend": "auto-scaling-group",
        "change": "changed",
        "fields": {
            "instance_types": {"old": ["g4dn.xlarge", "p3.2xlarge"], "new": ["g4dn.xlarge", "g5.xlarge"]},
            "max_nodes": {"old": 2, "new": 4},
            "max_gpus": {"old": 2, "new": 4},
        },
    }
    assert (pools[1]["name"], pools[1]["change"]) == ("gone", "removed")
    assert pools[1]["fields"]["max_nodes"] == {"old": 2, "new": None}
    assert not {"name", "backend"} & pools[1]["fields"].keys()
    (added,) = compared({**saved(plan()), "pools": saved(plan())["pools"][:1]}, saved(plan())).pools
    assert (added.name, added.change) == ("system", "added")
    assert added.says == ["min_nodes 2", "max_nodes 2", "capacity_types on-demand", "instance_types m7i.large"]


def test_a_pool_whose_nodes_an_upgrade_would_treat_otherwise_is_changed():
    before, after = saved(plan()), saved(plan())
    before["pools"][0]["upgrade"] = {"how": "refresh", "why": "EC2 keeps 90 % of them in service"}
    (row,) = compared(before, after).pools
    assert row.says == [
        "upgrade refresh → stays: running nodes keep their image, because the group has no instance refresh"
    ]


def test_a_plan_of_before_says_nothing_of_upgrades():
    older = saved(plan())
    for pool in older["pools"]:
        del pool["upgrade"]
    assert compared(older, saved(plan())).none
    assert compared(saved(plan()), {**older, "pools": older["pools"][:1]}).upgrades == []


def test_a_pool_that_moves_to_another_back_end_is_another_pool():
    old = saved(plan())
    old["pools"][0]["backend"] = "karpenter"
    assert [(row.kind, row.change) for row in compared(old, saved(plan())).pools] == [
        ("auto-scaling-group", "added"),
        ("karpenter", "removed"),
    ]


def test_a_workload_that_other_pools_take_is_changed():
    before = saved(plan(*healthy(web=cpu_work("web"), train=gpu_work(tolerations=[]))))
    (row,) = compared(before, saved(plan())).workloads
    assert (row.name, row.kind, row.says) == ("train", "Deployment in default", ["admitted_by + gpu"])


def test_a_field_that_only_one_of_two_planners_writes_is_no_change():
    less = saved(plan())
    for row in less["pools"]:
        del row["zones"]
    assert compared(less, saved(plan())).none
    assert compared(saved(plan()), less).none


def test_cost_differs_by_level_and_by_who_makes_it():
    more = saved(plan(*healthy(train=gpu_work(replicas=3))))
    cost = compared(saved(plan()), more).as_json()["cost"]
    assert cost["idle"]["items"] == cost["max"]["items"] == []
    assert [item["name"] for item in cost["steady"]["items"]] == ["pool gpu"]
    hourly = cost["steady"]["items"][0]["hourly"]
    assert hourly["new"] == pytest.approx(hourly["old"] * 3 / 2)
    assert cost["steady"]["monthly"]["new"] > cost["steady"]["monthly"]["old"]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ({"passed": True}, {}, "newly-failing"),
        ({"waived": "for now"}, {}, "newly-failing"),
        ({"severity": "warning"}, {}, "newly-failing"),
        ({}, {"passed": True}, "fixed"),
        ({"waived": "for now"}, {"passed": True}, "fixed"),
        ({}, {"waived": "for now"}, "waived"),
        ({"passed": True}, {"waived": "for now"}, "waived"),
        ({}, {"subject": "other", "passed": True}, "gone"),
        ({"passed": True}, {"subject": "other", "passed": True}, None),
        ({}, {"message": "nothing limits it, again"}, None),
        ({"passed": True}, {"passed": True}, None),
        ({"waived": "for now"}, {"waived": "for good"}, None),
    ],
)
def test_a_check_says_something_else(old, new, change):
    kept = {"id": "of-the-test", "subject": "one"}
    found = compared(failing(**kept | old), failing(**kept | new)).checks
    assert [row.change for row in found] == ([change] if change else [])


def test_a_failure_is_seen_beside_a_namesake_that_holds():
    both = with_findings(plan(), Finding("a", "x", True, "fine"), Finding("a", "x", False, "bad", fix="mend it"))
    (row,) = compared(saved(plan()), saved(both)).checks
    assert (row.change, row.message, row.note) == ("newly-failing", "bad", "fix: mend it")


# --- in words --------------------------------------------------------------------------------------------------------


def test_the_terminal_has_80_columns():
    said = text(reports.changes())
    assert max(map(len, said.splitlines())) <= 80
    for line in ("instance_types − p3.2xlarge, + g5.xlarge", "max_nodes 2 → 4", "fix: give it a maximum", "fails now"):
        assert line in said
    assert "max, USD a month" in said and "+730" in said


def test_a_check_that_is_not_judged_any_more_is_a_change_and_one_that_never_was_is_none():
    unjudged = Finding("a", "x", None, "it needs tags of x")
    (row,) = compared(
        saved(with_findings(plan(), Finding("a", "x", True, "fine"))), saved(with_findings(plan(), unjudged))
    ).checks
    assert (row.change, row.says, row.message) == ("not-judged", "not judged now", "it needs tags of x")
    assert compared(saved(with_findings(plan(), unjudged)), saved(with_findings(plan(), unjudged))).checks == []
    assert compared(saved(with_findings(plan(), unjudged)), saved(plan())).checks == []


@pytest.mark.parametrize(
    ("amount", "digits", "written"),
    [(730, 0, "+730"), (-0.2634, 3, "−0.263"), (0.0001, 3, "0"), (-12345, 0, "−12,345")],
)
def test_amounts_have_a_sign(amount, digits, written):
    assert signed(amount, digits) == written


# --- the file of before ----------------------------------------------------------------------------------------------


def written(tmp_path, content):
    file = tmp_path / "old.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", ":1:2: not valid JSON: Expecting property name enclosed in double quotes"),
        ("[" * 100_000, ": must be at most 64 levels deep"),
        ([], ": must be a plan that eks-gpu plan --json wrote, got an empty list"),
        ("7", ": must be a plan that eks-gpu plan --json wrote, got 7"),
        ({**saved(plan()), "pools": None}, ": pools must be a list, got nothing"),
        ([{**saved(plan()), "region": 1}], ': [0].region must be a string, got 1; nearest: "1"'),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, content, problem):
    with pytest.raises(InputError) as error:
        snapshots(written(tmp_path, content))
    assert error.value.problems == [f"{tmp_path}/old.json{problem}"]


def test_all_problems_of_a_file_come_at_once(tmp_path):
    broken = saved(plan())
    del broken["cost"]["max"]["hourly"]
    broken["checks"][0]["passed"] = "yes"
    with pytest.raises(InputError) as error:
        snapshots(written(tmp_path, broken))
    assert error.value.problems == [
        f"{tmp_path}/old.json: cost.max.hourly is required",
        f"{tmp_path}/old.json: checks[0].passed must be true or false, got 'yes'",
    ]


def test_a_file_that_is_not_there_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match=r"none\.json: cannot be read: No such file or directory"):
        snapshots(tmp_path / "none.json")


def test_plans_are_matched_by_stack(tmp_path):
    file = written(tmp_path, [saved(plan(stack="dev")), saved(plan(stack="prod"))])
    assert older(file, ["prod"]).by_stack["prod"].title == "shop / prod"
    with pytest.raises(InputError, match="holds no plan of stack prdo; nearest: prod"):
        older(file, ["prdo"])
    found = older(file, ["dev", "new"], every=True)
    assert list(found.by_stack) == ["dev"]
    assert found.notes == (
        "stack new is new: old.json holds no plan of it",
        "stack prod is gone: old.json holds a plan of it",
    )


def test_one_plan_may_be_of_another_stack(tmp_path):
    file = written(tmp_path, saved(plan(stack="dev")))
    (found,) = changes(older(file, ["prod"]), [saved(plan(stack="prod"))]).values()
    assert (found.old, found.new) == ("shop / dev", "shop / prod")


# --- the command -----------------------------------------------------------------------------------------------------


def eks_gpu(*args):
    app = Typer(pretty_exceptions_enable=False)
    app.command()(plan_command)
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_the_command_writes_the_changes_beside_the_plan(tmp_path):
    before = saved(plan_of("examples/spot-autoscaling-groups", "dev"))
    before["pools"] = before["pools"][1:]
    ran = eks_gpu(EXAMPLE, "--against", written(tmp_path, before), "--json", "-", "--markdown", tmp_path / "pr.md")
    assert ran.exit_code == 0, ran.output
    plan_now = json.loads(ran.stdout)
    assert list(plan_now)[:8] == ["project", "stack", "region", "resources", "pools", "workloads", "cost", "checks"]
    assert plan_now["changes"]["against"] == "spot-autoscaling-groups / dev"
    assert [(row["name"], row["change"]) for row in plan_now["changes"]["pools"]] == [("gaia-system", "added")]
    assert "- added: `gaia-system`, managed-node-group: min\\_nodes 2" in (tmp_path / "pr.md").read_text()
    assert "Changes of spot-autoscaling-groups / dev against spot-autoscaling-groups / dev" in ran.stderr


def test_failures_of_a_plan_are_at_the_line_of_the_program_for_review_and_cases_for_ci(tmp_path, monkeypatch):
    made = plan_of("examples/spot-autoscaling-groups", "dev")
    findings = [
        Finding("one-zone-a-gpu-group", "gpu-spot-us-west-2a-spot", False, "two zones", "error", "one zone"),
        Finding("gpu-nodes-are-tainted", "stack", None, "it needs taints", "error"),
    ]
    monkeypatch.setattr("eks_gpu.plan.plan.make_plan", lambda *_, **__: with_findings(made, *findings))
    monkeypatch.chdir(ROOT)
    sarif, junit = tmp_path / "plan.sarif", tmp_path / "plan.xml"
    ran = eks_gpu("examples/spot-autoscaling-groups", "--sarif", sarif, "--junit", junit)
    assert ran.exit_code == 1
    first, second = json.loads(sarif.read_text())["runs"][0]["results"][:2]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "examples/spot-autoscaling-groups/__main__.py"
    lines = (ROOT / "examples/spot-autoscaling-groups/__main__.py").read_text().splitlines()
    assert "GpuNodeGroup(" in lines[place["region"]["startLine"] - 1]
    assert first["partialFingerprints"] == {"checkAndSubject/v1": "dev:one-zone-a-gpu-group:gpu-spot-us-west-2a-spot"}
    assert second["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "examples/spot-autoscaling-groups/Pulumi.dev.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 1},
    }
    assert '<testsuite name="spot-autoscaling-groups/dev"' in junit.read_text()
    assert 'failures="1"' in junit.read_text()


def test_every_stack_is_in_one_run_of_sarif_and_in_a_suite_of_its_own(tmp_path, monkeypatch):
    made = plan_of("examples/gpu-operator", "dev")
    bad = with_findings(made, Finding("gpu-nodes-are-tainted", "a b", False, "no taint", "error", "add it"))
    monkeypatch.setattr("eks_gpu.plan.plan.make_plan", lambda _, stack, **__: replace(bad, stack=stack.name))
    sarif, junit = tmp_path / "plan.sarif", tmp_path / "plan.xml"
    eks_gpu(ROOT / "examples/gpu-operator", "--all", "--sarif", sarif, "--junit", junit)
    (run,) = json.loads(sarif.read_text())["runs"]
    said = [row["message"]["text"] for row in run["results"] if row["ruleId"] == "gpu-nodes-are-tainted"]
    assert said == ["dev: a b: no taint. Fix: add it.", "ubuntu: a b: no taint. Fix: add it."]
    assert len({row["partialFingerprints"]["checkAndSubject/v1"] for row in run["results"]}) == len(run["results"])
    assert junit.read_text().count("<testsuite ") == 2


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (["--json", "-", "--html", "-"], "only one of them can be stdout"),
        (["--markdown", "-", "--sarif", "-"], "only one of them can be stdout"),
        (["--against", "none.json"], "none.json: cannot be read"),
    ],
)
def test_wrong_wishes_stop_before_the_program_runs(monkeypatch, args, problem):
    monkeypatch.setattr("eks_gpu.plan.plan.make_plan", lambda *_, **__: pytest.fail("the program ran"))
    ran = eks_gpu(EXAMPLE, *args)
    assert isinstance(ran.exception, InputError)
    assert problem in str(ran.exception)
