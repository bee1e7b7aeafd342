import pytest

from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.templates import Moment, parse_template

LABELS = (("__name__", "up"), ("job", "api {{ $value }}"))


def expand(text: str, value: float = 0.0) -> str:
    return parse_template(text).expand(Moment(LABELS, value, {"region": "eu"}, "http://x"))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{{ $value }}", 0.1, "0.1"),
        ("{{ $value }}", 1e21, "1e+21"),
        ("{{ $value }}", 123456789.0, "1.23456789e+08"),
        ("{{ $value }}", 999999, "999999"),
        ("{{ $value }}", 0.00001234, "1.234e-05"),
        ("{{ .Value | humanize }}", 1234567, "1.235M"),
        ("{{ humanize 0.00012 }}", 0, "120u"),
        ("{{ $value | humanize1024 }}", 2048, "2ki"),
        ("{{ $value | humanizeDuration }}", 90061, "1d 1h 1m 1s"),
        ("{{ $value | humanizeDuration }}", 0.0123, "12.3ms"),
        ("{{ $value | humanizePercentage }}", 0.12345, "12.35%"),
        ("{{ $value | humanizeTimestamp }}", 1435065584.5, "2015-06-23 13:19:44.5 +0000 UTC"),
        ('{{ printf "%.2f and %5.1f" $value $value }}', 3.14159, "3.14 and   3.1"),
        ('{{ printf "%d" $value }}', 1.5, "%!d(float64=1.5)"),
        ('{{ printf "%s" }}', 0, "%!s(MISSING)"),
        ("{{ $externalLabels.region }}-{{ $externalURL }}", 0, "eu-http://x"),
        ("a {{- /* nothing */ -}} b", 0, "ab"),
        ("{{ $labels.nothing }}!", 0, "!"),
        ('{{ "up" | toUpper }}', 0, "UP"),
        ('{{ "x" | humanize }}', 0, "<error expanding template: could not convert string to float: 'x'>"),
    ],
)  # fmt: skip
def test_templates_are_expanded_as_prometheus_does(text: str, value: float, expected: str) -> None:
    assert expand(text, value) == expected


def test_a_label_that_looks_like_a_template_is_put_in_as_it_is() -> None:
    assert expand("{{ $labels.job }}") == "api {{ $value }}"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{{ if gt $value 1.0 }}a{{ end }}", "if"),
        ('{{ range query "up" }}{{ end }}', "range"),
        ('{{ query "up" | first | value }}', "query"),
        ("{{ $x := 1 }}", "$x"),
        ("{{ .Nothing }}", ".Nothing"),
        ("{{ $labels }}", "$labels"),
        ("{{ with $value }}{{ end }}", "with"),
        ("{{ safeHtml $labels.job }}", "safeHtml"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(text: str, what: str) -> None:
    with pytest.raises(NotSupportedError) as refused:
        parse_template(f"first\n{text}")
    assert refused.value.what == what
    assert refused.value.where.startswith("line 2, column ")


@pytest.mark.parametrize(
    "text", ["{{ $value", "{{ }}", "{{ humanize }}", "{{ ($value }}", "{{ $value | }}", "x" * 20_000, "{{ " * 5_000]
)
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(RuleFileError):
        parse_template(text)
