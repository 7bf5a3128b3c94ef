"""Held messages: a person decides whether one whose end nobody knows is sent again."""

from datetime import datetime
from uuid import UUID

from common.db import Connection
from common.errors import NotFound

from notifications import domain
from notifications.domain import Decision, State
from notifications.store import deliveries


async def decide(conn: Connection, message_id: UUID, decision: Decision, *, decided_by: UUID, now: datetime) -> State:
    message = await deliveries.lock_message(conn, message_id)
    if message is None:
        raise NotFound("There is no such message.")  # staff
    state = domain.decide(State(message.state), decision)
    await deliveries.change_state(conn, message_id, state, decision, now)
    await deliveries.add_decision(conn, message_id, message.attempt, decision, decided_by, now)
    if state is State.PERMANENT_FAILURE:
        await deliveries.count_outcomes(conn, [(message.category, state)], now.date())
    return state
