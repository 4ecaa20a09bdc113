"""The widgets in JupyterLab in a real browser: `make browser`.

The explorer: hover, click, recentre, search, select, ask, and how fast it draws; its page without Python. A grid's
table: watch, cancel one, cancel all. The live figures of all notebooks, in JupyterLab and on the built site.
`python .ci/browser.py FOLDER explorer page` tries only these two; `lab` and `site` are the live figures."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import browser_live
import nbformat
import tools
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image
from playwright.sync_api import sync_playwright

setup = """
import json
import matplotlib.pyplot as plt
import numpy as np
import torch
from pathlib import Path
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.explorer import explore
from hier_nb.pictures import ImageDataset
from hier_nb.spaces import Ball

N, K = 10_000, 10
rng = torch.Generator().manual_seed(0)
label = torch.arange(N) % K
family = torch.randn(K, 24, generator=rng)
vectors = family[label] + 0.4 * torch.randn(N, 24, generator=rng)
proxies = family.repeat(20, 1) + 0.5 * torch.randn(20 * K, 24, generator=rng)
angle = 2 * np.pi * (label + 0.35 * torch.randn(N, generator=rng)) / K
radius = 0.97 * torch.rand(N, generator=rng) ** 0.4
places = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
colors = (plt.get_cmap("tab10")(np.arange(K))[:, :3] * 255).astype(np.uint8)


class Pictures:
    def __len__(self):
        return N

    def __getitem__(self, row):
        return np.broadcast_to(colors[int(label[row])], (24, 24, 3))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, images):
        gap = torch.cdist(images.mean((2, 3)), torch.tensor(colors).float())
        return e.points[gap.argmin(1)]


data = ImageDataset(
    Pictures(),
    label,
    class_names=[f"colour {k}" for k in range(K)],
    paths=[f"{n}.png" for n in range(N)],
    taxonomy=Taxonomy(("half",), tuple((f"half {k // 5}",) for k in range(K))),
    transform=lambda image: image.float(),
    name="ten thousand",
    split="squares",
)
ball = Ball()
e = Embeddings(ball(vectors), ball, proxies=ball(proxies), dataset=data)
on_map = Embeddings(places, Ball(c=1.0, clip_radius=None))
w = explore(e, on_map=on_map, model=Model())
page = explore(e, on_map=on_map, draw="webgl")


def keep(change):
    Path(f"{change.name}.json").write_text(json.dumps(change.new))


