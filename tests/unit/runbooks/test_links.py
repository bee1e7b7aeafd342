"""Links in pages: what is found, and where each one leads."""

from pathlib import Path

import pytest

from tidegate.runbooks import Folder, PageUnreadableError, Verdict, Where

PAGE = """# Title

See [one](other.md#stop-it), [two](https://wiki.example.com/x "words") and
![a picture](pictures/a.png) <https://example.com/y>.

| a |
|---|
| [three](/top.md) |

    [not](a-link.md)

`[neither](b.md)` <a href="html.md">four</a> [five]({{< ref "./hugo.md" >}})
"""
SITE = "https://runbooks.example.com/runbooks/"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    root = tmp_path / "pages"
    (root / "deep").mkdir(parents=True)
    (root / "page.md").write_text(PAGE)
    (root / "deep" / "Other.md").write_text(
        "# Other\n\n## Stop it\n\n## Stop it\n\n## Näme {#own}\n\n<a id='raw'></a>\n"
    )
    (root / "deep" / "_index.md").write_text("# All\n")
    (root / "a.png").write_bytes(b"\0")
    return Folder(root, site=SITE)


def test_links_are_found_where_they_stand_and_nowhere_else(folder: Folder) -> None:
    found = [(link.line, link.target) for link in folder.links_of(folder.root / "page.md")]
    assert found == [
        (3, "other.md#stop-it"),
        (3, "https://wiki.example.com/x"),
        (4, "pictures/a.png"),
        (4, "https://example.com/y"),
        (8, "/top.md"),
        (12, "html.md"),
        (12, "./hugo.md"),
    ]


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        ("deep/Other.md", Verdict.ALIVE),
        ("deep/Other", Verdict.ALIVE),
        ("./deep/Other.md#stop-it", Verdict.ALIVE),
        ("deep/Other.md#stop-it-1", Verdict.ALIVE),
        ("deep/Other.md#own", Verdict.ALIVE),
        ("deep/Other.md#raw", Verdict.ALIVE),
        ("deep/Other.md#n%C3%A4me", Verdict.ALIVE),
        ("deep/", Verdict.ALIVE),
        ("/deep/Other.md", Verdict.ALIVE),
        ("a.png", Verdict.ALIVE),
        ("#title", Verdict.ALIVE),
        ("mailto:ops@example.com", Verdict.ALIVE),
        (f"{SITE}deep/other", Verdict.ALIVE),
        (f"{SITE}deep/OTHER.html#stop-it", Verdict.ALIVE),
        (f"{SITE}deep/", Verdict.ALIVE),
        ("https://wiki.example.com/x?y=1", Verdict.ELSEWHERE),
        ("http://127.0.0.1:8080/", Verdict.ELSEWHERE),
        ("https://[::1]/", Verdict.ELSEWHERE),
        ("https://runbooks.example.com/other", Verdict.ELSEWHERE),
        ("https://wiki/{{ $labels.service }}", Verdict.UNKNOWN),
        ("deep/other.md", Verdict.DEAD),
        ("gone.md", Verdict.DEAD),
        ("../gone/", Verdict.DEAD),
        ("..", Verdict.ALIVE),
        (f"{'x' * 300}.md", Verdict.DEAD),
        ("a%00b", Verdict.DEAD),
        ("deep/Other.md#stop-it-2", Verdict.DEAD),
        ("#nothing", Verdict.DEAD),
        (f"{SITE}deep/gone", Verdict.DEAD),
        (f"{SITE}deep/other#nothing", Verdict.DEAD),
        ("javascript:alert(1)", Verdict.DEAD),
        ("file:///etc/passwd", Verdict.DEAD),
        ("https://", Verdict.DEAD),
        ("https://a b/", Verdict.DEAD),
        ("https://[::1/", Verdict.DEAD),
        ("https://wiki.example.com:port/", Verdict.DEAD),
        ("mailto:", Verdict.DEAD),
    ],
)
def test_each_link_leads_where_it_says(folder: Folder, target: str, verdict: str) -> None:
    found = folder.judge(target, page=folder.root / "page.md")
    assert (found.verdict, bool(found.reason)) == (verdict, verdict in {Verdict.DEAD, Verdict.UNKNOWN})


def test_a_link_of_a_rule_is_a_whole_address(folder: Folder) -> None:
    assert folder.judge("deep/Other.md") == Where(Verdict.DEAD, "it is neither an address nor a page that ships")


@pytest.mark.parametrize(("content", "words"), [(b"\xff\xfe", "UTF-8"), (b"x" * (1 << 21), "1024 KB")])
def test_a_page_that_is_none_is_refused(folder: Folder, content: bytes, words: str) -> None:
    page = folder.root / "bad.md"
    page.write_bytes(content)
    with pytest.raises(PageUnreadableError, match=words):
        folder.links_of(page)
    assert folder.judge("bad.md#x", page=folder.root / "page.md").verdict == Verdict.UNKNOWN


def test_a_heading_of_a_hundred_thousand_brackets_is_read_at_once(folder: Folder) -> None:
    page = folder.root / "odd.md"
    page.write_text("# " + "[" * 100_000 + "\n" + "<a " * 50_000)
    assert list(folder.links_of(page)) == []
