from members.cli import cli

cli()
