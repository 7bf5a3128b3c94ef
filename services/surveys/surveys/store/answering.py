"""What answering needs, for many links at once: campaigns with their keys, what is kept at a position, and its writing.

Whoever changes what stands behind links takes their locks first, all in one statement and in one order.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from common.db import Connection

from surveys.domain.answering import from_json
from surveys.domain.campaigns import Campaign
from surveys.domain.visits import Draft, Response
from surveys.store.campaigns import campaign_of

Place = tuple[int, int]
"""campaign_no and position: an invitation."""


@dataclass(frozen=True)
class LinkedCampaign:
    campaign: Campaign
    key: bytes | None
    """Of its links; None once it was destroyed: no link can be checked any more."""


@dataclass(frozen=True)
class Kept:
    """What is kept about one invitation."""

    exceptions: frozenset[str]
    draft: Draft | None
    response: Response | None


async def find_linked_campaigns(conn: Connection, numbers: Collection[int]) -> dict[int, LinkedCampaign]:
    """By number."""
    rows = await conn.fetch(
        """
        SELECT c.*, k.key FROM campaigns AS c LEFT JOIN campaign_keys AS k USING (campaign_no)
        WHERE campaign_no = ANY ($1::integer[])
        """,
        list(numbers),
    )
    return {row["campaign_no"]: LinkedCampaign(campaign_of(row), row["key"]) for row in rows}


async def hold_invitations(conn: Connection, places: Collection[Place]) -> None:
    """One at a time for whatever changes what stands behind a link: two tabs, a hundred posts, an erasure. Taken in
    the order of places, so that two who hold many never wait for each other in a circle."""
    await conn.execute(
        """
        SELECT pg_advisory_xact_lock(campaign_no, position)
        FROM unnest($1::integer[], $2::integer[]) AS held (campaign_no, position)
        """,
        *_columns(sorted(places)),
    )


async def list_kept(conn: Connection, places: Collection[Place]) -> dict[Place, Kept]:
    """One for each place, also where nothing is kept. A statement of its own after ``hold_invitations``: one that waits
    for a lock and reads would still see what was before.

    One look into the index per place (LIMIT keeps it so): a plan made while the tables were empty would otherwise join
    by reading all of them, and be kept while they grow.
    """
    rows = await conn.fetch(
        """
        SELECT asked.campaign_no, asked.position,
               ARRAY (SELECT kind FROM invitation_exceptions AS e
                      WHERE e.campaign_no = asked.campaign_no AND e.position = asked.position) AS exceptions,
               d.survey_version AS d_version, d.language AS d_language, d.answers AS d_answers, d.page AS d_page,
               d.is_partial AS d_is_partial, d.started_at AS d_started_at, d.saved_at AS d_saved_at,
               r.survey_version AS r_version, r.language AS r_language, r.answers AS r_answers, r.asked AS r_asked,
               r.dropped AS r_dropped, r.receipt AS r_receipt, r.submitted_at AS r_submitted_at,
               r.submitted_on AS r_submitted_on
        FROM unnest($1::integer[], $2::integer[]) AS asked (campaign_no, position)
        LEFT JOIN LATERAL (SELECT * FROM drafts AS d WHERE d.campaign_no = asked.campaign_no
                           AND d.position = asked.position LIMIT 1) AS d ON true
        LEFT JOIN LATERAL (SELECT * FROM responses AS r WHERE r.campaign_no = asked.campaign_no
                           AND r.position = asked.position LIMIT 1) AS r ON true
        """,
        *_columns(places),
    )
    return {(row["campaign_no"], row["position"]): _kept(row) for row in rows}


async def save_drafts(conn: Connection, drafts: Mapping[Place, Draft]) -> None:
    """Keeps when and on which version each was begun, whoever writes second."""
    if not drafts:
        return
    each = drafts.values()
    await conn.execute(
        """
        INSERT INTO drafts AS draft (campaign_no, position, survey_version, language, answers, page, is_partial,
                                     started_at, saved_at)
        SELECT * FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::text[], $5::jsonb[], $6::text[],
                             $7::boolean[], $8::timestamptz[], $9::timestamptz[])
        ON CONFLICT (campaign_no, position) DO UPDATE
        SET language = excluded.language, answers = excluded.answers, page = excluded.page,
            is_partial = excluded.is_partial, saved_at = excluded.saved_at
        """,
        *_columns(drafts),
        [draft.survey_version for draft in each],
        [draft.language for draft in each],
        [draft.answers for draft in each],
        [draft.page for draft in each],
        [draft.is_partial for draft in each],
        [draft.started_at for draft in each],
        [draft.saved_at for draft in each],
    )


async def delete_drafts(conn: Connection, places: Collection[Place]) -> None:
    if not places:
        return
    await conn.execute(
        """
        DELETE FROM drafts USING unnest($1::integer[], $2::integer[]) AS sent (campaign_no, position)
        WHERE drafts.campaign_no = sent.campaign_no AND drafts.position = sent.position
        """,
        *_columns(places),
    )


async def add_responses(conn: Connection, responses: Mapping[Place, Response]) -> None:
    """The invitations are held and have none yet; the constraint would refuse a second one even so."""
    if not responses:
        return
    each = responses.values()
    await conn.execute(
        """
        INSERT INTO responses (campaign_no, id, position, survey_version, language, answers, asked, dropped,
                               receipt, submitted_at, submitted_on)
        SELECT campaign_no, gen_random_uuid(), position, survey_version, language, answers,
               string_to_array(asked, ' '), string_to_array(dropped, ' '), receipt, submitted_at, submitted_on
        FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::text[], $5::jsonb[], $6::text[], $7::text[],
                    $8::text[], $9::timestamptz[], $10::date[])
             AS new (campaign_no, position, survey_version, language, answers, asked, dropped, receipt, submitted_at,
                     submitted_on)
        """,
        *_columns(responses),
        [response.survey_version for response in each],
        [response.language for response in each],
        [response.answers for response in each],
        [" ".join(response.asked) for response in each],  # codes have no spaces, and unnest would flatten lists
        [" ".join(response.dropped) for response in each],
        [response.receipt for response in each],
        [response.submitted_at for response in each],
        [response.submitted_on for response in each],
    )


def _columns(places: Collection[Place]) -> tuple[list[int], list[int]]:
    return [campaign_no for campaign_no, _ in places], [position for _, position in places]


def _kept(row: Any) -> Kept:
    draft = response = None
    if row["d_version"] is not None:
        draft = Draft(
            survey_version=row["d_version"],
            language=row["d_language"],
            answers=from_json(row["d_answers"]),
            page=row["d_page"],
            is_partial=row["d_is_partial"],
            started_at=row["d_started_at"],
            saved_at=row["d_saved_at"],
        )
    if row["r_version"] is not None:
        response = Response(
            survey_version=row["r_version"],
            language=row["r_language"],
            answers=from_json(row["r_answers"]),
            asked=tuple(row["r_asked"]),
            dropped=tuple(row["r_dropped"]),
            receipt=row["r_receipt"],
            submitted_at=row["r_submitted_at"],
            submitted_on=row["r_submitted_on"],
        )
    return Kept(frozenset(row["exceptions"]), draft, response)
