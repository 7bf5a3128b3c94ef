"""``deadletters list|show|replay|drop`` and ``positions forward``."""

from typing import Annotated
from uuid import UUID

import orjson
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition

from common import bus, clock
from common.db import Connection
from common.errors import NotAllowed, NotFound
from common.inbox import deadletters
from common.service.commandline import configured, in_a_transaction, run
from common.service.shape import Service

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def add_commands(app: typer.Typer, service: Service) -> None:
    group = typer.Typer(help="Records that could not take effect.", no_args_is_help=True)
    app.add_typer(group, name="deadletters")
    _add_list(group, service)
    _add_show(group, service)
    _add_replay(group, service)
    _add_drop(group, service)
    positions = typer.Typer(help="Where this database stands in each topic.", no_args_is_help=True)
    app.add_typer(positions, name="positions")
    _add_forward(positions, service)


def _add_list(group: typer.Typer, service: Service) -> None:
    @group.command("list")
    def list_them(json: Json = False) -> None:
        """Oldest first, ids and error classes only."""
        for letter in in_a_transaction(service, deadletters.list_letters):
            if json:
                typer.echo(orjson.dumps(letter, default=str).decode())
            else:
                typer.echo(
                    f"{letter.id}  {letter.died_at:%Y-%m-%d %H:%M:%S}  {letter.consumer_group}  {letter.topic}"
                    f"/{letter.partition}/{letter.record_offset}  {letter.type or 'unreadable'}  {letter.error_class}"
                    f"  {letter.waiting} waiting"
                )


def _add_show(group: typer.Typer, service: Service) -> None:
    @group.command()
    def show(letter_id: UUID) -> None:
        """Headers and value as received. May show personal attributes: for your eyes only."""
        headers, value = in_a_transaction(service, lambda conn: deadletters.get_value(conn, letter_id))
        for name, sent in headers:
            typer.echo(f"{name}: {sent}")
        typer.echo("")
        typer.echo("(null)" if value is None else value.decode("utf-8", "backslashreplace"))


def _add_replay(group: typer.Typer, service: Service) -> None:
    @group.command()
    def replay(
        letter_id: Annotated[UUID | None, typer.Argument()] = None,
        every: Annotated[bool, typer.Option("--all", help="All of them, oldest first.")] = False,
    ) -> None:
        """Try again, with everything that waits behind it, in offset order."""
        if every:
            wanted = [letter.id for letter in in_a_transaction(service, deadletters.list_letters)]
        else:
            wanted = [letter_id] if letter_id else []
        outcomes = [_replay_one(service, one, gone_is_fine=every) for one in wanted]
        if not all(outcomes):
            raise typer.Exit(1)


def _replay_one(service: Service, letter_id: UUID, *, gone_is_fine: bool) -> bool:
    """Gone: a letter of the same key that was replayed before took this one along."""

    async def act(conn: Connection) -> tuple[int, BaseException | None]:
        return await deadletters.replay(service.consumers, conn, letter_id, now=clock.now())

    try:
        done, error = in_a_transaction(service, act)
    except NotFound as no:
        if not gone_is_fine:
            typer.echo(str(no), err=True)
        return gone_is_fine
    typer.echo(f"{letter_id}: {done} applied" + (f", then {type(error).__name__} again" if error else ""))
    return error is None


def _add_drop(group: typer.Typer, service: Service) -> None:
    @group.command()
    def drop(letter_id: UUID) -> None:
        """Give it up for good; what waits behind it goes on."""
        try:
            in_a_transaction(
                service, lambda conn: deadletters.drop(service.consumers, conn, letter_id, now=clock.now())
            )
        except NotAllowed as no:
            typer.echo(str(no), err=True)
            raise typer.Exit(1) from None


def _add_forward(group: typer.Typer, service: Service) -> None:
    @group.callback()
    def _group() -> None:
        """Where this database stands in each topic."""

    @group.command()
    def forward(
        group: Annotated[str, typer.Option(help="Consumer group.")],
        topic: Annotated[str, typer.Option(help="Topic, without prefix.")],
    ) -> None:
        """After `republish` at the owner: go on from the log's start where records before it are gone."""
        settings = configured(service)
        starts = run(log_starts(settings.kafka_bootstrap_servers, topic))
        moved = in_a_transaction(service, lambda conn: deadletters.forward(conn, group, topic, starts))
        typer.echo(f"{moved} partitions moved; restart the consumers")


async def log_starts(bootstrap: str, topic: str) -> dict[int, int]:
    """The first offset that each partition still has."""
    consumer = AIOKafkaConsumer(**bus.client_arguments(bootstrap))
    try:
        await consumer.start()
        places = [TopicPartition(bus.topic_name(topic), number) for number in range(bus.partitions_of(topic))]
        consumer.assign(places)
        return {place.partition: start for place, start in (await consumer.beginning_offsets(places)).items()}
    finally:
        await consumer.stop()
