"""Lines of sshd, PAM, web servers and OpenStack."""

import time

import pytest
from tests.unit.telemetry.logs.records import read_one

from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.lines import event_of_line, route_of

AUTH, REQUEST, TENANT = (FAMILY_BITS[name] for name in ("auth", "request", "tenant"))
SSHD = "Dec 10 07:13:43 host sshd[24227]: "


@pytest.mark.parametrize(
    ("message", "outcome", "weight", "address"),
    [
        ("Failed password for root from 203.0.113.9 port 42393 ssh2", "failure", 1, "203.0.113.9"),
        ("Failed password for invalid user ada from 203.0.113.9 port 4 ssh2", "failure", 1, "203.0.113.9"),
        ("Failed none for invalid user 0 from 2001:db8::1 port 49811 ssh2", "failure", 1, "2001:db8::1"),
        (
            "message repeated 5 times: [ Failed password for root from 203.0.113.9 port 4 ssh2]",
            "failure",
            5,
            "203.0.113.9",
        ),
        ("Accepted publickey for ada from 203.0.113.9 port 49116 ssh2: RSA SHA256:x", "success", 1, "203.0.113.9"),
        ("Invalid user webmaster from 203.0.113.9", "unauthorized", 1, "203.0.113.9"),
        ("Invalid user  from 203.0.113.9 port 22", "unauthorized", 1, "203.0.113.9"),
    ],
)
def test_what_sshd_says_of_a_sign_in_counts(message: str, outcome: str, weight: int, address: str) -> None:
    row = read_one(SSHD + message)
    assert (row.families, row.outcome, row.client_address) == (AUTH, outcome, address)
    assert row.weight_milli == weight * 1_000


@pytest.mark.parametrize(
    "line",
    [
        SSHD + "input_userauth_request: invalid user webmaster [preauth]",
        SSHD + "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.9",
        SSHD + "PAM 5 more authentication failures; logname= uid=0 rhost=203.0.113.9 user=root",
        SSHD + "Received disconnect from 203.0.113.9: 11: Bye Bye [preauth]",
        "Dec 10 07:13:43 host app[1]: Failed password for root from 203.0.113.9 port 42393 ssh2",
        'he said "GET /" [once] and left',
        "",
    ],
)
def test_other_lines_and_what_repeats_a_sign_in_count_nowhere(line: str) -> None:
    assert read_one(line).families == 0


@pytest.mark.parametrize(
    ("line", "address", "program"),
    [
        (
            "Jun 14 15:16:01 h sshd(pam_unix)[19939]: authentication failure; uid=0 rhost=host.example.net  user=root",
            "host.example.net",
            "sshd",
        ),
        (
            "Jun 14 15:16:01 h sudo: pam_unix(sudo:auth): authentication failure; logname=a tty=pts/0 rhost=  user=a",
            "",
            "sudo",
        ),
    ],
)
def test_what_pam_says_of_a_failure_counts_where_nobody_else_says_it(line: str, address: str, program: str) -> None:
    row = read_one(line)
    assert (row.families, row.outcome, row.client_address, row.auth_method) == (AUTH, "failure", address, program)


def test_an_access_line_is_a_request() -> None:
    row = read_one(
        '203.0.113.9 - ada [10/Oct/2023:13:55:36 -0700] "POST /orders/7781/items?page=2 HTTP/1.1" 503 2326 '
        '"http://example.test/start" "Mozilla/5.0"'
    )
    assert (row.families, row.http_method, row.http_status) == (REQUEST, "POST", 503)
    assert (row.route, row.client_address) == ("/orders/{id}/items", "203.0.113.9")


def test_a_nova_line_is_a_request_of_its_tenant() -> None:
    tenant = "54fadb412c4e40cdbaed9335e4c35a9e"
    row = read_one(
        "nova-api.log 2017-05-16 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server "
        f"[req-38101a0b-2096-447d-96ea-a692162415ae 113d3a99c3da401fbd62cc2caa5b96d2 {tenant} - - -] 10.11.10.1 "
        f'"GET /v2/{tenant}/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2477829'
    )
    assert (row.families, row.tenant, row.route) == (REQUEST | TENANT, tenant, "/v2/{tenantId}/servers/detail")
    assert (row.request_id, row.http_status) == ("req-38101a0b-2096-447d-96ea-a692162415ae", 200)
    assert row.duration_ns == 247_782_900


def test_a_nova_line_without_a_context_has_no_tenant() -> None:
    row = read_one('x INFO nova [-] 10.11.21.1,10.11.10.1 "GET /latest/ HTTP/1.1" status: 404 len: 5 time: 0.1')
    assert (row.families, row.tenant, row.request_id, row.client_address) == (REQUEST, "", "", "10.11.21.1")


def test_other_openstack_lines_keep_their_request_id() -> None:
    row = read_one("x [req-38101a0b-2096-447d-96ea-a692162415ae u t - - -] [instance: b9] Creating image")
    assert (row.families, row.tenant, row.request_id) == (0, "t", "req-38101a0b-2096-447d-96ea-a692162415ae")


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/", "/"),
        ("/users/42", "/users/{id}"),
        ("/users/8d5e957f-2977-4a1b-8e3e-0d2c5f3c4b1a/x", "/users/{id}/x"),
        ("/v1/status", "/v1/status"),
        ("/facade", "/facade"),
        ("http://example.test/a/b?c=1#d", "/a/b"),
        ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/…"),
        ("*", "*"),
    ],
)
def test_routes_are_few_however_many_paths_there_are(target: str, route: str) -> None:
    assert route_of(target) == route


@pytest.mark.parametrize(
    "line",
    [
        SSHD + "Failed password for " + "from " * 20_000,
        "a" * 255 + " - [" * 10_000 + '"',
        SSHD + "message repeated 9 times: [" + "[" * 20_000,
        "x(pam_unix)[1]: authentication failure;" + " rhost" * 20_000,
        "[req-" * 20_000 + '" status: ',
        'x - - [10/Oct/2023:13:55:36 -0700] "GET ' + "/a" * 100_000,
        SSHD + "Invalid user " + " from" * 20_000,
    ],
)
def test_no_line_takes_long_to_look_at(line: str) -> None:
    started = time.process_time()
    for _ in range(20):
        event_of_line(line)
    assert time.process_time() - started < 1.0  # measured: 20 of the worst take 0.03 s
