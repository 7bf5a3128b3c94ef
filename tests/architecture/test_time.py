"""Time is a parameter: one module reads the clock, so that all services can be moved through time together."""

from tests.architecture.source import ROOT, dotted, modules
from tests.architecture.statements import CLOCKS, code_of, sql_texts

READS_THE_CLOCK = {
    f"{prefix}{reading}"
    for prefix in ("", "datetime.", "dt.")
    for reading in ("datetime.now", "datetime.utcnow", "datetime.today", "date.today")
} | {"time.time", "time.time_ns", "time.localtime", "time.gmtime"}


def test_only_the_clock_reads_the_clock():
    readers = [
        f"{module.at(call)} calls {dotted(call.func)}"
        for module in modules()
        if module.name != "common.clock"
        for call in module.calls()
        if dotted(call.func) in READS_THE_CLOCK
    ]
    assert readers == []


def test_no_statement_reads_the_clock_of_the_database():
    statements = [text for text in sql_texts() if CLOCKS.search(text.sql)]
    assert [text.place for text in statements] == []


def test_no_migration_reads_the_clock_of_the_database():
    migrations = sorted([*ROOT.glob("services/*/*/*migrations/*.sql"), *ROOT.glob("libs/*/*/migrations/*.sql")])
    assert migrations
    assert [str(file.relative_to(ROOT)) for file in migrations if CLOCKS.search(code_of(file.read_text()))] == []
