"""Bugs that systems like this one have had, kept for the tests alone: an auditor that finds them is worth its word.

Each is a function in a file named by the part it breaks, and plants itself into the process that calls it. No service
imports this package; it is put before a command, and only that process is ill:

    PYTHONPATH=libs/common/tests python -m tests.chaos.bugs relay.reads_only_above_the_last -- toy grower serve
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def plant(name: str) -> None:
    """``part.name_of_the_bug``, into this process and for as long as it lives."""
    find(name)()


def find(name: str) -> Callable[[], None]:
    part, _, bug = name.partition(".")
    found: Callable[[], None] = getattr(import_module(f"{__name__}.{part}"), bug)
    return found


def replace(owner: Any, name: str, by: Any) -> Any:
    """Put something ill in the place of something sound, and give the sound one. Raises AttributeError where nothing
    of that name is to be replaced any more: a bug that is never reached would prove nothing."""
    sound = getattr(owner, name)
    setattr(owner, name, by)
    return sound
