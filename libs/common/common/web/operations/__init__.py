"""Staff pages on how a service stands: what waits in its outbox, how far it has read, which records are dead letters.

They ask this service's own database and nothing else, so that they also work while Kafka is away.
"""

from common.web.operations.pages import address_of, router
from common.web.operations.standing import Figure, Figures

__all__ = ["Figure", "Figures", "address_of", "router"]
