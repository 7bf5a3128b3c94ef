"""tally_changes and counters."""

from collections.abc import Mapping, Sequence

from common.db import Connection

from surveys.domain.counting import Change


async def add_tally_changes(conn: Connection, changes: Mapping[int, Sequence[Change]]) -> None:
    """By campaign."""
    rows = [(campaign_no, *change) for campaign_no, of_one in changes.items() for change in of_one]
    if not rows:
        return
    await conn.execute(
        """
        INSERT INTO tally_changes (campaign_no, question, measure, choice, by)
        SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::integer[])
        """,
        *map(list, zip(*rows, strict=True)),
    )


async def fold_tally_changes(conn: Connection, *, at_most: int) -> int:
    """Take changes and add them to the counters in one statement: a change is counted exactly once, whatever happens.
    Sorted by key, so that two workers never wait for each other in a circle. Returns how many were folded."""
    folded: int = await conn.fetchval(
        """
        WITH taken AS (
            DELETE FROM tally_changes
            WHERE id = ANY (ARRAY (SELECT id FROM tally_changes ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED))
            RETURNING campaign_no, question, measure, choice, by),
        counted AS (
            INSERT INTO counters AS counter (campaign_no, question, measure, choice, n)
            SELECT campaign_no, question, measure, choice, sum(by) FROM taken
            GROUP BY campaign_no, question, measure, choice ORDER BY campaign_no, question, measure, choice
            ON CONFLICT (campaign_no, question, measure, choice) DO UPDATE SET n = counter.n + excluded.n)
        SELECT count(*) FROM taken
        """,
        at_most,
    )
    return folded


async def list_counters(conn: Connection, campaign_no: int) -> dict[tuple[str, str, str], int]:
    """By (question, measure, choice)."""
    rows = await conn.fetch(
        "SELECT question, measure, choice, n FROM counters WHERE campaign_no = $1 AND n <> 0", campaign_no
    )
    return {(row["question"], row["measure"], row["choice"]): row["n"] for row in rows}


async def list_unfolded(conn: Connection, campaign_no: int) -> dict[tuple[str, str, str], int]:
    """What the counters have still to learn."""
    rows = await conn.fetch(
        """
        SELECT question, measure, choice, sum(by)::bigint AS n FROM tally_changes WHERE campaign_no = $1
        GROUP BY question, measure, choice
        """,
        campaign_no,
    )
    return {(row["question"], row["measure"], row["choice"]): row["n"] for row in rows}
