"""What this service was told: each event has its effect once, in order per key, whatever crashes in between."""

from common.inbox.applying import Applied, apply
from common.inbox.batches import Batch
from common.inbox.consumers import Consumers
from common.inbox.context import current_records, older_than_this_database
from common.inbox.erasure import is_erased

__all__ = ["Applied", "Batch", "Consumers", "apply", "current_records", "is_erased", "older_than_this_database"]
