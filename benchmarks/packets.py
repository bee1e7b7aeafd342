"""A packet of 1,000 pieces of evidence, built over a real store and verified offline: `python -m benchmarks.packets`.

Each piece is a report of tests, which brings a statement of its own: what takes the longest to read and to sign.
"""

import argparse
import asyncio
import random
import time

import asyncpg
from tests.api.packets.conftest import Keys
from tests.conftest import migrated_state
from tests.doing import BY, trail_of
from tests.unit.packets.worlds import COMMIT, World

from benchmarks.harness import Figure, Report, Watch, at_most, fresh_folder, quieten
from tidegate.evidence import EvidenceBook, EvidenceService, PostgresCiReportStore
from tidegate.evidence.model import CiSubject, SentReport
from tidegate.gates import CheckKind, GateReader, GateService, PostgresGateStore, RecordedDecisions, RegressionSource
from tidegate.gates.catalogues import BuiltInRunbooks, LoadedRules
from tidegate.isolation import IsolationService, PostgresAuthzRunStore
from tidegate.kernel import DecisionId, GateId, RandomIds, SystemClock, WorkspaceId
from tidegate.packets import PacketService, RecordedReleases, StoredEvidence
from tidegate.packets.replaying import replay, verdict_bytes
from tidegate.packets.verifier import PacketWrongError, read_key, verify_packet
from tidegate.releases import PostgresReleaseStore, ReleaseService, ReleasesService
from tidegate.storage import Database

BAR_S = 1.0
_EVIDENCE = 1_000
_ROUNDS = 5
_AT_ONCE = 8
_WORKSPACE = WorkspaceId("bench")
_GATE = GateId("units")
_GATE_FILE = f"""
{{apiVersion: tidegate/v1, kind: Gate, id: {_GATE}, title: Units, owner: qa, checks: [
  {{id: units, title: Units, kind: regression, source: ci, owner: qa}}]}}
"""


async def _decide(database: Database, count: int) -> tuple[PacketService, DecisionId, Keys]:
    """Send reports of `count` suites and decide on them; return what builds the packet of it."""
    clock, ids, trail = SystemClock(), RandomIds(), trail_of(database)
    releases = ReleasesService(store=PostgresReleaseStore(database, trail), ids=ids, clock=clock)
    reports = EvidenceService(store=PostgresCiReportStore(database, trail), ids=ids, clock=clock)
    runs = IsolationService(store=PostgresAuthzRunStore(database, trail), clock=clock)
    gates = GateService(
        store=PostgresGateStore(database, trail),
        sources={CheckKind.REGRESSION: RegressionSource(isolation=runs, evidence=reports)},
        releases=releases,
        reader=GateReader(alerts=LoadedRules(()), runbooks=BuiltInRunbooks()),
        ids=ids,
        clock=clock,
    )
    await releases.create(_WORKSPACE, "2026.11.0", [ReleaseService("harbor", "1.4.2", COMMIT)], by=BY)
    turns = asyncio.Semaphore(_AT_ONCE)

    async def send(number: int) -> None:
        cases = "".join(f"<testcase classname='suite{number}' name='case{case}'/>" for case in range(20))
        report = SentReport(f"<testsuite>{cases}</testsuite>".encode())
        async with turns:
            await reports.receive(_WORKSPACE, CiSubject(f"suite{number}", COMMIT, "harbor"), report, by=BY)

    await asyncio.gather(*map(send, range(count)))
    await gates.apply(_WORKSPACE, _GATE_FILE, by=BY)
    decision = await gates.evaluate(_WORKSPACE, _GATE, by=BY)
    keys = Keys()
    evidence = StoredEvidence(book=EvidenceBook.__new__(EvidenceBook), reports=reports, runs=runs)
    packets = PacketService(
        records=RecordedDecisions(database), releases=RecordedReleases(releases), evidence=evidence, keys=keys
    )
    return packets, decision.id, keys


async def measure(count: int, mutations: int) -> list[Figure]:
    with fresh_folder() as folder:
        async with migrated_state(folder) as dsns:
            owner = await asyncpg.connect(dsns.owner)
            await owner.execute("INSERT INTO workspaces (id, name, created_at) VALUES ($1, $1, now())", _WORKSPACE)
            database = await Database.connect(dsns.serving)
            try:
                packets, decision, keys = await _decide(database, count)
                walls, cpus, contents = [], [], set()
                for _ in range(_ROUNDS):
                    wall, cpu = time.perf_counter(), time.process_time()
                    packet = await packets.build(_WORKSPACE, _GATE, decision)
                    walls.append(time.perf_counter() - wall)
                    cpus.append(time.process_time() - cpu)
                    contents.add(packet.content)
            finally:
                await database.close()
                await owner.close()
    known = [read_key(key.public.pem.encode()) for key in keys.current()]
    wall, cpu = time.perf_counter(), time.process_time()
    proven = verify_packet(packet.content, known)
    verified = time.perf_counter() - wall, time.process_time() - cpu
    is_replayed = replay(proven.predicate) == verdict_bytes(proven.predicate["decision"])
    refused, mutated_s = _mutate(mutations)
    return [
        at_most(f"packet of {count:,} reports built over the store, slowest of {_ROUNDS}", max(walls), BAR_S, unit="s"),
        Figure("the same, CPU of this process", f"{max(cpus):.2f} s"),
        at_most("verified offline", verified[0], BAR_S, unit="s", digits=3),
        Figure("the same, CPU", f"{verified[1]:.3f} s"),
        Figure("lines, bytes", f"{packet.content.count(10):,}, {len(packet.content):,}"),
        Figure("rebuilt to the same bytes", "yes" if len(contents) == 1 else "no", "yes", len(contents) == 1),
        Figure("replayed to the same verdict", "yes" if is_replayed else "no", "yes", is_replayed),
        Figure("changed bytes refused", f"{refused:,} of {mutations:,}", "all", refused == mutations),
        Figure("the same, CPU", f"{mutated_s:.1f} s"),
    ]


def _mutate(count: int) -> tuple[int, float]:
    world = World()
    content, keys, draw = world.packet(), world.publics, random.Random(20261122)
    refused, started = 0, time.process_time()
    for _ in range(count):
        at = draw.randrange(len(content))
        try:
            verify_packet(content[:at] + bytes([content[at] ^ draw.randrange(1, 256)]) + content[at + 1 :], keys)
        except PacketWrongError:
            refused += 1
    return refused, time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evidence", type=int, default=_EVIDENCE)
    parser.add_argument("--mutations", type=int, default=10_000)
    options = parser.parse_args()
    quieten()
    watch = Watch()
    figures = asyncio.run(measure(options.evidence, options.mutations))
    Report("packets", figures, watch.stop().others_cores).show()


if __name__ == "__main__":
    main()
