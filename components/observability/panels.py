"""Dashboards as data: panels with queries, and the JSON that Grafana reads. Source of the JSON: Grafana 13, dashboard
JSON model, schema version 42.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

COLUMNS = 24
"""Width of a dashboard. Source: Grafana, dashboard JSON model, gridPos."""
DATASOURCE = {"type": "prometheus", "uid": "prometheus"}
"""The chart's own. Source: kube-prometheus-stack, values.yaml, grafana.sidecar.datasources.uid."""


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and what each of its series is called."""

    expr: str
    legend: str = ""
    """Grafana's template, as `{{pool}}`; a table shows the labels anyway."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture."""

    title: str
    description: str
    """What it says, and what it does not."""
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    """timeseries, stat or table."""
    unit: str = "short"
    """As Grafana calls it: percent, percentunit, currencyUSD, s, dateTimeFromNow, celsius, watt."""
    width: int = 12
    height: int = 8


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Panels in rows, from the left to the right."""

    uid: str
    """Part of its URL."""
    title: str
    panels: tuple[Panel, ...]

    def queries(self) -> Iterator[tuple[str, Query]]:
        """Each query with its panel's title."""
        return ((panel.title, query) for panel in self.panels for query in panel.queries)

    def as_json(self) -> dict[str, Any]:
        """The dashboard as Grafana imports it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "tags": ["eks-gpu"],
            "timezone": "browser",
            "editable": False,
            "graphTooltip": 1,
            "schemaVersion": 42,
            "refresh": "1m",
            "time": {"from": "now-6h", "to": "now"},
            "panels": [
                _panel(number, panel, place)
                for number, (panel, place) in enumerate(zip(self.panels, _places(self.panels), strict=True), start=1)
            ],
        }


def _places(panels: Sequence[Panel]) -> Iterator[dict[str, int]]:
    x = y = row_height = 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y, row_height = 0, y + row_height, 0
        yield {"x": x, "y": y, "w": panel.width, "h": panel.height}
        x, row_height = x + panel.width, max(row_height, panel.height)


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [_target(letter, panel, query) for letter, query in zip("ABCDEFGH", panel.queries, strict=False)],
    }
    if panel.kind == "table":
        made["transformations"] = [{"id": "merge", "options": {}}, _without_time()]
    if panel.kind == "stat":
        made["options"] = {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"}
    return made


def _target(letter: str, panel: Panel, query: Query) -> dict[str, Any]:
    table = panel.kind == "table"
    return {
        "refId": letter,
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": table,
        "range": not table,
        "format": "table" if table else "time_series",
    }


def _without_time() -> dict[str, Any]:
    hidden = ("Time", "__name__", "job", "instance")
    return {"id": "organize", "options": {"excludeByName": dict.fromkeys(hidden, True)}}
