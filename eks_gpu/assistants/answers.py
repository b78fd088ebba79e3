"""Answers of the commands in parts that are small enough to be read, each with the way to more."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from eks_gpu.assistants.questions import (
    ExplainQuestion,
    ImportQuestion,
    Question,
    StackQuestion,
    TypesQuestion,
)
from eks_gpu.cost.money import usd
from eks_gpu.io.visible import visible
from eks_gpu.plan.changes import LEVELS
from eks_gpu.plan.saved_plans import Snapshot

LONGEST = 12_000
"""Letters of an answer."""
_FIRST = 8
"""Rows of each list of a summary."""
_TEXT, _ITEMS, _DEPTH = 700, 20, 8
"""Letters of a text, items of a list or a map, and levels of a value, before something is left out of a row."""
_MARKS = (
    "~ an estimate; * part of it at another region's price; ? something has no price; at least: something is not read"
)

Row = Mapping[str, Any]


def answered(question: Question, answer: Any, holds: bool) -> str:
    """The part of a command's JSON that is asked for, as JSON of at most `LONGEST` letters."""
    match question:
        case StackQuestion(section="summary"):
            return _json(_summary(question, answer, holds))
        case StackQuestion():
            return _page(question, _rows(question, answer), {"stack": _title(answer), "section": question.section})
        case ExplainQuestion():
            return _page(question, _verdicts(question, answer), {"runs": holds})
        case TypesQuestion():
            kept = ("name", "accelerator", "gpu_name", "gpus", "gpu_memory_mib", "vcpus", "memory_mib", "hourly")
            more = ("estimate", "zones", "efa", "spot", "price_region", "as_of", "quota")
            return _page(question, [{key: row.get(key) for key in (*kept, *more)} for row in answer], {})
        case ImportQuestion():
            return _imported(question, answer)
    raise TypeError(type(question).__name__)


# --- pages -----------------------------------------------------------------------------------------------------------


def _page(question: Question, rows: Sequence[Any], head: Mapping[str, Any]) -> str:
    """Rows from the offset on, as many as there is room for."""
    shown: list[Any] = []
    rest = rows[question.offset :]
    for row in map(_small, rest):
        if len(_json({**head, "rows": [*shown, row]})) > LONGEST - 200:
            if shown:
                break
            row = {"left_out": f"this row has {len(_json(row)):,} letters", "keys": _small(list(row))[:_ITEMS]}
        shown.append(row)
    last = question.offset + len(shown)
    answer = {**head, "total": len(rows), "rows": shown}
    if len(rest) > len(shown):
        answer["more"] = f"{len(rows) - last} more rows: ask again with offset {last}, or with a filter"
    elif not shown and rows:
        answer["more"] = f"offset {question.offset} is behind the last of {len(rows)} rows"
    return _json(answer)


def _small(value: Any, depth: int = 0) -> Any:
    """The value with signs for what cannot be seen, and without what is too long."""
    if isinstance(value, str):
        text = visible(value)
        return text if len(text) <= _TEXT else f"{text[:_TEXT]}… ({len(text) - _TEXT:,} more letters)"
    if isinstance(value, Mapping):
        if depth > _DEPTH:
            return "…"
        kept = {_small(str(key)): _small(item, depth + 1) for key, item in list(value.items())[: 3 * _ITEMS]}
        return kept | ({"…": f"{len(value) - 3 * _ITEMS} more keys"} if len(value) > 3 * _ITEMS else {})
    if isinstance(value, list):
        if depth > _DEPTH:
            return "…"
        more = [f"… and {len(value) - _ITEMS} more"] if len(value) > _ITEMS else []
        return [*(_small(item, depth + 1) for item in value[:_ITEMS]), *more]
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- a stack ---------------------------------------------------------------------------------------------------------


def _title(answer: Row) -> str:
    return visible(f"{answer['project']} / {answer['stack']}")


def _result(check: Row) -> str:
    if check["passed"] is None:
        return "not-judged"
    if check["passed"]:
        return "holds"
    return "waived" if check.get("waived") else "fails" if check["severity"] == "error" else "warns"


def _summary(question: StackQuestion, answer: Row, holds: bool) -> Row:
    """What a person would say first."""
    plan = Snapshot.model_validate(answer)
    results = Counter(map(_result, answer["checks"]))
    bills = {level: getattr(plan.cost, level) for level in LEVELS}
    region = plan.region or ""
    month = {
        level: usd(bill.monthly, 0, bill.marks(region)) if bill and bill.monthly is not None else "not known"
        for level, bill in bills.items()
    }
    short = [
        quota for quota in answer.get("quotas", []) if quota["needed"] is None or quota["needed"] > quota["default"]
    ]
    counts = {key: len(answer[key]) for key in ("resources", "pools", "workloads", "unread") if key in answer}
    head: dict[str, Any] = {
        "stack": _title(answer),
        "region": answer["region"],
        "verdict": "holds" if holds else "fails",
        "checks": dict(sorted(results.items())),
        "usd_a_month": month,
        "marks": _MARKS,
        "counts": counts,
    }
    if changes := answer.get("changes"):
        head["changes"] = {key: len(changes[key]) for key in ("pools", "workloads", "checks")}
    lists: list[tuple[str, Iterable[Any]]] = [
        ("fails", (_told(check) for check in answer["checks"] if _result(check) == "fails")),
        ("warns", (_told(check) for check in answer["checks"] if _result(check) == "warns")),
        ("not_read", answer["unread"]),
        ("pools", map(_pool, answer["pools"])),
        ("quotas_over_a_new_account", short),
        ("taken_by_no_pool", (work["name"] for work in answer["workloads"] if not work["admitted_by"])),
    ]
    where = [section for section in _sections(question) if section != "summary"]
    head["more"] = f"ask again with section: {', '.join(where)}"
    for name, rows in lists:
        rows = [*rows]
        shown: list[Any] = []
        for row in map(_small, rows[:_FIRST]):
            if len(_json({**head, name: [*shown, row]})) > LONGEST - 1_000:
                break
            shown.append(row)
        if rows:
            left = len(rows) - len(shown)
            head[name] = [*shown, *([f"… and {left} more"] if left else [])]
    return head


