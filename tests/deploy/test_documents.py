"""What is written from the code is what the code says."""

import pytest

from deploy import documents
from tests.deploy.places import ROOT

WRITTEN = documents.documents()


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_written_document_is_up_to_date(path):
    assert path.read_text() == WRITTEN[path], "run `make documents` and commit what it writes"
