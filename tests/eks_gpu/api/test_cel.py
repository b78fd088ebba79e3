"""CEL: values, operators and macros, as Karpenter's definitions use them."""

import pytest

from eks_gpu.api.cel import compiled, holds
from eks_gpu.api.cel_library import CelError, UnknownCel, quantity_of, version_of
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


@pytest.mark.parametrize(
    "rule",
    [
        "self ~ 1",
        "self.count +",
        "(self.count",
        "[1, 2",
        "self.count self.count",
        "size(self.name self.name)",
        "self.name.format([1]) == ''",
        "timestamp(self.name) > timestamp('2026-01-01T00:00:00Z')",
        "type(self.count) == int",
        "self.count == 2u",
        "9223372036854775808 > 0",
        "{'a': 1}.a == 1",
        "self.terms.exists(place, term, place == 0)",
        "self.terms.exists(1, true)",
        "cel.other(x, 1, x)",
        "has(1)",
        "has(self['name'])",
        "self.name == '\\d'",
        "self.name == '\\uD800'",
        "self.name == '\\U99999999'",
        "true ? false ? false : true : false",
        "self.name.matches('(')",
        "self.name.matches('al(?=2023)')",
        "self.name.matches('(a)\\\\1')",
        "self.name.matches('a++')",
        "self.name.find('[[:alpha:]]') == 'a'",
        "self.name.find('x{,2}') == 'a'",
        "(" * 2000 + "true" + ")" * 2000,
    ],
)
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


