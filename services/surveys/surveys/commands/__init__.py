"""What surveys can do: load, decide, save, tell, in the caller's transaction; one file per capability."""
