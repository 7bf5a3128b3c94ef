"""When a meeting is: a wall clock in the organiser's zone, from which UTC follows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from common.errors import Invalid

SHORTEST, LONGEST = 5, 24 * 60
"""Minutes that a virtual meeting may last."""


@dataclass(frozen=True)
class Schedule:
    """What people agreed on. The wall clock counts: when a parliament changes the zone's rules, UTC moves, not this."""

    local_start: datetime
    """Without zone."""
    zone: str
    """IANA name."""
    minutes: int

    def check(self) -> None:
        """What staff may enter. Not asked of what is stored: zones and rules may change meanwhile."""
        if self.local_start.tzinfo is not None:
            raise Invalid("Write the local time, without a zone.", field="local_start")  # staff
        if not 2000 <= self.local_start.year < 2200:
            raise Invalid("Choose a day within this century or the next.", field="local_start")  # staff
        if self.zone not in zones():
            raise Invalid("Choose a time zone from the list.", field="zone")  # staff
        if not SHORTEST <= self.minutes <= LONGEST:
            raise Invalid("A meeting lasts between 5 minutes and 24 hours.", field="minutes")  # staff

    @property
    def is_computable(self) -> bool:
        """Whether this machine's time-zone data still knows the zone."""
        return zone_of(self.zone).key == self.zone

    @property
    def starts_at(self) -> datetime:
        """In UTC. A time that the clocks skip is taken an hour later, one that they show twice the first time.

        Both follow from the offset before the change (``fold=0``), as RFC 5545 3.3.5 wants it.
        """
        return self.local_start.replace(tzinfo=ZoneInfo(self.zone), fold=0).astimezone(UTC)

    @property
    def ends_at(self) -> datetime:
        return self.starts_at + timedelta(minutes=self.minutes)


def zone_of(name: str) -> ZoneInfo:
    """UTC where this machine's data does not know the zone: data of two machines, or of two years, may differ."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@cache
def zones() -> frozenset[str]:
    """The zones people may choose: places and UTC, none of the legacy names such as ``EST`` or ``Etc/GMT+5``."""
    return frozenset(
        name for name in available_timezones() if name == "UTC" or ("/" in name and not name.startswith(LEGACY))
    )


LEGACY = ("Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/", "posix/", "right/")
