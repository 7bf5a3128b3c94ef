"""The global membership: who applied, who joined, what they consented to, who may sign in."""
