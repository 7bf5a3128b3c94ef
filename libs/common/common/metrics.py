"""What the runtime counts, on /metrics in Prometheus format."""

from prometheus_client import Counter, Gauge, Histogram

RELAY_PUBLISHED = Counter("outbox_published", "Outbox rows acknowledged by Kafka")
RELAY_DEAD = Counter("outbox_dead", "Outbox rows that Kafka refused")
RELAY_LAG = Gauge("outbox_lag_seconds", "Age of the oldest row being published; 0 when there is none")
OUTBOX_DEFAULT_ROWS = Gauge("outbox_default_partition_rows", "Rows that no partition made ahead took; should be 0")

INBOX_APPLIED = Counter("inbox_applied", "Records that had their effect", ["group"])
INBOX_SKIPPED = Counter("inbox_skipped", "Copies, unknown types, records about erased people", ["group"])
INBOX_BURIED = Counter("inbox_dead_letters", "Records that became dead letters", ["group"])
INBOX_PARKED = Counter("inbox_parked", "Facts that wait behind a dead letter", ["group"])
INBOX_RETRIES = Counter("inbox_retries", "Batches tried again for a passing reason", ["group"])
INBOX_LOST = Gauge("inbox_positions_lost", "Partitions whose position lies below the log's start", ["group"])
INBOX_BEHIND = Gauge("inbox_records_behind", "Records in Kafka that this process has still to take", ["group", "topic"])
INBOX_ASSIGNED = Gauge("inbox_partitions_assigned", "Partitions this process consumes", ["group"])

RESTARTS = Counter("role_restarts", "Roles that failed and were started again", ["role"])

COALESCED = Histogram(
    "coalescer_batch_size",
    "Asks that shared one transaction",
    ["name"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 500),
)
