"""Collects the state of a stack in one file that can be sent: versions, plan, resources, nodes, pods, events.

`python -m tools.seen --stack dev > seen.md` runs the tools that created the stack, and changes nothing. It reads no
secret, and Pulumi hides its own. Removed are: account ids, keys, tokens, internet addresses, names of people.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

TIMEOUT_S = 60
LONGEST = 20_000
"""Characters of one answer: its end is left out."""
STRUCK_OUT = {
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}\b": "<key>",
    r"k8s-aws-v1\.[\w-]+": "<token>",
    r"\bpul-[0-9a-f]{8,}\b": "<token>",
    r"(:(?:user|assumed-role|federated-user)/)[^\s\"',]+": r"\1<who>",
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.[\w.-]+": "<who>",
    r"(?<![\d.])\d{12}(?!\d)": "<account>",
    r"\b(?!10\.|127\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.168\.)(?:\d{1,3}\.){3}\d{1,3}\b": "<address>",
}
"""Patterns that are removed, by their replacement. Addresses of the VPC stay: they show which subnet a node is in."""

Run = Callable[[Sequence[str]], str]


def questions(stack: str, region: str) -> dict[str, list[str]]:
    """Each with the command that answers it."""
    here = ["--region", region, "--output", "table"]
    tagged = "Name=tag-key,Values=kubernetes.io/cluster/*,eks:cluster-name"
    return {
        "The project": ["git", "describe", "--always", "--dirty"],
        "Pulumi": ["pulumi", "version"],
        "AWS CLI": ["aws", "--version"],
        "kubectl": ["kubectl", "version"],
        "The plan": [str(Path(sys.executable).parent / "eks-gpu"), "plan", "--stack", stack],
        "Resources": ["pulumi", "stack", "--stack", stack, "--show-urns"],
        "History": ["pulumi", "stack", "history", "--stack", stack, "--page-size", "5"],
        "Nodes": ["kubectl", "get", "nodes", "-o", "wide"],
        "NodePools and NodeClaims": ["kubectl", "get", "nodepools,nodeclaims", "-o", "wide"],
        "Pods": ["kubectl", "get", "pods", "--all-namespaces", "-o", "wide"],
        "Events": ["kubectl", "get", "events", "--all-namespaces", "--sort-by", ".lastTimestamp"],
        "Instances": ["aws", "ec2", "describe-instances", "--filters", tagged, "--query", INSTANCES, *here],
        "Volumes": ["aws", "ec2", "describe-volumes", "--filters", tagged, "--query", VOLUMES, *here],
    }


INSTANCES = "Reservations[].Instances[].[InstanceId,InstanceType,InstanceLifecycle,State.Name,LaunchTime]"
VOLUMES = "Volumes[].[VolumeId,Size,State,CreateTime]"


def collected(asked: dict[str, list[str]], run: Run) -> Iterator[str]:
    """A part for each question, as Markdown."""
    for title, command in asked.items():
        shown = " ".join([Path(command[0]).name, *command[1:]])
        yield f"## {title}\n\n`{shown}`\n\n```text\n{struck_out(run(command)[:LONGEST]).rstrip()}\n```\n"


def struck_out(text: str) -> str:
    for pattern, instead in STRUCK_OUT.items():
        text = re.sub(pattern, instead, text)
    return text


def answer(command: Sequence[str]) -> str:
    """What the command prints, or why there is no answer."""
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    except subprocess.TimeoutExpired:
        return f"no answer after {TIMEOUT_S} s"
    end = f"exit code {ran.returncode}\n" if ran.returncode else ""
    return f"{ran.stdout}{ran.stderr}{end}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.seen", description=__doc__)
    parser.add_argument("--stack", default="dev")
    parser.add_argument("--region", default="us-west-2")
    given = parser.parse_args()
    print(f"# Stack {given.stack}, as it was seen\n")
    for part in collected(questions(given.stack, given.region), answer):
        print(part)


if __name__ == "__main__":
    main()
