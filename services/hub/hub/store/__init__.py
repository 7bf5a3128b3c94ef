"""All SQL of the hub: one function per question, named by its answer."""
