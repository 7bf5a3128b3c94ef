"""Letters: from the sealed request to the mail, in the reader's language, exactly once."""

import email

from common.events.notifications import LetterSent
from common.testing import deliver, told
from notifications import consumers

from .sending import sending


async def states(conn) -> list[str]:
    return [row["state"] for row in await conn.fetch("SELECT state FROM messages ORDER BY id")]


def text_of(raw: bytes) -> str:
    parsed = email.message_from_bytes(raw)
    part = next(part for part in parsed.walk() if part.get_content_type() == "text/plain")
    return part.get_payload(decode=True).decode()


async def test_a_letter_is_sent_once_and_told(conn, pool, database, keys, desk, postbox, eventually):
    letter = desk.letter(link="http://network.test/session/abc")
    await deliver(consumers.letters, conn, letter, letter)
    async with sending(pool, database, keys, port=postbox.port):
        await eventually(lambda: postbox.mails)

        async def told_that_it_was_sent():
            return [one.letter_id for one in await told(conn, LetterSent)] == [letter.letter_id]

        await eventually(told_that_it_was_sent)
    assert len(postbox.mails) == 1
    assert "http://network.test/session/abc" in text_of(postbox.mails[0].original_content)
    assert await states(conn) == ["sent"]
    assert await conn.fetchval("SELECT count(*) FROM sealed_letters") == 0
