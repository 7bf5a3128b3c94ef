"""`make clock` moves all services through time together."""

from datetime import timedelta

import pytest

from deploy.local.clock import NotATime, moved


def test_steps_add_up():
    assert moved(timedelta(days=1), ["+11d", "+90m"]) == timedelta(days=12, minutes=90)


def test_now_is_the_real_time():
    assert moved(timedelta(days=9), ["now"]) == timedelta()


@pytest.mark.parametrize("words", ["11d", "-1d", "+1y", "+d", "tomorrow", "+1.5d"])
def test_anything_else_is_refused_with_an_example(words: str):
    with pytest.raises(NotATime, match=r"make clock \+11d"):
        moved(timedelta(), [words])
