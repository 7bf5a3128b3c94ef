"""The proof of the counters: count every response anew and compare."""

from collections import Counter
from uuid import UUID

from common.db import Pool

from surveys import store
from surveys.domain.counting import changes_of_a_ballot

Place = tuple[str, str, str]
Differences = dict[Place, tuple[int, int]]


async def compare(pool: Pool, campaign_id: UUID) -> Differences:
    """Where the counters (with what is still to be folded) and a recount differ: (counted, recounted). While answers
    come in, ask again before believing a difference."""
    async with pool.acquire() as conn:
        campaign = await store.get_campaign(conn, campaign_id)
        counted = Counter(await store.list_counters(conn, campaign.campaign_no))
        counted.update(await store.list_unfolded(conn, campaign.campaign_no))
    recounted: Counter[Place] = Counter()
    async for response in store.list_responses(pool, campaign.campaign_no):
        async with pool.acquire() as conn:
            definition = await store.get_definition(conn, campaign.survey_id, response.survey_version)
        for change in changes_of_a_ballot(
            definition,
            response.answers,
            asked=response.asked,
            dropped=response.dropped,
            day=response.submitted_on,
            language=response.language,
        ):
            recounted[change.question, change.measure, change.choice] += change.by
    places = {*counted, *recounted}
    return {place: (counted[place], recounted[place]) for place in places if counted[place] != recounted[place]}
