"""The API of the hub, under /api/hub."""

from hub.api import meetings

ROUTERS = [meetings.router]
