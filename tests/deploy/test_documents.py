"""What is written from the code is what the code says."""

import json

import jsonschema_rs
import pytest
import yaml

from deploy import documents
from tests.deploy.places import ROOT, SERVICES

WRITTEN = documents.documents()


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
