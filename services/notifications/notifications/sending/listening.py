"""An SMTP server of ours (aiosmtpd in this process's own loop), for delivery reports and for the mailbox."""

import asyncio
import logging

from aiosmtpd.smtp import SMTP

LARGEST_MAIL = 4 * 1024 * 1024

# Its log repeats every command, and so every address.
logging.getLogger("mail.log").setLevel(logging.ERROR)


class listening:
    """Serves on a port while the block runs; gives the port. ``handler`` has aiosmtpd's methods."""

    def __init__(self, handler: object, host: str, port: int) -> None:
        self._handler, self._host, self._port = handler, host, port

    async def __aenter__(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._conversation, self._host, self._port)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    def _conversation(self) -> SMTP:
        loop = asyncio.get_running_loop()
        return SMTP(self._handler, loop=loop, data_size_limit=LARGEST_MAIL, hostname="localhost", ident="SMTP")
