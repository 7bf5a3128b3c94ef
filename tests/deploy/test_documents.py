"""What is written from the code is what the code says, and what operations are told to type is there."""

import json
import re

import jsonschema_rs
import pytest
import typer
import yaml
from members.__main__ import app

from deploy import documents
from tests.deploy.places import ROOT, SERVICES

WRITTEN = documents.documents()
TYPED = re.compile(r"(?:`|^)(?:service|python -m <\w+>) ([a-z][^`#\n]*)", re.MULTILINE)
COMMANDS = TYPED.findall((ROOT / "docs" / "operations.md").read_text())


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_written_document_is_up_to_date(path):
    assert path.read_text() == WRITTEN[path], "run `make documents` and commit what it writes"


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_service_tells_and_hears_is_valid_asyncapi(service):
    schema = json.loads((ROOT / "node_modules/@asyncapi/specs/schemas/3.0.0.json").read_text())
    document = yaml.safe_load((ROOT / "docs" / "asyncapi" / f"{service}.yaml").read_text())
    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(document)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_example_in_asyncapi_is_what_its_schema_says(service):
    document = yaml.safe_load((ROOT / "docs" / "asyncapi" / f"{service}.yaml").read_text())
    for message in document["components"]["messages"].values():
        schema = {**message["payload"], "components": document["components"]}
        for example in message["examples"]:
            jsonschema_rs.validate(schema, example["payload"])


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_operations_are_told_to_type_is_one_with_these_options(line):
    """Members has every command there is."""
    command, words = typer.main.get_command(app), line.split()
    while subcommands := getattr(command, "commands", None):
        command = subcommands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word.strip("[]") for word in words if word.startswith(("--", "[--"))} <= known


def test_operations_are_told_of_commands():
    assert len(COMMANDS) > 10
