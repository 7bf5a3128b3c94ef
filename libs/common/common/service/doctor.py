"""``doctor``: everything an operator would look at first, as sentences."""

from aiokafka.errors import KafkaError

from common import bus, db
from common.bus.administration import administration, replication_of
from common.db import Connection
from common.service.shape import Service
from common.settings import ServiceSettings

QUESTIONS = {
    "SELECT count(*) FROM outbox_dead": "{} outbox rows were refused by Kafka (table outbox_dead)",
    "SELECT count(*) FROM outbox_default": "{} outbox rows lie in the DEFAULT partition",
    "SELECT count(*) FROM dead_letters": "{} dead letters wait (deadletters list)",
    "SELECT count(*) FROM parked_facts": "{} facts wait behind dead letters",
    "SELECT count(*) FROM outbox o, outbox_position p WHERE o.id > p.scanned": "{} outbox rows are not published yet",
    "SELECT count(*) FROM timers WHERE tries > 3": "{} timers fail again and again",
}


async def examine(service: Service, settings: ServiceSettings) -> list[str]:
    return await _database_problems(service, settings) + await _kafka_problems(service, settings)


async def _database_problems(service: Service, settings: ServiceSettings) -> list[str]:
    try:
        pool = await db.open_pool(settings.database_url, application_name=f"{service.name}.doctor", max_size=1)
    except db.UNANSWERED as error:
        return [f"PostgreSQL can not be reached ({type(error).__name__}): check DATABASE_URL"]
    try:
        async with pool.acquire() as conn:
            unsafe = await db.settings_problems(conn) if settings.production else []
            return unsafe + await _table_problems(service, conn)
    except db.UNANSWERED as error:
        return [f"PostgreSQL can not be asked ({type(error).__name__}): check DATABASE_URL"]
    finally:
        await pool.close()


async def _table_problems(service: Service, conn: Connection) -> list[str]:
    pending = await db.pending(conn, *service.migration_folders)
    if pending:
        return [f"migrations did not run yet: {', '.join(pending)} (python -m {service.name} migrate)"]
    counts = [(sentence, await conn.fetchval(question)) for question, sentence in QUESTIONS.items()]
    return [sentence.format(count) for sentence, count in counts if count]


async def _kafka_problems(service: Service, settings: ServiceSettings) -> list[str]:
    try:
        async with administration(settings.kafka_bootstrap_servers) as admin:
            there = await replication_of(admin, service.topics)
        missing = [topic for topic in service.topics if bus.topic_name(topic) not in there]
        problems = [f"topic {topic} is missing (python -m {service.name} topics apply)" for topic in missing]
        if settings.production:
            problems += await bus.check_kafka(
                settings.kafka_bootstrap_servers,
                service.topics,
                production=False,
                assume=settings.assume_kafka_settings,
            )
        return problems
    except (KafkaError, OSError) as error:
        return [f"Kafka can not be reached ({type(error).__name__}): check KAFKA_BOOTSTRAP_SERVERS"]
