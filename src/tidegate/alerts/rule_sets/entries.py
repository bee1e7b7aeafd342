"""From an entry of a rule file to a rule, or to all the reasons why it is none."""

import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from string import Formatter
from typing import Final
from urllib.parse import urlsplit

from tidegate.alerts.dimensions import dimensions_of
from tidegate.alerts.figures import MEASURES
from tidegate.alerts.model import Bound, Filter, Measure, NoData, Op, PromQuestion, Rule, Severity, Source, Unit
from tidegate.alerts.rule_sets.files import PatternFile, PromFile, RuleEntryFile
from tidegate.kernel import InvalidInputError, parse_duration
from tidegate.runbooks import find_runbook
from tidegate.signals import Family

__all__ = ["Refusal", "own_rule", "shipped_rule"]

_MIN_WINDOW: Final = timedelta(seconds=1)
_MAX_WINDOW: Final = timedelta(days=30)
_ENOUGH: Final = 20  # SIGNALS section 3: below 20 events a ratio says nothing
_RESERVED: Final = frozenset({"alertname", "severity", "family", "service", "tenant"})
_ALIASES: Final = {"ai": Family.AI_RUN}
_FIXED: Final = ("signal", "prom", "where", "group_by", "op", "zero_tolerance")
_OF_ZERO_TOLERANCE: Final = ("owner", "labels", "runbook", "summary")
_WIRE: Final = {"group_by": "groupBy", "zero_tolerance": "zeroTolerance", "min_count": "minCount"}
_OF_SIGNALS: Final = ("signal", "min_count", "confidence", "zero_tolerance")
_OWN_NAMES: Final = frozenset({"alertname", "severity", "family"})
_EVERY: Final = timedelta(seconds=30)
_MIN_EVERY: Final = timedelta(seconds=5)
_MAX_EVERY: Final = timedelta(hours=1)
_SHOWN: Final = 120  # of a query, in a sentence
ASKED: Final = Measure("prom", "count", "count", Unit.NUMBER, source=Source.PROMETHEUS)
_Path = tuple[int | str, ...]


class Refusal(Exception):  # noqa: N818 - it carries reasons to where errors are made of them
    """Why an entry is no rule."""

    def __init__(self, reasons: list[tuple[_Path, str]]) -> None:
        super().__init__(reasons)
        self.reasons = reasons


def own_rule(entry: RuleEntryFile, plans: Mapping[str, list[str]]) -> Rule:
    """Return the rule that an entry with a code of its own says.

    Raises:
        Refusal: it says none.
    """
    if entry.prom is not None:
        return _asked_rule(entry, entry.prom, plans)
    missing = [name for name in ("severity", "signal", "threshold") if getattr(entry, name) is None]
    if missing and not (missing == ["severity"] and entry.zero_tolerance):
        raise Refusal([((name,), "is missing: a rule of your own needs it.") for name in missing])
    reader = _Reader(entry, plans)
    family, measure = reader.signal()
    rule = Rule(
        code=entry.code,
        severity=Severity(entry.severity or Severity.P1),
        family=family,
        measure=measure,
        threshold=entry.threshold or 0.0,
        phrase=f"{entry.signal} is {{value}} over {{count}} events",
        runbook=entry.code,
        op=Op(entry.op or Op.ABOVE),
        min_count=1 if measure.unit is Unit.COUNT else _ENOUGH,
        group_by=("service", "tenant") if measure.source is Source.COUNTS else ("service",),
        is_zero_tolerance=bool(entry.zero_tolerance),
    )
    return reader.rule(reader.grouped(rule))


def shipped_rule(entry: RuleEntryFile, shipped: Rule, plans: Mapping[str, list[str]]) -> Rule:
    """Return a rule that ships, as an entry wants it to be different.

    Raises:
        Refusal: the entry changes what makes it that rule.
    """
    given = entry.model_fields_set - {"code"}
    fixed = [name for name in _FIXED if name in given]
    if fixed:
        why = "belongs to the rule that ships and stays as it is: give a rule of your own another code."
        raise Refusal([((_WIRE.get(name, name),), why) for name in fixed])
    if shipped.is_zero_tolerance and not given <= {*_OF_ZERO_TOLERANCE}:
        raise Refusal(
            [(("code",), f"{entry.code} tolerates nothing: only {', '.join(_OF_ZERO_TOLERANCE)} can differ.")]
        )
    return _Reader(entry, plans).rule(shipped)


