"""Which level a SARIF result has that names none: the invocation's override, else its rule's (3.27.10). Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text

__all__ = ["RuleLevels"]

_DRIVER = -1
_Rules = list[tuple[str | None, str | None]]


class RuleLevels:
    """The rules of one run's tool, by component and place."""

    def __init__(self, tool: Mapping[str, Any], invocations: Sequence[Mapping[str, Any]], where: str) -> None:
        self._rules = {_DRIVER: _rules_of(as_mapping(tool.get("driver"), where), f"{where}.tool.driver")}
        for number, extension in enumerate(as_list(tool.get("extensions"), f"{where}.tool.extensions")):
            place = f"{where}.tool.extensions.{number}"
            self._rules[number] = _rules_of(as_mapping(extension, place), place)
        self._by_id = {
            rule: level for rules in reversed(self._rules.values()) for rule, level in reversed(rules) if rule
        }
        self._overrides: dict[str, str] = {}
        for invocation in invocations:
            self._add_overrides(invocation, f"{where}.invocations")

    def find(self, result: Mapping[str, Any], where: str) -> tuple[str | None, str]:
        """Return the id of the result's rule and the level of a result of it that names none."""
        reference = as_mapping(result.get("rule"), f"{where}.rule")
        rule = as_text(result.get("ruleId") or reference.get("id"), f"{where}.ruleId", length=200)
        index = result.get("ruleIndex") if result.get("ruleIndex") is not None else reference.get("index")
        level: str | None = None
        if index is not None and index != -1:  # -1 is the specification's own word for none
            rules = self._rules.get(_component(reference, where), [])
            number = as_count(index, f"{where}.ruleIndex") or 0
            if number < len(rules):
                found, level = rules[number]
                rule = rule or found
        if level is None and rule is not None:
            # A hierarchical id (CA1000/1) is of the rule CA1000.
            level = self._by_id.get(rule) or self._by_id.get(rule.rpartition("/")[0])
        return rule, self._overrides.get(rule or "") or level or "warning"

    def _add_overrides(self, invocation: Mapping[str, Any], where: str) -> None:
        found = as_list(invocation.get("ruleConfigurationOverrides"), f"{where}.ruleConfigurationOverrides")
        for number, override in enumerate(found):
            place = f"{where}.ruleConfigurationOverrides.{number}"
            said = as_mapping(override, place)
            descriptor = as_mapping(said.get("descriptor"), f"{place}.descriptor")
            level = as_text(as_mapping(said.get("configuration"), place).get("level"), f"{place}.level", length=40)
            rule, _ = self.find({"rule": descriptor}, place)
            # Of several invocations the one that asks for more counts: which of them found a result is seldom said.
            if rule and level and _rank(level) >= _rank(self._overrides.get(rule)):
                self._overrides[rule] = level


def _rules_of(component: Mapping[str, Any], where: str) -> _Rules:
    rules = []
    for number, rule in enumerate(as_list(component.get("rules"), f"{where}.rules")):
        place = f"{where}.rules.{number}"
        said = as_mapping(rule, place)
        default = as_mapping(said.get("defaultConfiguration"), f"{place}.defaultConfiguration")
        rules.append(
            (as_text(said.get("id"), f"{place}.id", length=200), as_text(default.get("level"), place, length=40))
        )
    return rules


def _component(reference: Mapping[str, Any], where: str) -> int:
    index = as_mapping(reference.get("toolComponent"), f"{where}.rule.toolComponent").get("index")
    return _DRIVER if index is None or index == -1 else as_count(index, f"{where}.rule.toolComponent.index") or 0


def _rank(level: str | None) -> int:
    return {"none": 0, "note": 1, "warning": 2, "error": 3}.get(level or "", -1 if level is None else 3)
