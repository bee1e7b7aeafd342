"""Stands in for the migrations: uses the owner's connection once, and counts its runs."""

import asyncio
import json
import os

import asyncpg


async def main() -> None:
    told = json.loads(os.environ["TIDEGATE_CHILD"])
    connection = await asyncpg.connect(told["ownerDsn"])
    await connection.execute("create table if not exists runs (at timestamptz default now())")
    await connection.execute("grant select on runs to tidegate_serving")
    await connection.execute("insert into runs default values")
    await connection.close()


asyncio.run(main())
