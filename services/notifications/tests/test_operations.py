"""What the operations page says of bulk mail: how much waits, and up to when answers are known."""

from common import bus, clock
from common.events.surveys import ParticipationTicked
from notifications import domain
from notifications.pages.standing import figures
from prometheus_client import REGISTRY

from .factories import HOUR, campaign, run, ticks
from .office import Office

TICKED = bus.partitions_of(ParticipationTicked.topic)


async def said(office: Office) -> dict[str, tuple[str, str]]:
    return {figure.name: (figure.figure, figure.base) for figure in await figures(office.conn, clock.now())}


async def test_an_audience_that_is_due_waits_as_blocks_and_one_that_is_not_does_not(office: Office):
    assert (await said(office))["Bulk mail waiting"] == ("0", "and 0 blocks of members")
    await office.opens(campaign(run("invitation", after=-HOUR)), [await office.knows()])
    later = campaign(run("invitation", after=HOUR), campaign_no=8)
    await office.opens(later, [await office.knows(address="later@example.org")])
    assert (await said(office))["Bulk mail waiting"] == ("0", "and 1 blocks of members")
    await office.sends_all()
    assert (await said(office))["Bulk mail waiting"] == ("0", "and 0 blocks of members")


async def test_reminders_wait_until_every_partition_has_told_who_answered(office: Office):
    assert (await said(office))["Answers known until"] == ("?", "not every partition has ticked yet")
    await office.hears(*ticks(TICKED, at=clock.now() - 2 * domain.FRESH_WATERMARK))
    assert (await said(office))["Answers known until"][1] == "reminders and bulk wait"
    await office.hears(*ticks(TICKED))
    assert (await said(office))["Answers known until"][1] == "bulk mail may leave"


async def test_up_to_when_answers_are_known_can_be_scraped(office: Office):
    at = clock.now() - HOUR
    await office.hears(*ticks(TICKED, at=at))
    for partition in range(TICKED):
        told = REGISTRY.get_sample_value("answers_known_until_timestamp_seconds", {"partition": str(partition)})
        assert told == at.timestamp()
