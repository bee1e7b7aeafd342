"""One small right document of each format, each written for the tests."""

import json
from typing import Any, Final

DART: Final = b"""\
{"protocolVersion":"0.1.1","type":"start","time":0}
{"suite":{"id":0,"path":"test/a_test.dart"},"type":"suite"}
{"test":{"id":1,"name":"loading","suiteID":0,"groupIDs":[]},"type":"testStart"}
{"testID":1,"result":"success","skipped":false,"hidden":true,"type":"testDone"}
{"test":{"id":2,"name":"adds","suiteID":0,"line":7,"url":"file:///w/test/a_test.dart"},"type":"testStart"}
{"testID":2,"error":"Expected: 2","type":"error"}
{"testID":2,"result":"failure","skipped":false,"hidden":false,"type":"testDone"}
{"success":false,"type":"done"}
"""
GO: Final = b"""\
{"Action":"start","Package":"shop"}
{"Action":"run","Package":"shop","Test":"TestA"}
{"Action":"output","Package":"shop","Test":"TestA","Output":"=== RUN   TestA\\n"}
{"Action":"output","Package":"shop","Test":"TestA","Output":"    a_test.go:11: boom\\n"}
{"Action":"fail","Package":"shop","Test":"TestA","Elapsed":0.1}
{"Action":"run","Package":"shop","Test":"TestB"}
{"Action":"skip","Package":"shop","Test":"TestB","Elapsed":0}
{"Action":"fail","Package":"shop","Elapsed":0.2}
"""
MOCHA: Final[dict[str, Any]] = {
    "stats": {"tests": 2, "passes": 1, "failures": 1, "pending": 0},
    "tests": [
        {"fullTitle": "a", "file": "a.js", "err": {}},
        {"fullTitle": "b", "file": "b.js", "err": {"message": "boom"}},
    ],
    "passes": [{"fullTitle": "a", "file": "a.js"}],
    "failures": [{"fullTitle": "b", "file": "b.js", "err": {"message": "boom"}}],
    "pending": [],
}
RSPEC: Final[dict[str, Any]] = {
    "examples": [
        {"full_description": "a", "status": "passed"},
        {"full_description": "b", "status": "failed", "file_path": "./b.rb", "line_number": 3,
         "exception": {"message": "boom"}},
    ],
    "summary": {"example_count": 2, "failure_count": 1, "errors_outside_of_examples_count": 0},
}  # fmt: skip
NUNIT: Final = b"""<test-run total="2" failed="1"><test-suite result="Failed" site="Child">
<test-case fullname="N.A" result="Passed"/>
<test-case fullname="N.B" result="Failed"><failure><message>boom</message></failure></test-case>
</test-suite></test-run>"""
TRX: Final = b"""<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
<UnitTestResult testId="1" testName="N.A" outcome="Passed"/>
<UnitTestResult testId="2" testName="N.B" outcome="Failed"><Output><ErrorInfo>
<Message>boom</Message></ErrorInfo></Output></UnitTestResult>
</Results><ResultSummary outcome="Failed"><Counters total="2" failed="1"/></ResultSummary></TestRun>"""
JUNIT: Final = b"""<testsuite><testcase name="a"/>
<testcase name="b" file="b.py" line="4"><failure message="boom"/></testcase></testsuite>"""
SARIF: Final[dict[str, Any]] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {"name": "scanner", "rules": [{"id": "R1", "defaultConfiguration": {"level": "error"}}]}
            },
            "invocations": [{"executionSuccessful": True}],
            "results": [{"ruleId": "R1", "ruleIndex": 0, "message": {"text": "bad"}}],
        }
    ],
}
BOM: Final[dict[str, Any]] = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"type": "library", "name": "a", "components": [{"type": "library", "name": "b"}]}],
    "vulnerabilities": [{"id": "CVE-1", "ratings": [{"severity": "high"}], "analysis": {"state": "in_triage"}}],
}
K6_EXPORT: Final[dict[str, Any]] = {
    "root_group": {},
    "metrics": {
        "http_reqs": {"count": 200, "rate": 20.0},
        "http_req_failed": {"passes": 4, "fails": 196, "value": 0.02, "thresholds": {"rate<0.01": True}},
        "http_req_duration": {"med": 80.0, "p(95)": 210.5, "max": 400.0, "thresholds": {"p(95)<300": False}},
    },
}
K6_SUMMARY: Final[dict[str, Any]] = {
    "state": {"testRunDurationMs": 10_000.0},
    "metrics": {
        "http_reqs": {"type": "counter", "values": {"count": 200, "rate": 20.0}},
        "http_req_failed": {"type": "rate", "values": {"passes": 4, "fails": 196, "rate": 0.02},
                            "thresholds": {"rate<0.01": {"ok": False}}},
        "http_req_duration": {"type": "trend", "values": {"med": 80.0, "p(95)": 210.5, "p(99)": 300.0, "max": 400.0},
                              "thresholds": {"p(95)<300": {"ok": True}}},
    },
}  # fmt: skip
K6_MACHINE: Final[dict[str, Any]] = {
    "version": "1.0.0",
    "config": {"duration": 10.0, "execution": "local", "script": "a.js"},
    "metadata": {"k6Version": "1.5.0", "generatedAt": "2026-01-01T00:00:00Z"},
    "results": {
        "checks": {},
        "metrics": [
            {"name": "http_reqs", "type": "counter", "contains": "default", "values": {"count": 200}},
            {"name": "http_req_failed", "type": "rate", "values": {"matches": 4, "total": 200, "rate": 0.02}},
            {"name": "http_req_duration", "type": "trend", "values": {"med": 80.0, "p(95)": 210.5, "max": 400.0}},
        ],
    },
}
LOCUST_CSV: Final = b"""\
Type,Name,Request Count,Failure Count,Median Response Time,Max Response Time,Requests/s,50%,95%,99%
GET,/a,100,1,50,300,10.0,50,120,200
GET,/b,100,3,60,400,10.0,60,140,300
,Aggregated,200,4,55,400,20.0,55,130,290
"""
LOCUST_JSON: Final[list[dict[str, Any]]] = [
    {"name": "/a", "method": "GET", "num_requests": 90, "num_failures": 1, "max_response_time": 99.5, "start_time": 0.0,
     "last_request_timestamp": 10.0, "response_times": {"50": 89, "100.0": 1}},
    {"name": "/b", "method": "GET", "num_requests": 10, "num_failures": 0, "max_response_time": 210.0,
     "start_time": 0.0, "last_request_timestamp": 9.0, "response_times": {"200.0": 10}},
]  # fmt: skip
PROTECTION: Final[dict[str, Any]] = {
    "url": "https://api.github.com/repos/acme/shop/branches/release%2F1/protection",
    "required_status_checks": {"strict": True, "contexts": ["ci"], "checks": [{"context": "ci"}, {"context": "lint"}]},
    "required_pull_request_reviews": {"required_approving_review_count": 2, "dismiss_stale_reviews": True},
    "enforce_admins": {"enabled": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}
RULES: Final[list[dict[str, Any]]] = [
    {"type": "pull_request", "ruleset_id": 1, "ruleset_source_type": "Repository", "ruleset_source": "acme/shop",
     "parameters": {"required_approving_review_count": 1}},
    {"type": "required_status_checks", "ruleset_id": 1,
     "parameters": {"required_status_checks": [{"context": "ci"}], "strict_required_status_checks_policy": True}},
    {"type": "non_fast_forward", "ruleset_id": 1},
]  # fmt: skip
PREVIEW: Final[dict[str, Any]] = {
    "schema": "tidegate.preview-coverage/v1",
    "repository": "acme/shop",
    "changes": [
        {"change": "#1", "commit": "aa", "preview": "https://pr-1.example.test", "outcome": "ready"},
        {"change": "#2", "commit": "bb", "outcome": "failed"},
    ],
}
ENV_VALIDATION: Final[dict[str, Any]] = {
    "schema": "tidegate.env-validation/v1", "schemaDigest": "sha256:" + "a" * 64, "environment": "staging",
    "checked": 3,
    "problems": [{"name": "PORT", "problem": "type"}], "unknown": ["OLD"],
}  # fmt: skip
ENV_PARITY: Final[dict[str, Any]] = {
    "schema": "tidegate.env-parity/v1", "schemaDigest": "sha256:" + "a" * 64, "environments": ["staging", "production"],
    "compared": 3, "differences": [{"name": "PORT", "problem": "missing", "environment": "production"}],
}  # fmt: skip


def as_json(document: object) -> bytes:
    return json.dumps(document).encode()


REPORTS: Final[dict[str, bytes]] = {
    "junit": JUNIT, "nunit": NUNIT, "trx": TRX, "mocha": as_json(MOCHA), "rspec": as_json(RSPEC), "dart": DART,
    "go": GO,
}  # fmt: skip
EVIDENCE: Final[dict[str, tuple[str, bytes]]] = {
    "sarif": ("sarif", as_json(SARIF)),
    "cyclonedx": ("cyclonedx", as_json(BOM)),
    "k6 export": ("load", as_json(K6_EXPORT)),
    "k6 summary": ("load", as_json(K6_SUMMARY)),
    "k6 machine": ("load", as_json(K6_MACHINE)),
    "locust csv": ("load", LOCUST_CSV),
    "locust json": ("load", as_json(LOCUST_JSON)),
    "protection": ("repository-settings", as_json(PROTECTION)),
    "rules": ("repository-settings", as_json(RULES)),
    "preview": ("preview-coverage", as_json(PREVIEW)),
    "env validation": ("env-validation", as_json(ENV_VALIDATION)),
    "env parity": ("env-parity", as_json(ENV_PARITY)),
}