def _asked_rule(entry: RuleEntryFile, prom: PromFile, plans: Mapping[str, list[str]]) -> Rule:
    """Return the rule of an entry that asks a server of others."""
    missing = [name for name in ("severity", "threshold") if getattr(entry, name) is None]
    unfit = [name for name in _OF_SIGNALS if getattr(entry, name) is not None]
    if missing or unfit:
        reasons: list[tuple[_Path, str]] = [((name,), "is missing: a rule of your own needs it.") for name in missing]
        raise Refusal(
            reasons
            + [
                ((_WIRE.get(name, name),), "belongs to rules about signals: leave it out beside `prom`.")
                for name in unfit
            ]
        )
    reader = _Reader(entry, plans)
    shown = prom.query if len(prom.query) <= _SHOWN else prom.query[:_SHOWN] + "…"
    rule = Rule(
        code=entry.code,
        severity=Severity(entry.severity or Severity.P1),
        family=Family.RUNTIME,
        measure=ASKED,
        threshold=entry.threshold or 0.0,
        phrase=f"{' '.join(shown.split())} is ".replace("{", "{{").replace("}", "}}") + "{value}",
        runbook=entry.code,
        op=Op(entry.op or Op.ABOVE),
        group_by=("service",),
        prom=PromQuestion(prom.source, prom.query, reader.cadence(prom.every)),
    )
    return reader.rule(reader.asked_grouped(rule))


