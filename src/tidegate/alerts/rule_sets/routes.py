"""Rules over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from tidegate.alerts.rule_sets.files import MAX_FILE_BYTES
from tidegate.alerts.rule_sets.schemas import RuleDetailOut, RuleOut, RulePlanOut, RuleSetOut, RulesOut
from tidegate.alerts.rule_sets.service import RuleSetService
from tidegate.audit.doing import Writing
from tidegate.edge.bodies import JSON, YAML, read_body
from tidegate.edge.caller import CurrentWorkspace, WritableWorkspace
from tidegate.edge.providers import provide

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/rules", tags=["rules"])
Rules = Annotated[RuleSetService, provide(RuleSetService)]
_RULE_FILE: dict[str, Any] = {"requestBody": {"content": {"application/yaml": {}, "application/json": {}}}}


@router.get("")
async def list_rules(workspace: CurrentWorkspace, rules: Rules) -> RulesOut:
    """List all rules as they count in the workspace, those that ship included, and the sets that were applied."""
    found = await rules.list_rules(workspace)
    return RulesOut(
        items=tuple(RuleOut.of(rule, ships=rules.is_shipped(rule.code)) for rule in found),
        sets=tuple(RuleSetOut.of(one) for one in await rules.list_sets(workspace)),
    )


@router.post("/plan", openapi_extra=_RULE_FILE)
async def plan_rules(request: Request, workspace: CurrentWorkspace, rules: Rules) -> RulePlanOut:
    """Say what applying a rule file, YAML or JSON, would change; stores nothing."""
    return RulePlanOut.of(await rules.plan(workspace, await _rule_file(request)))


@router.post("/apply", openapi_extra=_RULE_FILE)
async def apply_rules(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, response: Response, workspace: WritableWorkspace, rules: Rules, by: Writing
) -> RulePlanOut:
    """Let the rules of a file count instead of those of the same name before: 201; 200 when they count already."""
    plan = await rules.apply(workspace, await _rule_file(request), by=by)
    response.status_code = 201 if plan.is_new else 200
    return RulePlanOut.of(plan)


@router.get("/{code}")
async def get_rule(
    code: str, workspace: CurrentWorkspace, rules: Rules, tenant: Annotated[str | None, Query(max_length=512)] = None
) -> RuleDetailOut:
    """Show one rule as it counts in the workspace, and say in sentences when it fires and resolves."""
    rule = await rules.get_rule(workspace, code)
    last = await rules.find_answer(workspace, rule)
    return RuleDetailOut.of(rule, ships=rules.is_shipped(code), tenant=tenant, last=last)


async def _rule_file(request: Request) -> bytes:
    return await read_body(request, JSON + YAML, limit_bytes=MAX_FILE_BYTES)