w.observe(keep, ["selection", "speed"])
page.to_html("page.html")
moved = ball(vectors + torch.where(label[:, None] < 3, 2.0, 0.0) * torch.randn(N, 24, generator=rng))
other = Embeddings(moved, ball, proxies=ball(proxies), dataset=data)
explore(e, other, layouts="tree", k=4).to_html("two.html")
w
"""

# a run of five minutes, which a cancel ends
waiting = [
    "x = 1\nout_dir = None\nresume = False",
    "import time\nfor _ in range(3000): time.sleep(.1)",
]
grid = """
from hier_nb.runs import run_grid
run_grid('run.ipynb', dict(x=[1, 2, 3]), 'grid', cpus=2, cpus_per_run=1, progress=False)
"""
watch = "from hier_nb.runs import watch\nwatch('grid', every=.5)"


def written(path, *cells, tags=()):  # tags: of the first cell
    nb = new_notebook(
        cells=[new_code_cell(c) for c in cells],
        metadata=dict(kernelspec=dict(name="python3", display_name="Python 3")),
    )
    nb.cells[0].metadata["tags"] = list(tags)
    nbformat.write(nb, path)


def main(shots=None, *names):
    chromium = tools.chromium()
    if chromium is None:
        print(
            "There is no chromium on this machine, so the widgets were not tried in a browser. "
            "On Debian or Ubuntu: apt install chromium"
        )
        return 0
    looks = [
        globals()[f"look_at_{name}"]
        for name in names or ("explorer", "page", "watch", "site", "lab")
    ]
    folder = Path(tempfile.mkdtemp())
    shots = Path(shots or folder / "shots")
    shots.mkdir(parents=True, exist_ok=True)
    written(folder / "explorer.ipynb", setup, "w.benchmark(120)", "w.focus = [3, 13]")
    written(folder / "watch.ipynb", watch)
    written(folder / "run.ipynb", *waiting, tags=["parameters"])
    Image.new("RGB", (30, 20), (214, 39, 40)).save(folder / "ask.png")  # matplotlib's fourth colour
    (folder / "bad.png").write_text("no picture")
    copy_project(folder)
    server, port = serve(folder)
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            done = [ok for look in looks for ok in look(browser, port, folder, shots)]
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(f"{sum(done)} passed, {len(done) - sum(done)} failed; screenshots in {shots}")
    return int(not all(done))


def copy_project(folder):
    "What notebooks look for beside themselves; the last cell of many exports into the copy."
    for name in ("nbs", "hier_nb"):
        shutil.copytree(browser_live.root / name, folder / name, symlinks=True)
    for name in ("pyproject.toml", "settings.ini"):
        shutil.copy(browser_live.root / name, folder)


def serve(folder):
    "JupyterLab on a free port, which draws all cells of a notebook, seen or not."
    tracker = (
        folder / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    )
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{ "windowingMode": "none" }')
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    options = [
        "--no-browser",
        f"--port={port}",
        "--ip=127.0.0.1",
        "--IdentityProvider.token=",
        "--allow-root",
        "--LabApp.expose_app_in_browser=True",
        f"--notebook-dir={folder}",
    ]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", *options],
        stdout=open(folder / "server.log", "w"),
        stderr=subprocess.STDOUT,
        env=os.environ
        | {"JUPYTER_PREFER_ENV_PATH": "1", "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings")},
    )
    return server, port


def opened(browser, port, name, run_first=True):
    "A notebook whose first cell runs: its page, what it complained of, a function that runs the next cell."
    page, errors = new_page(browser)
    for _ in range(60):
        try:
            page.goto(f"http://127.0.0.1:{port}/lab/tree/{name}?reset")
            break
        except Exception:
            time.sleep(0.5)
    page.wait_for_function(
        "window.jupyterapp && document.querySelector('.jp-Notebook')", timeout=60_000
    )
    page.wait_for_function(
        "jupyterapp.shell.currentWidget?.sessionContext?.isReady"
        " && jupyterapp.shell.currentWidget.sessionContext.kernelDisplayStatus === 'idle'",
        timeout=90_000,
    )

    def run():
        page.evaluate("void jupyterapp.commands.execute('notebook:run-cell-and-select-next')")

    page.evaluate("void jupyterapp.commands.execute('application:toggle-left-area')")
    if not run_first:
        return page, errors, run
    started = "/[0-9*]/.test(document.querySelector('.jp-Cell .jp-InputPrompt')?.innerText ?? '')"
    for _ in range(8):  # a notebook that is still opening swallows the command
        run()
        try:
            page.wait_for_function(started, timeout=10_000)
            break
        except Exception:
            pass
    return page, errors, run


def new_page(browser):
    page = browser.new_page(viewport=dict(width=1500, height=1000))
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page, errors


class Checks:
    "Outcomes, said as they come; what fails leaves a screenshot."

    def __init__(self, shot):
        self.done, self.shot = [], shot

    def __call__(self, name, ok):
        self.done.append(bool(ok))
        print(("ok      " if ok else "FAILED  ") + name, flush=True)
        if not ok:
            self.shot(f"failed-{len(self.done)}")

    def no_errors(self, errors):
        self("no error in the page" + "".join("\n" + error for error in errors[:3]), not errors)


class Disk:
    "An explorer in a page, and hands to use it."

    def __init__(self, page, shots, prefix=""):
        self.page, self.shots, self.prefix = page, shots, prefix
        page.wait_for_function(
            "document.querySelector('.hx')?.explorer?.state().ready", timeout=120_000
        )

    def shot(self, name):
        self.page.locator(".hx").first.screenshot(path=self.shots / f"{self.prefix}{name}.png")

    @property
    def state(self):
        return self.page.evaluate(
            "(() => { const { query, ...state } = document.querySelector('.hx').explorer.state();"
            " return state })()"
        )

    @property
    def box(self):
        return self.page.locator(".hx-canvas").bounding_box()

    def at(self, what, n):  # "screen" for a sample, "node" -> a place in the window
        x, y = self.page.evaluate(f"document.querySelector('.hx').explorer.{what}({n})")
        return self.box["x"] + x, self.box["y"] + y

    def search(self, text):
        self.page.fill(".hx-search", text)
        self.page.press(".hx-search", "Enter")
        time.sleep(0.9)

    def drag(self, *corners):
        for n, (x, y) in enumerate(corners):
            self.page.mouse.move(self.box["x"] + x, self.box["y"] + y, steps=4)
            if n == 0:
                self.page.mouse.down()
        self.page.mouse.up()
        time.sleep(0.5)

    def reset(self):
        self.page.click(".hx-home")
        time.sleep(0.8)


def look_at_explorer(browser, port, folder, shots):
    page, errors, run = opened(browser, port, "explorer.ipynb")
    disk = Disk(page, shots)
    page.evaluate("document.querySelector('.jp-OutputArea .hx').scrollIntoView()")
    time.sleep(1)
    check = Checks(disk.shot)

    def selected():
        return json.loads((folder / "selection.json").read_text())

    disk.shot("1-start")
    check("10,000 pictures are announced", "10,000 pictures" in disk.state["panel"])
    point_and_click(disk, check)
    check("the selection comes back to Python", len(selected()) == disk.state["marked"] > 0)
    page.locator(".hx-crumb").last.click()
    time.sleep(0.8)
    check("the path leads to the root", disk.state["marked"] == 10_000)
    move_about(disk, check)
    look_for_names(disk, check, selected)
    ask(disk, check, folder, selected)
    draw_a_line(disk, check)
    check("and Python knows", disk.state["marked"] == len(selected()))
    press_keys(disk, check)
    page.evaluate("void jupyterapp.commands.execute('notebook:move-cursor-down')")
    time.sleep(0.3)
    run()
    measure(check, folder / "speed.json")
    run()
    time.sleep(1)
    check("focus from Python marks in the browser", disk.state["marked"] == 2)
    check.no_errors(errors)
    page.close()
    return check.done


def look_at_page(browser, port, folder, shots):
    "The page that the explorer's notebook has written."
    page, errors = new_page(browser)
    page.goto(f"file://{folder / 'page.html'}")
    disk = Disk(page, shots, "page-")
    check = Checks(disk.shot)
    check("10,000 pictures are announced", "10,000 pictures" in disk.state["panel"])
    point_and_click(disk, check)
    move_about(disk, check)
    look_for_names(disk, check, lambda: page.evaluate("[...hxModel.get('selection')]"))
    draw_a_line(disk, check)
    press_keys(disk, check)
    change_layout(disk, check)
    cut_the_tree(disk, check)
    walk_the_tree(disk, check)
    leave_out(disk, check)
    take_away(disk, check)
    look_again(browser, disk, check)
    check("nothing can be asked", page.locator(".hx-upload").count() == 0)
    check.no_errors(errors)
    page.close()
    look_in_the_dark_and_on_a_phone(browser, folder, shots, check)
    look_at_two_runs(browser, folder, shots, check)
    return check.done


def point_and_click(disk, check):
    disk.page.mouse.move(*disk.at("screen", 100))
    time.sleep(0.4)
    disk.shot("2-hover")
    tip = disk.page.locator(".hx-tip")
    shows_sample = "colour" in tip.inner_text() and tip.locator("canvas").count() == 1
    shows_node = "below" in tip.inner_text()
    check("hover shows a picture and its class", tip.is_visible() and (shows_sample or shows_node))
    disk.page.mouse.click(*disk.at("node", 60))
    time.sleep(0.6)
    disk.shot("3-node")
    panel = disk.state["panel"]
    check(
        "a click on a node shows what is below it",
        disk.state["node"] >= 0
        and "pictures below it" in panel
        and "path to the root" in panel.lower()
        and disk.page.locator(".hx-panel .hx-thumb").count() > 0,
    )


def move_about(disk, check):
    before = disk.state["view"]
    disk.page.mouse.dblclick(*disk.at("screen", 7))
    time.sleep(0.8)
    disk.shot("4-recentred")
    box, (x, y) = disk.box, disk.at("screen", 7)
    off = abs(x - box["x"] - box["width"] / 2), abs(y - box["y"] - box["height"] / 2)
    check(
        "a double click brings a point to the centre",
        disk.state["view"] != before and max(off) < 25,
    )
    before = disk.state["view"]
    disk.drag((300, 300), (360, 330))
    check("a drag moves", disk.state["view"] != before)
    disk.page.mouse.wheel(0, -600)
    time.sleep(0.3)
    check("the wheel zooms", disk.state["scale"] > 1.5)
    disk.shot("5-zoomed")
    disk.reset()
    state = disk.state
    check("reset goes back", state["scale"] == 1 and state["view"] == [0, 0])


def look_for_names(disk, check, selected):
    disk.search("colour 4")
    disk.shot("6-search")
    right = all(row % 10 == 4 for row in selected())
    check("search finds a class", disk.state["marked"] == 1000 and right)
    disk.search("nothing")
    said = "nothing is called that" in disk.state["panel"]
    check("an unknown name is said", said and selected() == [])
    disk.page.select_option(".hx-by", label="error")
    time.sleep(0.3)
    disk.shot("7-error")


def ask(disk, check, folder, selected):
    def answered(text):
        panel = "document.querySelector('.hx-panel').innerText"
        disk.page.wait_for_function(f"{panel}.includes('{text}')", timeout=20_000)

    disk.page.set_input_files(".hx-file", folder / "ask.png")
    answered("lands near")
    time.sleep(0.8)
    disk.shot("8-query")
    check(
        "a picture of one's own lands among its like",
        "lands near colour 3" in disk.state["panel"] and all(row % 10 == 3 for row in selected()),
    )
    disk.page.set_input_files(".hx-file", folder / "bad.png")
    answered("did not work")
    check("a file that is no picture is said", "is not a picture" in disk.state["panel"])


def draw_a_line(disk, check):
    disk.reset()
    disk.page.keyboard.down("Shift")
    disk.drag((400, 250), (550, 250), (550, 400), (400, 400), (400, 250))
    disk.page.keyboard.up("Shift")
    disk.shot("9-lasso")
    check("a line around points selects them", 0 < disk.state["marked"] < 10_000)


def press_keys(disk, check):
    disk.page.evaluate("document.querySelector('.hx-canvas').focus()")
    disk.page.keyboard.press("ArrowLeft")
    disk.page.keyboard.press("Escape")
    state = disk.state
    check("the keyboard moves and clears", state["marked"] == 0 and state["view"] != [0, 0])


def change_layout(disk, check):
    page = disk.page
    places = [disk.at("screen", n) for n in range(20)]
    page.select_option(".hx-layout", label="tree")
    time.sleep(1.2)
    disk.shot("a-tree")
    moved = [disk.at("screen", n) for n in range(20)]
    check("another layout moves the pictures", disk.state["layout"] == "tree" and moved != places)
    check("dots are drawn by the library", disk.state["renderer"] == "ScatterPoints")
    page.uncheck(".hx-edges")
    page.check(".hx-edges")


def cut_the_tree(disk, check):
    page = disk.page
    page.click(".hx-tab-clusters")
    page.select_option(".hx-cut-by", label="height of the cut")
    low, high = (float(page.get_attribute(".hx-cut", end)) for end in ("min", "max"))
    counts = []
    for n, part in enumerate((0.9, 0.6, 0.2)):
        page.evaluate(
            "value => { const slider = document.querySelector('.hx-cut'); slider.value = value;"
            " slider.dispatchEvent(new Event('input')) }",
            low + part * (high - low),
        )
        time.sleep(0.5)
        disk.shot(f"b-cut-{n}")
        counts.append(disk.state["clusters"])
    check(
        f"a lower cut makes more clusters: {counts}",
        counts == sorted(counts) and counts[0] < counts[2],
    )
    slide_the_cut(page, check)
    box = page.locator(".hx-tree").bounding_box()
    at = page.evaluate("document.querySelector('.hx').explorer.cutX()")
    page.mouse.move(box["x"] + at, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + at - 60, box["y"] + 60, steps=5)
    page.mouse.up()
    time.sleep(0.4)
    check("the dashed line is dragged", disk.state["clusters"] < counts[2])
    page.select_option(".hx-cut-by", label="purity, at least")
    time.sleep(0.4)
    check("the cut by purity says of which level", page.locator(".hx-cut-level").count() == 1)
    page.select_option(".hx-cut-by", label="number of clusters")
    time.sleep(0.4)
    page.locator(".hx-card .hx-crumb").first.click()
    time.sleep(0.8)
    check("a card shows its cluster", disk.state["marked"] > 0 and disk.state["tab"] == "details")


def slide_the_cut(page, check):
    "The panel is made anew at every step of the slider, which must stay in the hand."
    slider = page.locator(".hx-cut")
    value = "Number(document.querySelector('.hx-cut').value)"
    step = float(page.get_attribute(".hx-cut", "step"))
    before = page.evaluate(value)
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    check("the slider takes key after key", page.evaluate(value) > before + 2.5 * step)
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.5 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], y, steps=6)
    page.mouse.move(box["x"] + 0.2 * box["width"], y, steps=6)
    page.mouse.up()
    low, high = (float(page.get_attribute(".hx-cut", end)) for end in ("min", "max"))
    part = (page.evaluate(value) - low) / (high - low)
    check(f"and follows the mouse all the way: {part:.2f}", 0.1 < part < 0.27)
    page.evaluate(
        "value => { const slider = document.querySelector('.hx-cut'); slider.value = value;"
        " slider.dispatchEvent(new Event('input')) }",
        before,
    )


def walk_the_tree(disk, check):
    page = disk.page
    page.locator(".hx-tree").focus()
    root = page.evaluate("document.querySelector('.hx').explorer.disks[0].scene.root")
    page.evaluate(f"document.querySelector('.hx').explorer.showNode({root})")
    before = disk.state["marked"]
    page.keyboard.press("ArrowRight")
    time.sleep(0.3)
    child = disk.state
    check(
        "keys walk from the root to its child",
        0 < child["marked"] <= before == 10_000 and child["node"] != root,
    )
    page.keyboard.press("Enter")
    time.sleep(0.3)
    disk.shot("c-zoomed-tree")
    page.click(".hx-whole")
    page.locator(".hx-tree").focus()
    page.evaluate(f"document.querySelector('.hx').explorer.showNode({root})")
    page.keyboard.press(" ")
    time.sleep(0.3)
    disk.shot("d-collapsed")
    hidden = "document.querySelector('.hx').explorer.hiddenNodes()"
    check("Space collapses", page.evaluate(hidden) > 50)
    page.keyboard.press(" ")
    check("and expands", page.evaluate(hidden) == 0)
    page.locator(".hx-canvas").first.focus()
    page.keyboard.press("Escape")


def leave_out(disk, check):
    page = disk.page
    page.select_option(".hx-by", label="class")
    page.click(".hx-tab-classes")
    time.sleep(0.3)
    rows = page.locator(".hx-table tbody tr")
    check("every class has a row", rows.count() == 10)
    page.locator(".hx-table tbody input").first.uncheck()
    time.sleep(0.3)
    disk.shot("e-filter")
    check("an unticked class is left out", disk.state["shown"] == 9_000)
    page.click(".hx-all")
    check("and comes back", disk.state["shown"] == 10_000)
    page.locator(".hx-table th button", has_text="in one cluster").click()
    shares = [
        int(text.split()[0])
        for text in page.locator(".hx-table tbody td:last-child").all_inner_texts()
    ]
    check("the class that is torn most comes first", shares == sorted(shares))
    page.select_option(".hx-by", label="radius")
    time.sleep(0.2)
    page.evaluate(
        "(() => { const slider = document.querySelector('.hx-range'); slider.value = (+slider.min + +slider.max) / 2;"
        " slider.dispatchEvent(new Event('change')) })()"
    )
    time.sleep(0.2)
    check("a range leaves out", 0 < disk.state["shown"] < 10_000)
    page.evaluate(
        "(() => { const slider = document.querySelector('.hx-range'); slider.value = slider.min;"
        " slider.dispatchEvent(new Event('change')) })()"
    )
    page.select_option(".hx-by", label="class")


def take_away(disk, check):
    page = disk.page
    disk.search("colour 4")
    lines = page.evaluate("document.querySelector('.hx').explorer.csv()")
    check("the selection is a table", len(lines) == 1001 and ",colour 4," in lines[1])
    code = page.evaluate("document.querySelector('.hx').explorer.code()")
    check(
        "and a line of Python", code.startswith("rows = torch.tensor([") and code.count(",") >= 999
    )


def look_again(browser, disk, check):
    "A colleague opens the address."
    page = disk.page
    page.mouse.dblclick(*disk.at("screen", 7))
    time.sleep(1.2)
    second, _ = new_page(browser)
    second.goto(page.url)
    other = Disk(second, disk.shots, "again-")
    time.sleep(0.8)
    same = ("layout", "cut", "tab")
    here, there = disk.state, other.state
    near = max(abs(a - b) for a, b in zip(here["view"], there["view"])) < 1e-4
    check(
        "the address opens the same place", near and all(here[name] == there[name] for name in same)
    )
    second.close()


def look_in_the_dark_and_on_a_phone(browser, folder, shots, check):
    for name, settings in (
        ("dark", dict(color_scheme="dark", viewport=dict(width=1280, height=800))),
        ("phone", dict(viewport=dict(width=390, height=844), has_touch=True, is_mobile=True)),
    ):
        page = browser.new_page(**settings)
        page.goto(f"file://{folder / 'page.html'}")
        disk = Disk(page, shots, f"{name}-")
        time.sleep(1)
        page.screenshot(path=shots / f"page-{name}.png")
        wide = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        check(f"{name}: nothing sticks out", wide and disk.state["ready"])
        if name == "phone":
            page.touchscreen.tap(*disk.at("node", 3))
            time.sleep(0.4)
            check("a finger chooses", disk.state["marked"] > 0)
        page.close()


def look_at_two_runs(browser, folder, shots, check):
    page, errors = new_page(browser)
    page.goto(f"file://{folder / 'two.html'}")
    disk = Disk(page, shots, "two-")
    check("two runs have two disks", page.locator(".hx-canvas").count() == 2)
    page.select_option(".hx-by", label="neighbours lost")
    disk.search("colour 1")
    page.screenshot(path=shots / "page-two.png")
    check("one selection in both", disk.state["marked"] == 1000)
    page.click(".hx-tab-classes")
    page.evaluate(
        "(() => { const slider = document.querySelector('.hx-range'); slider.value = 0.99;"
        " slider.dispatchEvent(new Event('change')) })()"
    )
    time.sleep(0.3)
    moved = disk.state["shown"]
    check(f"who lost all neighbours is found: {moved}", 1000 < moved < 6000)
    page.select_option(".hx-tree-run", label="run 2")
    time.sleep(0.3)
    check("the tree of the other run", page.input_value(".hx-tree-run") == "1")
    check.no_errors(errors)
    page.close()


def measure(check, file):
    end = time.time() + 60
    while not file.exists() and time.time() < end:
        time.sleep(0.2)
    speed = json.loads(file.read_text())
    check(
        f"it draws: {speed['points']:,} points, {speed['nodes']} nodes: "
        f"{speed['draw_ms']:.1f} ms of drawing, {1000 / speed['frame_ms']:.0f} frames a second",
        speed["points"] == 10_000,
    )


def look_at_watch(browser, port, folder, shots):
    driver = subprocess.Popen(
        [sys.executable, "-c", grid],
        cwd=folder,
        stdout=open(folder / "grid.log", "w"),
        stderr=subprocess.STDOUT,
    )
    try:
        while len(list(folder.glob("grid/*/run.json"))) < 3 and driver.poll() is None:
            time.sleep(0.2)
        page, errors, _ = opened(browser, port, "watch.ipynb")
        check = Checks(lambda name: page.screenshot(path=shots / f"{name}.png"))

        def says(text):
            page.wait_for_function(
                f"document.querySelector('.jp-OutputArea')?.innerText.includes({text!r})",
                timeout=90_000,
            )

        says("2 running")
        page.screenshot(path=shots / "watch-1.png")
        table = page.locator(".jp-OutputArea table")
        check(
            "the grid's runs are in the table, two at work", table.locator("tbody tr").count() == 3
        )
        chosen = page.locator(".jp-OutputArea select").input_value()
        page.get_by_role("button", name="cancel it").click()
        says("asked to stop")
        says("1 cancelled")
        page.screenshot(path=shots / "watch-2.png")
        check(
            "the chosen run is cancelled, and only that",
            "cancelled" in table.locator("tr", has_text=chosen).inner_text()
            and table.locator("tr", has_text="cancelled").count() == 1,
        )
        page.get_by_role("button", name="cancel all").click()
        says("3 cancelled")
        time.sleep(0.3)
        page.screenshot(path=shots / "watch-3.png")
        check(
            "all are cancelled, and the buttons rest",
            page.get_by_role("button", name="cancel all").is_disabled(),
        )
        check("the driver in the other process has ended", driver.wait(60) is not None)
        check.no_errors(errors)
        page.close()
        return check.done
    finally:
        driver.kill()


def look_at_site(browser, port, folder, shots):
    if not (browser_live.root / "_site" / "index.html").exists():
        print("There is no site yet, so its figures were not tried. Run `make site`.")
        return []
    return browser_live.look_at_site(browser, Checks, shots)


def look_at_lab(browser, port, folder, shots):
    def opened_and_run(browser, name):
        page, errors, _ = opened(browser, port, f"nbs/{name}", run_first=False)
        page.on(
            "console",
            lambda message: errors.append(message.text) if message.type == "error" else None,
        )

        def run_all():
            page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
            time.sleep(1)
            waiting = "[...document.querySelectorAll('.jp-InputPrompt')].some((e) => e.innerText === '[*]:')"
            page.wait_for_function(f"!{waiting}", timeout=600_000)
            time.sleep(1)

        return page, errors, run_all

    return browser_live.look_at_lab(opened_and_run, browser, Checks, shots)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
