"""Texts that are masked wherever a plan tells them."""

from eks_gpu.graph.graph import Resource
from eks_gpu.graph.secrets import redacted, redacted_page, secret_texts


def test_texts_that_are_hidden_and_tell_something_are_masked():
    inputs = {"a": ["hunter2", "cluster", "a long phrase without any digit"], "b": {"c": "Abc", "d": "g5.xlarge"}}
    masked = {"a": ["[secret]"] * 3, "b": {"c": "[secret]", "d": "[secret]"}}
    texts = secret_texts([Resource("urn", "a:b:C", "c", inputs=inputs, masked=masked)])
    assert texts == ("a long phrase without any digit", "hunter2")


def test_a_text_that_stands_in_the_open_elsewhere_is_none():
    hidden = Resource("urn", "a:b:C", "c", inputs={"a": "subnet-1"}, masked={"a": "[secret]"})
    assert secret_texts([hidden]) == ("subnet-1",)
    assert secret_texts([hidden, Resource("other", "a:b:C", "d", inputs={"b": ["subnet-1"]})]) == ()


def test_a_mask_takes_the_place_of_a_text_at_any_depth():
    told = {"message": "taint hunter2=x", "rows": [{"hunter2": 3}, None]}
    assert redacted(told, ("hunter2",)) == {"message": "taint [secret]=x", "rows": [{"[secret]": 3}, None]}
    assert redacted(told, ()) is told
    assert redacted_page("<b>a&amp;hunter2</b>", ("a&hunter2",)) == "<b>[secret]</b>"
