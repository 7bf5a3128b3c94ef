"""Pages of the console: staff build, send and read."""
