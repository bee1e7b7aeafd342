"""A page as its elements, with the rules that every page keeps."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"area", "br", "hr", "img", "input", "link", "meta", "use", "path", "circle", "rect"})

_INLINE = frozenset({"a", "b", "code", "em", "span", "strong", "time"})


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


class Document(HTMLParser):
    """Elements in order; the text of an element includes that of those inside it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        self.unclosed = [element.tag for element in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in _INLINE:
            self.handle_data(" ")
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1].tag == tag:
            self._open.pop()
        if tag not in _INLINE:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.texts.append(data)

    def all(self, tag: str, **attributes: str) -> list[Element]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, (tag, attributes, found)
        return found[0]

    @property
    def main(self) -> Element:
        return self.one("main")

    @property
    def links(self) -> list[str]:
        return [element.attributes["href"] for element in self.all("a")]


def assert_is_sound(document: Document) -> None:
    """Check what holds for every page: landmarks, one h1, unique ids, nothing inline, nothing from elsewhere."""
    assert document.unclosed == []
    assert document.elements[0].attributes["lang"] == "en"
    assert len(document.all("main")) == 1
    assert len(document.all("h1")) == 1
    assert len(document.all("header")) == 1
    assert document.all("a", class_="skip", href="#main")
    assert document.one("title").text
    ids = [element.attributes["id"] for element in document.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in document.elements:
        assert "style" not in element.attributes
        assert not [name for name in element.attributes if name.startswith("on")]
    assert not document.all("style")
    assert all(not script.text and script.attributes["src"].startswith("/assets/") for script in document.all("script"))
    assert all(link.attributes["href"].startswith("/assets/") for link in document.all("link"))
    assert len(document.all("caption")) == len(document.all("table", role="table"))
    assert all("scope" in header.attributes for header in document.all("th"))
    labelled = [
        element.attributes["aria-labelledby"]
        for element in document.elements
        if "aria-labelledby" in element.attributes
    ]
    assert set(labelled) <= set(ids)
