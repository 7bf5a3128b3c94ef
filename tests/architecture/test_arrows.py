"""What may import what, and who may tell what. The larger arrows are import-linter's (pyproject.toml)."""

import ast
import sys

from common import events

from tests.architecture.source import SERVICES, Module, dotted, modules


def test_the_schema_library_needs_only_pydantic():
    assert strangers_in("common.events", allowed=("pydantic", "pydantic_core", "common.events")) == []


def test_the_rules_of_a_domain_need_only_the_standard_library_events_and_refusals():
    """And, in surveys, the language in which conditions are written, which is as pure."""
    for service in SERVICES:
        allowed = ("common.events", "common.errors", f"{service}.domain", f"{service}.expressions")
        assert strangers_in(f"{service}.domain", allowed=allowed) == []


def test_only_the_owner_of_an_event_makes_it():
    owners: dict[str, set[str]] = {}  # each service has its own ErasureAnswered
    for event in events.REGISTRY.values():
        owners.setdefault(event.__name__, set()).add(event.owner)
    foreign = [
        f"{module.at(call)} makes {name}"
        for module in modules()
        if module.package in SERVICES
        for call in module.calls()
        for name in made_by(call)
        if module.package not in owners.get(name, {module.package}) and imports_event(module, name)
    ]
    assert foreign == []


def strangers_in(package: str, allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{module.at(node)} imports {name}"
        for module in modules()
        if f"{module.name}.".startswith(f"{package}.")
        for node, name in module.imports()
        if name.split(".")[0] not in sys.stdlib_module_names
        if not f"{name}.".startswith(tuple(f"{known}." for known in allowed))
    ]


def made_by(call: ast.Call) -> list[str]:
    """The event class called, or those handed to `append_gone`."""
    called = dotted(call.func).split(".")[-1]
    if called == "append_gone":
        return [dotted(argument).split(".")[-1] for argument in call.args]
    return [called]


def imports_event(module: Module, name: str) -> bool:
    """Whether that name can mean the event: a class of our own may be called the same."""
    from_events = [imported for _, imported in module.imports() if f"{imported}.".startswith("common.events.")]
    return any(imported.split(".")[-1] in (name, *SERVICES, "events") for imported in from_events)
