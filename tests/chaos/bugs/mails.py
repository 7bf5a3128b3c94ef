"""Bugs of the last step, which nobody can take back."""

from typing import Any

from common import clock, db
from notifications import domain
from notifications.commands import settling
from notifications.domain import State, Verdict
from notifications.sending.ledger import Ledger
from notifications.store import claims

from tests.chaos.bugs import replace


def hands_over_before_it_is_written_down() -> None:
    """ "Sending" is committed together with how it ended: a sender that dies in between leaves no trace of its mail."""
    in_hands: dict[Any, Any] = {}

    async def begin(self: Ledger, written: Any) -> bool:
        in_hands[written.claimed.id] = written.intent
        return True

    async def write(self: Ledger, page: Any) -> set[Any]:
        now = clock.now()
        begun = [in_hands.pop(one.id) for one in page.ends]
        async with db.transaction(self._pool) as conn:
            await claims.begin(conn, begun, self._worker_id, now)
            await settling.settle(conn, page.ends, now)
            await claims.give_back(conn, page.returned, self._worker_id, now)
        return set()

    replace(Ledger, "begin", begin)
    replace(Ledger, "_write", write)


def sends_again_what_nobody_answered() -> None:
    """A mail whose end is unknown is sent once more, whatever it is."""
    replace(domain, "after_silence", lambda category, *, resent, now: Verdict(State.RETRY_WAIT, "again", now))


def takes_later_for_yes() -> None:
    """A server that says "later" (4xx) is taken for one that took the mail."""
    replace(domain, "after_an_answer", lambda *_, **__: Verdict(State.SENT))
