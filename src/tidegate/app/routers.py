"""The routers of every slice, in the order in which they are asked."""

from tidegate.alerts.alertmanager.routes import router as alertmanager_routes
from tidegate.alerts.backtest.routes import router as backtest_routes
from tidegate.alerts.forwarding.routes import router as forwarding_routes
from tidegate.alerts.incidents.pages import router as incident_pages
from tidegate.alerts.incidents.routes import router as incident_routes
from tidegate.alerts.oncall.pages import router as schedule_pages
from tidegate.alerts.oncall.routes import router as schedule_routes
from tidegate.alerts.pages import router as alert_pages
from tidegate.alerts.paging.pages import router as paging_pages
from tidegate.alerts.paging.routes import router as paging_routes
from tidegate.alerts.prometheus.routes import router as prometheus_alert_routes
from tidegate.alerts.routes import router as alert_routes
from tidegate.alerts.rule_sets.routes import router as rule_routes
from tidegate.app import health
from tidegate.audit.pages import router as audit_pages
from tidegate.audit.routes import router as audit_routes
from tidegate.deliveries.pages import router as channel_pages
from tidegate.deliveries.routes import router as delivery_routes
from tidegate.edge.live import router as live_routes
from tidegate.edge.mcp import router as tool_door
from tidegate.edge.pages import router as appearance_pages
from tidegate.edge.static import router as static_routes
from tidegate.evidence.keys.routes import router as evidence_key_routes
from tidegate.evidence.records.pages import router as evidence_pages
from tidegate.evidence.records.routes import router as evidence_record_routes
from tidegate.evidence.routes import router as evidence_routes
from tidegate.gates.pages import router as gate_pages
from tidegate.gates.routes import router as gate_routes
from tidegate.gates.waivers.pages import router as waiver_pages
from tidegate.gates.waivers.routes import router as waiver_routes
from tidegate.identity.account_pages import router as account_pages
from tidegate.identity.member_pages import router as member_pages
from tidegate.identity.members.routes import router as member_routes
from tidegate.identity.pages import router as identity_pages
from tidegate.identity.passkey_pages import router as passkey_pages
from tidegate.identity.passkeys.routes import router as passkey_routes
from tidegate.identity.prove_pages import router as prove_pages
from tidegate.identity.providers.pages import router as provider_pages
from tidegate.identity.providers.routes import router as provider_routes
from tidegate.identity.quotas.routes import router as quota_routes
from tidegate.identity.scim.routes import mapping as provisioning_routes
from tidegate.identity.scim.routes import scim as scim_routes
from tidegate.identity.sessions.routes import router as session_routes
from tidegate.identity.token_pages import router as token_pages
from tidegate.identity.tokens.routes import router as token_routes
from tidegate.identity.workspaces.routes import router as workspace_routes
from tidegate.isolation.routes import router as isolation_routes
from tidegate.prom_sources.routes import router as prom_source_routes
from tidegate.releases.routes import router as release_routes
from tidegate.runbooks.pages import router as runbook_pages
from tidegate.runbooks.routes import router as runbook_routes
from tidegate.signals.ai_runs.pages import router as run_pages
from tidegate.signals.ai_runs.routes import router as run_routes
from tidegate.signals.explore.pages import router as signal_pages
from tidegate.signals.explore.routes import router as explore_routes
from tidegate.signals.prices.routes import router as price_routes
from tidegate.signals.prometheus.routes import router as prometheus_routes
from tidegate.signals.quality.routes import router as evaluation_routes
from tidegate.signals.repricing.routes import router as recount_routes
from tidegate.signals.routes import router as signal_routes
from tidegate.signals.tenants.pages import router as tenant_pages
from tidegate.signals.tenants.routes import router as tenant_routes
from tidegate.slos.pages import router as objective_pages
from tidegate.slos.routes import router as objective_routes
from tidegate.telemetry.erasures.routes import router as erasure_routes
from tidegate.telemetry.logs.pages import router as log_pages
from tidegate.telemetry.logs.routes import router as log_routes
from tidegate.telemetry.traces.pages import router as trace_pages
from tidegate.telemetry.traces.routes import router as trace_routes

__all__ = ["ROUTERS"]

ROUTERS = (
    health.router,
    static_routes,
    appearance_pages,
    identity_pages,
    audit_routes,
    audit_pages,
    account_pages,
    passkey_pages,
    prove_pages,
    member_pages,
    provider_pages,
    provider_routes,
    provisioning_routes,
    scim_routes,
    token_pages,
    workspace_routes,
    member_routes,
    token_routes,
    quota_routes,
    session_routes,
    passkey_routes,
    live_routes,
    tool_door,
    signal_routes,
    trace_routes,
    erasure_routes,
    trace_pages,
    run_routes,
    run_pages,
    price_routes,
    evaluation_routes,
    recount_routes,
    explore_routes,
    signal_pages,
    tenant_routes,
    tenant_pages,
    prometheus_routes,
    prometheus_alert_routes,
    objective_routes,
    objective_pages,
    alert_routes,
    backtest_routes,
    rule_routes,
    alert_pages,
    paging_routes,
    schedule_routes,
    forwarding_routes,
    prom_source_routes,
    schedule_pages,
    alertmanager_routes,
    paging_pages,
    incident_routes,
    incident_pages,
    delivery_routes,
    channel_pages,
    runbook_routes,
    runbook_pages,
    release_routes,
    isolation_routes,
    evidence_routes,
    evidence_record_routes,
    evidence_key_routes,
    evidence_pages,
    gate_routes,
    waiver_routes,
    waiver_pages,
    gate_pages,
    log_routes,
    log_pages,
)
