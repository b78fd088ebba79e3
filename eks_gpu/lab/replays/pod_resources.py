"""What pods ask for: all that a machine has, or the least that is too much, in every way in which it can be asked."""

from random import Random

from eks_gpu.lab.replays.pod_draft import Draft, Feature
from eks_gpu.lab.replays.trial import OVERHEAD, RUNTIME_CLASS
from eks_gpu.pods.quantities import CPU, MEMORY, MIB, quantity
from eks_gpu_components.catalog import GPU_RESOURCE
from eks_gpu_components.catalog.instance_types import RESOURCES


def written_in_some_unit(random: Random, resource: str, amount: int) -> str:
    """Millicores or bytes, in one of the ways that mean exactly that."""
    if resource == CPU:
        ways = [f"{amount}m", f"{amount / 1000:.3f}", f"{amount * 1000}u"]
        ways += [str(amount // 1000)] if amount % 1000 == 0 else []
    else:
        ways = [str(amount), f"{amount}000m", f"{amount / 1000:.3f}k"]
        ways += [f"{amount // 1024}Ki"] if amount % 1024 == 0 else []
        ways += [f"{amount // MIB}Mi"] * 3 if amount % MIB == 0 else []
    return random.choice(ways)


def asks_for_all(resource: str) -> Feature:
    def put(draft: Draft, right: bool) -> None:
        draft.ask(resource, written_in_some_unit(draft.random, resource, draft.edge(resource, right)))

    return put


def asks_for_devices(draft: Draft, right: bool) -> None:
    device = draft.device or GPU_RESOURCE
    has = draft.machine.free.get(device, 0)
    wanted = draft.random.randint(0, has) if right else has + draft.random.choice([1, 1, 7])
    text = draft.random.choice([str(wanted), f"{wanted}000m"])
    draft.main["resources"].pop("limits", None)
    for kind in draft.random.choice([("limits",), ("limits", "requests")]):
        draft.ask(device, text, kind)


def asks_for_other_devices(draft: Draft, right: bool) -> None:
    # Not EFA: Karpenter and the planner count it beforehand, and a node offers it once a device plugin runs there.
    name = draft.random.choice([RESOURCES["amd"], RESOURCES["habana"], "nvidia.com/mig-1g.5gb"])
    draft.ask(name, "0" if right else "1", "limits")


def asks_for_huge_pages(draft: Draft, right: bool) -> None:
    draft.ask("hugepages-2Mi", "0" if right else "4Mi", "limits")


def has_limits_alone(draft: Draft, right: bool) -> None:
    """Which count as requests."""
    resource = draft.random.choice([CPU, MEMORY])
    draft.main["resources"].pop("requests")
    draft.ask(resource, written_in_some_unit(draft.random, resource, draft.edge(resource, right)), "limits")


def has_limits_above_requests(draft: Draft, right: bool) -> None:
    """Where there is a request, the limit does not count."""
    amount = draft.edge(MEMORY, right)
    draft.ask(MEMORY, str(amount))
    draft.ask(MEMORY, str(2 * amount), "limits")


def has_several_containers(draft: Draft, right: bool) -> None:
    """Whose requests are no whole MiB, but for their sum; or no whole millicores, to which each is rounded up."""
    resource = draft.random.choice([CPU, MEMORY])
    containers = [draft.main, draft.beside("second"), draft.beside("third")]
    parts = draft.split(draft.edge(resource, right), len(containers))
    for container, part in zip(containers, parts, strict=True):
        draft.ask(resource, f"{part * 1000 - 400}u" if resource == CPU else str(part), container=container)


def has_an_init_container(draft: Draft, right: bool) -> None:
    """Which runs before the others, so that only the more counts."""
    setup = draft.beside("setup", "initContainers")
    draft.ask(CPU, f"{draft.edge(CPU, right)}m", container=setup)
    draft.ask(CPU, f"{draft.edge(CPU, True)}m")


def has_a_sidecar(draft: Draft, right: bool) -> None:
    """Which stays beside the others, so that both count."""
    parts = draft.split(draft.edge(CPU, right), 2)
    proxy = draft.beside("proxy", "initContainers", restartPolicy="Always")
    draft.ask(CPU, f"{parts[0]}m", container=proxy)
    draft.ask(CPU, f"{parts[1]}m")


def has_a_sidecar_before_an_init_container(draft: Draft, right: bool) -> None:
    """Which then runs beside it; one that comes after does not."""
    parts = draft.split(draft.edge(MEMORY, right), 2)
    first = draft.beside("proxy", "initContainers", restartPolicy="Always")
    draft.ask(MEMORY, str(parts[0]), container=first)
    draft.ask(MEMORY, str(parts[1]), container=draft.beside("setup", "initContainers"))
    late = draft.beside("late", "initContainers", restartPolicy="Always")
    draft.ask(MEMORY, "1Mi", container=late)


def has_overhead(draft: Draft, right: bool) -> None:
    """Of a runtime that isolates more."""
    over = int(quantity(OVERHEAD[CPU]) * 1000)
    draft.spec |= {"runtimeClassName": RUNTIME_CLASS, "overhead": dict(OVERHEAD)}
    draft.ask(CPU, f"{draft.edge(CPU, right) - over}m")


def has_resources_of_its_own(draft: Draft, right: bool) -> None:
    """The pod's own requests count in place of its containers', of which they cannot be less."""
    resource = draft.random.choice([CPU, MEMORY])
    text = written_in_some_unit(draft.random, resource, draft.edge(resource, right))
    kind = draft.random.choice(["requests", "limits"])
    if kind == "limits":  # which its containers' requests come before
        draft.main["resources"].pop("requests")
    draft.spec["resources"] = {kind: {resource: text}}
