"""CloudEvents on the wire: ours against the CNCF library's, in both modes, and whatever else may come."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from cloudevents.core.bindings import kafka as cncf
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from common import bus
from hypothesis import given
from hypothesis import strategies as st

AT = datetime(2026, 11, 26, 8, 30, 0, 123456, tzinfo=UTC)
ID = UUID("01a2173f-60e9-70c2-96f3-47fe67d3c4f0")


def read(value, headers, *, key=b"oak"):
    return bus.read_record("grower.tree", 0, 7, key, value, headers)


def as_the_library_writes(**extra):
    attributes = {
        "specversion": "1.0",
        "id": str(ID),
        "type": "grower.tree.grew.v1",
        "source": "/grower",
        "time": AT,
        "subject": "oak",
        "datacontenttype": "application/json",
        **extra,
    }
    return CloudEvent(attributes=attributes, data={"tree_id": "oak", "height": 3})


def test_our_headers_are_the_librarys():
    ours = bus.headers_of(event_id=ID, type="grower.tree.grew.v1", key="oak", at=AT)
    theirs = cncf.to_binary(as_the_library_writes(), JSONFormat()).headers
    assert dict(ours) == theirs


def test_the_library_reads_what_we_write():
    message = cncf.KafkaMessage(
        headers=dict(bus.headers_of(event_id=ID, type="grower.tree.grew.v1", key="oak", at=AT)),
        key="oak",
        value=b'{"tree_id":"oak","height":3}',
    )
    event = cncf.from_binary(message, JSONFormat())
    assert (event.get_id(), event.get_type(), event.get_time()) == (str(ID), "grower.tree.grew.v1", AT)
    assert event.get_data() == {"tree_id": "oak", "height": 3}


@pytest.mark.parametrize("mode", [cncf.to_binary, cncf.to_structured])
def test_we_read_what_the_library_writes_in_either_mode(mode):
    message = mode(as_the_library_writes(), JSONFormat())
    record = read(message.value, list(message.headers.items()))
    assert (record.event_id, record.type, record.time) == (ID, "grower.tree.grew.v1", AT)
    assert record.problem is None
    assert b"oak" in (record.data or b"")


def test_a_tombstone_says_what_is_gone_and_in_which_version():
    record = read(
        None, bus.headers_of(event_id=ID, type="grower.tree.state.v1", key="oak", at=AT, version=4, gone=True)
    )
    assert record.gone
    assert (record.type, record.version, record.key) == ("grower.tree.state.v1", 4, "oak")


@pytest.mark.parametrize("time", ["yesterday", "2026-11-26T08:30:00", ""], ids=["no time", "of no zone", "nothing"])
def test_a_time_that_says_no_moment_is_none_and_nothing_to_refuse(time):
    headers = [("ce_id", str(ID).encode()), ("ce_type", b"grower.tree.grew.v1"), ("ce_time", time.encode())]
    record = read(b"{}", headers)
    assert (record.time, record.problem) == (None, None)


def test_names_of_headers_may_be_in_capitals():
    record = read(b"{}", [("CE_ID", str(ID).encode()), ("Ce_Type", b"grower.tree.grew.v1")])
    assert (record.event_id, record.type, record.problem) == (ID, "grower.tree.grew.v1", None)


def test_a_foreign_id_gives_the_same_uuid_each_time():
    headers = [("ce_id", b"order-7"), ("ce_type", b"t"), ("ce_source", b"/shop")]
    assert read(b"{}", headers).event_id == read(b"{}", headers).event_id
    other = [("ce_id", b"order-7"), ("ce_type", b"t"), ("ce_source", b"/bakery")]
    assert read(b"{}", headers).event_id != read(b"{}", other).event_id


@given(
    key=st.none() | st.binary(max_size=20),
    value=st.none() | st.binary(max_size=50),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_version", "content-type", "x"]),
            st.none()
            | st.binary(max_size=20)
            | st.sampled_from([b"application/cloudevents+json", b"\xff\xfe", b"a\x00b", str(uuid4()).encode()]),
        ),
        max_size=6,
    ),
)
def test_whatever_comes_is_read_or_has_a_problem_and_fits_postgresql(key, value, headers):
    record = read(value, headers, key=key)
    assert isinstance(record.event_id, UUID)
    assert "\x00" not in record.key + record.type
    assert record.problem or "ce_type" in dict(headers) or "application/cloudevents+json" in str(headers)


def test_a_keys_partition_is_the_one_of_kafkas_own_producers():
    before = bus.configure(partitions_cap=4)
    try:
        # Utils.toPositive(Utils.murmur2(key)) % 4 of Kafka's Java client.
        assert [bus.partition_of("members.member", key) for key in ("21", "foobar", "a-little-bit-long-string")] == [
            (-973932308 & 0x7FFFFFFF) % 4,
            (-790332482 & 0x7FFFFFFF) % 4,
            (-985981536 & 0x7FFFFFFF) % 4,
        ]
    finally:
        bus.configure(prefix=before.prefix, partitions_cap=before.partitions_cap)


@given(keys=st.lists(st.text(max_size=45)))
def test_a_batch_of_keys_is_partitioned_as_each_alone(keys):
    assert bus.partitions_of_all("members.member", keys) == [bus.partition_of("members.member", key) for key in keys]
