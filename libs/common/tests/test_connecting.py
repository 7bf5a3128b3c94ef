"""What a client of Kafka does with a line that closes under its hands, on the loop that services run on."""

import asyncio

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from common import bus


async def test_a_line_that_has_just_closed_is_an_error_that_the_client_knows_and_gets_over(kafka):
    """Trap: of anything else its background tasks die, and what waits for them waits for ever."""

    async def write_to_a_closed_line():
        client = AIOKafkaClient(**bus.client_arguments(kafka.bootstrap))
        await client.bootstrap()
        try:
            broker = client.get_random_node()
            assert await client.ready(broker)
            line = client._conns[broker, ConnectionGroup.DEFAULT]
            line._read_task.cancel()  # nobody has noticed yet
            line._writer.transport.abort()
            await line._writer.wait_closed()
            with pytest.raises(KafkaConnectionError, match="was closed"):
                line.send(MetadataRequest([]))
            async with asyncio.timeout(10):
                assert await client.force_metadata_update()
        finally:
            await client.close()

    def on_uvloop():
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(write_to_a_closed_line())

    await asyncio.to_thread(on_uvloop)
