"""``python -m notifications``"""

from notifications.app import service

service.cli()()
