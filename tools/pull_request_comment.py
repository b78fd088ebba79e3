"""Write the comment of a pull request, or write it anew where it is: `pull_request_comment.py FILE`, for action.yml.

Reads GITHUB_API_URL and GITHUB_REPOSITORY, as a runner sets them, and TOKEN, PULL_REQUEST, NAME and AUTHOR. The comment
is found by a mark at its end, and only among those of AUTHOR: anybody can write the mark. Prints the comment's address.
A token that may not write, as in a pull request from a fork, is a warning and no failure. Needs nothing but Python, and
imports nothing that a plan may have changed.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = 100
MOST_PAGES = 50
TIMEOUT_S = 30


def main() -> int:
    name, number = os.environ["NAME"], os.environ["PULL_REQUEST"]
    wrong = [
        *([] if re.fullmatch(r"[\w.-]{1,100}", name) else ["comment-name: must be letters, digits, dots, _ and -"]),
        *([] if re.fullmatch(r"\d{1,12}", number) else ["pull-request: must be a number"]),
    ]
    if wrong:
        print(*(f"::error::{problem}" for problem in wrong), sep="\n", file=sys.stderr)
        return 2
    mark = f"<!-- eks-gpu: {name} -->"
    comment = {"body": f"{Path(sys.argv[1]).read_text(encoding='utf-8').rstrip()}\n\n{mark}\n"}
    of_repository = f"/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    try:
        found = next(_marked(f"{of_repository}/{number}/comments", mark, os.environ["AUTHOR"]), None)
        if found:
            answer = _asked("PATCH", f"{of_repository}/comments/{found}", comment)
        else:
            answer = _asked("POST", f"{of_repository}/{number}/comments", comment)
    except urllib.error.HTTPError as refused:
        if refused.code not in (403, 404):
            print(f"::error::the comment was not written: GitHub answered {refused.code}", file=sys.stderr)
            return 1
        why = f"the token may not write it (GitHub answered {refused.code}); the summary of the run has it"
        print(f"::warning::the comment was not written: {why}", file=sys.stderr)
        return 0
    except (OSError, ValueError) as unreachable:
        said = " ".join(str(unreachable).split())[:200]
        print(f"::error::the comment was not written: {said}", file=sys.stderr)
        return 1
    print(answer["html_url"])
    return 0


def _marked(path: str, mark: str, author: str) -> Iterator[int]:
    """Ids of the author's comments that end with the mark, the oldest first."""
    for page in range(1, MOST_PAGES + 1):
        comments = _asked("GET", f"{path}?per_page={PAGE}&page={page}")
        for comment in comments:
            own = (comment.get("user") or {}).get("login") == author
            if own and (comment.get("body") or "").rstrip().endswith(mark):
                yield int(comment["id"])
        if len(comments) < PAGE:
            return


def _asked(method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        os.environ.get("GITHUB_API_URL", "https://api.github.com") + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['TOKEN']}",
            "Content-Type": "application/json",
            "User-Agent": "eks-gpu",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