GPU = "device.attributes['gpu.nvidia.com']"
MEMORY = "device.capacity['gpu.nvidia.com'].memory"
A_GPU = {
    "driver": "gpu.nvidia.com",
    "allowMultipleAllocations": False,
    "attributes": {
        "gpu.nvidia.com": {
            "type": "gpu",
            "productName": "NVIDIA L4",
            "cudaComputeCapability": version_of("8.9.0"),
            "index": 3,
            "healthy": True,
        },
        "resource.kubernetes.io": {"pcieRoot": "pci0000:00"},
    },
    "capacity": {"gpu.nvidia.com": {"memory": quantity_of("23034Mi")}},
}
"""A device that Kubernetes 1.36 was asked about, with its package dynamic-resource-allocation/cel: the verdicts below
are its own."""
TRUE = r'''
{GPU}.index > 2.5 && {GPU}.index == 3.0 && {GPU}.index != '3' && {GPU}.healthy != 1
{GPU}.index in [1, 3] && {GPU}.index in [3.0] && !(true in [dyn(1)])
{GPU}.healthy
-{GPU}.index < 0 && 1 - -1 == 2 && !!true
1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 10 - 3 - 2 == 5 && 100 / 10 / 2 == 5
7 / 2 == 3 && -7 / 2 == -3 && -7 % 2 == -1 && 7.0 / 2.0 == 3.5 && 1.5e3 == 1500.0
1.0 / 0.0 > 1e300 && -1.0 / 0.0 < 0.0 && !(0.0 / 0.0 == 0.0 / 0.0)
1 < 2 == true
true || 1 / 0 == 1
1 / 0 == 1 || true
true && false || true
true ? (false ? false : true) : false ? false : true
cel.bind(g, {GPU}, g.type == 'gpu' && g.index > 2)
cel.bind(a, 1, cel.bind(b, a + 1, a + b == 3))
cel.bind(a, 1 / 0, a == 1 || true)
{GPU}.?nothing.orValue('none') == 'none' && {GPU}[?'type'].orValue('none') == 'gpu'
device.attributes['gpu.nvidia.com'].?type == optional.of('gpu') && {GPU}.?type.value() == 'gpu'
{GPU}.?type.optMap(t, t.upperAscii()).orValue('') == 'GPU'
optional.of(1).optFlatMap(x, optional.of(x + 1)).value() == 2 && !optional.none().optMap(x, 1 / 0).hasValue()
optional.none().or(optional.of(3)).value() == 3 && optional.of(1).orValue(1 / 0) == 1
!optional.ofNonZeroValue('').hasValue() && optional.of({GPU}).type.value() == 'gpu' && [1, 2][?1].value() == 2
{MEMORY}.asInteger() >= 24000000000 && {MEMORY}.asApproximateFloat() > 2.4e10 && {MEMORY}.isInteger()
{MEMORY} == quantity('22.494140625Gi') && quantity('1k') == quantity('1e3')
{MEMORY}.add(quantity('1Gi')).isGreaterThan(quantity('23Gi')) && {MEMORY}.sub(1024).isLessThan(quantity('23034Mi'))
!isQuantity('1GB') && !isQuantity('1 Gi') && !isQuantity(' 1') && !quantity('100m').isInteger()
{GPU}.exists(k, k == 'type') && {GPU}.all(k, k != 'x') && {GPU}.exists_one(k, k.startsWith('prod'))
['L4', 'L40S'].map(m, 'NVIDIA ' + m).exists(m, m == {GPU}.productName)
[1, 2, 3].map(x, x > 1, x * 2) == [4, 6] && [1, 2].map(x, x).filter(x, x > 1)[0] == 2
[1, 2, 3].exists(x, 1 / (x - 2) > 0)
{GPU}.productName.split(' ')[1] == 'L4' && 'a b c'.split(' ', 2) == ['a', 'b c'] && 'abc'.split('', 2) == ['a', 'bc']
{GPU}.productName.replace('NVIDIA ', '') == 'L4' && 'aaa'.replace('a', 'b', 2) == 'bba'
{GPU}.productName.substring(7) == 'L4' && 'abc'.charAt(3) == '' && 'abc'.indexOf('c', 1) == 2 && ' a '.trim() == 'a'
['a', 'b'].join('-') == 'a-b' && ['a', 'b'].indexOf('b') == 1 && ['a'] + ['b'] == ['a', 'b']
{GPU}.productName.matches('^(?i:nvidia) L[0-9]{1,2}$') && {GPU}.productName.matches(r'\d$')
'a$b'.matches('a[$]b') && 'a$b'.matches('a\\$b') && !'L4\n'.matches('L4$')
{GPU}.productName < 'NVIDIA M' && 'é'.size() == 1 && 'É'.lowerAscii() == 'É'
sets.contains([1, 2], [1]) && sets.intersects(['a'], ['a', 'b']) && sets.equivalent([1, 1], [1])
semver('v8.9', true).compareTo({GPU}.cudaComputeCapability) == 0 && isSemver('08.9', true) && !isSemver('v8.9')
semver('1.0.0-rc.2').isLessThan(semver('1.0.0-rc.10')) && semver('1.0.0-1').isLessThan(semver('1.0.0-a'))
semver('1.0.0+b') == semver('1.0.0') && !(dyn('1.0.0') == dyn(semver('1.0.0')))
int('-3') == -3 && int(2.9) == 2 && string({GPU}.index) == '3' && string(1.0) == '1' && string(true) == 'true'
device.driver == """gpu.nvidia.com""" && '\u00e9' == 'é' && '\303' == 'Ã' && 'a\\b' == r'a\b'
device . driver == 'gpu.nvidia.com' // a comment
has({GPU}.type) == true && !has({GPU}.type.size) && !{GPU}.index.?x.hasValue()
null == null && {GPU}.type != null && device.allowMultipleAllocations == false
'''
FALSE = r"""
!{GPU}.healthy
device.allowMultipleAllocations
{GPU}.index == '3'
{MEMORY}.sub(quantity('1Gi')).isGreaterThan(quantity('22Gi'))
[1].exists(x, [2].exists(y, y == x))
"""
WITHOUT_VALUE = r"""
{GPU}.index + 0.5 > 3.0
{GPU}.index < '4'
{GPU}.type && true
{GPU}.?nothing.value() == 'gpu'
{GPU}.?type.size() == 3
{GPU}.cudaComputeCapability == '8.9.0'
{GPU}.cudaComputeCapability in ['8.9.0']
{GPU}.cudaComputeCapability.isGreaterThan(semver('8.0'))
{GPU}.productName[0] == 'N'
{GPU}.productName.matches(1)
{GPU}.productName.startsWith(1)
{GPU}.productName.startsWith()
{GPU}.index.startsWith('N')
{GPU}.nothing.?x.hasValue()
[1, 2, 3].exists_one(x, 1 / (x - 2) > 0)
[1, 2, 3][5] == 1
[1, 2, 3][-1] == 3
'abc'.substring(2, 1) == ''
'abc'.charAt(4) == ''
9223372036854775807 + 1 > 0
4611686018427387904 * 2 > 0
5 % 0 == 0
(1 / 0 == 1) ? true : true
1 < 2 < 3
cel.bind(a, 1 / 0, a == 1)
optional.none().orValue(1 / 0) == 1
quantity('100m').asInteger() == 0
semver('08.9.0').major() == 8
semver('1-rc', true) == semver('1.0.0-rc')
int(' 3') == 3
int('3.0') == 3
"""


def lines(text: str) -> list[str]:
    return text.strip().replace("{GPU}", GPU).replace("{MEMORY}", MEMORY).splitlines()


@pytest.mark.parametrize("rule", lines(TRUE))
def test_what_kubernetes_takes_for_true(rule):
    assert compiled(rule)({"device": A_GPU}) is True


@pytest.mark.parametrize("rule", lines(FALSE))
def test_what_kubernetes_takes_for_false(rule):
    assert compiled(rule)({"device": A_GPU}) is False


@pytest.mark.parametrize("rule", lines(WITHOUT_VALUE))
def test_what_kubernetes_refuses_or_finds_no_value_for(rule):
    with pytest.raises(CelError):
        compiled(rule)({"device": A_GPU})


@pytest.mark.parametrize("rule", ["self.name.matches(self.bad)", "string(1e21) == ''", "!" * 800 + "true"])
def test_what_is_not_read_is_said_at_the_latest_with_its_values(rule):
    with pytest.raises(UnknownCel):
        compiled(rule)({"self": {"name": "a", "bad": "(?=a)"}})
