"""The devices of DRA by instance type, held against Karpenter's own list where its module is on this machine."""

from pathlib import Path

import pytest

from components.catalog import dra_devices, instance_type
from components.catalog.data import dra
from tools.dra_devices import FILE, devices

MODULE = Path.home() / "go/pkg/mod/github.com/aws/karpenter-provider-aws@v1.15.0"


def test_a_type_has_the_devices_that_its_driver_publishes():
    found = dra_devices()["g6e.12xlarge"]
    assert (found.product, found.memory, found.memory_mib) == ("NVIDIA L40S", "46068Mi", 46068)
    assert found.pcie_roots == ("pci0000:37", "pci0000:39", "pci0000:3b", "pci0000:3d")
    assert found.attributes(2) == {
        "architecture": {"string": "Ada Lovelace"},
        "brand": {"string": "Nvidia"},
        "cudaComputeCapability": {"version": "8.9.0"},
        "productName": {"string": "NVIDIA L40S"},
        "resource.kubernetes.io/pcieRoot": {"string": "pci0000:3b"},
        "type": {"string": "gpu"},
    }
    assert dra_devices()["g4dn.xlarge"].memory_mib == 15 * 1024


def test_a_type_has_as_many_devices_as_ec2_says_and_no_more_memory():
    for name, found in dra_devices().items():
        row = instance_type(name)
        assert row.accelerator, name
        if row.accelerators:
            assert len(found.pcie_roots) == row.accelerators, name
            assert found.memory_mib <= row.accelerator.memory_mib * 1.03, name


@pytest.mark.skipif(not (MODULE / FILE).exists(), reason="Karpenter's module is not on this machine: no lab built it")
def test_the_list_is_karpenters():
    assert dra()["devices"] == devices(MODULE)


def test_a_type_with_devices_of_two_kinds_stops_the_reader(tmp_path):
    device = (
        "\t\t\t{\n\t\t\t\tAttributes: map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{\n"
        '\t\t\t\t\t"architecture": {StringValue: strPtr("Ada Lovelace")},\n'
        '\t\t\t\t\t"brand": {StringValue: strPtr("Nvidia")},\n'
        '\t\t\t\t\t"cudaComputeCapability": {VersionValue: strPtr("8.9.0")},\n'
        '\t\t\t\t\t"productName": {StringValue: strPtr("PRODUCT")},\n'
        '\t\t\t\t\t"resource.kubernetes.io/pcieRoot": {StringValue: strPtr("pci0000:30")},\n'
        "\t\t\t\t},\n\t\t\t\tCapacity: map[resourcev1.QualifiedName]resourcev1.DeviceCapacity{\n"
        '\t\t\t\t\t"memory": {Value: resource.MustParse("23034Mi")},\n\t\t\t\t},\n\t\t\t},\n'
    )
    file = tmp_path / FILE
    file.parent.mkdir(parents=True)

    def written(*products: str) -> None:
        made = "".join(device.replace("PRODUCT", product) for product in products)
        file.write_text(f'\t"g9.xlarge": {{\n\t\tDevices: []DRADevice{{\n{made}\t\t}},\n\t}},\n', encoding="utf-8")

    written("NVIDIA L4", "NVIDIA L4")
    alike = ["NVIDIA L4", "Ada Lovelace", "8.9.0", "Nvidia", "23034Mi", ["pci0000:30", "pci0000:30"]]
    assert devices(tmp_path) == {"g9.xlarge": alike}
    written("NVIDIA L4", "NVIDIA L40S")
    with pytest.raises(ValueError, match=r"g9\.xlarge: 2 kinds of devices"):
        devices(tmp_path)
