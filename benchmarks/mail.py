"""A letter's way while a campaign is being sent: from the event on Kafka to the mail accepted by the mail server.

There is no bare limit. Sign-in letters are published at a steady rate, each with the moment of its acknowledgement,
while nothing else, then ten thousand, then a million invitations wait to be sent and are sent as fast as they can be.
A rate that this machine does not keep is told to fall short, and measured again at one that it does. Ours: three
processes, ``notifications serve --roles consumers`` and two of ``--roles sender`` (one fills a core with some 550 mails
a second), mails signed by DKIM (RSA 2048).
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from common import bus, clock, db, sealing
from common.db import Pool
from common.events.members import Contact, ContactState, Letter, LetterRequested
from common.events.surveys import CampaignKeyState, CampaignState, CampaignText, Occasion, ParticipationTicked
from common.ids import new_id
from common.outbox.publishing import KafkaPublisher, OutboxRow
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from notifications.store import campaigns

from benchmarks.figures import Cpu, Growth, Line, Report
from benchmarks.place import INSTANCES, Place, until
from benchmarks.sink import Sink, sink
from benchmarks.sizes import Sizes

READABLE = 30_000
"""Contacts sealed each for its member: more than are sent while it is measured. Sealing a million takes minutes."""
TICK = 0.02
"""Seconds between two groups of letters."""
LETTERS_SECONDS = 3
"""Turns' worth of letters: the percentiles are of all of them."""
WARMING = 40
"""Letters that are sent before anything is measured: the first of each kind is rendered."""
KEPT = 0.95
"""Of the wanted rate: with less the letters fall behind, and their percentiles say how long it was measured."""
EASED = 0.8
"""Of the rate that was reached: what the machine keeps, measured again to tell the percentiles at it."""


async def measure(place: Place, sizes: Sizes) -> Report:
    public = sealing.load_public(place.stack.folder / "keys" / "notifications.pub")
    async with place.pool("notifications") as pool:
        await add_members(pool, public, sizes.many)
        with sink(place.stack.ports["SMTP"]) as server:
            key = make_dkim_key(place.stack.folder / "dkim.pem")
            place.start("notifications", "consumers")
            for number in range(INSTANCES):
                place.start(
                    "notifications", "sender", called=f"notifications sender {number + 1}", DKIM_KEY_FILE=str(key)
                )
            office = Office(place, pool, server, public)
            await office.send(WARMING, rate=WARMING)
            passages = await pass_through(office, sizes)
            place.stop_all()
        await insist_on_readable(pool)
    few, many = passages["few"], passages["many"]
    return Report(
        [
            Line("letter, p50", None, many.p50, unit="ms"),
            Line("letter, p95", None, many.p95, unit="ms"),
            Line("letter, p99", None, many.p99, unit="ms"),
        ],
        [Growth("letter p95, bulk waiting", sizes.few, sizes.many, few.p95, many.p95)],
        remarks=[passage.told() for passage in passages.values()],
    )


async def pass_through(office: "Office", sizes: Sizes) -> dict[str, "Passage"]:
    """At the wanted rate; and if that is more than this machine keeps, once more at a rate that it does."""
    number = sizes.letters * sizes.seconds * LETTERS_SECONDS
    passages = {"alone": await office.send(number, rate=sizes.letters)}
    for name, bulk in (("few", sizes.few), ("many", sizes.many)):
        await office.start_campaign(bulk)
        passages[name] = await office.send(number, rate=sizes.letters, bulk=bulk)
    reached = passages["many"]
    if not reached.kept:
        rate = max(1, int(reached.rate * EASED))
        number = rate * sizes.seconds * LETTERS_SECONDS
        passages["eased"] = await office.send(number, rate=rate, bulk=sizes.many)
    return passages


