"""The distribution: what a consumer installs, imports and gets as a schema."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from functools import cache
from pathlib import Path

import pytest

import components
from components.provider import package
from components.provider.components import Components
from components.provider.serve import components as public_components
from tests.committed import CHECKOUT, export
from tests.found import every
from tests.programs import ROOT
from tools.build_backend import absolute_links
from tools.lock import LOCKS

SCHEMA = CHECKOUT / "tests" / "schema.json"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PUBLIC: list[str] = vars(components)["__all__"]
CLASSES = public_components()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    source = target / "source"
    export(source)  # a build leaves folders behind, and tests run side by side
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_the_library_and_the_planner_under_their_installed_names(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "eks_gpu_components",
        "eks_gpu",
        "eks_gpu_components-0.1.0.dist-info",
    }
    assert {
        "eks_gpu_components/py.typed",
        "eks_gpu_components/__init__.pyi",
        "eks_gpu_components/values/arg_words.pyi",
        "eks_gpu_components/stack.schema.json",
        "eks_gpu_components/catalog/ec2.json",
        "eks_gpu/checks/groups.py",
        "eks_gpu/lab/tools/karpenter/go.mod",
    } <= set(names)


def test_the_installed_library_runs_beside_a_components_folder_of_the_consumers_own(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "__init__.py").write_text("raise RuntimeError('the wrong one')")
    code = "import eks_gpu_components as e; print(e.GpuPool.__module__, e.__file__)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path / "site")},
    )
    assert ran.stderr == ""
    assert ran.stdout.split() == [
        "eks_gpu_components.values.gpu_pool",
        str(tmp_path / "site/eks_gpu_components/__init__.py"),
    ]


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    archive = zipfile.ZipFile(wheel)
    (name,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
    return message_from_string(archive.read(name).decode())


def test_the_distribution_says_where_its_pages_are_and_who_keeps_it(metadata):
    urls = [line.partition(", ") for line in metadata.get_all("Project-URL", [])]
    assert {label: url for label, _, url in urls} == PROJECT["urls"]
    assert {"Homepage", "Documentation", "Source", "Changelog", "Issues"} == PROJECT["urls"].keys()
    assert metadata["Maintainer"] == "The maintainers of eks-gpu-components"
    assert metadata["License-Expression"] == "Apache-2.0" and "gpu" in metadata["Keywords"].split(",")


def test_its_classifiers_name_the_python_that_its_tests_run_on(metadata):
    classifiers = metadata.get_all("Classifier", [])
    pythons = [text.rpartition(" ")[2] for text in classifiers if re.fullmatch(r".* :: Python :: 3\.\d+", text)]
    assert pythons == ["3.11"] and metadata["Requires-Python"] == ">=3.11"
    assert "Development Status :: 4 - Beta" in classifiers


def test_the_library_takes_any_pulumi_3_and_the_plan_one_that_it_has_been_run_with(metadata):
    needs = [need for need in metadata.get_all("Requires-Dist", []) if re.match(r"pulumi[<>]", need)]
    assert needs == ["pulumi<4,>=3.254", 'pulumi<3.280; extra == "plan"']


def test_no_link_of_the_long_description_is_relative(metadata):
    text = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    at = f"{PROJECT['urls']['Source']}/blob/v0.1.0/docs/cost.md"
    assert at in links and at.replace("blob", "raw").replace("cost.md", "images/karpenter-inference.svg") in links
    assert text.lstrip().startswith("# eks-gpu\n") and metadata["Description-Content-Type"] == "text/markdown"


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 2_200_000


def test_a_link_to_a_heading_or_out_of_the_project_stays():
    text = "[a](#b) [c](mailto:d) [e](https://f/g) [h](docs/i.md#j) ![k](l.svg)"
    assert absolute_links(text, "https://s", "v1") == (
        "[a](#b) [c](mailto:d) [e](https://f/g) [h](https://s/blob/v1/docs/i.md#j) ![k](https://s/raw/v1/l.svg)"
    )


def test_every_package_of_the_checkout_is_in_the_distribution():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        file.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for house in ("components", "eks_gpu")
        for file in ROOT.glob(f"{house}/**/__init__.py")
    }
    assert found and {name.replace("eks_gpu_components", "components") for name in listed} == found


def test_the_facts_are_read_without_pulumi():
    code = "import sys, eks_gpu_components.catalog; print('pulumi' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads(name):
    assert getattr(components, name).__name__ == name


def test_completion_shows_components_and_then_functions():
    names = sorted(made.__name__ for made in CLASSES)
    assert len(names) > 16
    assert PUBLIC[: len(names)] == dir(components)[: len(names)] == names
    assert all(callable(getattr(components, name)) and name.islower() for name in dir(components)[len(names) :])
    assert {"pool_tolerations", "subnets_by_ids", "stack_settings"} < {*dir(components)}
    assert {"GpuPoolArgs", "BadInput"} < {*PUBLIC} - {*dir(components)}


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)
def test_a_constructor_says_what_it_does_and_takes(made):
    told = made.__init__.__doc__ or ""
    assert re.match(r"[A-Z].+\.\n\n", told)
    assert re.findall(r"^ +(\w+): \S", told, re.MULTILINE) == ["name", "args", "opts"]
    assert f"`{made.__init__.__annotations__['args'].__name__}`" in told


def test_an_unknown_name_is_an_attribute_error():
    name = "Nope"
    with pytest.raises(AttributeError, match="has no attribute 'Nope'"):
        getattr(components, name)


def test_the_schema_for_other_languages_changes_only_on_purpose():
    """`python -m tests.test_package` writes it anew."""
    assert json.loads(SCHEMA.read_text()) == schema()


def test_a_change_of_the_schema_has_a_line_in_the_changelog():
    """The newest line for users of other languages begins with the schema's sign: ``- Schema `0123456789ab`: why``."""
    said = re.search(r"^- Schema `(\w+)`: \S", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert said and said[1] == sign(schema())


def test_the_sign_of_a_schema_changes_with_what_a_program_can_say_and_with_no_description():
    changed = json.loads(json.dumps(schema()))
    pool = changed["types"]["eks-gpu-components:index:GpuPool"]
    pool["description"] = changed["version"] = "another"
    assert sign(changed) == sign(schema())
    del pool["properties"]["maxGpus"]
    assert sign(changed) != sign(schema())


def test_the_package_says_of_itself_what_the_distribution_does():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = {"description": project["description"], "license": project["license"]}
    told |= {"homepage": project["urls"]["Documentation"], "version": project["version"]}
    assert {key: schema()[key] for key in told} == told
    assert (schema()["name"], schema()["namespace"]) == (project["name"], "eks-gpu")


def test_the_package_depends_on_no_other():
    assert schema()["dependencies"] == []


def test_descriptions_speak_the_callers_language():
    texts = list(descriptions(schema()))
    snake = {word for text in texts for word in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", text)}
    # A configuration key, a file and two Python packages.
    assert snake == {"api_cidrs", "saved_model", "pulumi_aws", "pulumi_eks"}
    assert not [text for text in texts if "BadInput" in text or "ValueError" in text]


@pytest.mark.parametrize("made", CLASSES, ids=lambda made: made.__name__)
def test_every_component_and_argument_is_described(made):
    resource = schema()["resources"][f"eks-gpu-components:index:{made.__name__}"]
    assert made.__doc__ and resource["description"]
    undescribed = [name for name, field in resource["inputProperties"].items() if not field.get("description")]
    assert undescribed == []


def test_an_example_installs_the_clone_that_it_is_in():
    files = every(ROOT.glob("examples/*/requirements.txt"))
    assert {file.read_text().partition(" ")[0] for file in files} == {"../.."}


def test_the_template_needs_the_version_that_it_comes_with():
    files = every(ROOT.glob("templates/*/requirements.txt"))
    assert {file.read_text() for file in files} == {f"eks-gpu-components=={PROJECT['version']}\n"}


def test_requirements_have_hashes_and_no_index():
    for file in (ROOT / "requirements.txt", *every((ROOT / "requirements").glob("*.txt"))):
        text = file.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text and "index" not in text


def test_pinned_versions_are_the_same_in_every_lock():
    *smaller, widest = [pins(f"requirements{lock}.txt") for lock in ("", "/plan", "/prices", "/test")]
    for lock in every(smaller):
        assert {name: widest.get(name) for name in lock} == lock


def test_each_lock_has_what_its_command_imports():
    assert {"typer", "rich", "boto3", "pulumi"} <= pins("requirements/prices.txt").keys()
    assert "boto3" not in pins("requirements/plan.txt")


def test_the_locks_are_those_that_the_tool_resolves():
    there = {"requirements.txt", *(f"requirements/{file.name}" for file in (ROOT / "requirements").glob("*.txt"))}
    assert set(LOCKS) == there


def pins(lock: str) -> dict[str, str]:
    """Package -> version."""
    lines = (ROOT / lock).read_text().splitlines()
    return dict(line.split(" ")[0].split("==") for line in lines if "==" in line)


@cache
def schema() -> dict:
    return json.loads(Components(CLASSES, package.installed_version()).schema or "")


def sign(schema: dict) -> str:
    """12 hex digits of what other languages compile against."""
    told = {key: schema[key] for key in ("name", "namespace", "resources", "types")}
    return hashlib.sha256(json.dumps(without_descriptions(told), sort_keys=True).encode()).hexdigest()[:12]


def without_descriptions(value):
    if isinstance(value, dict):
        # A property may have that name: its value is a map.
        return {
            key: without_descriptions(item)
            for key, item in value.items()
            if key != "description" or not isinstance(item, str)
        }
    return [without_descriptions(item) for item in value] if isinstance(value, list) else value


def descriptions(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from [item] if key == "description" and isinstance(item, str) else descriptions(item)


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema(), indent=2) + "\n")
    print(f"the line in CHANGELOG.md begins: - Schema `{sign(schema())}`:")
