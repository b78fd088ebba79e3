"""CEL: values, operators and macros, as Karpenter's definitions use them."""

import pytest

from eks_gpu.api.cel import UnknownCel, compiled, holds, quantity_of, version_of
from eks_gpu.api.definitions import definitions

POOL = {"role": "nodes", "terms": [{"id": "a"}, {"tags": {"x": "y"}}], "count": 2, "name": "al2023@latest"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("has(self.role) && !has(self.instanceProfile)", True),
        ("has(self.role) == has(self.instanceProfile)", False),
        ("self.terms.all(x, has(x.id) || has(x.tags))", True),
        ("self.terms.exists(x, has(x.id) && x.id == 'b')", False),
        ("self.terms.filter(x, has(x.id)).size() == 1", True),
        ("size(self.terms) <= 1", False),
        ("self.count >= 2 ? self.count != 3 : false", True),
        ("self.name.split('@')[0] in ['al2', 'al2023']", True),
        ('self.name.find("^[^@]+") == "al2023" && self.name.matches("^[a-z0-9]+@.+$")', True),
        ("!self.name.startsWith('al2023') || self.name.endsWith('latest')", True),
        ("'id' in self.terms[0]", True),
        ("int(self.name) > 1", False),
        ("self.missing == 1", False),
    ],
)
def test_a_rule_holds_or_not(rule, expected):
    assert holds(rule, POOL) is expected


def test_an_error_counts_only_where_nothing_else_decides():
    assert holds("self.missing == 1 || self.count == 2", POOL)
    assert holds("self.count == 2 || self.missing == 1", POOL)
    assert not holds("self.missing == 1 && self.count == 2", POOL)
    assert not holds("!(self.missing == 1)", POOL)


@pytest.mark.parametrize("rule", ["self.name.replace('a', 'b') == ''", "self ~ 1", "self.count +", "(self.count"])
def test_what_is_not_read_is_said(rule):
    with pytest.raises(UnknownCel):
        compiled(rule)


def test_every_rule_of_karpenters_definitions_is_read():
    found = [rule for schema in definitions().values() for rule in rules(schema)]
    assert len(found) > 60
    assert all(compiled(rule) for rule in found)


def rules(schema):
    for key, value in schema.items() if isinstance(schema, dict) else ():
        if key == "x-kubernetes-validations":
            yield from (each["rule"] for each in value)
        else:
            yield from rules(value)


DEVICE = {"capacity": {"gpu": {"memory": quantity_of("23034Mi")}}, "version": version_of("8.9.0"), "name": "NVIDIA L4"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("self.capacity['gpu'].memory.compareTo(quantity('22Gi')) >= 0", True),
        ("self.capacity['gpu'].memory.isGreaterThan(quantity('24G'))", True),
        ("self.capacity['gpu'].memory.isLessThan(quantity('23034Mi'))", False),
        ("self.capacity['gpu'].memory == quantity('23034Mi')", True),
        ("self.version.isGreaterThan(semver('8.10.0'))", False),
        ("self.version.compareTo(semver('8.9.0-rc.1')) == 1 && self.version.major() == 8", True),
        ("isQuantity('1Gi') && !isQuantity('one') && isSemver('1.2.3') && !isSemver('1.2')", True),
        ("self.name.lowerAscii().contains('l4') && self.name.lowerAscii().matches('^nvidia')", True),
        ("self.version.compareTo(quantity('1')) == 0", False),
        ("quantity('many').isLessThan(quantity('1'))", False),
    ],
)
def test_quantities_and_versions_have_an_order(rule, expected):
    assert holds(rule, DEVICE) is expected
