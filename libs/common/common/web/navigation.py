"""The links every page of every service shows: one list, although each service serves its own pages."""

from dataclasses import dataclass

from common.web.i18n import N_
from common.web.viewers import Viewer


@dataclass(frozen=True)
class Link:
    address: str
    label: str
    """English; translated where it is shown."""
    icon: str = ""
    current: bool = False


MEMBERS_HOME, MEETINGS, SURVEYS = Link("/", N_("Home")), Link("/hub", N_("Meetings")), Link("/surveys", N_("Surveys"))
PROFILE, JOIN, SIGN_IN = Link("/me", N_("Profile")), Link("/join", N_("Join")), Link("/session/new", N_("Sign in"))
CONSOLE = Link("/staff", N_("Console"))

OPERATIONS = {
    "members": "/staff/members/operations",
    "hub": "/staff/hub/operations",
    "surveys": "/staff/surveys/operations",
    "notifications": "/staff/deliveries/operations",
}
"""How each service stands: below the path that the front door gives it anyway."""

CONSOLE_LINKS = (
    Link("/staff/members", "Members", "users"),
    Link("/staff/hub/meetings", "Meetings", "calendar-days"),
    Link("/staff/surveys", "Surveys", "list-checks"),
    Link("/staff/deliveries", "Deliveries", "mail"),
    Link(OPERATIONS["members"], "Operations", "activity"),
)


def member_links(path: str, viewer: Viewer | None) -> list[Link]:
    if viewer is None:
        return _with_current((MEMBERS_HOME, MEETINGS, JOIN, SIGN_IN), path)
    staff = (CONSOLE,) if viewer.is_staff else ()
    return _with_current((MEMBERS_HOME, MEETINGS, SURVEYS, PROFILE, *staff), path)


def console_links(path: str) -> list[Link]:
    """All four operations pages are one place."""
    in_operations = any(_leads_to(address, path) for address in OPERATIONS.values())
    return _with_current(CONSOLE_LINKS, OPERATIONS["members"] if in_operations else path)


def _with_current(links: tuple[Link, ...], path: str) -> list[Link]:
    """Mark the link whose address is the longest beginning of this path."""
    here = [link for link in links if _leads_to(link.address, path)]
    best = max(here, key=lambda link: len(link.address), default=None)
    return [Link(link.address, link.label, link.icon, current=link is best) for link in links]


def _leads_to(address: str, path: str) -> bool:
    return path == address or (address != "/" and path.startswith(f"{address}/"))
