"""A sample of the malformed documents that `make e2e` throws at import, explain and check."""

import pytest

from tests.fuzzed import main


@pytest.mark.parametrize("command", ["import", "explain", "check"])
def test_a_malformed_document_ends_with_an_answer_or_wrong_input(command):
    told = main(command, 40, seed=7)
    assert told["documents"] == 40
    assert told["answers"] and told["refused"]
    assert told["crashes"] == []
