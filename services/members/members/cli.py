"""What only the members service can be told: give roles, print a staff link, migrate the vault."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from common import clock
from common.db import Connection, open_pool, transaction
from common.errors import NotAllowed

from members.commands import staff
from members.keyring import hold
from members.opening import migrate_vault, open_keyring
from members.settings import Settings

admin = typer.Typer(no_args_is_help=True, help="Roles of staff.")


def add_commands(app: typer.Typer) -> None:
    app.add_typer(admin, name="admin")
    app.command()(staff_link)
    app.command()(migrate_keys)


@admin.callback()
def about() -> None:
    """Roles of staff."""


@admin.command()
def grant(
    address: Annotated[str, typer.Argument(help="e-mail address of a member")],
    role: Annotated[str, typer.Argument(help="editor or admin")],
) -> None:
    """Give a member a role."""

    async def deed(conn: Connection) -> str:
        member = await staff.grant(conn, address, role, now=clock.now())
        return f"{member.called} is {role}: here at once, in the other services within ten minutes."

    typer.echo(_in_a_transaction(deed))


def staff_link() -> None:
    """Print a link that signs an administrator in with one click (development only)."""
    if Settings().production:
        raise typer.BadParameter("In production staff sign in through the institute's own accounts.")

    async def deed(conn: Connection) -> str:
        return await staff.make_staff_link(conn, now=clock.now())

    typer.echo(_in_a_transaction(deed))


def migrate_keys() -> None:
    """Bring the vault, the database of keys, to the newest version."""
    for name in asyncio.run(migrate_vault(Settings())):
        typer.echo(name)


def _in_a_transaction(deed: Callable[[Connection], Awaitable[str]]) -> str:
    """Run one command of ours on both databases; a "no" is said in words."""
    try:
        return asyncio.run(_with_the_keyring(deed))
    except NotAllowed as no:
        raise typer.BadParameter(no.sentence) from no


async def _with_the_keyring(deed: Callable[[Connection], Awaitable[str]]) -> str:
    settings = Settings()
    async with (
        await open_pool(settings.database_url, application_name="members cli") as pool,
        await open_pool(settings.members_vault_url, application_name="members cli vault") as vault,
    ):
        hold(await open_keyring(settings, vault))
        async with transaction(pool) as conn:
            return await deed(conn)
