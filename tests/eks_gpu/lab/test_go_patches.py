"""Source that is changed before it is built: a copy beside a go.mod, of nothing but what the change was written for."""

import pytest

from eks_gpu.lab.go_patches import KARPENTER, Copied, Patch
from eks_gpu.lab.toolset import GROUPS
from tests import crds

PATCH = Patch("ec2/ec2.go", (("return first", "return cheapest"),), "// the end\n")
COPIED = Copied("example.com/karpenter", "kwok", (PATCH,))


@pytest.fixture
def module(tmp_path):
    for file, text in {
        "kwok/main.go": 'import "example.com/karpenter/kwok/ec2"\nimport "example.com/karpenter/pkg/aws"\n',
        "kwok/ec2/ec2.go": "return first\n",
        "kwok/README.md": "",
        "pkg/aws/aws.go": "",
        "go.mod": "module ours/tools/karpenter\n\ngo 1.26\n",
        "go.sum": "sums\n",
    }.items():
        (tmp_path / "module" / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "module" / file).write_text(text)
    return tmp_path / "module"


def write(module, copied: Copied = COPIED):
    return copied.write(module.parent / "source", module / "go.mod", lambda _: module)


def test_a_programs_packages_are_copied_changed_and_find_each_other(module):
    (write(module) / "kwok" / "of_an_older_version.go").touch()
    made = write(module)
    written = {str(file.relative_to(made)): file.read_text() for file in made.rglob("*") if file.is_file()}
    assert written == {
        "go.mod": "module ours/tools/karpenter\n\ngo 1.26\n",
        "go.sum": "sums\n",
        "kwok/main.go": 'import "ours/tools/karpenter/kwok/ec2"\nimport "example.com/karpenter/pkg/aws"\n',
        "kwok/ec2/ec2.go": "return cheapest\n// the end\n",
    }
    assert (module / "kwok" / "ec2" / "ec2.go").read_text() == "return first\n"


@pytest.mark.parametrize(("text", "times"), [("return last\n", 0), ("return first\nreturn first\n", 2)])
def test_another_source_than_the_change_was_written_for_is_refused(module, text, times):
    (module / "kwok" / "ec2" / "ec2.go").write_text(text)
    with pytest.raises(LookupError, match=f"ec2/ec2.go has {times} times, and not once: return first"):
        write(module)


def test_a_change_of_a_file_that_there_is_not_is_refused(module):
    (module / "kwok" / "ec2" / "ec2.go").unlink()
    with pytest.raises(LookupError, match=r"example.com/karpenter/kwok has no ec2/ec2.go"):
        write(module)


def test_the_changes_of_karpenter_fit_the_source_that_go_mod_names(tmp_path):
    source = crds.module()
    if source is None:
        pytest.skip(f"no Go, or no way to get {crds.MODULE} with it")

    made = KARPENTER.write(tmp_path / "source", GROUPS["karpenter"].folder / "go.mod", lambda _: source)

    assert "c.Client.CreateFleet(ctx, c.withReservations(input))" in (made / "kwok" / "ec2" / "ec2.go").read_text()
    assert "health.NewRepairPolicyMatcher(" in (made / "kwok" / "main.go").read_text()
