"""The devices of DRA drivers by instance type, from Karpenter's own list: `python -m tools.dra_devices MODULE` writes
dra.json of the catalog; MODULE is the folder of github.com/aws/karpenter-provider-aws, as `go mod download` has it.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

from eks_gpu_components.catalog.data import HERE

FILE = "pkg/providers/drametadata/zz_generated_gpu_metadata.go"
_TYPE = re.compile(r'^\t"([\w.-]+)": \{\n(.*?)^\t\},', re.MULTILINE | re.DOTALL)
_DEVICE = re.compile(r"^\t{4}Attributes: .*?^\t{4}\},\n^\t{4}Capacity: .*?^\t{4}\},", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r'"([\w./]+)":\s+\{\w+Value: \w+Ptr\("(.*?)"\)\}')
_CAPACITY = re.compile(r'"([\w./]+)":\s+\{Value: resource\.MustParse\("(.*?)"\)\}')


def devices(module: Path) -> dict[str, list[Any]]:
    """`{type: [product, architecture, compute capability, brand, memory, [PCIe root of each device]]}`.

    Raises ValueError for devices of one type that differ in more than their PCIe root.
    """
    found = {}
    for name, text in _TYPE.findall((module / FILE).read_text(encoding="utf-8")):
        alike: dict[tuple[str, ...], list[str]] = {}
        for device in _DEVICE.findall(text):
            attributes = dict(_ATTRIBUTE.findall(device))
            facts = (attributes[key] for key in ("productName", "architecture", "cudaComputeCapability", "brand"))
            memory = dict(_CAPACITY.findall(device))["memory"]
            alike.setdefault((*facts, memory), []).append(attributes["resource.kubernetes.io/pcieRoot"])
        if len(alike) != 1:
            raise ValueError(f"{name}: {len(alike)} kinds of devices on one instance type")
        ((facts, roots),) = alike.items()
        found[name] = [*facts, roots]
    return dict(sorted(found.items()))


def main() -> None:
    module = Path(sys.argv[1])
    rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in devices(module).items())
    source = f"Karpenter's AWS provider {module.name.rpartition('@')[2]}, {FILE}"
    text = f'{{\n  "source": {json.dumps(source)},\n  "devices": {{\n{rows}\n  }}\n}}\n'
    (HERE / "dra.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
