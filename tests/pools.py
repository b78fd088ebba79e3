"""Generated GPU pools: any that GpuPool takes and that us-west-2 can place."""

from hypothesis import strategies as st

from components.catalog import image_supports, instance_types, zones_offering
from components.nodes.placement import Placement, placement
from components.values.gpu_pool import GpuPool
from components.values.value import check
from tests.given import subnets

PLACEABLE = sorted(
    row.name
    for row in instance_types()
    if row.accelerators and image_supports(row) and zones_offering(row.name, "us-west-2")
)

_words = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
_labels = st.dictionaries(st.one_of(_words, _words.map("example.com/{}".format)), _words, max_size=3)
_taints = st.fixed_dictionaries(
    {
        "key": st.one_of(_words, _words.map("example.com/{}".format), st.just("nvidia.com/gpu")),
        "value": _words,
        "effect": st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"]),
    }
)
_wishes = st.fixed_dictionaries(
    {
        "instance_types": st.sampled_from(PLACEABLE).map(lambda name: [name]),
        "max_gpus": st.integers(16, 400),
        "capacity_types": st.sampled_from([["spot"], ["on-demand"], ["spot", "on-demand"], ["on-demand", "spot"]]),
    },
    optional={
        "labels": _labels,
        "taint": _taints,
        "disk_gib": st.integers(30, 2000),
        "idle_s": st.integers(30, 86_400),
        "node_image": st.sampled_from(["al2023", "bottlerocket"]),
    },
)
_sharing = st.fixed_dictionaries({"strategy": st.sampled_from(["time-slicing", "mps"]), "replicas": st.integers(2, 48)})


@st.composite
def pools(draw: st.DrawFn) -> GpuPool:
    pool = check(GpuPool, draw(_wishes))
    if pool.accelerator == "nvidia" and pool.node_image == "al2023" and draw(st.booleans()):
        pool = pool.model_copy(update={"sharing": check(GpuPool, {**_least(pool), "sharing": draw(_sharing)}).sharing})
    return pool


def _least(pool: GpuPool) -> dict:
    return {"instance_types": [pool.instance_types[0].name], "max_gpus": pool.max_gpus}


def placed(pool: GpuPool) -> Placement:
    """In every zone of us-west-2."""
    return placement(pool, subnets("abcd"), "us-west-2")
