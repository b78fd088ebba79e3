"""`plan-answers.yaml`: what it may hold, how it is told wrong, and how a plan writes what it lacks."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from eks_gpu.commands.main import app
from eks_gpu.io.problems import InputError
from eks_gpu.offline.given import Given, read
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import Unanswerable, record

PROGRAM = """
import pulumi
import pulumi_aws as aws

mine = aws.ec2.get_ami(owners=["self"], most_recent=True)
theirs = aws.ec2.get_ami_output(owners=["amazon"])
net = pulumi.StackReference("org/network/dev").require_output("vpc")
aws.ec2.LaunchTemplate("mine", image_id=mine.image_id, name=mine.image_id.split("-")[0])
aws.ec2.LaunchTemplate("theirs", image_id=theirs.image_id)
aws.ec2.Subnet("subnet", vpc_id=net, cidr_block="10.0.0.0/24")
aws.ec2.Instance("one", subnet_id=aws.ec2.get_subnets(tags={"tier": "private"}).ids[0])
"""
ANSWERS = """
aws:ec2/getAmi:getAmi:
  - result: {imageId: ami-0}
  - args: {owners: [self]}
    result: {imageId: ami-1, name: null}
aws:ec2/getSubnets:getSubnets:
  args: {tags: {tier: private}}
  result: {ids: [subnet-1]}
