"The widgets in JupyterLab in a real browser. The explorer: hover, click, recentre, search, select, ask, and how fast it draws. A grid's table: watch, cancel one, cancel all. `make browser`."

import json, os, socket, subprocess, sys, tempfile, time
from pathlib import Path
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
import tools
from PIL import Image
from playwright.sync_api import sync_playwright

setup = """
import json, matplotlib.pyplot as plt, numpy as np, torch
from hier_nb.explorer import explore
from hier_nb.geometry import ToPoincare
from hier_nb.pictures import ImageDataset, Taxonomy
rng = torch.Generator().manual_seed(0)
N, K = 10_000, 10
lab = torch.arange(N) % K
family = torch.randn(K, 24, generator=rng)
x = ToPoincare()(family[lab] + .4 * torch.randn(N, 24, generator=rng)); rho = ToPoincare()(torch.cat([family + .5 * torch.randn(K, 24, generator=rng) for _ in range(20)]))
angle, r = 2 * np.pi * (lab + .35 * torch.randn(N, generator=rng)) / K, .97 * torch.rand(N, generator=rng) ** .4
place = torch.stack([r * angle.cos(), r * angle.sin()], 1)
colours = (plt.get_cmap("tab10")(np.arange(K))[:, :3] * 255).astype(np.uint8)
class Pictures:
    def __len__(self): return N
    def __getitem__(self, i): return np.broadcast_to(colours[int(lab[i])], (24, 24, 3))
data = ImageDataset(Pictures(), lab, [f"colour {k}" for k in range(K)], [f"{n}.png" for n in range(N)], Taxonomy(("half",), tuple((f"half {k // 5}",) for k in range(K))), transform=lambda t: t.float(), name="ten thousand", split="squares")
class Model(torch.nn.Module):
    def __init__(self): super().__init__(); self.w = torch.nn.Parameter(torch.zeros(1))
    def forward(self, images): return torch.stack([x[int((torch.tensor(colours).float() - im.mean((1, 2))).norm(dim=1).argmin())] for im in images])
w = explore(x, lab, rho, data, on_map=place, model=Model())
w.observe(lambda _: open("selection.json", "w").write(json.dumps(w.selection)), "selection")
w.observe(lambda _: open("speed.json", "w").write(json.dumps(w.speed)), "speed")
w
"""

waiting = [
    "x = 1\nout_dir = None\nresume = False",
    "import time\nfor _ in range(3000): time.sleep(.1)",
]  # a run of five minutes, which a cancel ends
grid = "from hier_nb.runs import run_grid; run_grid('run.ipynb', dict(x=[1, 2, 3]), 'grid', cpus=2, cpus_per_run=1, progress=False)"


def written(path, *cells, tags=()):  # tags: of the first cell
    nb = new_notebook(
        cells=[new_code_cell(c) for c in cells],
        metadata=dict(kernelspec=dict(name="python3", display_name="Python 3")),
    )
    nb.cells[0].metadata["tags"] = list(tags)
    nbformat.write(nb, path)


def main(shots=None):
    chromium = tools.chromium()
    if chromium is None:
        print(
            "There is no chromium on this machine, so the widgets were not tried in a browser. On Debian or Ubuntu: apt install chromium"
        )
        return 0
    folder = Path(tempfile.mkdtemp())
    shots = Path(shots or folder / "shots")
    shots.mkdir(parents=True, exist_ok=True)
    written(folder / "explorer.ipynb", setup, "w.benchmark(120)", "w.focus = [3, 13]")
    written(folder / "watch.ipynb", "from hier_nb.runs import watch\nwatch('grid', every=.5)")
    written(folder / "run.ipynb", *waiting, tags=["parameters"])
    Image.new("RGB", (30, 20), (214, 39, 40)).save(folder / "ask.png")  # matplotlib's fourth colour
    (folder / "bad.png").write_text("no picture")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyter",
            "lab",
            "--no-browser",
            f"--port={port}",
            "--ip=127.0.0.1",
            "--IdentityProvider.token=",
            "--allow-root",
            "--LabApp.expose_app_in_browser=True",
            f"--notebook-dir={folder}",
        ],
        stdout=open(folder / "server.log", "w"),
        stderr=subprocess.STDOUT,
        env=os.environ | {"JUPYTER_PREFER_ENV_PATH": "1"},
    )
    try:
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            done = [ok for look in (explorer, watched) for ok in look(browser, port, folder, shots)]
            browser.close()
    finally:
        server.terminate()
        server.wait()
    print(f"{sum(done)} passed, {len(done) - sum(done)} failed; screenshots in {shots}")
    return int(not all(done))


