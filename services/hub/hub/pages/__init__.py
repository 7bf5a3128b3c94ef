"""Pages of the hub: for members and visitors under /hub, for staff under /staff/hub."""

from hub.pages import meetings, staff

ROUTERS = [meetings.router, staff.router]
