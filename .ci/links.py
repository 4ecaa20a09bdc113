"Links of the built site: does each lead somewhere? Links to headings, as JupyterLab and pages want them."

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


to_heading = re.compile(r"\]\(((?!https?:)[^)\s:#]*)#([^)\s]+)\)")


def jupyter_id(heading):
    "The place of a heading in JupyterLab, which keeps capitals and commas; a page of the site has neither."
    return re.sub(r"[`*]", "", heading).strip().replace(" ", "-")


def to_places(text, page_id):
    "Markdown whose links to headings are those of a page; page_id: from a heading's words to its place."

    def place(link):
        path, fragment = link.groups()
        return f"]({path}#{page_id(unquote(fragment).replace('-', ' '))})"

    return to_heading.sub(place, text)


class Links(HTMLParser):
    "What a page links to, the places on it, and how many of its pictures have no text."

    def __init__(self):
        super().__init__()
        self.out, self.ids, self.no_alt = [], set(), 0

    def handle_starttag(self, tag, attrs):
        given = {name: value for name, value in attrs if value}
        self.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag in ("a", "img", "script", "link"):
            self.out += [given[name] for name in ("href", "src") if name in given]
        if tag == "img" and "alt" not in given:
            self.no_alt += 1


def read_pages(site):
    "{file: its links}."
    pages = {}
    for file in site.rglob("*.html"):
        pages[file.resolve()] = links = Links()
        links.feed(file.read_text(encoding="utf-8"))
    return pages


def check(site, pages):
    "Sentences on links and pictures inside the site that lead nowhere."
    bad = []
    for file, links in pages.items():
        name = file.relative_to(site.resolve())
        bad += [f"{name}: {link}{why}" for link in links.out if (why := broken(pages, file, link))]
    return bad


def broken(pages, file, link):
    "What is wrong with a link, for behind its name; None: nothing."
    url = urlsplit(link)
    if url.scheme or url.netloc or link == "#":
        return None
    goal = (file.parent / unquote(url.path)).resolve() if url.path else file
    if goal.is_dir():
        goal = goal / "index.html"
    if not goal.exists():
        return " (no such page)"
    if url.fragment and goal in pages:
        return None if unquote(url.fragment) in pages[goal].ids else " (no such place)"
    return None