def opened(
    browser, port, name
):  # its first cell begun -> the page, what it complained of, a function that runs the next cell
    page = browser.new_page(viewport=dict(width=1500, height=1000))
    errors = []
    page.on("pageerror", lambda e: errors.append(str(e)))
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
        "jupyterapp.shell.currentWidget?.sessionContext?.isReady && jupyterapp.shell.currentWidget.sessionContext.kernelDisplayStatus === 'idle'",
        timeout=90_000,
    )
    run = lambda: page.evaluate(
        "void jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
    )
    page.evaluate("void jupyterapp.commands.execute('application:toggle-left-area')")
    started = "/[0-9*]/.test(document.querySelector('.jp-Cell .jp-InputPrompt')?.innerText ?? '')"
    for _ in range(8):  # a notebook that is still opening swallows the command
        run()
        try:
            page.wait_for_function(started, timeout=10_000)
            break
        except Exception:
            pass
    return page, errors, run


def checker(shot):  # -> the outcomes so far, and the function that adds one
    done = []

    def check(name, ok):
        done.append(bool(ok))
        print(("ok      " if ok else "FAILED  ") + name, flush=True)
        ok or shot("failed-" + str(len(done)))

    return done, check


def explorer(browser, port, folder, shots):
    page, errors, run = opened(browser, port, "explorer.ipynb")
    page.wait_for_function(
        "document.querySelector('.hx')?.explorer?.state().ready", timeout=120_000
    )
    page.evaluate("document.querySelector('.jp-OutputArea .hx').scrollIntoView()")
    time.sleep(1)
    state = lambda: page.evaluate(
        "(() => { const s = document.querySelector('.hx').explorer.state(); return { node: s.node, marked: s.marked, scale: s.scale, panel: s.panel, view: s.view, hover: s.hover } })()"
    )
    at = lambda what, n: page.evaluate(
        f"(() => {{ const e = document.querySelector('.hx').explorer, b = document.querySelector('.hx-canvas').getBoundingClientRect(), p = e.{what}({n}); return [b.left + p[0], b.top + p[1]] }})()"
    )
    shot = lambda name: page.locator(".hx").first.screenshot(path=shots / f"{name}.png")
    selected = lambda: json.loads((folder / "selection.json").read_text())
    done, check = checker(shot)
    shot("1-start")
    check("10,000 pictures are announced", "10,000 pictures" in state()["panel"])
    page.mouse.move(*at("screen", 100))
    time.sleep(0.4)
    shot("2-hover")
    tip = page.locator(".hx-tip")
    check(
        "hover shows a picture and its class",
        tip.is_visible()
        and "colour" in tip.inner_text()
        and tip.locator("canvas").count() == 1
        or "below" in tip.inner_text(),
    )
    page.mouse.click(*at("node", 60))
    time.sleep(0.6)
    shot("3-node")
    s = state()
    check(
        "a click on a node shows what is below it",
        s["node"] >= 0
        and "pictures below it" in s["panel"]
        and "path to the root".upper() in s["panel"].upper()
        and page.locator(".hx-panel .hx-thumb").count() > 0,
    )
    check("the selection comes back to Python", len(selected()) == s["marked"] > 0)
    crumbs = page.locator(".hx-crumb")
    crumbs.last.click()
    time.sleep(0.8)
    check("the path leads to the root", state()["marked"] == 10_000)
    before = state()["view"]
    page.mouse.dblclick(*at("screen", 7))
    time.sleep(0.8)
    shot("4-recentred")
    b = page.locator(".hx-canvas").bounding_box()
    X, Y = at("screen", 7)
    check(
        "a double click brings a point to the centre",
        state()["view"] != before
        and abs(X - b["x"] - b["width"] / 2) < 25
        and abs(Y - b["y"] - b["height"] / 2) < 25,
    )
    v = state()["view"]
    page.mouse.move(b["x"] + 300, b["y"] + 300)
    page.mouse.down()
    page.mouse.move(b["x"] + 360, b["y"] + 330, steps=6)
    page.mouse.up()
    check("a drag moves", state()["view"] != v)
    page.mouse.wheel(0, -600)
    time.sleep(0.3)
    check("the wheel zooms", state()["scale"] > 1.5)
    shot("5-zoomed")
    page.click(".hx-home")
    time.sleep(0.8)
    check("reset goes back", state()["scale"] == 1 and state()["view"] == [1, 0, 0, 0])
    page.fill(".hx-search", "colour 4")
    page.press(".hx-search", "Enter")
    time.sleep(0.9)
    shot("6-search")
    check(
        "search finds a class", state()["marked"] == 1000 and all(i % 10 == 4 for i in selected())
    )
    page.fill(".hx-search", "nothing")
    page.press(".hx-search", "Enter")
    time.sleep(0.4)
    check(
        "an unknown name is said", "nothing is called that" in state()["panel"] and selected() == []
    )
    page.select_option(".hx-by", label="error")
    time.sleep(0.3)
    shot("7-error")
    page.set_input_files(".hx-file", folder / "ask.png")
    page.wait_for_function(
        "document.querySelector('.hx-panel').innerText.includes('lands near')", timeout=20_000
    )
    time.sleep(0.8)
    shot("8-query")
    check(
        "a picture of one's own lands among its like",
        "lands near colour 3" in state()["panel"] and all(i % 10 == 3 for i in selected()),
    )
    page.set_input_files(".hx-file", folder / "bad.png")
    page.wait_for_function(
        "document.querySelector('.hx-panel').innerText.includes('did not work')", timeout=20_000
    )
    check("a file that is no picture is said", "is not a picture" in state()["panel"])
    page.click(".hx-home")
    time.sleep(0.6)
    b = page.locator(".hx-canvas").bounding_box()
    page.keyboard.down("Shift")
    page.mouse.move(b["x"] + 400, b["y"] + 250)
    page.mouse.down()
    for dx, dy in ((150, 0), (150, 150), (0, 150), (0, 0)):
        page.mouse.move(b["x"] + 400 + dx, b["y"] + 250 + dy, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    time.sleep(0.5)
    shot("9-lasso")
    check("a line around points selects them", 0 < state()["marked"] == len(selected()) < 10_000)
    page.evaluate("document.querySelector('.hx-canvas').focus()")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    check(
        "the keyboard moves and clears", state()["marked"] == 0 and state()["view"] != [1, 0, 0, 0]
    )
    page.evaluate("void jupyterapp.commands.execute('notebook:move-cursor-down')")
    time.sleep(0.3)
    run()
    t = time.time()
    while not (folder / "speed.json").exists() and time.time() < t + 60:
        time.sleep(0.2)
    speed = json.loads((folder / "speed.json").read_text())
    check(
        f"it draws: {speed['points']:,} points, {speed['nodes']} nodes: {speed['draw_ms']:.1f} ms of drawing, {1000 / speed['frame_ms']:.0f} frames a second",
        speed["points"] == 10_000,
    )
    run()
    time.sleep(1)
    check("focus from Python marks in the browser", state()["marked"] == 2)
    check("no error in the page" + "".join("\n" + e for e in errors[:3]), not errors)
    page.close()
    return done


def watched(browser, port, folder, shots):
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
        says = lambda text: page.wait_for_function(
            f"document.querySelector('.jp-OutputArea')?.innerText.includes({text!r})",
            timeout=90_000,
        )
        done, check = checker(lambda name: page.screenshot(path=shots / f"{name}.png"))
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
        check("no error in the page" + "".join("\n" + e for e in errors[:3]), not errors)
        page.close()
        return done
    finally:
        driver.kill()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
