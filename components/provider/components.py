"""The provider: the components' schema for other languages, and the components made for their programs."""

import json
import sys
from collections.abc import Iterable
from typing import Any

import pulumi
from pulumi import ComponentResource, Output, ResourceOptions
from pulumi.output import Unknown
from pulumi.provider import ConstructResult
from pulumi.provider.experimental.analyzer import ComponentDefinition, PropertyDefinition, TypeDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.experimental.schema import generate_schema
from pulumi.provider.server import ComponentInitError

from ..values.value import BadInput, check
from .arrived import Arrived, NotYetKnown
from .names import Names, Types, type_of
from .package import NAME, NAMESPACE, about

_REF = f"#/types/{NAME}:index:"


class Components(ComponentProvider):
    """The components for programs in other languages. Wrong args are their error: keys as they write them, all
    problems at once, and no traceback of ours.
    """

    def __init__(self, components: Iterable[type[ComponentResource]], version: str):
        super().__init__(sorted(components, key=lambda made: made.__name__), NAME, NAMESPACE, version)
        mappings = [*(made.inputs_mapping for made in self._component_defs.values())]
        mappings += [made.outputs_mapping for made in self._component_defs.values()]
        mappings += [made.properties_mapping for made in self._type_defs.values()]
        self._names = Names(name for mapping in mappings for name in mapping.values() if "_" in name)
        self._type_defs = {_short(name): made for name, made in self._type_defs.items()}
        self._for_other_languages()
        self._handed_out: list[tuple[Output[str], str | None, Any]] = []
        made = generate_schema(
            NAME, version, NAMESPACE, self._component_defs, self._type_defs, self._dependencies
        ).to_json()
        self.schema = json.dumps({**made, **about()})

    def construct(
        self, name: str, resource_type: str, inputs: pulumi.Inputs, options: ResourceOptions | None = None
    ) -> ConstructResult:
        """Makes a component. Raises InputPropertiesError with every problem of its args."""
        definition = self._definition(resource_type)
        try:
            return super().construct(name, resource_type, inputs, options)
        except NotYetKnown as unknown:
            made = ComponentResource(resource_type, name, {}, options)
            (path, _) = self._told(f"{unknown.path} is", definition)
            pulumi.log.info(f"{name}: what it makes is shown once {path} is known, after the first update", made)
            return ConstructResult(made.urn, {})
        except ComponentInitError as error:
            if not isinstance(error.inner, BadInput):
                raise
            raise self._refused(error.inner.problems, definition) from None

    def map_inputs(self, inputs: pulumi.Inputs, component_def: ComponentDefinition) -> Any:
        """The args of a component. Raises InputPropertiesError, NotYetKnown."""
        arrived = Arrived(self._type_defs, self._recalled)
        args = arrived.args(dict(inputs), component_def.inputs, component_def.inputs_mapping)
        if arrived.problems:
            raise self._refused(_broken_rules(component_def, args), component_def, arrived.problems)
        return args

    def get_state(self, instance: ComponentResource, component_def: ComponentDefinition) -> dict[str, Any]:
        """The outputs of a component under the schema's names, kept for what takes them before they are known."""
        given = {key: getattr(instance, name, None) for key, name in component_def.outputs_mapping.items()}
        state = {key: _wire(value, component_def.outputs[key], self._type_defs) for key, value in given.items()}
        for key, value in state.items():
            if kind := _kind(component_def.outputs[key]):
                self._handed_out.append((instance.urn, kind, value))
        return {key: value for key, value in state.items() if value is not None}

    def _definition(self, resource_type: str) -> ComponentDefinition:
        self.validate_resource_type(NAME, resource_type)
        kind = resource_type.rpartition(":")[2]
        if kind not in self._component_defs:
            known = ", ".join(self._component_defs)
            raise pulumi.InputPropertiesError(f"{NAME} has no component {kind}; it has {known}", [])
        return self._component_defs[kind]

    def _recalled(self, wanted: PropertyDefinition, resources: Iterable[Any]) -> Any:
        """What the one component that an unknown output depends on handed out, with the parts that it knows.

        In a preview the engine's SDKs know nothing of a value of which a part is unknown.
        """
        urns = {_urn(resource.urn) for resource in resources}
        made = ((_urn(urn), value) for urn, kind, value in self._handed_out if kind == _kind(wanted))
        found = {urn: value for urn, value in made if urn and urn in urns}
        return next(iter(found.values())) if len(found) == 1 else Unknown()

    def _refused(
        self, rules: Iterable[str], definition: ComponentDefinition, of_any_input: Iterable[str] = ()
    ) -> pulumi.InputPropertiesError:
        """An error with every problem; of one place the component's own rules say more than those of any input."""
        told = [self._told(rule, definition) for rule in rules]
        known = {path for path, _ in told}
        told += [problem for rule in of_any_input if (problem := self._told(rule, definition))[0] not in known]
        return pulumi.InputPropertiesError("", [{"property_path": path, "reason": rule} for path, rule in told])

    def _told(self, problem: str, definition: ComponentDefinition) -> tuple[str, str]:
        return self._names.problem(problem, definition.inputs, definition.inputs_mapping, self._type_defs)

    def _for_other_languages(self) -> None:
        """Gives types their own names, descriptions the caller's, and lets what is handed out be taken as an output."""
        made = self._component_defs.values()
        handed_out = {kind for each in made for output in each.outputs.values() if (kind := _kind(output))}
        for each in [*made, *self._type_defs.values()]:
            each.description = self._names.description(each.description)
        for name, each in self._type_defs.items():
            each.name = name
        for each in made:
            for given in each.inputs.values():
                if _kind(given) in handed_out:
                    given.plain = None
                    if given.items:
                        given.items.plain = None
        tables = [*(table for each in made for table in (each.inputs, each.outputs))]
        tables += [each.properties for each in self._type_defs.values()]
        for definition in (definition for table in tables for definition in table.values()):
            self._described(definition)

    def _described(self, definition: PropertyDefinition, *, inner: bool = False) -> None:
        definition.description = None if inner else self._names.description(definition.description)
        if definition.ref and definition.ref.startswith(_REF):
            definition.ref = _REF + _short(definition.ref.removeprefix(_REF))
        for within in filter(None, (definition.items, definition.additional_properties)):
            self._described(within, inner=True)


