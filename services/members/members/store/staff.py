"""What staff look for: lists in pages of a fixed size, never counting a million rows to show fifty."""

from dataclasses import dataclass
from datetime import date

from common.db import Connection

from members.domain.membership import Member
from members.store.members import read_members


@dataclass(frozen=True)
class Search:
    """Empty fields do not narrow. All words have to be in the name."""

    number: int | None = None
    address_index: bytes | None = None
    words: tuple[bytes, ...] = ()
    country: str | None = None
    status: str | None = None
    language: str | None = None


async def list_members(conn: Connection, search: Search, *, before: int | None, at_most: int) -> list[Member]:
    """Newest number first, from below ``before`` on (keyset: page 20,000 costs what page one costs)."""
    rows = await conn.fetch(
        """
        SELECT * FROM members m
        WHERE ($1::bigint IS NULL OR m.number < $1)
          AND ($2::bigint IS NULL OR m.number = $2)
          AND ($3::bytea IS NULL OR m.address_index = $3)
          AND ($4::bytea[] = '{}' OR m.id IN (
                SELECT member_id FROM member_name_words WHERE word = ANY($4)
                GROUP BY member_id HAVING count(*) = cardinality($4)))
          AND ($5::text IS NULL OR m.country = $5)
          AND ($6::text IS NULL OR m.status = $6)
          AND ($7::text IS NULL OR m.language = $7)
        ORDER BY m.number DESC LIMIT $8
        """,
        before,
        search.number,
        search.address_index,
        list(search.words),
        search.country,
        search.status,
        search.language,
        at_most,
    )
    return await read_members(rows)


async def list_countries(conn: Connection) -> list[tuple[str, int]]:
    """Where current members live, most first."""
    rows = await conn.fetch(
        """
        SELECT country, count(*) AS people FROM members WHERE status = 'current'
        GROUP BY country ORDER BY people DESC, country
        """
    )
    return [(row["country"], row["people"]) for row in rows]


@dataclass(frozen=True)
class Month:
    first_day: date
    joined: int
    left: int
    erased: int

    @property
    def net(self) -> int:
        return self.joined - self.left - self.erased


async def list_growth(conn: Connection) -> list[Month]:
    """Every month in which something changed, oldest first."""
    rows = await conn.fetch(
        """
        SELECT date_trunc('month', day)::date AS first_day,
               coalesce(sum(people) FILTER (WHERE change = 'joined'), 0)::bigint AS joined,
               coalesce(sum(people) FILTER (WHERE change = 'left'), 0)::bigint AS left_again,
               coalesce(sum(people) FILTER (WHERE change = 'erased'), 0)::bigint AS erased
        FROM growth GROUP BY 1 ORDER BY 1
        """
    )
    return [Month(row["first_day"], row["joined"], row["left_again"], row["erased"]) for row in rows]
