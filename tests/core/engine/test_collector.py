"""The garbage collector is left as it was found, whoever overlaps with whom."""

import gc
from collections.abc import Iterator

import pytest

from minference_core.engine import seldom_collected


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_runs_that_overlap_leave_it_as_the_first_of_them_found_it() -> None:
    gc.set_threshold(700, 10, 10)
    first, second = seldom_collected(), seldom_collected()
    with first:
        raised = gc.get_threshold()
        second.__enter__()
    assert gc.get_threshold() == raised > (700, 10, 10)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


def test_nothing_a_program_has_set_is_lowered_or_turned_on() -> None:
    for set_by_program in ((0, 10, 10), (100_000, 100, 100)):
        gc.set_threshold(*set_by_program)
        with seldom_collected():
            assert gc.get_threshold() == set_by_program
        assert gc.get_threshold() == set_by_program
