"""Whether the system kept what it promised, seen from the outside alone.

Who drives the system tells the auditor each yes that it heard; the auditor then looks where the effects must be
(topics, tables, a mail server of its own) and at what still waits, and reports what is lost, doubled, reordered per key
or stuck. It knows engines and formats, none of our code: a bug of ours can not hide in it.

    auditor = Auditor(
        Table("grower", grower_url, "SELECT tree_id, height FROM trees", "growth", Promise.NEWEST),
        Topic("topic", bootstrap, prefix + "grower.tree", "growth", "height"),
        Table("watcher", watcher_url, "SELECT tree_id, height FROM heard ORDER BY place", "growth"),
        Backlog("outbox and inbox", watcher_url),
        Lag("unread", bootstrap, group=prefix + "watcher", topics=[prefix + "grower.tree"]),
    )
    auditor.acknowledged("growth", "oak", 1)   # the answer was 200: oak is one high
    report = await auditor.examine(within=30)
    assert report.is_clean, str(report)
"""

from tests.chaos.auditor.auditor import Auditor, Place, Queue
from tests.chaos.auditor.mails import MailServer, Received
from tests.chaos.auditor.tables import Backlog, Table, Waiting
from tests.chaos.auditor.topics import Lag, Topic
from tests.chaos.auditor.verdicts import Fact, Finding, Promise, Report, Sighting

__all__ = [
    "Auditor",
    "Backlog",
    "Fact",
    "Finding",
    "Lag",
    "MailServer",
    "Place",
    "Promise",
    "Queue",
    "Received",
    "Report",
    "Sighting",
    "Table",
    "Topic",
    "Waiting",
]