def _urn(urn: Output[str]) -> str | None:
    """The URN of a resource; None while the engine has not answered, for several components are made at once."""
    told: Any = urn._data
    return told.result().value if told.done() and not told.exception() else None


def _short(name: str) -> str:
    """`GpuPool` for `GpuPoolArgs`: other languages add an ending of their own."""
    return name.removesuffix("Args")


def _kind(definition: PropertyDefinition) -> str | None:
    """What a property is of: a type, or a list of a type; None for all others."""
    if definition.items and definition.items.ref:
        return f"[{definition.items.ref}]"
    return definition.ref


def _wire(value: Any, definition: PropertyDefinition, types: Types) -> Any:
    """A value with the schema's names in it."""
    made = type_of(definition, types)
    if value is None or not (made or definition.items):
        return value
    if isinstance(value, Output):
        return value.apply(lambda known: _wire(known, definition, types))
    if made is None:
        inner = definition.items
        return [_wire(item, inner, types) for item in value] if inner else value
    return _named(value, made, types)


def _named(value: Any, made: TypeDefinition, types: Types) -> dict[str, Any]:
    fields = ((key, value.get(name)) for key, name in made.properties_mapping.items())
    return {key: _wire(item, made.properties[key], types) for key, item in fields if item is not None}


def _broken_rules(definition: ComponentDefinition, args: Any) -> list[str]:
    """The rules of a component that args break which it will not be given, because they are incomplete."""
    spec = getattr(sys.modules[definition.module or ""], f"{definition.name}Spec", None)
    try:
        if spec:
            check(spec, args)
    except BadInput as bad:
        return bad.problems
    return []
