"""What this service does: load, decide, save, tell, in the caller's transaction."""
