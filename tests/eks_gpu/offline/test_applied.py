"""Callbacks of `apply` on values that the plan assumes: what they may do, and what their errors say."""

from pathlib import Path
from types import FunctionType

import pytest

from eks_gpu.offline import applied
from tests.recordings import recorded, refusal

HEAD = "import json, os, socket, subprocess\nimport pulumi\nimport pulumi_aws as aws\n"
"""Three lines."""


@pytest.fixture
def shop(tmp_path: Path):
    def make(body: str) -> Path:
        (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-west-2\n")
        (tmp_path / "__main__.py").write_text(HEAD + body)
        return tmp_path

    return make


def test_no_file_is_written_from_a_stand_in(shop):
    root = shop(
        "def keep(arn):\n"
        "    with open('arn.json', 'w') as file:\n"
        "        json.dump(arn, file)\n"
        "aws.sqs.Queue('queue').arn.apply(keep)\n"
    )
    assert recorded(root).log == [
        (
            "warning",
            "__main__.py:5: open('arn.json') for writing inside an apply was stopped: a plan changes nothing, and the "
            "value is a stand-in (arn of aws:sqs/queue:Queue queue). What the callback returns is unknown here. To do "
            "it in an update only, ask `if not pulumi.runtime.is_dry_run():` first",
        )
    ]
    assert not (root / "arn.json").exists()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("os.open('a', os.O_CREAT | os.O_RDWR)", "open('a') for writing"),
        ("os.rename('__main__.py', 'b')", "os.rename('__main__.py')"),
        ("os.remove('__main__.py')", "os.remove('__main__.py')"),
        ("os.mkdir('a')", "os.mkdir('a')"),
        ("subprocess.run(['touch', 'a'])", "subprocess.Popen('touch')"),
        ("os.system('touch a')", "os.system(b'touch a')"),
        ("socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo('127.0.0.1')"),
    ],
)
def test_nothing_else_that_outlives_the_program_is_done_either(shop, what, told):
    root = shop(f"aws.sqs.Queue('queue').arn.apply(lambda _: {what})\n")
    ((_, message),) = recorded(root).log
    assert message.startswith(f"__main__.py:4: {told} inside an apply was stopped")
    left = [file.name for file in root.iterdir() if file.name != "__pycache__"]  # Python's own, where it may
    assert sorted(left) == ["Pulumi.dev.yaml", "Pulumi.yaml", "__main__.py"]


def test_what_comes_of_a_stopped_callback_is_unknown(shop):
    root = shop(
        "def keep(arn):\n"
        "    try:\n"
        "        open('arn.json', 'w')\n"
        "    except Exception:\n"
        "        pass\n"
        "    return arn\n"
        "kept = aws.sqs.Queue('queue').arn.apply(keep)\n"
        "aws.sqs.Queue('other', name=kept)\n"
    )
    assert recorded(root).graph.one("aws:sqs/queue:Queue", "other").unknown == ("name",)


def test_a_callback_that_is_a_coroutine_is_watched_too(shop):
    root = shop("async def keep(arn):\n    open('a', 'w').close()\naws.sqs.Queue('queue').arn.apply(keep)\n")
    ((_, message),) = recorded(root).log
    assert message.startswith("__main__.py:5: open('a') for writing")
    assert not (root / "a").exists()


def test_a_callback_may_read_and_import_and_ask_whether_it_is_a_preview(shop):
    root = shop(
        "def keep(arn):\n"
        "    import wave\n"
        "    if not pulumi.runtime.is_dry_run():\n"
        "        open('arn.json', 'w')\n"
        "    with open('Pulumi.yaml') as file:\n"
        "        return file.read()[:10]\n"
        "aws.sqs.Queue('other', name=aws.sqs.Queue('queue').arn.apply(keep))\n"
    )
    ran = recorded(root)
    assert ran.graph.one("aws:sqs/queue:Queue", "other").inputs == {"name": "name: shop"}
    assert ran.log == []


def test_the_programs_own_files_are_its_own(shop):
    """Outside of a callback, and in one on a value of the program's own, nothing is a stand-in."""
    root = shop(
        "open('a', 'w').close()\n"
        "pulumi.Output.from_input('x').apply(lambda text: open('b', 'w').close())\n"
        "aws.sqs.Queue('queue')\n"
    )
    assert recorded(root).log == []
    assert (root / "a").exists() and (root / "b").exists()


def test_an_error_in_a_callback_carries_its_line_and_where_the_value_is_from(shop):
    root = shop("aws.sqs.Queue('queue').arn.apply(\n    lambda arn: arn.split('/')[3]\n)\n")
    assert refusal(root) == [
        "__main__.py:5: IndexError: list index out of range; the value is a stand-in (arn of aws:sqs/queue:Queue queue)"
        "; another can be given in plan-answers.yaml beside Pulumi.yaml, under resources, by type and name"
    ]


def test_an_error_in_a_value_that_the_sdk_reads_carries_the_line_that_reads_it(shop):
    root = shop("\nqueue = aws.sqs.Queue('queue', tags={'a': 'b'})\nqueue.tags['c']\n")
    (problem,) = refusal(root)
    assert problem.startswith(
        "__main__.py:6: KeyError: 'c'; the value is a stand-in (tags of aws:sqs/queue:Queue queue)"
    )


def test_an_output_that_another_stack_does_not_have_is_told_with_the_line(shop):
    root = shop("\nnet = pulumi.StackReference('net')\nnet.require_output('vpc')\n")
    (root / "plan-answers.yaml").write_text("stack net: {VPC: vpc-1}\n")
    assert refusal(root) == [
        "__main__.py:6: KeyError: 'vpc'; the value is a stand-in (of pulumi:pulumi:StackReference net); another can be "
        "given in plan-answers.yaml beside Pulumi.yaml, under the stack's name"
    ]


def test_outside_of_a_run_nothing_is_watched(shop, tmp_path):
    import pulumi

    before = pulumi.Output.apply
    recorded(shop("aws.sqs.Queue('queue')\n"))
    assert pulumi.Output.apply is before
    (tmp_path / "a").write_text("a")


def test_a_file_that_is_opened_while_python_ends_finds_no_names_any_more():
    """The audit hook outlives the module, whose names are None by then."""
    names = {name: None for name in vars(applied) if name != "__builtins__"}
    late = FunctionType(applied._heard.__code__, names, argdefs=applied._heard.__defaults__)
    assert late("open", ("a", "w", 0)) is None


def test_an_output_of_what_exists_is_named_with_the_key_of_its_answer(shop):
    program = "aws.ec2.Vpc.get('net', 'vpc-1').owner_id.apply(lambda id: id.upper())\n"
    (row,) = recorded(shop(program)).graph.unread
    assert (row.subject, row.what) == ("ownerId of aws:ec2/vpc:Vpc vpc-1", "values")
    assert 'under the key "aws:ec2/vpc:Vpc vpc-1"' in row.how
    root = shop(program)
    (root / "plan-answers.yaml").write_text("aws:ec2/vpc:Vpc vpc-1: {ownerId: '1'}\n")
    assert recorded(root).graph.unread == ()


def test_an_output_that_nobody_knows_is_named(shop):
    (told,) = recorded(shop("aws.ec2.Vpc('net').main_route_table_id.apply(lambda id: id.upper())\n")).log
    assert told == (
        "info",
        "nobody knows mainRouteTableId of aws:ec2/vpc:Vpc net before an update, so what waits for it is left out: an "
        "answer can be given in plan-answers.yaml, under resources",
    )
