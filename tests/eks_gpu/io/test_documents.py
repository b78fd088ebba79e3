"""The reader of YAML: values with their lines, what it refuses and where, and what a hostile file costs."""

import resource
import time

import pytest

from eks_gpu.io.documents import KUBECTL, PULUMI, parse, parse_first, plain, read, read_map
from eks_gpu.io.problems import InputError
from eks_gpu.io.yaml_text import dump


@pytest.fixture
def given(tmp_path):
    def write(text: str | bytes):
        file = tmp_path / "given.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def problems(call, *args) -> list[str]:
    with pytest.raises(InputError) as refusal:
        call(*args)
    return refusal.value.problems


def test_every_key_and_item_has_its_line(given):
    (found,) = read(given("# head\nkind: Pod\nspec:\n  list:\n  - a\n\n  - {b: 1}\n"), "given.yaml")
    assert found == {"kind": "Pod", "spec": {"list": ["a", {"b": 1}]}}
    assert (found.line, found.lines) == (2, {"kind": 2, "spec": 3})
    assert found["spec"]["list"].lines == [5, 7]
    assert found["spec"]["list"][1].lines == {"b": 7}


def test_documents_come_one_by_one_and_empty_ones_not_at_all(given):
    assert read(given("---\na: 1\n---\n# nothing\n---\n{b: 2}\n...\n"), "x") == [{"a": 1}, {"b": 2}]
    assert [document.line for document in read(given("---\na: 1\n---\n{b: 2}\n"), "x")] == [2, 4]


def test_json_is_yaml(given):
    assert read(given('{\n\t"a": "\\u00e9",\n\t"b": [1, null, true]\n}\n'), "x") == [{"a": "é", "b": [1, None, True]}]


def test_a_byte_order_mark_is_no_part_of_the_first_key(given):
    assert read(given(b"\xef\xbb\xbfa: 1\n"), "x") == [{"a": 1}]


def test_yes_is_a_boolean_for_kubectl_and_a_text_for_pulumi(given):
    file = given("x: yes\ny: 1\n'no': \"no\"\n")
    assert read_map(file, KUBECTL) == {"x": True, "true": 1, "no": "no"}
    assert read_map(file, PULUMI) == {"x": "yes", "y": 1, "no": "no"}


def test_merged_keys_have_the_line_where_they_stand(given):
    (found,) = read(given("base: &b {x: 1, z: 2}\nmade:\n  <<: *b\n  z: 3\n"), "x")
    assert found["made"] == {"x": 1, "z": 3}
    assert found["made"].lines == {"x": 1, "z": 4}


@pytest.mark.parametrize(
    ("text", "for_kubectl", "for_pulumi"),
    [
        ("x: 1\n<<: {x: 2}", 2, 1),
        ("<<: {x: 2}\nx: 1", 1, 1),
        ("<<: [{x: 1}, {x: 2}]", 1, 1),
        ("x: 0\n<<: [{x: 1}, {x: 2}]", 1, 0),
    ],
)
def test_the_libraries_merge_in_their_own_order(given, text, for_kubectl, for_pulumi):
    """go.yaml.in/yaml/v2 lets `<<` replace what stands before it."""
    file = given(text)
    assert (read_map(file, KUBECTL), read_map(file, PULUMI)) == ({"x": for_kubectl}, {"x": for_pulumi})


