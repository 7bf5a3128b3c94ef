"""``python -m hub serve`` and the other commands."""

from hub.app import service
from hub.cli import meetings

app = service.cli()
app.add_typer(meetings, name="meetings")

if __name__ == "__main__":
    app()
