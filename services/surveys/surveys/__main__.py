"""``python -m surveys serve`` and the other commands."""

from surveys.app import service
from surveys.cli import tally

app = service.cli()
app.add_typer(tally, name="tally")

if __name__ == "__main__":
    app()
