"""Pages of surveys: answering under /s, for members under /surveys, for staff under /staff/surveys."""

from surveys.pages import answering, mine
from surveys.pages.staff import building, campaigns, questions, results

ROUTERS = [answering.router, mine.router, campaigns.router, results.router, questions.router, building.router]
