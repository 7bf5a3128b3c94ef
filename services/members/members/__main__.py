"""``python -m members serve`` and the other commands."""

from members.app import service
from members.cli import add_commands

app = service.cli()
add_commands(app)

if __name__ == "__main__":
    app()
