"""Planning, applying and showing rules."""

import asyncio
from collections.abc import Mapping, Sequence

from tidegate.alerts.model import Rule
from tidegate.alerts.rule_sets.errors import Problem, RuleFileInvalidError, RuleNotFoundError
from tidegate.alerts.rule_sets.model import (
    MAX_ASKED,
    MAX_RULES,
    MAX_SETS,
    LastAnswer,
    RulePlan,
    RuleSet,
    changes_between,
)
from tidegate.alerts.rule_sets.ports import NamedSources, NewRuleSet, RuleSetStore
from tidegate.alerts.rule_sets.reading import ReadRules, read_rule_file
from tidegate.audit import Doer
from tidegate.kernel import Clock, WorkspaceId, digest_of

__all__ = ["RuleSetService"]


class RuleSetService:
    """The rules of a workspace, for people. What counts is judged by the evaluator, within two seconds of applying."""

    def __init__(
        self, *, shipped: Sequence[Rule], store: RuleSetStore, clock: Clock, sources: NamedSources | None = None
    ) -> None:
        self._shipped: Mapping[str, Rule] = {rule.code: rule for rule in shipped}
        self._store = store
        self._clock = clock
        self._sources = sources

    async def plan(self, workspace: WorkspaceId, text: bytes) -> RulePlan:
        """Return what applying `text` would change; stores nothing.

        Raises:
            RuleFileInvalidError: something in it is wrong, or another set has one of its codes.
        """
        read = await self._read(workspace, text)
        return self._plan(read, await self._store.list_sets(workspace))

    async def apply(self, workspace: WorkspaceId, text: bytes, *, by: Doer) -> RulePlan:
        """Let the rules of `text` count instead of those of the file of the same name before it.

        Raises:
            RuleFileInvalidError: something in it is wrong; nothing changed.
            RulesChangedError: somebody else set rules at the same moment; nothing changed.
        """
        read = await self._read(workspace, text)
        sets = await self._store.list_sets(workspace)
        plan = self._plan(read, sets)
        if not plan.is_new:
            return plan
        before = next((one.digest for one in sets if one.name == read.name), None)
        deed = by.deed("rules:set", f"rules/{read.name}", before=before, after=plan.digest, version=plan.version)
        new = NewRuleSet(
            name=read.name,
            version=plan.version,
            body=read.body,
            rule_count=plan.rule_count,
            applied_at=self._clock.now(),
            applied_by=by.member or by.actor,
            changed_codes=[change.code for change in plan.changes],
            asked_codes=[rule.code for rule in read.rules if rule.prom is not None and rule.is_enabled],
        )
        await self._store.add_set(workspace, new, seen=sets, deed=deed)
        return plan

    async def list_sets(self, workspace: WorkspaceId) -> list[RuleSet]:
        return await self._store.list_sets(workspace)

    async def list_rules(self, workspace: WorkspaceId) -> list[Rule]:
        """Return all rules as they count in the workspace: those that ship, changed or not, and its own, by code."""
        found = dict(self._shipped)
        for one in await self._store.list_sets(workspace):
            found |= {rule.code: rule for rule in one.rules}
        return [found[code] for code in sorted(found)]

    async def get_rule(self, workspace: WorkspaceId, code: str) -> Rule:
        """Return one rule as it counts in the workspace.

        Raises:
            RuleNotFoundError: there is none.
        """
        for rule in await self.list_rules(workspace):
            if rule.code == code:
                return rule
        raise RuleNotFoundError(code)

    async def find_answer(self, workspace: WorkspaceId, rule: Rule) -> LastAnswer | None:
        """Return what a server of others answered last to `rule`; `None` for one that asks none."""
        return None if rule.prom is None else await self._store.find_answer(workspace, rule.code)

    def is_shipped(self, code: str) -> bool:
        return code in self._shipped

    async def _read(self, workspace: WorkspaceId, text: bytes) -> ReadRules:
        read = await asyncio.to_thread(read_rule_file, text)
        asked = {rule.code: rule.prom.source for rule in read.rules if rule.prom is not None}
        known = await self._sources.list_names(workspace) if asked and self._sources is not None else frozenset()
        problems = [
            Problem(read.lines[code], "rules.prom.source", f"there is no Prometheus source {source!r}: "
                    f"`tidegate prometheus source set {source} URL` names one.")
            for code, source in asked.items()
            if source not in known
        ]  # fmt: skip
        if problems:
            raise RuleFileInvalidError(problems)
        return read

    def _plan(self, read: ReadRules, sets: Sequence[RuleSet]) -> RulePlan:
        others = [one for one in sets if one.name != read.name]
        _refuse_conflicts(read, others)
        now = next((one for one in sets if one.name == read.name), None)
        digest = digest_of(read.body)
        is_new = digest != now.digest if now is not None else bool(read.rules)
        return RulePlan(
            name=read.name,
            version=(now.version if now else 0) + is_new,
            digest=digest,
            rule_count=len(read.rules),
            changes=tuple(changes_between(now.rules if now else (), read.rules, self._shipped)),
            is_new=is_new,
        )


def _refuse_conflicts(read: ReadRules, others: Sequence[RuleSet]) -> None:
    owner = {rule.code: one.name for one in others for rule in one.rules}
    problems = [
        Problem(read.lines[rule.code], "rules.code", f"{rule.code} stands in the set {owner[rule.code]!r} already.")
        for rule in read.rules
        if rule.code in owner
    ]
    total = len(owner) + len(read.rules)
    if total > MAX_RULES:
        problems.append(Problem(1, "rules", f"a workspace has at most {MAX_RULES:,} rules; these would be {total:,}."))
    asked = sum(rule.prom is not None for rules in (read.rules, *(one.rules for one in others)) for rule in rules)
    if asked > MAX_ASKED:
        problems.append(
            Problem(1, "rules", f"at most {MAX_ASKED} rules ask servers of others; these would be {asked}.")
        )
    if len(others) >= MAX_SETS:
        problems.append(Problem(1, "metadata.name", f"a workspace has at most {MAX_SETS} sets: put rules together."))
    if problems:
        raise RuleFileInvalidError(problems)
