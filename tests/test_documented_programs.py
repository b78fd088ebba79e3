"""The Python programs of README.md and of the pages: a consumer's type checker, at its strictest, finds nothing."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.committed import CHECKOUT
from tests.programs import ROOT

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
WORDS = """import eks_gpu_components as eks_gpu

wrong: eks_gpu.GpuPoolArgs = {"max_gpus": 1, "capacity_types": ["spots"]}
"""


def programs() -> dict[str, str]:
    """File -> text, for each block of Python on a page that uses the library; the one that tests import is gpus.py."""
    found = {}
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        ours = [text for text in blocks if "eks_gpu_components" in text]
        found |= {f"{page.stem}_{number}.py": text for number, text in enumerate(ours)}
    found["gpus.py"] = found["testing_0.py"]
    return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """File -> what pyright finds in it, of every program in one run."""
    folder = tmp_path_factory.mktemp("programs")
    texts = {**programs(), "words.py": WORDS}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    installed = folder / "installed"
    installed.mkdir()
    (installed / "eks_gpu_components").symlink_to(ROOT / "components")
    settings = {
        "typeCheckingMode": "strict",
        "include": list(texts),
        "extraPaths": [str(installed)],
        "venvPath": str(Path(CHECKOUT)),
        "venv": ".venv",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    report = json.loads(ran.stdout)
    assert report["summary"]["filesAnalyzed"] == len(texts), ran.stderr
    found: dict[str, list[str]] = {name: [] for name in texts}
    for each in report["generalDiagnostics"]:
        line = each["range"]["start"]["line"] + 1
        found[Path(each["file"]).name].append(f"{line}: {each['message']} ({each.get('rule')})")
    return found


@pytest.mark.parametrize("program", programs())
def test_a_program_of_a_page_is_typed(told, program):
    assert told[program] == []


def test_a_word_that_an_argument_does_not_take_is_found(told):
    (problem,) = told["words.py"]
    assert "\"Literal['spots']\" is not assignable to type \"Literal['on-demand']\"" in problem


def test_pages_have_programs():
    assert len(programs()) > 20
