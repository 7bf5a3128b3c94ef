"""SQL stands in the store of a service and in common, and every statement fits the migrated schema."""

import asyncpg
import pytest

from tests.architecture.conftest import Databases
from tests.architecture.source import SERVICES, Module, modules
from tests.architecture.statements import UTILITY, asked, sql_texts

STORES = [module for module in modules() if module.package in SERVICES and module.in_part("store")]
COMMON = [module for module in modules() if module.package == "common"]


def test_sql_stands_in_stores_and_in_common_only():
    elsewhere = [text.place for text in sql_texts() if text.module.package in SERVICES and text.module not in STORES]
    assert elsewhere == []


def test_every_statement_of_a_store_is_known_before_it_runs():
    """No statement is put together from values; what is optional is made of constants."""
    assert [module.at(call) for module in STORES for call, sql in asked(module) if sql is None] == []


@pytest.mark.parametrize("module", STORES, ids=lambda module: module.name)
async def test_every_statement_of_a_store_fits_its_database(module: Module, migrated: Databases):
    is_about_keys = module.name == "members.store.vault"
    url = await (migrated.of_vault() if is_about_keys else migrated.of_service(module.package))
    assert await misfits(module, url) == []


@pytest.mark.parametrize("module", COMMON, ids=lambda module: module.name)
async def test_every_statement_of_common_fits_the_database_of_any_service(module: Module, migrated: Databases):
    assert await misfits(module, await migrated.of_service("members")) == []


async def misfits(module: Module, url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    found = []
    for call, sql in asked(module):
        if sql is None or UTILITY.match(sql):
            continue
        try:
            await connection.prepare(sql)
        except asyncpg.PostgresError as error:
            found.append(f"{module.at(call)}: {error}")
    await connection.close()
    return found
