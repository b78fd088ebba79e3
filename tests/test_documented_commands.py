"""Each command that a page has for a shell is one that there is, or the page says what it needs.

`tests/e2e/test_documented_commands.py` runs those for which a clone is enough.
"""

from pathlib import Path

import pytest

from tests.committed import CHECKOUT
from tests.documentation import OWN_TESTS, every_command
from tools import command_pages
from tools.website.needs import needs, programs, told


def test_every_command_of_eks_gpu_has_the_options_that_pages_give_it():
    wrong = []
    for command in every_command():
        for words in command.ours():
            known = command_pages.commands().get(words[1]) if len(words) > 1 else None
            if known and (inner := getattr(known, "commands", {}).get(words[2] if len(words) > 2 else "")):
                known = inner
            options = {opt for parameter in known.params for opt in parameter.opts} if known else set()
            asked = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
            if not known or not asked <= options | {"-h", "--help"}:
                wrong.append((command.page, command.line))
    assert wrong == []


def test_what_runs_in_a_clone_is_a_program_of_a_clone():
    found = {
        Path(words[0]).name: command.page
        for command in every_command()
        if not command.needs and command.page not in OWN_TESTS
        for words in programs(command.line)
    }
    assert found.keys() <= {"eks-gpu", "cd", "git", "make", ""}, found


@pytest.mark.parametrize("page", OWN_TESTS)
def test_a_page_with_tests_of_its_own_has_them(page):
    file, word = OWN_TESTS[page]
    assert word in (CHECKOUT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line, needed",
    [
        ("eks-gpu plan --stack prod > plan.txt", ""),
        ("pulumi stack export | eks-gpu check --state -", "AWS"),
        ("cd examples/auto-mode && pulumi up", "AWS"),
        ("eks-gpu check --cluster --context 'a | b'", "a cluster"),
        ("eks-gpu lab up; kubectl get nodes", "the lab"),
    ],
)
def test_what_a_line_needs(line, needed):
    assert needs(line) == needed


def test_the_site_tells_what_a_block_needs():
    block = "```console\n$ pulumi up\n  created\n$ kubectl get pods   # all\n```"
    assert told(f"{block}\n") == f"{block}\n\n*Needs AWS and a cluster.*\n\n"
    own = "<!-- needs: Docker -->\n```sh\nmake image\n```"
    assert told(f"{own}\n") == "```sh\nmake image\n```\n\n*Needs Docker.*\n\n"
    assert told("```sh\nmake plan\n```\n") == "```sh\nmake plan\n```\n"
