"""Colours: each once for light and once for dark, for the page and for what the charts are drawn with."""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "paper": "#fdfcfa",
    "card": "#ffffff",
    "wash": "#f3f1ec",
    "line": "#dcd8cf",
    "ink": "#1d2329",
    "soft": "#5a6169",
    "link": "#0b5f8a",
    "ok": "#1d7044",
    "warn": "#8a5a00",
    "fail": "#b3261e",
    "waived": "#5b4a9e",
    "unjudged": "#8f3a6b",
    "idle": "#8b9aa8",
    "steady": "#2f7f9f",
    "demand_max": "#a08a1f",
    "max": "#c9702e",
    "edge": "#a9b1b8",
    "gpu": "#e6f2ea",
}
DARK: Mapping[str, str] = {
    "paper": "#14171a",
    "card": "#1b1f23",
    "wash": "#23282d",
    "line": "#363d44",
    "ink": "#e7e5e0",
    "soft": "#a5acb3",
    "link": "#7cc0e8",
    "ok": "#6cc795",
    "warn": "#e3b04b",
    "fail": "#ff8a80",
    "waived": "#b9a9f0",
    "unjudged": "#e79ac2",
    "idle": "#7d8b99",
    "steady": "#4ba3c7",
    "demand_max": "#c9b34b",
    "max": "#e08a4a",
    "edge": "#5b646d",
    "gpu": "#1d2f25",
}


def stylesheet() -> str:
    """The colours as variables, and charts that follow them: an SVG names the light ones."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n:root {{ color-scheme: dark; {_variables(DARK)} }}\n}}"
    charts = (
        f'.chart [{attribute}="{colour}"] {{ {attribute}: var(--{name}) }}'
        for name, colour in LIGHT.items()
        for attribute in ("fill", "stroke")
    )
    return "\n".join((f":root {{ color-scheme: light; {_variables(LIGHT)} }}", dark, *charts))


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
