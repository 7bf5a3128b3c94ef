"""What the four services share: the event schemas and the runtime every service stands on."""
