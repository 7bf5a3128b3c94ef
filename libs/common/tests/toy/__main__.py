"""``python -m toy grower|watcher <command>``"""

import sys
from importlib import import_module

from toy import events

events.register()
service = import_module(f"toy.{sys.argv.pop(1)}.app").service
service.cli()()
