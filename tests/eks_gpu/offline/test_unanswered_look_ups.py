"""Look-ups without an answer: the plan goes on, says what it did not know, and counts nothing that it cannot."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from eks_gpu.commands.main import app
from eks_gpu.io.problems import InputError
from eks_gpu.offline.project import Project
from eks_gpu.offline.run import Unanswerable
from eks_gpu.plan.plan import make_plan
from tests.recordings import recorded

HEAD = "import base64, json, yaml\nimport pulumi\nimport pulumi_aws as aws\nimport pulumi_kubernetes as k8s\n"
"""Four lines."""
GROUP = (
    "def group(name, **more):\n"
    "    scaling = {'min_size': 0, 'max_size': 2, 'desired_size': 0}\n"
    "    aws.eks.NodeGroup(name, cluster_name='c', node_role_arn='r', scaling_config=scaling,\n"
    "                      **{'instance_types': ['g5.xlarge'], 'subnet_ids': ['subnet-1'], **more})\n"
)
"""Four more."""
NET = "net = pulumi.StackReference('org/net/dev')\n"
AMI = "ami = aws.ec2.get_ami(owners=['self'], most_recent=True)\n"
IDS = "ids = aws.ec2.get_subnets(tags={'tier': 'private'}).ids\n"


@pytest.fixture
def shop(tmp_path: Path):
    def make(body: str, answers: str = "") -> Path:
        (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  aws:region: us-west-2\n")
        (tmp_path / "__main__.py").write_text(HEAD + GROUP + body)
        if answers:
            (tmp_path / "plan-answers.yaml").write_text(answers)
        return tmp_path

    return make


def graph(root: Path):
    return recorded(root).graph


def planned(root: Path):
    project = Project.load(root)
    return make_plan(project, project.stack("dev"))


def unread(root: Path, what: str) -> list[tuple[str, str]]:
    return [(row.subject, row.why) for row in planned(root).analysis.unread if row.what == what]


@pytest.mark.parametrize(
    "body",
    [
        NET + "aws.sqs.Queue('queue', name=net.get_output('name'))\n",
        NET + "aws.sqs.Queue('queue', name=net.require_output('name').apply(lambda name: name.upper()))\n",
        NET + "aws.sqs.Queue('queue', name=pulumi.Output.concat('a-', net.outputs['name']))\n",
        AMI + "aws.sqs.Queue('queue', name=ami.id)\n",
        AMI + "aws.sqs.Queue('queue', name=f'image-{ami.id}')\n",
        AMI + "aws.sqs.Queue('queue', name='image-' + ami.id[:8])\n",
        AMI + "aws.sqs.Queue('queue', name=f'image-{ami.id}'[:28])\n",
        AMI + "aws.sqs.Queue('queue', name=ami.image_id.split('-')[1].upper())\n",
        AMI + "aws.sqs.Queue('queue', name=ami.tags['Name'])\n",
        AMI + "aws.sqs.Queue('queue', name=ami.block_device_mappings[0].device_name)\n",
        AMI + "aws.sqs.Queue('queue', name=pulumi.Output.all(ami.id, 'a').apply(lambda both: both[0] + both[1]))\n",
        AMI + "aws.sqs.Queue('queue', name=json.dumps({'image': ami.id, 'n': 1}))\n",
        AMI + "aws.sqs.Queue('queue', name=yaml.safe_dump({'images': [ami.id], 'tags': ami.tags}))\n",
        AMI + "aws.sqs.Queue('queue', name=list(yaml.load(ami.id, Loader=yaml.SafeLoader))[0] + ami.id)\n",
        AMI + "aws.sqs.Queue('queue', name=__import__('string').Template('a-$b').substitute(b=ami.id))\n",
        AMI + "aws.sqs.Queue('queue', name=__import__('re').sub('^', 'a', ami.id))\n",
        AMI + "aws.sqs.Queue('queue', name='{}-a'.format(ami.id) + '%s' % ami.id)\n",
        AMI + "aws.sqs.Queue('queue', name='-'.join(['a', ami.id]))\n",
        AMI + "aws.sqs.Queue('queue', name=base64.b64encode(f'image={ami.id};'.encode()).decode())\n",
        AMI + "aws.sqs.Queue('queue', name=pulumi.Output.secret(f'{ami.id}'))\n",
        "found = aws.ec2.get_ami_output(owners=['self'])\naws.sqs.Queue('queue', name=found.image_id)\n",
        "found = aws.ec2.get_ami_output(owners=['self'])\n"
        "aws.sqs.Queue('queue', name=found.apply(lambda image: image.image_id.upper()))\n",
        "secret = aws.secretsmanager.get_secret_version(secret_id='db')\n"
        "aws.sqs.Queue('queue', name=json.loads(secret.secret_string)['db']['user'])\n",
        "secret = aws.secretsmanager.get_secret_version(secret_id='db')\n"
        "aws.sqs.Queue('queue', name=json.loads(str(secret.secret_string)).get('user', 'me'))\n",
        "value = aws.ssm.get_parameter(name='/shop/settings').value\n"
        "aws.sqs.Queue('queue', name=yaml.safe_load(f'{value}')['name'])\n",
        "aws.sqs.Queue('queue', name=aws.ssm.get_parameter(name='/shop/name').value)\n",
        "aws.sqs.Queue('queue', name=aws.route53.get_zone(name='example.com').zone_id)\n",
        "aws.sqs.Queue('queue', name=aws.ec2.get_vpc(tags={'a': 'b'}).id)\n",
        "aws.sqs.Queue('queue', name=pulumi.runtime.invoke('http:index:getHttp', {'url': 'a'}).value['body'])\n",
    ],
)
def test_what_is_made_of_an_unanswered_look_up_is_unknown(shop, body):
    made = graph(shop(body)).one("aws:sqs/queue:Queue")
    assert (made.inputs, made.unknown) == ({}, ("name",))


def test_numbers_and_truths_are_unknown_inputs_too(shop):
    body = (
        "kind = aws.ec2.get_instance_type(instance_type='g5.xlarge')\n"
        "aws.sqs.Queue('queue', delay_seconds=kind.default_vcpus * 2 + 1, fifo_queue=kind.ebs_optimized_support,\n"
        "              receive_wait_time_seconds=kind.gpuses[0].count, sqs_managed_sse_enabled=kind.bare_metal)\n"
    )
    made = graph(shop(body)).one("aws:sqs/queue:Queue")
    assert made.unknown == ("delaySeconds", "fifoQueue", "receiveWaitTimeSeconds", "sqsManagedSseEnabled")


def test_an_output_of_what_was_made_of_it_is_unknown(shop):
    body = (
        AMI + "queue = aws.sqs.Queue('queue', name=f'a-{ami.id}')\n"
        "aws.sqs.Queue('other', name=queue.name.apply(lambda name: name[:3]))\n"
    )
    assert graph(shop(body)).one("aws:sqs/queue:Queue", "other").unknown == ("name",)


def test_names_that_are_made_of_it_are_told_apart(shop):
    body = AMI + IDS + "for each in (ami.id, ids[0]):\n    aws.sqs.Queue(f'queue-{each}')\n"
    names = {each.name for each in graph(shop(body)).of("aws:sqs/queue:Queue")}
    assert names == {"queue-unknown", "queue-unknown-2"}


def test_a_policy_with_an_unknown_part_is_unknown_as_a_whole(shop):
    body = (
        "key = aws.kms.get_key(key_id='alias/shop')\n"
        "told = aws.iam.get_policy_document(statements=[{'actions': ['kms:Decrypt'], 'resources': [key.arn]}])\n"
        "aws.iam.Policy('policy', policy=told.json)\n"
        "aws.iam.Policy('other', policy=json.dumps({'Statement': [{'Resource': f'{key.arn}/*'}]}))\n"
    )
    policies = graph(shop(body)).of("aws:iam/policy:Policy")
    assert [each.unknown for each in policies] == [("policy",), ("policy",)]


def test_a_manifest_has_what_is_known_of_it(shop):
    body = (
        AMI + "text = f'''\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: image}}\n"
        "data: {{image: {ami.id}, kind: gpu}}\n'''\nk8s.yaml.ConfigGroup('group', yaml=[text])\n"
    )
    made = graph(shop(body)).one("kubernetes:core/v1:ConfigMap")
    assert (made.inputs["data"], made.unknown) == ({"kind": "gpu"}, ("data.image",))


@pytest.mark.parametrize("part", ["ids", "ids[:2]", "list(ids)", "[id for id in ids]", "[*ids, 'subnet-1'][:1]"])
def test_a_list_has_an_unknown_length(shop, part):
    body = IDS + f"group('gpu', subnet_ids={part})\n"
    made = graph(shop(body)).one("aws:eks/nodeGroup:NodeGroup")
    assert made.unknown == ("subnetIds[0]",)
    assert unread(shop(body), "nodes") == []


def test_any_position_of_a_list_has_an_item(shop):
    body = IDS + "group('gpu', subnet_ids=[ids[0], ids[3], 'subnet-1'])\n"
    assert graph(shop(body)).one("aws:eks/nodeGroup:NodeGroup").unknown == ("subnetIds[0]", "subnetIds[1]")


@pytest.mark.parametrize(
    "loop",
    [
        "for id in ids:\n    group(f'gpu-{id}', subnet_ids=[id])\n",
        "for number, id in enumerate(ids):\n    group(f'gpu-{number}')\n",
        "[group(f'gpu-{zone}') for id, zone in zip(ids, 'ab')]\n",
        "for id in sorted(list(ids)):\n    group(f'gpu-{id}')\n",
        "zones = {aws.ec2.get_subnet(id=id).availability_zone: id for id in ids}\n"
        "for zone, id in sorted(zones.items()):\n    group(f'gpu-{zone}')\n",
    ],
)
def test_groups_for_each_item_of_such_a_list_are_not_counted(shop, loop):
    root = shop(IDS + loop + "group('other')\n")
    found = planned(root).analysis
    assert found.failed
    ((subject, why),) = [(row.subject, row.why) for row in found.unread if row.what == "nodes"]
    assert subject.startswith("NodeGroup gpu-")
    assert why in (
        "the program makes one for each item of getSubnets.ids, and nobody knows how many there are",
        "the program makes one for each item of a list, and nobody knows how many there are",
    )
    assert found.cost.max.as_json()["at_least"] is True


@pytest.mark.parametrize(
    ("body", "place", "kind"),
    [
        (NET + "net.get_output('ids').apply(lambda ids: [group(f'g{n}') for n in ids])\n", "10", "NodeGroup"),
        (
            NET + "def make(ids):\n    for id in ids:\n        group(id)\nnet.outputs.apply(make)\n",
            "13",
            "NodeGroup",
        ),
        (
            "class Nodes:\n    def make(self, ids):\n        aws.autoscaling.Group('g', max_size=1, min_size=0)\n"
            "nodes = Nodes()\naws.ec2.get_ami_output(owners=['self']).id.apply(nodes.make)\n",
            "13",
            "Group",
        ),
        (
            "class Pool(pulumi.ComponentResource):\n    def __init__(self):\n        super().__init__('a:b:C', 'c')\n"
            "        group('gpu')\n" + NET + "net.get_output('a').apply(lambda _: Pool())\n",
            "14",
            "NodeGroup",
        ),
    ],
)
def test_groups_of_a_callback_that_does_not_run_are_not_read(shop, body, place, kind):
    ((subject, why),) = unread(shop(body), "nodes")
    assert subject.startswith(f"__main__.py:{place}: apply")
    assert why == f"it registers {kind}, and does not run: nobody knows what it waits for"


def test_a_callback_that_registers_nothing_is_no_concern(shop):
    body = NET + "pulumi.export('id', net.get_output('a').apply(lambda a: json.dumps(a)))\ngroup('gpu')\n"
    root = shop(body)
    assert unread(root, "nodes") == unread(root, "pods") == []


def test_pods_of_a_callback_that_does_not_run_are_not_read(shop):
    body = NET + "net.get_output('a').apply(lambda a: k8s.apps.v1.Deployment('web', spec=a))\n"
    ((_, why),) = unread(shop(body), "pods")
    assert why == "it registers Deployment, and does not run: nobody knows what it waits for"


@pytest.mark.parametrize(
    ("condition", "of"),
    [
        ("kind.default_vcpus > 3", "getInstanceType.defaultVcpus"),
        ("kind.bare_metal", "getInstanceType.bareMetal"),
        ("kind.hypervisor == 'nitro'", "getInstanceType.hypervisor"),
        ("'on-demand' in kind.supported_usages_classes", "getInstanceType.supportedUsagesClasses"),
        ("len(kind.supported_usages_classes) > 1", "the length of getInstanceType.supportedUsagesClasses"),
        ("kind.hypervisor.startswith('n')", "getInstanceType.hypervisor"),
    ],
)
def test_a_decision_whether_there_are_nodes_is_told_with_its_line(shop, condition, of):
    then = "with a length of 1" if condition.startswith("len(") else "as if the condition did not hold"
    body = f"kind = aws.ec2.get_instance_type(instance_type='g5.xlarge')\nif {condition}:\n    group('gpu')\n"
    assert unread(shop(body), "nodes") == [
        (
            "__main__.py:10",
            f"the program decides by {of}, which nobody knows, and went on {then}",
        )
    ]


@pytest.mark.parametrize(
    "body",
    [
        "for number in range(len(ids)):\n    group(f'gpu-{number}')\n",
        "[group(f'gpu-{number}') for number in range(len(ids))]\n",
    ],
)
def test_groups_for_the_length_of_such_a_list_are_not_counted(shop, body):
    assert unread(shop(IDS + body), "nodes") == [
        (
            "__main__.py:10",
            "the program decides by the length of getSubnets.ids, which nobody knows, and went on with a length of 1",
        )
    ]


@pytest.mark.parametrize(
    ("made", "what"),
    [
        ("aws.ec2.Tag('t', resource_id='a', key='b', value='c')", "values"),
        ("print('a')", "values"),
        ("k8s.apps.v1.Deployment('web', spec={})", "pods"),
        ("k8s.apiextensions.CustomResource('pool', api_version='karpenter.sh/v1', kind='NodePool')", "nodes"),
    ],
)
def test_a_decision_matters_as_much_as_what_it_decides_on(shop, made, what):
    root = shop(AMI + f"if ami.architecture == 'arm64':\n    {made}\n")
    assert [row.what for row in planned(root).analysis.unread if row.subject == "__main__.py:10"] == [what]


def test_a_decision_about_values_is_told_too_and_fails_nothing(shop):
    body = AMI + "arm = ami.architecture == 'arm64'\ngroup('gpu', ami_type='A' if arm else 'B')\n"
    root = shop(body)
    assert ("__main__.py:10") in [subject for subject, _ in unread(root, "values")]
    assert unread(root, "nodes") == []


@pytest.mark.parametrize(
    ("made", "subject", "what"),
    [
        ("k8s.helm.v3.Chart('web', k8s.helm.v3.ChartOpts(chart='web', values={'a': value}))", "Chart", "software"),
        ("k8s.yaml.ConfigGroup('web', yaml=[value])", "ConfigGroup", "pods"),
    ],
)
def test_objects_that_wait_for_a_look_up_are_not_read(shop, made, subject, what):
    rows = planned(shop(f"{NET}value = net.get_output('a')\n{made}\n")).analysis.unread
    assert [(row.subject, row.what) for row in rows if row.what != "values"] == [(f"{subject} web", what)]


def test_what_the_program_says_of_a_stand_in_is_readable(shop):
    assert recorded(shop(AMI + "pulumi.log.info(f'image {ami.id}')\n")).log == [("info", "image unknown")]


def test_each_look_up_is_told_once_with_the_way_to_answer_it(shop):
    body = NET + AMI + AMI + IDS + "group('gpu', subnet_ids=ids, labels={'vpc': net.get_output('vpc')})\n"
    found = planned(shop(body))
    rows = [row for row in found.analysis.unread if row.why == "only a cloud account can tell"]
    assert [row.subject for row in rows] == [
        'subnets by tags={"tier": "private"}',
        'the function aws:ec2/getAmi:getAmi(mostRecent=true, owners=["self"])',
        "the outputs of stack org/net/dev",
    ]
    assert {row.what for row in rows} == {"values"}
    assert rows[0].how == (
        'answer it in plan-answers.yaml beside Pulumi.yaml, under the key "aws:ec2/getSubnets:getSubnets", which plan '
        "--record-answers FILE begins"
    )
    (told,) = [row for row in found.analysis.unread if row.subject == "NodeGroup gpu"]
    assert (
        told.how
        == "answer the look-ups that the plan lacks in plan-answers.yaml, which plan --record-answers FILE begins"
    )
    assert not found.analysis.nodes_are_unread


def test_all_look_ups_are_in_the_text_and_in_the_file(shop):
    body = "".join(f"aws.ec2.get_ami(owners=['o{number}'])\n" for number in range(5))
    root = shop(body)
    ran = CliRunner().invoke(app, ["plan", str(root), "--record-answers", str(root / "new.yaml")])
    assert ran.exit_code == 0
    assert [f'owners=["o{number}"]' in ran.stdout for number in range(5)] == [True] * 5
    answers = yaml.safe_load((root / "new.yaml").read_text())["aws:ec2/getAmi:getAmi"]
    assert [each["args"] for each in answers] == [{"owners": [f"o{number}"]} for number in range(5)]


def test_a_look_up_by_an_unanswered_one_is_asked_for_at_once(shop):
    body = (
        "vpc = aws.ec2.get_vpc(tags={'a': 'b'})\n"
        "aws.ec2.get_subnets(filters=[{'name': 'vpc-id', 'values': [vpc.id]}])\n"
        "aws.iam.get_policy_document(statements=[{'resources': [vpc.arn]}])\n"
    )
    assert [each.key for each in recorded(shop(body)).asked] == [
        "aws:ec2/getSubnets:getSubnets",
        "aws:ec2/getVpc:getVpc",
    ]


def test_what_exists_and_is_read_is_asked_for_too(shop):
    body = (
        "vpc = aws.ec2.Vpc.get('net', 'vpc-1')\naws.ec2.Subnet('a', vpc_id=vpc.id, cidr_block=vpc.cidr_block)\n"
        "aws.ec2.Vpc.get('other', 'vpc-2')\n"
        "vpc.owner_id.apply(print)\n"
    )
    root = shop(body)
    ran = CliRunner().invoke(app, ["plan", str(root), "--record-answers", str(root / "new.yaml")])
    assert ran.exit_code == 0
    assert ran.stdout.count("ownerId of aws:ec2/vpc:Vpc vpc-1: only a cloud account") == 1
    assert "vpc-2" not in ran.stdout
    assert (root / "new.yaml").read_text().splitlines()[2:] == [
        "",
        "# ownerId of aws:ec2/vpc:Vpc vpc-1",
        "aws:ec2/vpc:Vpc vpc-1:",
        "  ownerId: null  # a text",
    ]


def test_an_answer_is_used(shop):
    root = shop(AMI + "aws.sqs.Queue('queue', name=ami.id)\n", "aws:ec2/getAmi:getAmi: {id: ami-1}\n")
    found = recorded(root)
    assert found.graph.one("aws:sqs/queue:Queue").inputs == {"name": "ami-1"}
    assert (found.asked, found.graph.unread) == ((), ())


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("int(ami.owner_id)", "ValueError: invalid literal for int()"),
        ("{'ami-1': 'a'}[ami.id]", "KeyError: "),
        ("open(ami.id)", "FileNotFoundError: "),
        (
            "left = aws.ec2.get_instance_type(instance_type='g5.xlarge').default_vcpus\n"
            "while left != 0:\n    left -= 1",
            "RuntimeError: the line decides 10000 times",
        ),
    ],
)
def test_a_program_that_cannot_go_on_is_told_the_line_and_the_questions(shop, line, error):
    with pytest.raises(Unanswerable) as refused:
        graph(shop(AMI + line + "\n"))
    first, *_, second = refused.value.problems
    assert first.startswith("the program asks for the function aws:ec2/getAmi:getAmi(")
    assert first.endswith('in plan-answers.yaml beside Pulumi.yaml, under the key "aws:ec2/getAmi:getAmi".')
    assert second.startswith("after that, on stand-ins: __main__.py:1")
    assert f": {error}" in second


def test_an_error_without_a_question_is_told_alone(shop):
    with pytest.raises(InputError) as refused:
        graph(shop("int('a')\n" + AMI))
    assert not isinstance(refused.value, Unanswerable)
    assert refused.value.problems[0].startswith("__main__.py:9: ValueError")


def test_after_a_run_nothing_is_patched(shop):
    import json
    import sys

    looking_up = sys.modules["pulumi.runtime.invoke"]
    before = (looking_up._invoke, json.loads, yaml.safe_load)
    graph(shop(AMI))
    assert (looking_up._invoke, json.loads, yaml.safe_load) == before
