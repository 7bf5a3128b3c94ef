"""What the hub tells and hears, as its own pages show it."""

import yaml
from common.bus import TOPICS

from tests.deploy.places import ROOT


async def test_every_event_that_the_hub_tells_or_hears_is_shown(sign_in):
    page = (await sign_in("editor").http.get("/api/hub/events")).text
    for topic in TOPICS.values():
        ours = topic.owner == "hub" or "hub" in topic.readers
        for name in topic.types:
            assert (f">{name}<" in page) == ours


async def test_the_asyncapi_document_served_is_the_one_that_was_written(sign_in):
    served = (await sign_in("editor").http.get("/api/hub/asyncapi.json")).json()
    written = yaml.safe_load((ROOT / "docs" / "asyncapi" / "hub.yaml").read_text())
    assert served["channels"] == written["channels"]
    assert served["operations"] == written["operations"]
    assert served["components"]["schemas"] == written["components"]["schemas"]
