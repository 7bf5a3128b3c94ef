"""A file past 400 lines has more than one subject: it becomes a package of files named by what they can do."""

from tests.architecture.source import ROOT, committed_files

AT_MOST = 400


def test_no_file_outgrows_its_subject():
    lengths = {file: len(file.read_text().splitlines()) for file in committed_files("*.py")}
    assert [f"{file.relative_to(ROOT)}: {lines}" for file, lines in lengths.items() if lines > AT_MOST] == []
