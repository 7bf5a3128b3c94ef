"""Telling people, once: letters, messages, deliveries."""