@dataclass(frozen=True)
class Passage:
    """How letters went through, and what else was sent meanwhile."""

    wanted: int
    bulk_waiting: int
    waited: list[float]
    """Seconds of each, from its acknowledgement by Kafka to that by the mail server."""
    rate: float
    bulk: float
    """Per second, as ``rate``."""
    mails: int
    cpu: Cpu

    @property
    def kept(self) -> bool:
        return self.rate >= KEPT * self.wanted

    @property
    def p50(self) -> float:
        return self._percentile(50)

    @property
    def p95(self) -> float:
        return self._percentile(95)

    @property
    def p99(self) -> float:
        return self._percentile(99)

    def told(self) -> str:
        beside = f"amid {self.bulk_waiting:,} invitations" if self.bulk_waiting else "with no bulk waiting"
        return (
            f"letters {beside}: {self.rate:,.0f} /s of {self.wanted} wanted{'' if self.kept else ': SHORT'},"
            f" p50 {self.p50:,.0f} ms, p95 {self.p95:,.0f} ms, p99 {self.p99:,.0f} ms;"
            f" {self.bulk:,.0f} invitations /s beside them,"
            f" {1e6 * self.cpu.own / self.mails:,.0f} + {1e6 * self.cpu.postgres / self.mails:,.0f} us of CPU per mail"
        )

    def _percentile(self, hundredths: int) -> float:
        return 1000 * statistics.quantiles(self.waited, n=100)[hundredths - 1]


@dataclass
class Office:
    """Publishes letters and sees them arrive."""

    place: Place
    pool: Pool
    server: Sink
    public: bytes
    letters: int = 0
    """So many so far: each has its own number."""

    async def start_campaign(self, bulk: int) -> None:
        """Returns when the first of it are being sent."""
        mails = self.server.taken().mails
        await start_campaign(self.pool, self.public, bulk)

        async def bulk_runs() -> bool:
            return self.server.taken().mails > mails

        await until(bulk_runs, every=0.05)

    async def send(self, number: int, *, rate: int, bulk: int = 0) -> Passage:
        letters = [_letter(self.public, self.letters + place) for place in range(number)]
        self.letters += number
        mails, began, before = self.server.taken().mails, time.monotonic(), self.place.used()
        accepted = await publish(self.place, letters, rate)

        async def all_arrived() -> bool:
            return accepted.keys() <= self.server.taken().letters.keys()

        await until(all_arrived, every=0.2)
        taken, seconds = self.server.taken(), time.monotonic() - began
        arrived = [taken.letters[name] for name in accepted]
        return Passage(
            wanted=rate,
            bulk_waiting=bulk,
            waited=[arrival - moment for arrival, moment in zip(arrived, accepted.values(), strict=True)],
            rate=(number - 1) / (max(arrived) - min(arrived)),
            bulk=(taken.mails - mails - number) / seconds,
            mails=taken.mails - mails,
            cpu=self.place.used() - before,
        )


async def publish(place: Place, letters: list[OutboxRow], rate: int) -> dict[str, float]:
    """At a steady rate; the moment of acknowledgement by recipient."""
    accepted: dict[str, float] = {}
    publisher = await KafkaPublisher.connect(place.kafka)
    began = time.monotonic()
    while len(accepted) < len(letters):
        due = min(int((time.monotonic() - began) * rate) + 1, len(letters))
        if group := letters[len(accepted) : due]:
            await publisher.publish(group, set())
            now = time.monotonic()
            accepted |= {f"letter-{row.id}": now for row in group}
        await asyncio.sleep(TICK)
    await publisher.close()
    return accepted


def _letter(public: bytes, number: int) -> OutboxRow:
    """As the relay of members would publish it."""
    now = clock.now()
    plain = Letter(
        purpose="sign_in",
        address=f"letter-{number}@example.org",
        name="Amina Haddad",
        language="en",
        link="http://localhost:8000/session/0123456789abcdef0123456789abcdef",
        expires_at=now + timedelta(hours=1),
    )
    letter_id = new_id()
    sealed = sealing.seal(
        public, plain.model_dump_json().encode(), aad=sealing.aad(LetterRequested.topic, str(letter_id), 0)
    )
    event = LetterRequested(letter_id=letter_id, expires_at=plain.expires_at, sealed=sealed)
    return OutboxRow(
        number, new_id(), event.topic, event.key, None, event.type, None, event.body(), False, now.isoformat()
    )


