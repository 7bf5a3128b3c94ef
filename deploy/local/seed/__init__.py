"""Demo data, made as people make it: by the services' own pages, APIs, letters and links, nothing written behind them.

200 members in 40 countries, a meeting with answers, and a running survey before it, partly answered.
"""

import asyncio

from deploy.local.seed.asking import answer, ask
from deploy.local.seed.joining import join, meet
from deploy.local.seed.people import people
from deploy.local.seed.visitor import Mailbox, Refused, staff
from deploy.local.stack import Stack, Step
from deploy.local.steps import Note

SEEDED = "seeded"


def seed_once(here: Stack, step: Step) -> None:
    """Says so and goes on where something is refused: the system runs without demo data too."""
    done = here.folder / SEEDED
    if done.exists():
        return
    try:
        with step("demo data") as note:
            asyncio.run(seed(here, note))
    except Refused as refusal:
        print(f"  There is no (or not all) demo data: {refusal}")
    else:
        done.touch()


async def seed(here: Stack, note: Note) -> None:
    mailbox = Mailbox(here)
    async with mailbox, staff(here) as console:
        meeting = await meet(console, here)
        members = await join(here, people(), mailbox, meeting, note)
        campaign = await ask(console, meeting)
        await answer(here, console, campaign, members, mailbox, note)
