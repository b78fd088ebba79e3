"""What is collected in an account of one's own: an answer or a reason to each question, and nothing to keep secret."""

import sys

import pytest

from tools.seen import LONGEST, answer, collected, questions, struck_out


@pytest.mark.parametrize(
    "told, sent",
    [
        ("arn:aws:iam::123456789012:role/gaia-node", "arn:aws:iam::<account>:role/gaia-node"),
        ("arn:aws:iam::123456789012:user/eve.smith, yes", "arn:aws:iam::<account>:user/<who>, yes"),
        ("arn:aws:sts::123456789012:assumed-role/admin/eve", "arn:aws:sts::<account>:assumed-role/<who>"),
        ("key AKIAIOSFODNN7EXAMPLE.", "key <key>."),
        ("token k8s-aws-v1.aHR0cHM6_Ly9zdHM-", "token <token>"),
        ("by eve@example.com", "by <who>"),
        (
            "endpoint 54.184.12.7, node 10.0.3.17, service 172.20.0.1",
            "endpoint <address>, node 10.0.3.17, service 172.20.0.1",
        ),
        ("started 1764412345678 ms ago, 12 GPUs, v1.35.2", "started 1764412345678 ms ago, 12 GPUs, v1.35.2"),
    ],
)
def test_what_nobody_else_should_know_is_struck_out(told, sent):
    assert struck_out(told) == sent


def test_each_question_has_its_command_and_its_answer():
    asked = {"Nodes": ["/usr/bin/kubectl", "get", "nodes"], "Pods": ["kubectl", "get", "pods"]}
    assert list(collected(asked, lambda command: f"{command[-1]} of 123456789012\n")) == [
        "## Nodes\n\n`kubectl get nodes`\n\n```text\nnodes of <account>\n```\n",
        "## Pods\n\n`kubectl get pods`\n\n```text\npods of <account>\n```\n",
    ]


def test_a_long_answer_is_cut():
    (part,) = collected({"Events": ["kubectl"]}, lambda _: "e" * 10 * LONGEST)
    assert part.count("e") < LONGEST + 100


def test_a_command_that_fails_or_is_missing_is_told_and_ends_nothing():
    fails = [sys.executable, "-c", "import sys; print('so far'); sys.exit('not further')"]
    assert answer(fails) == "so far\nnot further\nexit code 1\n"
    assert answer(["no-such-program"]) == "no-such-program is not installed"


def test_nothing_is_asked_that_changes_a_stack_or_shows_a_secret():
    words = {word for command in questions("dev", "us-west-2").values() for word in command}
    assert not words & {"up", "destroy", "refresh", "delete", "apply", "--show-secrets", "secrets", "export", "output"}
    assert words >= {"dev", "us-west-2", "nodes", "nodepools,nodeclaims", "describe-instances"}
