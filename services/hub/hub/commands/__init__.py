"""What can be done in the hub, by whom it may be done: load, decide, save, tell - in the caller's transaction."""
