"""What a command of a page needs beside a clone, such as AWS: told to readers on the site, and held by tests.

What a line needs follows from its program and its options. A page says it itself, for a block, with a line
`<!-- needs: Docker -->` above the block.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

BLOCK = re.compile(
    r"(?:^<!-- needs: (?P<needs>[^\n]+) -->\n\n?)?^```(?P<language>sh|shell|bash|console)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
PROGRAMS = {
    "pulumi": "AWS",
    "aws": "AWS",
    "kubectl": "a cluster",
    "docker": "Docker",
    "curl": "a network",
    "pip": "a package index",
    "npm": "Node.js",
    "npx": "Node.js",
}
"""Program -> what it needs."""
COMMANDS = {
    "why": "a cluster",
    "preflight": "AWS",
    "audit": "AWS",
    "prices": "AWS",
    "lab": "the lab",
}
"""Command of eks-gpu -> what it needs."""
ONLINE = ("--cluster", "--live")
"""Options with which a command asks a cluster or AWS."""


@dataclass(frozen=True)
class Block:
    """A block of a page that is typed into a shell."""

    needs: str
    """What the page says that it needs; empty where the page says nothing."""
    transcript: bool
    """Whether typed lines begin with `$`, and others are printed."""
    text: str

    def commands(self) -> list[tuple[str, tuple[str, ...]]]:
        """Each typed line without its comment, and the lines that it prints."""
        found: list[tuple[str, list[str]]] = []
        open_quote = False
        for line in re.sub(r" *\\\n *", " ", self.text).splitlines():
            typed = line.removeprefix("$ ") if line.startswith("$ ") or not self.transcript else ""
            typed = re.sub(r"(^|\s+)# .*", "", typed).strip()
            if open_quote:
                found[-1] = (f"{found[-1][0]} {line.strip()}", found[-1][1])
                open_quote = found[-1][0].count("'") % 2 == 1
            elif typed:
                open_quote = typed.count("'") % 2 == 1
                found.append((typed, []))
            elif self.transcript and found and not line.startswith("$ "):
                found[-1][1].append(line.rstrip())
        return [(line, tuple(shown)) for line, shown in found]


def blocks_of_shells(text: str) -> Iterator[Block]:
    """The blocks of a page that are typed into a shell, in their order."""
    for found in BLOCK.finditer(text):
        yield Block(found["needs"] or "", found["language"] == "console", found["text"])


def programs(line: str) -> list[list[str]]:
    """The words of each program that a line runs; where its output goes stands among them."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    words.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in words:
        if word in ("|", "&&", ";", "&"):
            found.append([])
        else:
            found[-1].append(word)
    return [part for part in found if part]


def needs(line: str) -> str:
    """What a line needs, of several things the first; empty if a clone is enough."""
    for words in programs(line):
        program = words[0].rpartition("/")[2] if words else ""
        if program in PROGRAMS:
            return PROGRAMS[program]
        if any(word in ONLINE for word in words):
            return "a cluster" if program == "eks-gpu" else "AWS"
        if program == "eks-gpu" and len(words) > 1 and words[1] in COMMANDS:
            return COMMANDS[words[1]]
    return ""


def told(text: str) -> str:
    """A page in which each block that needs something says so in a line below it."""

    def with_label(found: re.Match[str]) -> str:
        block = Block(found["needs"] or "", found["language"] == "console", found["text"])
        wanted = [block.needs] if block.needs else [needs(line) for line, _ in block.commands()]
        named = [each for each in dict.fromkeys(wanted) if each]
        code = f"```{found['language']}\n{found['text']}```"
        return f"{code}\n\n*Needs {' and '.join(named)}.*\n" if named else code

    return BLOCK.sub(with_label, text)
