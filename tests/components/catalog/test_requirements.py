"""How a requirement for a label is read."""

import pytest

from components.catalog import requirement_holds


@pytest.mark.parametrize(
    ("operator", "values", "value", "holds"),
    [
        ("In", ["a", "b"], "b", True),
        ("In", ["a"], None, False),
        ("NotIn", ["a"], "b", True),
        ("NotIn", ["a"], None, True),
        ("Exists", [], "", True),
        ("Exists", [], None, False),
        ("DoesNotExist", [], None, True),
        ("DoesNotExist", [], "a", False),
        ("Gt", ["4"], "5", True),
        ("Gt", ["4"], "4", False),
        ("Lt", ["4"], "-5", True),
        ("Gte", ["4"], "4", True),
        ("Lte", ["4"], "4", True),
        ("Gt", ["4"], None, False),
        ("Gt", ["4", "5"], "6", False),
        ("Gt", ["4"], "1_0", False),
        ("Lt", ["9223372036854775808"], "1", False),
        ("Near", ["4"], "4", False),
    ],
)
def test_a_requirement_is_read_as_kubernetes_does(operator, values, value, holds):
    assert requirement_holds(operator, values, value) is holds
