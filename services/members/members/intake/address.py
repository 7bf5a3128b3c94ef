"""The e-mail address: in one spelling, and not written to more often than its owner would like."""

from datetime import timedelta

from common import web
from common.db import Connection

from members.commands.membership import written_address
from members.keyring import keyring

WRITE_ADDRESS = "Write the whole e-mail address, for example name@example.org"
LETTERS_AT_MOST = 5
PER = timedelta(minutes=10)


def read_address(form: web.Form) -> str:
    """In the one spelling under which it is stored; refused beside the field if no mail could go there."""
    written = form.text("email", required=WRITE_ADDRESS, max_length=254)
    address = written_address(written)
    if address is None:
        form.refuse("email", WRITE_ADDRESS)
    return address or ""


def letter_to(address: str) -> web.Use:
    """Nobody's mailbox may be flooded through our forms, whether we know it or not."""
    return web.Use(f"letters to {keyring().address_index(address).hex()}", LETTERS_AT_MOST, PER)


async def limit_letters(conn: Connection, address: str) -> None:
    """Raises TooMany."""
    use = letter_to(address)
    await web.limit(conn, use.key, at_most=use.at_most, per=use.per)
