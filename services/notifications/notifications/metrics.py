"""What this service tells on /metrics beside what every service does."""

from prometheus_client import Gauge

ANSWERS_KNOWN_UNTIL = Gauge(
    "answers_known_until_timestamp_seconds",
    "Moment up to which surveys has told us who answered; reminders and bulk wait where it is a minute old",
    ["partition"],
)
