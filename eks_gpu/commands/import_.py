"""`eks-gpu import`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from eks_gpu.io.output import STDOUT, write_json
from eks_gpu.io.terminal import complain
from eks_gpu.io.today import today

EXAMPLES = (
    "Examples:  eks-gpu import cluster.yaml > Pulumi.gaia.yaml  ·  eks-gpu import nodepool.yaml --json -  ·  "
    "kubectl get nodepools,ec2nodeclasses -o yaml | eks-gpu import -"
)


def run(
    file: Annotated[
        Path, typer.Argument(help="File with eksctl's ClusterConfig, Karpenter objects, workloads; - is stdin.")
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write settings and findings as JSON; - is stdout.")
    ] = None,
) -> None:
    """Turn other tools' files into settings for Pulumi.<stack>.yaml; name what is lost, wrong or outdated."""

    from eks_gpu.importers.importing import import_file
    from eks_gpu.importers.yaml_output import written

    answer, findings = import_file(file, today())
    told = findings.in_order()
    (sys.stderr if json_file == STDOUT else sys.stdout).write(written(answer, file.name))
    for finding in told:
        where = f"{finding.place.object}: {finding.place.path}".removesuffix(": ")
        complain(f"{file.name}:{finding.place.line}: {where}: {finding.rule}: {finding.message}")
    kinds = [finding.kind for finding in told]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in ("wrong", "outdated", "lost") if kind in kinds)
    complain(f"{len(told)} findings: {counts}" if told else "nothing lost")
    write_json(
        json_file,
        {
            "settings": answer.settings,
            "findings": [finding.as_json() for finding in told],
            "region": answer.region,
            "choices": [{"path": ".".join(path), "message": note} for path, note in answer.notes.items()],
        },
    )
    raise typer.Exit(1 if told else 0)