class _Reader:
    """One entry, and what is wrong with it so far."""

    def __init__(self, entry: RuleEntryFile, plans: Mapping[str, list[str]]) -> None:
        self._entry = entry
        self._plans = plans
        self._reasons: list[tuple[_Path, str]] = []

    def signal(self) -> tuple[Family, Measure]:
        named, _, figure = (self._entry.signal or "").partition(".")
        family = _ALIASES.get(named) or next((one for one in Family if one.value == named), None)
        if family is None:
            known = ", ".join(one.value for one in Family)
            raise Refusal([(("signal",), f"there is no family {named!r}. There are: {known}.")])
        measure = MEASURES[family].get(figure)
        if measure is None:
            known = ", ".join(MEASURES[family])
            raise Refusal([(("signal",), f"{family.value} has no figure {figure!r}. It has: {known}.")])
        return family, measure

    def rule(self, rule: Rule) -> Rule:
        """Return `rule` with all that the entry says of bounds, times and people."""
        entry = self._entry
        rule = replace(
            rule,
            severity=Severity(entry.severity) if entry.severity else rule.severity,
            window=self._duration("window", entry.window, rule.window, least=_MIN_WINDOW),
            lasting=self._duration("for", entry.for_, rule.lasting),
            keep_firing=self._duration("keepFiringFor", entry.keep_firing_for, rule.keep_firing),
            threshold=self._bound(("threshold",), entry.threshold, rule),
            min_count=entry.min_count or rule.min_count,
            confidence=entry.confidence or rule.confidence,
            no_data=NoData(entry.no_data) if entry.no_data else rule.no_data,
            owner=entry.owner or rule.owner,
            labels=self._labels(rule),
            phrase=self._phrase(rule.phrase),
            runbook=self._runbook(entry.runbook or rule.runbook),
            is_enabled=rule.is_enabled if entry.enabled is None else entry.enabled,
            is_damped=rule.is_damped if entry.flap_damping is None else entry.flap_damping,
            judges_all_tenants=rule.judges_all_tenants if entry.all_tenants is None else entry.all_tenants,
        )
        clear = self._clear(("clear",), entry.clear, rule, rule.threshold)
        if clear is not None or entry.threshold is not None:
            rule = replace(rule, clear=clear)  # a clear bound of another threshold means nothing
        rule = replace(rule, tenants=self._tenants(rule) if entry.thresholds is not None else rule.tenants)
        if rule.confidence is not None and rule.measure.unit is not Unit.RATE:
            self._refuse("confidence", f"{rule.measure.figure} is no rate: there is no such bound of it.")
        if not rule.judges_all_tenants and "tenant" not in rule.group_by:
            self._refuse("allTenants", "there is nothing but all tenants together: group by `tenant`.")
        if rule.is_zero_tolerance:
            self._check_zero_tolerance(rule)
        if self._reasons:
            raise Refusal(self._reasons)
        return rule

    def grouped(self, rule: Rule) -> Rule:
        """Return `rule` with its dimensions and filters."""
        known = dimensions_of(rule.family, rule.measure.source)
        group_by = tuple(self._entry.group_by or rule.group_by)
        for name in group_by:
            if name not in known:
                self._refuse("groupBy", self._unknown(rule, name, known))
        if len(set(group_by)) != len(group_by):
            self._refuse("groupBy", "a dimension stands twice.")
        where = []
        for name, wanted in (self._entry.where or {}).items():
            if name not in known:
                self._reasons.append((("where", name), self._unknown(rule, name, known)))
            else:
                where.append(self._filter(name, wanted))
        has_one = any(one.dimension == "service" and len(one.values) == 1 for one in where)
        if "service" not in group_by and not has_one:
            self._refuse("groupBy", "an alert is about one service: group by `service`, or name one in `where`.")
        rule = replace(rule, group_by=group_by, where=tuple(sorted(where, key=lambda one: one.dimension)))
        if not rule.measure.adds_up and "meter" not in {*group_by, *(one.dimension for one in where)}:
            self._refuse(
                "groupBy", "amounts of several meters do not add up: group by `meter`, or name one in `where`."
            )
        return rule

    def cadence(self, text: str | None) -> timedelta:
        found = self._duration("prom.every", text, _EVERY)
        if not _MIN_EVERY <= found <= _MAX_EVERY:
            self._refuse("prom.every", f"{text} is out of reach: 5s to 1h.")
        return found

    def asked_grouped(self, rule: Rule) -> Rule:
        """Return `rule` with the labels that it tells apart; `where` can name the service that alerts are about."""
        group_by = tuple(self._entry.group_by or rule.group_by)
        if len(set(group_by)) != len(group_by) or not _OWN_NAMES.isdisjoint(group_by):
            self._refuse(
                "groupBy", f"a label stands twice, or is one that every alert has: {', '.join(sorted(_OWN_NAMES))}."
            )
        where = self._entry.where or {}
        service = where.get("service")
        if where and not (len(where) == 1 and isinstance(service, str) and service):
            self._refuse("where", "beside `prom` it can only name one service: the query says what else counts.")
        if not where and "service" not in group_by:
            self._refuse("groupBy", "an alert is about one service: group by `service`, or name one in `where`.")
        filters = (Filter("service", (service,)),) if isinstance(service, str) else ()
        return replace(rule, group_by=group_by, where=filters)

    def _filter(self, name: str, wanted: object) -> Filter:
        if isinstance(wanted, PatternFile):
            self._check_pattern(name, wanted.matches)
            return Filter(name, (), wanted.matches)
        values = (wanted,) if isinstance(wanted, str) else tuple(wanted) if isinstance(wanted, list) else ()
        return Filter(name, tuple(dict.fromkeys(values)))

    def _check_pattern(self, name: str, pattern: str) -> None:
        import re2

        options = re2.Options()
        options.max_mem = 1 << 20  # a pattern of 200 characters that counts to 1000 takes more
        options.log_errors = False
        try:
            re2.compile(pattern, options)
        except re2.error as error:
            self._reasons.append((("where", name, "matches"), f"this is no pattern of RE2, or too large: {error}."))

    def _unknown(self, rule: Rule, name: str, known: tuple[str, ...]) -> str:
        why = ""
        if name == "tenant" and rule.measure.source is Source.DURATIONS:
            why = " Durations are kept without tenants."
        return f"{rule.family.value}.{rule.measure.figure} knows no {name!r}.{why} It knows: {', '.join(known)}."

    def _duration(
        self, field: str, text: str | None, default: timedelta, *, least: timedelta = timedelta()
    ) -> timedelta:
        if text is None:
            return default
        if set(text) <= set("0msdh"):
            found = timedelta()
        else:
            try:
                found = parse_duration(text, field=field)
            except InvalidInputError as error:
                self._refuse(field, error.message)
                return default
        if found > _MAX_WINDOW or found < least or found.microseconds:
            self._refuse(field, f"{text} is out of reach: whole seconds, {'1s' if least else '0s'} to 30d.")
            return default
        return found

    def _bound(self, path: _Path, value: float | None, rule: Rule) -> float:
        if value is None:
            return rule.threshold
        unit = rule.measure.unit
        if unit is Unit.NUMBER:
            return value  # the file takes no other than finite ones
        if unit in {Unit.RATE, Unit.SCORE} and not 0 <= value <= 1:
            self._reasons.append((path, f"{value:g} is no bound of {rule.measure.figure}: it lies between 0 and 1."))
        elif value < 0 or not math.isfinite(value):
            self._reasons.append((path, f"{value:g} is no bound: it must be at least 0."))
        elif unit is Unit.COUNT and value != int(value):
            self._reasons.append((path, f"{rule.measure.figure} counts: {value:g} must be a whole number."))
        return value

    def _clear(self, path: _Path, value: float | None, rule: Rule, threshold: float) -> float | None:
        if value is None:
            return None
        found = self._bound(path, value, rule)
        if (found > threshold) if rule.op is Op.ABOVE else (found < threshold):
            side = "above" if rule.op is Op.ABOVE else "below"
            self._reasons.append(
                (path, f"{found:g} lies {side} the threshold {threshold:g}: it would never fire calmly.")
            )
        return found

    def _tenants(self, rule: Rule) -> tuple[tuple[str, Bound], ...]:
        found: dict[str, Bound] = {}
        if self._entry.thresholds and "tenant" not in rule.group_by:
            self._refuse("thresholds", "bounds of tenants need `tenant` in `groupBy`.")
        for number, own in enumerate(self._entry.thresholds or ()):
            place: _Path = ("thresholds", number)
            if (own.tenant is None) == (own.plan is None):
                self._reasons.append((place, "name either a `tenant` or a `plan`."))
                continue
            if own.plan is not None and own.plan not in self._plans:
                known = ", ".join(sorted(self._plans)) or "none"
                self._reasons.append(
                    ((*place, "plan"), f"there is no plan {own.plan!r} in `plans`. There are: {known}.")
                )
                continue
            threshold = self._bound((*place, "threshold"), own.threshold, rule)
            clear = self._clear((*place, "clear"), own.clear, rule, threshold)
            bound = Bound(threshold, clear, Severity(own.severity) if own.severity else None)
            for tenant in [own.tenant] if own.tenant is not None else self._plans[own.plan or ""]:
                if tenant in found:
                    self._reasons.append((place, f"{tenant} has a bound already."))
                found[tenant] = bound
        return tuple(sorted(found.items()))

    def _labels(self, rule: Rule) -> tuple[tuple[str, str], ...]:
        if self._entry.labels is None:
            return rule.labels
        for name in self._entry.labels:
            if name in _RESERVED or name in rule.group_by:
                self._reasons.append((("labels", name), "every alert has this label already: take another name."))
        return tuple(sorted(self._entry.labels.items()))

    def _phrase(self, default: str) -> str:
        if self._entry.summary is None:
            return default
        try:
            parts = list(Formatter().parse(self._entry.summary))
        except ValueError as error:
            self._refuse("summary", f"this cannot be read: {error}.")
            return default
        if any(name is not None and (name not in {"value", "count"} or spec or kind) for _, name, spec, kind in parts):
            self._refuse("summary", "only {value} and {count} can stand in braces; a brace itself is written {{ or }}.")
            return default
        return self._entry.summary

    def _runbook(self, runbook: str) -> str:
        if find_runbook(runbook) is not None:
            return runbook
        try:
            address = urlsplit(runbook)
            is_link = address.scheme == "https" and bool(address.hostname) and address.username is None
        except ValueError:
            is_link = False
        if not is_link or any(letter <= " " for letter in runbook):
            self._refuse(
                "runbook",
                f"{runbook!r} does not resolve: name a page of `tidegate runbook list`, or an https address.",
            )
        return runbook

    def _check_zero_tolerance(self, rule: Rule) -> None:
        if rule.severity is not Severity.P1:
            self._refuse("severity", "what tolerates nothing is P1.")
        if rule.lasting or rule.min_count > 1 or rule.confidence is not None:
            self._refuse("zeroTolerance", "one event is enough: leave out `for`, `minCount` and `confidence`.")
        if rule.measure.unit is not Unit.COUNT or rule.threshold != 1 or rule.op is not Op.ABOVE:
            self._refuse("zeroTolerance", "it needs a count as its signal, `op: above` and the threshold 1.")

    def _refuse(self, field: str, message: str) -> None:
        self._reasons.append((tuple(field.split(".")), message))