async def add_members(pool: Pool, public: bytes, count: int) -> None:
    """They agreed to surveys, and their contacts are known."""
    await pool.execute(
        """
        INSERT INTO known_members (member_id, version, number, status, consents)
        SELECT uuidv7(interval '-1 hour'), 1, 'M-' || i, 'current', '{surveys}' FROM generate_series(1, $1::int) AS i
        """,
        count,
    )
    rows = await pool.fetch("SELECT member_id FROM known_members ORDER BY member_id LIMIT $1", min(count, READABLE))
    members = [row["member_id"] for row in rows]
    await pool.executemany(
        "INSERT INTO contacts (member_id, version, sealed) VALUES ($1, 1, $2)",
        [(member_id, _contact(public, member_id)) for member_id in members],
    )
    await pool.execute(
        """
        INSERT INTO contacts (member_id, version, sealed)
        SELECT member_id, 1, $1 FROM known_members WHERE member_id > $2
        """,
        _contact(public, members[0]),
        members[-1],
    )
    await pool.execute("VACUUM ANALYZE known_members, contacts")


def _contact(public: bytes, member_id: UUID) -> dict[str, str]:
    plain = Contact(address=f"member-{member_id.hex}@example.org", name="Amina Haddad", language="en", zone="UTC")
    place = sealing.aad(ContactState.topic, str(member_id), 1)
    return dict(sealing.seal(public, plain.model_dump_json().encode(), aad=place).model_dump())


async def start_campaign(pool: Pool, public: bytes, count: int) -> None:
    """Open, its audience told, and nobody has answered: bulk may leave."""
    now, campaign_id, number = clock.now(), uuid4(), count % 0xFFFFFF
    state = CampaignState(
        campaign_id=campaign_id,
        campaign_no=number,
        meeting_id=None,
        status="open",
        opens_at=now,
        closes_at=now + timedelta(days=14),
        zone="Asia/Beirut",
        occasions=(Occasion(name="invitation", send_after=now, expires_at=now + timedelta(days=3)),),
        texts={"en": CampaignText(title="Your view", invitation="It takes five minutes.")},
        version=1,
    )
    place = sealing.aad(CampaignKeyState.topic, str(campaign_id), 1)
    key = CampaignKeyState(
        campaign_id=campaign_id, campaign_no=number, sealed=sealing.seal(public, b"k" * 32, aad=place), version=1
    )
    async with db.transaction(pool) as conn:
        await campaigns.save_campaign(conn, state)
        await campaigns.save_runs(conn, state)
        for partition in range(bus.partitions_of(ParticipationTicked.topic)):
            await campaigns.save_watermark(conn, partition, now + timedelta(hours=1))
        await conn.execute(
            """
            INSERT INTO invitation_blocks (campaign_no, first_position, campaign_id, generation, member_ids)
            SELECT $1, i / 500 * 500, $2, 0, array_agg(member_id ORDER BY i)
              FROM (SELECT member_id, row_number() OVER (ORDER BY member_id) - 1 AS i
                      FROM known_members ORDER BY member_id LIMIT $3) AS asked
             GROUP BY i / 500
            """,
            number,
            campaign_id,
            count,
        )
    await pool.execute("VACUUM ANALYZE invitation_blocks")
    await pool.execute("CHECKPOINT")  # what preparing has left to PostgreSQL is not the letters' share
    async with db.transaction(pool) as conn:
        await campaigns.save_key(conn, key)  # without it nothing leaves


class SentToOthers(Exception):
    """The sender came to contacts that it could not read: its rate would be another one's."""


async def insist_on_readable(pool: Pool) -> None:
    unreadable = await pool.fetchval("SELECT count(*) FROM messages WHERE reason = 'unreadable'")
    if unreadable:
        raise SentToOthers(f"{unreadable} contacts; READABLE is too small")


def make_dkim_key(file: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file
