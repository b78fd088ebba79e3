"""A preview of a stack that is up: what stays as it is has a step if the engine was asked, else it is counted."""

import json
from pathlib import Path
from typing import Any

from eks_gpu.foreign import documents
from eks_gpu.foreign.judged import judge
from eks_gpu.foreign.stack import foreign

URN = "urn:pulumi:dev::shop::"
STACK = {"urn": f"{URN}pulumi:pulumi:Stack::shop-dev", "type": "pulumi:pulumi:Stack"}
QUEUE = {"urn": f"{URN}aws:sqs/queue:Queue::notices", "type": "aws:sqs/queue:Queue", "custom": True}


def preview(folder: Path, counted: int, *steps: tuple[str, dict[str, Any]]) -> Path:
    file = folder / "preview.json"
    told = [{"op": op, "urn": made["urn"], "newState": made} for op, made in steps]
    summary = {"changeSummary": {"same": counted, "create": 1}}
    file.write_text(json.dumps({"config": {"aws:region": "eu-west-1"}, "steps": told, **summary}))
    return file


def test_what_is_only_counted_is_unread_and_no_plan_of_it_is_green(tmp_path):
    file = preview(tmp_path, 9, ("same", STACK), ("create", QUEUE))

    judged = judge(foreign(documents.preview(file)))

    assert [row.as_json() for row in judged.analysis.unread] == [
        {
            "subject": "8 unchanged resources",
            "what": "nodes",
            "why": "the preview only counts them",
            "how": "run `pulumi preview --json --show-sames`",
        }
    ]
    assert judge(foreign(documents.preview(file))).failed


def test_a_preview_that_was_asked_for_them_has_them_all(tmp_path):
    file = preview(tmp_path, 2, ("same", STACK), ("same", QUEUE))
    assert judge(foreign(documents.preview(file))).analysis.unread == []


def test_a_count_that_is_no_number_counts_nothing(tmp_path):
    file = tmp_path / "preview.json"
    file.write_text(json.dumps({"config": {"aws:region": "eu-west-1"}, "steps": [], "changeSummary": {"same": "x"}}))
    assert documents.preview(file).left_out == 0
