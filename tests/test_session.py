"""What the processes of a test session share."""

import pytest

from tests import session


@pytest.fixture
def shared(tmp_path, monkeypatch):
    monkeypatch.setenv(session.FOLDER, str(tmp_path))


def test_what_one_process_has_made_the_next_one_is_given(shared):
    made = [{"nodes": 1}, {"nodes": 2}]
    assert session.once("plan of examples/small dev", made.pop) == {"nodes": 2}
    assert session.once("plan of examples/small dev", made.pop) == {"nodes": 2}
    assert session.once("plan of examples/small qa", made.pop) == {"nodes": 1}


def test_what_could_not_be_made_is_tried_again(shared):
    with pytest.raises(IndexError):
        session.once("plan", [].pop)
    assert session.once("plan", [1].pop) == 1


def test_a_session_in_a_session_has_a_folder_of_its_own(shared, tmp_path):
    furnished = []
    assert session.session(furnished.append) == tmp_path
    session.begin()
    assert session.session(furnished.append) == furnished[0] != tmp_path
