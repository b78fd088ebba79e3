"""Into which slices a GPU can be cut."""

from components.catalog import instance_type, instance_types
from components.catalog.mig import MIG_GPUS, mig_config, mig_profile, mig_profiles


def slices(name: str) -> dict[str, int]:
    device = instance_type(name).accelerator
    return dict(mig_profiles(device)) if device else {}


def test_an_a100_has_other_profiles_for_each_of_its_sizes():
    assert slices("p4d.24xlarge")["1g.10gb"] == 4
    large = {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "4g.40gb": 1, "7g.80gb": 1}
    assert slices("p4de.24xlarge") == slices("p5.48xlarge") == large


def test_every_type_whose_gpu_can_be_cut_has_profiles_that_fit_its_memory():
    rows = [row for row in instance_types() if row.accelerator and row.accelerator.name in MIG_GPUS]
    assert {row.family for row in rows} == {"p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "g7e"}
    for row in rows:
        assert row.accelerator
        profiles = mig_profiles(row.accelerator)
        assert profiles, row.name
        for profile, count in profiles.items():
            gib = int(profile.partition(".")[2].removesuffix("gb"))
            assert count * gib <= round(row.accelerator.memory_mib / 1000), (row.name, profile)


def test_other_devices_cannot_be_cut():
    assert slices("g6e.xlarge") == slices("inf2.xlarge") == {}


def test_a_configuration_of_the_operator_names_its_profile():
    assert mig_config("1g.10gb") == "all-1g.10gb"
    assert (mig_profile("all-1g.10gb"), mig_profile("all-balanced"), mig_profile("1g.10gb")) == ("1g.10gb", "", "")
