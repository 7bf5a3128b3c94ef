"""What this service tells, written in the transaction in which it happened, published afterwards by the relay."""

from common.outbox.append import append, append_gone, repeat_tombstone, tick

__all__ = ["append", "append_gone", "repeat_tombstone", "tick"]
