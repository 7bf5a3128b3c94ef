"""Two toy services: the grower tells how trees grow, the watcher keeps a copy. For tests of what is common."""
