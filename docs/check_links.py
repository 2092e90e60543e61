"""Check that every link within a built site leads somewhere: ``check_links.py FOLDER``."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links and the anchors of a page; of a Markdown text, its links."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors = {"", "top"}
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            self.feed(text)
        else:
            self.links.update(re.findall(r"\]\(([^)]+)\)", text))

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        """Collect what an element links to, and what it is called."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.add(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def find_broken(folder: Path) -> list[str]:
    """What is wrong with the links of a site's pages, a line for each."""
    paths = [
        path
        for path in sorted(folder.rglob("*.html"))
        if "_static" not in path.parts
    ]
    pages = {path: Page(path) for path in [*paths, folder / "llms.txt"]}
    broken = []
    for path, page in pages.items():
        for link in sorted(page.links):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                if address.scheme not in (
                    "https",
                    "http",
                    "data",
                    "mailto",
                ):
                    broken.append(
                        f"{path.relative_to(folder)}: {link} has an unknown scheme"
                    )
                continue
            target = (
                path.parent / unquote(address.path)
                if address.path
                else path
            )
            target = target.resolve()
            if not target.exists():
                broken.append(
                    f"{path.relative_to(folder)}: {link} is not there"
                )
            elif (
                target in pages
                and unquote(address.fragment)
                not in pages[target].anchors
            ):
                broken.append(
                    f"{path.relative_to(folder)}: {link} has no such anchor"
                )
    return broken


if __name__ == "__main__":
    lines = find_broken(Path(sys.argv[1]).resolve())
    print("\n".join(lines) or "All links lead somewhere.")
    sys.exit(bool(lines))
