"""The troubles of bench/troubles: doctor names each, says nothing of the healthy peer beside, and takes it back when it
is mended; the page tells those that it knows."""

import pytest

from tests.lab import netlab, troubles
from tests.lab.warren import leaves_nothing


@pytest.fixture(scope="module")
def clinic():
    with leaves_nothing(troubles.Scene) as made:
        yield made


@pytest.mark.parametrize("number, trouble", [
    pytest.param(number, trouble, id=trouble.title.replace(" ", "-"), marks=[pytest.mark.slow] * trouble.is_slow)
    for number, trouble in enumerate([*troubles.TWELVE, *troubles.MORE], 1)])
def test_it_is_named_and_nobody_else_is_and_it_goes(clinic, number, trouble):
    case = troubles.Case(clinic, trouble, number).open()
    case.suffer(60 * netlab.SLOW)
    case.mend()
    result = case.result
    assert result.doctor, f"doctor said {result.wrong or 'nothing'}"
    assert result.wrong <= {"silent"}, "it is named otherwise, too"
    assert result.neighbour == []
    assert result.page or not trouble.page, "the page does not tell it"
    netlab.wait_until(case.is_healthy, 60, f"{trouble.title}: it is gone", every=0.5)
    case.close()
