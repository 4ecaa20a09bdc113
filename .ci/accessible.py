"""Every page of the built site in a real browser, on a desk and on a phone, light and dark: `make accessible`.

Asked of each: axe-core's WCAG A and AA rules, no page that scrolls sideways, and on a desk nothing in it that does."""

import collections
import functools
import http.server
import sys
import tempfile
import threading
from pathlib import Path

import tools
from playwright.sync_api import sync_playwright

site = Path(__file__).resolve().parent.parent / "_site"
looks = [
    ("small desk, light", 1280, 800, "light"),
    ("desk, dark", 1400, 900, "dark"),
    ("phone, light", 390, 844, "light"),
    ("phone, dark", 390, 844, "dark"),
]
ask = """async () => {
    const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'];
    const found = await axe.run(document, {runOnly: rules, iframes: false});
    const reason = node => (node.any[0] || node.all[0] || node.none[0] || {}).message;
    const row = v => [v.id, v.help, v.nodes.length, v.nodes[0].html.slice(0, 160), reason(v.nodes[0])];
    const scrolls = e => /auto|scroll/.test(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1;
    const hidden = [...document.querySelectorAll('main *')].filter(scrolls);
    return {wide: document.scrollingElement.scrollWidth - innerWidth, bad: found.violations.map(row),
        hidden: innerWidth > 1000 ? hidden.map(e => e.textContent.trim().slice(0, 60)) : []};
}"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve():
    "The site on a free port; what its pages fetch is not fetched from a file."
    handler = functools.partial(Quiet, directory=site)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def report(found, wide):
    print("\n".join(wide[:40]))
    for (rule, text), places in found.items():
        print(
            f"{rule}: {text}; {len({p[1] for p in places})} pages, {sum(p[2] for p in places)} places"
        )
        for n, (look, page, count, html, why) in enumerate(places):
            if n < 4:
                print(f"    {look}, {page} ({count}): {html}\n        {why}")


def main(*only):
    chromium, script = tools.chromium(), Path(tempfile.mkdtemp()) / "axe.js"
    if chromium is None or tools.npm() is None:
        print(
            "This needs chromium and npm, so the site's accessibility was not tried. "
            "On Debian or Ubuntu: apt install chromium npm"
        )
        return 0
    if not tools.npm_folder("axe-core@4.11.0", "axe.min.js", script):
        sys.exit("axe-core could not be fetched from npm.\nCheck the network.")
    pages = [site / o for o in only] or sorted(p for p in site.rglob("*.html"))
    found, wide = collections.defaultdict(list), []
    top = serve()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, w, h, mode in looks:
            for f in pages:
                page = browser.new_page(viewport=dict(width=w, height=h), color_scheme=mode)
                page.goto(top + f.relative_to(site).as_posix(), wait_until="networkidle")
                page.add_script_tag(path=script)
                r = page.evaluate(ask)
                page.close()  # a browser that keeps all pages needs gigabytes
                if r["wide"] > 0:
                    wide.append(f"{name}: {f.relative_to(site)} is {r['wide']} px too wide")
                for begin in r["hidden"]:
                    wide.append(f"{name}: {f.relative_to(site)}: scrolls sideways: {begin!r}")
                for rule, text, n, html, why in r["bad"]:
                    found[rule, text].append((name, str(f.relative_to(site)), n, html, why))
        browser.close()
    report(found, wide)
    print(
        f"{len(pages)} pages, {len(looks)} looks: {len(found)} rules broken, {len(wide)} too wide"
    )
    return int(bool(found or wide))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
