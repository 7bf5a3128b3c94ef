"""The API of surveys, under /api/surveys: definitions, campaigns, results; for staff."""

from surveys.api import campaigns, definitions

ROUTERS = [definitions.router, campaigns.router]
