"""Surveys before every virtual meeting: asking, answering, counting."""