def _sections(question: StackQuestion) -> Sequence[str]:
    return get_args(type(question).model_fields["section"].annotation)


def _told(check: Row) -> Row:
    return {key: check[key] for key in ("id", "subject", "message", "fix")}


def _pool(pool: Row) -> Row:
    kept = ("name", "backend", "accelerator", "capacity_types", "min_nodes", "max_nodes", "max_gpus", "instance_types")
    return {**{key: pool[key] for key in kept}, "instance_types": pool["instance_types"][:5]}


def _rows(question: StackQuestion, answer: Row) -> Sequence[Any]:
    """The rows of a section that its filters leave."""
    rows: dict[str, Callable[[], Iterable[Any]]] = {
        "cost": lambda: _items(answer),
        "checks": lambda: _checks(question, answer),
        "notes": lambda: [
            *(f"assumed: {each}" for each in answer.get("assumed", [])),
            *(f"{each['severity']}: {each['message']}" for each in answer.get("log", [])),
        ],
        "changes": lambda: _changes(answer),
    }
    found = [*rows.get(question.section, lambda: answer.get(question.section, []))()]
    return [row for row in found if question.name in _name(row)]


def _name(row: Any) -> str:
    if isinstance(row, Mapping):
        return next((str(row[key]) for key in ("name", "subject") if key in row), _json(row))
    return str(row)


def _items(answer: Row) -> Iterator[Row]:
    """A row a level, then a row an item: what each level pays an hour."""
    cost = answer["cost"]
    for level in LEVELS:
        bill = cost[level]
        yield {"name": f"{level}: total", **{key: bill.get(key) for key in ("hourly", "monthly", "at_least")}}
    for level in LEVELS:
        yield from ({**item, "name": f"{level}: {item['name']}"} for item in cost[level]["items"])


def _checks(question: StackQuestion, answer: Row) -> Iterator[Row]:
    for check in answer["checks"]:
        result = _result(check)
        if question.check and check["id"] != question.check:
            continue
        wanted = question.check and question.status == "does-not-hold"  # a check that is named is told in full
        if wanted or question.status in (result, "all") or (question.status == "does-not-hold" and result != "holds"):
            more = {"waived": check["waived"]} if check.get("waived") else {}
            sources = {"sources": check["sources"]} if question.check and check.get("sources") else {}
            yield {"result": result, **_told(check), **more, **sources}


def _changes(answer: Row) -> Iterator[Row]:
    changes = answer.get("changes") or {}
    for level, cost in changes.get("cost", {}).items():
        yield {"name": f"cost: {level}", "monthly": cost["monthly"], "items": cost["items"]}
    for kind in ("pools", "workloads", "checks"):
        yield from ({"of": kind, **row} for row in changes.get(kind, []))


# --- pods, settings --------------------------------------------------------------------------------------------------


def _verdicts(question: ExplainQuestion, answer: Any) -> Sequence[Row]:
    """A row for each pod and pool, pools that take the pod first; what is empty is left out."""
    found = []
    for pod in answer if isinstance(answer, list) else [answer]:
        of = {
            "pod": pod["pod"],
            **{key: pod[key] for key in ("template", "left_over", "refused", "needs") if pod.get(key)},
        }
        pools = [row for row in pod["pools"] if question.pool in str(row["pool"])]
        for row in sorted(pools, key=lambda row: not row["admits"]):
            found.append({**of, **{key: value for key, value in row.items() if value not in (None, [], {})}})
        if not pod["pools"]:
            found.append({**of, "pool": None, "admits": False, "reason": "the stack has no pool"})
    return found


def _imported(question: ImportQuestion, answer: Row) -> str:
    findings = answer["findings"]
    if question.section == "findings":
        return _page(question, findings, {"section": "findings"})
    head = {"findings": len(findings), "region": answer["region"], "choices": answer["choices"]}
    whole = {**head, "settings": answer["settings"]}
    if findings:
        whole["more"] = "the findings say what is lost, wrong or outdated: ask again with section findings"
    text = visible(_json(whole))
    if len(text) <= LONGEST:
        return text
    rows = [{"key": key, "settings": value} for key, value in (answer["settings"] or {}).items()]
    return _page(question, rows, {"findings": len(findings), "region": answer["region"]})
