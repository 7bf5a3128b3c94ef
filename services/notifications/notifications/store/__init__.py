"""All SQL of this service, one file per capability, one function per question."""
