"""What Karpenter asks AWS's price list, answered from the catalog: `python -m eks_gpu.lab.pricing PORT`.

Source of the shape: AWS Price List API, GetProducts; and what Karpenter 1.15 reads of it.
"""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from eks_gpu.lab.ports import LOOPBACK
from eks_gpu_components.catalog import InstanceType, instance_types, on_demand_price, partition


def products(asked: dict[str, Any]) -> dict[str, Any]:
    """GetProducts' answer to `asked`, on one page: the filters for region and tenancy count, the rest holds for all."""
    filters = {each["Field"]: each["Value"] for each in asked.get("Filters", [])}
    region = filters["regionCode"]
    bare_metal = filters.get("tenancy") == "Dedicated"  # which is how the price list has bare metal
    found = [row for row in instance_types() if row.bare_metal == bare_metal]
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(product) for product in _products(found, region)]}


def _products(rows: list[InstanceType], region: str) -> Iterator[dict[str, Any]]:
    currency = "CNY" if partition(region) == "aws-cn" else "USD"
    for row in rows:
        if price := on_demand_price(row.name, region):
            dimension = {"pricePerUnit": {currency: f"{price.hourly:.10f}"}}
            yield {
                "product": {"attributes": {"instanceType": row.name}},
                "terms": {"OnDemand": {"term": {"priceDimensions": {"hour": dimension}}}},
            }


class PriceList(BaseHTTPRequestHandler):
    """Answers every POST as GetProducts, every GET with 200."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(json.dumps(products(asked)).encode(), "application/x-amz-json-1.1")

    def do_GET(self) -> None:
        self._answer(b"ready\n", "text/plain")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), PriceList).serve_forever()
