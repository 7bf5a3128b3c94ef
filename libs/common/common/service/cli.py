"""``python -m <service> ...``: serve, migrate, topics, republish, deadletters, positions, doctor."""

from typing import Annotated

import typer

from common import bus, db
from common.service import letters, republishing, running
from common.service.commandline import configured, run
from common.service.doctor import examine
from common.service.shape import Service


def cli(service: Service) -> typer.Typer:
    """The commands that every service has; a service adds its own to the app returned."""
    app = typer.Typer(name=service.name, no_args_is_help=True, pretty_exceptions_show_locals=False)
    _add_serve(app, service)
    _add_migrate(app, service)
    _add_topics(app, service)
    _add_doctor(app, service)
    republishing.add_commands(app, service)
    letters.add_commands(app, service)
    return app


def _add_serve(app: typer.Typer, service: Service) -> None:
    @app.command()
    def serve(
        roles: Annotated[str, typer.Option(help="Comma-separated; default: all of them.")] = "",
    ) -> None:
        """Run the service, or some of its roles."""
        wanted = [role for role in roles.split(",") if role] or list(service.roles)
        if unknown := set(wanted) - set(service.roles):
            raise typer.BadParameter(f"unknown roles {sorted(unknown)}; there are {', '.join(service.roles)}")
        try:
            run(running.serve(service, service.settings(), wanted))
        except db.UnsafeDatabase as error:
            typer.echo(f"Refused to start in production: {error}", err=True)
            raise typer.Exit(1) from None


def _add_migrate(app: typer.Typer, service: Service) -> None:
    @app.command()
    def migrate() -> None:
        """Bring the database up to date; safe when several start at once."""
        settings = service.settings()
        owner = settings.migration_database_url or settings.database_url
        done = run(db.migrate(owner, *service.migration_folders, runtime_url=settings.database_url))
        for name in done:
            typer.echo(f"ran {name}")


def _add_topics(app: typer.Typer, service: Service) -> None:
    topics = typer.Typer(help="The topics that this service writes.", no_args_is_help=True)
    app.add_typer(topics, name="topics")

    @topics.callback()
    def _group() -> None:
        """The topics that this service writes."""

    @topics.command()
    def apply(replication: Annotated[int | None, typer.Option(help="Default: 3, or all brokers.")] = None) -> None:
        """Make the topics that are missing. Refuses a changed partition count."""
        settings = configured(service)
        try:
            made = run(bus.apply_topics(settings.kafka_bootstrap_servers, service.topics, replication=replication))
        except bus.PartitionsWouldChange as error:
            typer.echo(f"Refused: {error}. Partition counts are part of the contract.", err=True)
            raise typer.Exit(1) from None
        for name in made:
            typer.echo(f"made {name}")


def _add_doctor(app: typer.Typer, service: Service) -> None:
    @app.command()
    def doctor() -> None:
        """Say what is wrong with database, Kafka, outbox and inbox; exit 1 if anything is."""
        settings = configured(service)
        problems = run(examine(service, settings))
        for problem in problems:
            typer.echo(f"! {problem}")
        if problems:
            raise typer.Exit(1)
        typer.echo("all is well")
