"""A runner of GitHub, as far as action.yml needs one, and the part of GitHub's API that it asks, on loopback."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

BOT = "github-actions[bot]"


@dataclass
class GitHub:
    """Comments of a pull request, and what was asked."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: int = 0
    """Status that every write is answered with; 0 for none."""
    url: str = ""
    token: str = "a-token"

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        split = urlsplit(target)
        self.asked.append((method, split.path))
        if method != "GET" and self.refuses:
            return self.refuses, {"message": "Resource not accessible by integration"}
        if method == "GET" and split.path == "/repos/org/shop/issues/7/comments":
            query = {key: int(value[0]) for key, value in parse_qs(split.query).items()}
            start = (query["page"] - 1) * query["per_page"]
            return 200, self.comments[start : start + query["per_page"]]
        if method == "POST" and split.path == "/repos/org/shop/issues/7/comments":
            return 201, self.write(body["body"])
        if method == "PATCH" and (found := re.fullmatch(r"/repos/org/shop/issues/comments/(\d+)", split.path)):
            comment = next(each for each in self.comments if each["id"] == int(found[1]))
            comment["body"] = body["body"]
            return 200, comment
        return 404, {"message": "Not Found"}

    def write(self, body: str, author: str = BOT) -> dict[str, Any]:
        id_ = len(self.comments) + 1
        comment = {"id": id_, "body": body, "user": {"login": author}, "html_url": f"https://gh.example/c/{id_}"}
        self.comments.append(comment)
        return comment


@contextmanager
def github() -> Iterator[GitHub]:
    """GitHub's API on loopback, for one pull request, number 7 of org/shop."""
    state = GitHub()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = self.headers["Authorization"] == f"Bearer {state.token}"
            status, answer = state.answer(self.command, self.path, body) if known else (401, {})
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    for method in ("GET", "POST", "PATCH"):
        setattr(Handler, f"do_{method}", Handler._answer)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        state.url = f"http://127.0.0.1:{served.server_port}"
        thread = threading.Thread(target=served.serve_forever, args=[0.01])
        thread.start()
        try:
            yield state
        finally:
            served.shutdown()
            thread.join()


@dataclass
class Step:
    """A step that ran."""

    name: str
    code: int
    log: str


@dataclass
class Run:
    """A run of the action."""

    steps: list[Step]
    used: dict[str, dict[str, str]]
    """Actions of GitHub that the runner would have run, with their inputs: they are not run here."""
    outputs: dict[str, str]
    summary: str

    @property
    def code(self) -> int:
        return self.steps[-1].code

    @property
    def log(self) -> str:
        return "".join(step.log for step in self.steps)


class Runner:
    """Runs the steps of a composite action in a checkout, each as a runner does: bash with -eo pipefail, in a file."""

    def __init__(self, action: Path, checkout: Path, temp: Path, github: GitHub):
        self.action, self.checkout, self.temp, self.github = action, checkout, temp, github
        self.environment: Path | None = None
        """What the cache has; None where it has nothing."""

    def run(self, **inputs: str) -> Run:
        told = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        context = {"github.action_path": str(self.action), "github.token": self.github.token}
        context |= {"github.event.pull_request.number": "7", "github.event.pull_request.base.sha": ""}
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= told["inputs"].keys()
        context |= {
            f"inputs.{name}": given.get(name, _filled(str(each.get("default", "")), context))
            for name, each in told["inputs"].items()
        }
        ran = Run([], {}, {}, "")
        summary = self.temp / "summary.md"
        summary.write_text("")
        for step in told["runs"]["steps"]:
            if "if" in step and not _holds(step["if"], context):
                continue
            if "uses" in step:
                ran.used[step["uses"]] = {key: _filled(value, context) for key, value in step["with"].items()}
                if step["uses"].startswith("actions/cache@"):
                    context[f"steps.{step['id']}.outputs.cache-hit"] = str(self._restored(step, context)).lower()
                continue
            outputs = self._step(step, context, summary, ran)
            context |= {f"steps.{step.get('id')}.outputs.{key}": value for key, value in outputs.items()}
            if ran.code:
                break
        ran.outputs = {name: _filled(each["value"], context) for name, each in told["outputs"].items()}
        ran.summary = summary.read_text()
        return ran

    def _restored(self, step: Mapping[str, Any], context: Mapping[str, str]) -> bool:
        path = Path(_filled(step["with"]["path"], context))
        if self.environment and not path.exists():
            path.symlink_to(self.environment)
        return path.exists()

    def _step(self, step: Mapping[str, Any], context: Mapping[str, str], summary: Path, ran: Run) -> dict[str, str]:
        assert step["shell"] == "bash"
        script, output = self.temp / "step.sh", self.temp / "output"
        script.write_text(step["run"])
        output.write_text("")
        paths = {name: str(self.temp / name.lower()) for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE")}
        environment = {
            **{key: value for key, value in os.environ.items() if key.startswith(("PATH", "HOME", "EKS_GPU_", "LANG"))},
            **paths,
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_SERVER_URL": "https://gh.example",
            "GITHUB_REPOSITORY": "org/shop",
            "GITHUB_RUN_ID": "42",
            "COLUMNS": "80",
            **{key: _filled(value, context) for key, value in step.get("env", {}).items()},
        }
        bash = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        ended = subprocess.run(
            bash, cwd=self.checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        ran.steps.append(Step(step["name"], ended.returncode, ended.stdout))
        return dict(line.split("=", 1) for line in output.read_text().splitlines())


def _filled(text: str, context: Mapping[str, str]) -> str:
    """With the values of `${{ a.b }}`; what nothing has set is empty."""
    return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: context.get(found[1], ""), text)


def _holds(condition: str, context: Mapping[str, str]) -> bool:
    """`a.b == 'c' && d.e != ''`."""
    for part in condition.split(" && "):
        found = re.fullmatch(r"([\w.-]+) (==|!=) '([^']*)'", part)
        assert found, part
        if (context.get(found[1], "") == found[3]) != (found[2] == "=="):
            return False
    return True