stack org/network/dev: {vpc: vpc-1}
"""


@pytest.fixture
def shop(tmp_path: Path):
    def make(program: str = PROGRAM, answers: str | None = None) -> Path:
        (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-west-2\n")
        (tmp_path / "__main__.py").write_text(program)
        if answers is not None:
            (tmp_path / "plan-answers.yaml").write_text(answers)
        return tmp_path

    return make


def graph(root: Path):
    project = Project.load(root)
    return record(project, project.stack("dev"))[0].graph


def test_answers_are_chosen_by_their_arguments(shop):
    found = graph(shop(answers=ANSWERS))
    images = {each.name: each.inputs["imageId"] for each in found.of("aws:ec2/launchTemplate:LaunchTemplate")}
    assert images == {"mine": "ami-1", "theirs": "ami-0"}
    assert found.one("aws:ec2/subnet:Subnet").inputs["vpcId"] == "vpc-1"
    assert found.one("aws:ec2/instance:Instance").inputs["subnetId"] == "subnet-1"


def test_the_answer_with_the_most_arguments_wins_and_maps_may_have_more():
    given = Given({"a:b:c": [{"result": {"x": 0}}, {"args": {"t": {"k": 1}}, "result": {"x": 1}}]})
    assert given.result("a:b:c", {"t": {"k": 1, "l": 2}, "u": 3}) == {"x": 1}
    assert given.result("a:b:c", {"t": {"k": 2}}) == {"x": 0}
    assert Given({"a:b:c": {"args": {"t": 1}, "result": {}}}).result("a:b:c", {}) is None


def test_all_that_a_run_lacks_is_told_at_once(shop):
    project = Project.load(shop())
    recording, _ = record(project, project.stack("dev"))
    assert [question.key for question in recording.asked] == [
        "aws:ec2/getAmi:getAmi",
        "aws:ec2/getAmi:getAmi",
        "aws:ec2/getSubnets:getSubnets",
        "stack org/network/dev",
    ]


def test_an_error_that_comes_of_going_on_is_told_after_the_questions(shop):
    program = "import pulumi_aws as aws\nint(aws.ec2.get_ami(owners=['self']).image_id)\n"
    with pytest.raises(Unanswerable) as refused:
        graph(shop(program))
    first, second = refused.value.problems
    assert first.startswith("the program asks for the function aws:ec2/getAmi:getAmi(")
    assert second.startswith("after that, on stand-ins: __main__.py:2: ValueError: invalid literal for int()")


def test_nothing_is_written_while_look_ups_have_no_answer(shop):
    program = (
        "import pulumi_aws as aws\n"
        "aws.ec2.get_ami_output(owners=['self']).image_id.apply(lambda image: open('image', 'w').write(image))\n"
    )
    root = shop(program)
    graph(root)
    assert not (root / "image").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "resource: {}\n",
            "plan-answers.yaml:1: resource must be resources, config, `stack NAME`, `TYPE ID`, or a token as "
            "aws:ec2/getAmi:getAmi; nearest: resources",
        ),
        (
            "stack net: [vpc]\n",
            "plan-answers.yaml:1: stack net must be a map, the outputs of that stack, got a list",
        ),
        (
            "aws:ec2/getAmi:getAmi: ami-1\n",
            "plan-answers.yaml:1: aws:ec2/getAmi:getAmi must be the result, a map, or a list of args and result, "
            "got 'ami-1'",
        ),
        (
            "aws:ec2/getAmi:getAmi: {imageID: ami-1}\n",
            "plan-answers.yaml:1: aws:ec2/getAmi:getAmi.imageID is no output; nearest: imageId",
        ),
        (
            "aws:ec2/getAmi:getAmi:\n- args: {}\n  result:\n    imageId: 3\n",
            "plan-answers.yaml:4: aws:ec2/getAmi:getAmi[0].result.imageId must be a text, got 3",
        ),
        (
            "aws:ec2/getAmi:getAmi:\n- arg: {}\n  result: {}\n",
            "plan-answers.yaml:2: aws:ec2/getAmi:getAmi[0] must be a map of args and result, got a map",
        ),
        (
            "aws:ec2/getSubnets:getSubnets:\n- args: [a]\n  result: {ids: subnet-1}\n",
            "plan-answers.yaml:2: aws:ec2/getSubnets:getSubnets[0].args must be a map, arguments by name, got a list",
        ),
        (
            "aws:ec2/getAmi:getAmi:\n- result:\n    imageId: null\n    id: null\n",
            "plan-answers.yaml:2: aws:ec2/getAmi:getAmi[0].result is still to be filled in: every value is null",
        ),
        (
            "resources:\n  aws:ec2/vpc:Vpc:\n    net:\n      ownerID: '1'\n",
            "plan-answers.yaml:4: resources.aws:ec2/vpc:Vpc.net.ownerID is no output; nearest: ownerId",
        ),
        ("resources:\n  Vpc: {}\n", "plan-answers.yaml:2: resources.Vpc must be a type such as aws:ec2/vpc:Vpc"),
        ("resources: 3\n", "plan-answers.yaml:1: resources must be a map, of types of resources, got 3"),
        ("config:\n  port: 1\n", "plan-answers.yaml:2: config.port must be a key such as shop:port"),
        (
            "aws:ec2/vpc:Vpc vpc-1:\n  cidrBlock: [a]\n",
            "plan-answers.yaml:2: aws:ec2/vpc:Vpc vpc-1.cidrBlock must be a text, got a list",
        ),
    ],
)
def test_a_wrong_answer_is_told_with_its_line_before_the_program_runs(shop, text, problem):
    root = shop("raise SystemExit('it ran')\n", text)
    with pytest.raises(InputError) as refused:
        graph(root)
    assert problem in refused.value.problems


def test_values_of_a_type_without_an_sdk_are_taken_as_they_are(tmp_path):
    file = tmp_path / "plan-answers.yaml"
    file.write_text("resources: {pulumi-python:dynamic:Resource: {number: {zone: a}}}\nx:y:z: {a: [1]}\n")
    assert read(file)["x:y:z"] == {"a": [1]}


def planned(root: Path, *args: str):
    return CliRunner().invoke(app, ["plan", str(root), *args])


def test_what_a_plan_lacks_is_written_to_be_filled_in(shop):
    root = shop()
    file = root / "plan-answers.yaml"
    assert planned(root, "--record-answers", str(file)).exit_code == 0
    text = file.read_text()
    assert '# the function aws:ec2/getAmi:getAmi(owners=["amazon"])\n' in text
    assert '  - args:\n      mostRecent: true\n      owners: ["self"]\n    result:\n' in text
    assert "      imageId: null  # a text\n" in text
    assert "      ids: null  # a list, each a text\n" in text
    assert "stack org/network/dev: null  # a map of its outputs\n" in text
    with pytest.raises(InputError, match=r"getAmi\[0\]\.result is still to be filled in"):
        read(file)

    filled = text.replace("imageId: null", "imageId: ami-7").replace("ids: null", "ids: [subnet-7]")
    file.write_text(filled.replace("org/network/dev: null", "org/network/dev: {vpc: vpc-7}"))
    assert graph(root).one("aws:ec2/subnet:Subnet").inputs["vpcId"] == "vpc-7"


def test_outputs_that_are_waited_for_are_written_too(shop):
    root = shop(
        "import pulumi_aws as aws\n"
        "net = aws.ec2.Vpc('net')\n"
        "aws.sqs.Queue('queue', name=net.owner_id.apply(lambda owner: owner[:3]))\n"
    )
    ran = planned(root, "--record-answers", "-")
    assert ran.stdout.partition("resources:\n")[2] == "  aws:ec2/vpc:Vpc:\n    net:\n      ownerId: null  # a text\n"


def test_an_argument_that_is_itself_not_answered_is_left_out(shop):
    program = (
        "import pulumi_aws as aws\n"
        "image = aws.ec2.get_ami(owners=['self']).image_id\n"
        "aws.ec2.get_subnets(filters=[{'name': image, 'values': ['a']}])\n"
    )
    root = shop(program)
    ran = planned(root, "--record-answers", "-")
    told = 'aws:ec2/getSubnets:getSubnets:\n  - args:\n      filters: [{"values": ["a"]}]\n'
    assert told in ran.stdout
    (root / "plan-answers.yaml").write_text(f"{told}    result: {{ids: [subnet-1]}}\n")
    project = Project.load(root)
    assert [each.key for each in record(project, project.stack("dev"))[0].asked] == ["aws:ec2/getAmi:getAmi"]


def test_a_file_that_is_there_is_not_written_over(shop):
    root = shop()
    (root / "kept.yaml").write_text("mine")
    ran = planned(root, "--record-answers", str(root / "kept.yaml"))
    assert f"--record-answers {root / 'kept.yaml'}: is there already" in str(ran.exception)
    assert (root / "kept.yaml").read_text() == "mine"
