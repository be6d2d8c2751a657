"""A page as it comes back."""

from html.parser import HTMLParser


class Sent(HTMLParser):
    """The pairs that a browser would send of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.form: dict[str, str] = {}
        self._select = self._area = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        if tag == "input" and "name" in about:
            self.form[about["name"]] = about.get("value", "").replace("\n", "").replace("\r", "")
        if tag == "select":
            self._select = about["name"]
        if tag == "option" and self._select and (self._select not in self.form or "selected" in about):
            self.form[self._select] = about["value"]
        if tag == "textarea":
            self._area = about["name"]
            self.form[self._area] = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.form[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""
