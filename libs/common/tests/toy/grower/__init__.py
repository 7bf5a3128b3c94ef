"""Tells how trees grow."""