def test_a_quoted_merge_sign_is_a_key(given):
    assert read_map(given('"<<": {x: 1}')) == {"<<": {"x": 1}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("!!str 5", "5"), ("! 5", "5"), ('!!int "5"', 5), ("!!float 1", 1), ("!!null", None), ("!!bool yes", True)],
)
def test_tags_of_json_are_obeyed(given, text, value):
    assert read_map(given(f"a: {text}")) == {"a": value}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- 1\n", "given.yaml:1: must be a map of keys to values, got a list"),
        ("\nhello", "given.yaml:2: must be a map of keys to values, got 'hello'"),
        ("a: 1\n---\nb: 2", "given.yaml:3: must be one document, here begins another"),
        ("a: [1, 2", "given.yaml:2:1: not valid YAML: did not find expected ',' or ']'"),
        ("a: b: c", "given.yaml:1:5: not valid YAML: mapping values are not allowed in this context"),
        (
            "a:\n\tb: 1",
            "given.yaml:2:1: not valid YAML: a tab must not stand before a key or a value: indent with spaces",
        ),
        ("a: 1\nb: 2\na: 3\n", "given.yaml:3: a must be there once, it is on line 1 too"),
        ("1: a\n'1': b\n", "given.yaml:2: 1 must be there once, it is on line 1 too"),
        ("a: !!python/object:os.system x", "given.yaml:1: tag !!python/object:os.system must be left out: "),
        ("a: !Ref x", "given.yaml:1: tag !Ref must be left out: no tag makes an object here"),
        ("a: !!set {x}", "given.yaml:1: tag !!set must be left out: "),
        ("a: !!int foo", "given.yaml:1: must be !!int, as its tag says, got 'foo'"),
        ("a: .nan", "given.yaml:1: must be a number that JSON has, got .nan"),
        ("~: 1", "given.yaml:1: a key must be a text, got nothing"),
        ("? [a]\n: b", "given.yaml:1: not valid YAML: a key must be a text, got a list"),
        ("a: &a {x: 1}\n*a : b", "given.yaml:2: not valid YAML: a key must be a text, got a map"),
        ("a: *b", "given.yaml:1: not valid YAML: no anchor 'b' before its alias"),
        ("a: &a [*a]", "given.yaml:1: not valid YAML: no anchor 'a' before its alias"),
        ("&a x: 1\n---\ny: *a", "given.yaml:3: not valid YAML: no anchor 'a' before its alias"),
        ("a: &a 1\nb:\n  <<: *a", "given.yaml:3: << must name a map, got 1"),
        ("a: 1\nb: \x00", "given.yaml:2: not valid YAML: must be UTF-8, got byte 0x00"),
        ("a: é\nb: \x07", "given.yaml:2: not valid YAML: must be text, got character 0x07"),
        (b"a: 1\nb: \xff", "given.yaml:2: not valid YAML: must be UTF-8, got byte 0xff"),
        ("a: 1\n".encode("utf-16"), "given.yaml:1: not valid YAML: must be UTF-8, got byte 0x00"),
        ('a: "\\ud800"', "given.yaml:1:7: not valid YAML: found invalid Unicode character escape code"),
        ("[" * 65, "given.yaml:1: must be at most 64 levels deep"),
        ("{a: " * 3000, "given.yaml:1: must be at most 64 levels deep"),
        ("- a\n" * 100_000, "given.yaml:100000: must have at most 100000 values, aliases counted too"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be_read_is_told_once_with_file_and_line(given, text, problem):
    (told,) = problems(read_map, given(text))
    assert told.startswith(problem)


def test_64_levels_are_read(given):
    assert len(read_map(given("{a: " * 64 + "1" + "}" * 64))) == 1


def test_all_mistakes_of_all_documents_are_told_at_once_up_to_a_hundred(given):
    assert [problem.split(": ")[0] for problem in problems(read, given("a: 1\na: 2\n---\nb: !x 1\n"), "f")] == [
        "f:2",
        "f:4",
    ]
    many = problems(read, given("a: 1\n" * 1000), "f")
    assert (len(many), many[-1]) == (102, "f: has more than 100 mistakes: the rest is not read")


def test_kubectl_would_refuse_no_key_that_pulumi_refuses(given):
    file = given("a:\n  1: x\n")
    assert read_map(file) == {"a": {"1": "x"}}
    assert problems(read_map, file, PULUMI) == ["given.yaml:2: a key must be a text, got 1; nearest: '1', in quotes"]


def test_yaml_inside_a_value_is_read_alike():
    assert parse("a: yes\n---\n---\n- 1\n") == [{"a": True}, [1]]
    assert (parse_first("a: 0777"), parse_first("")) == ({"a": 511}, None)
    assert problems(parse, "a: [") == ["text:2:1: not valid YAML: did not find expected node content"]
    assert problems(parse, "a: \ud800") == ["text: not valid YAML: must be text, got character 0xd800"]


def test_plain_values_are_pythons_own(given):
    found = plain(read_map(given("a: [{b: 1}]")))
    assert (type(found), type(found["a"]), type(found["a"][0])) == (dict, list, dict)


def bomb(width: int, levels: int) -> str:
    """Aliases of aliases: `width` to the power of `levels` values."""
    lines = [f"a0: &a0 [{', '.join('x' * width)}]"]
    return "\n".join(lines + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)])


HOSTILE = {
    "a billion laughs": lambda: bomb(10, 9),
    "a billion keys": lambda: bomb(10, 9).replace("[", "{k: [").replace("]", "]}"),
    "a billion merges": lambda: "a: &a {x: 1}\n" + "".join(f"b{i}: {{<<: [{'*a, ' * 1000}*a]}}\n" for i in range(500)),
    "many small laughs": lambda: "\n---\n".join([bomb(10, 4)] * 2000),
    "many values": lambda: "- a\n" * 1_000_000,
    "many documents": lambda: "---\n" * 1_000_000,
    "many mistakes": lambda: "a: b\n" * 1_000_000,
    "open lists": lambda: "[" * 1_000_000,
    "one key": lambda: "a" * 3_000_000 + ": b",
    "large": lambda: "#" * 6_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_little(given, name):
    file = given(HOSTILE[name]())
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        read(file, "given.yaml")
    except InputError as refusal:
        assert len(str(refusal)) < 20_000
    assert time.process_time() - start < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150 * 1024


def test_what_was_read_can_be_written_again(tmp_path):
    file = tmp_path / "Pulumi.yaml"
    file.write_text("name: small\nconfig:\n  zones: [a, b]\n  network: {nat: single}\n")
    assert dump(read_map(file)) == "name: small\nconfig:\n  zones:\n  - a\n  - b\n  network:\n    nat: single\n"
