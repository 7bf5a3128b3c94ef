"""tally_changes and counters."""

from collections.abc import Sequence

from common.db import Connection

from surveys.domain.counting import Change


async def add_tally_changes(conn: Connection, campaign_no: int, changes: Sequence[Change]) -> None:
    await conn.execute(
        """
        INSERT INTO tally_changes (campaign_no, question, measure, choice, by)
        SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[])
        """,
        campaign_no,
        [change.question for change in changes],
        [change.measure for change in changes],
        [change.choice for change in changes],
        [change.by for change in changes],
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
