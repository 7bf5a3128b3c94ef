"""Waiting for whichever comes first."""

import asyncio


async def first_of(*events: asyncio.Event, within: float) -> bool:
    """Until one of the events is set, or ``within`` seconds are over; was one set?"""
    if any(event.is_set() for event in events):
        return True
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waits, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return bool(done)
