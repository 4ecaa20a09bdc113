"""How fast dots are drawn in a browser: the explorer's own canvas (the yardstick), hyper-scatter, regl-scatterplot.

`python .ci/renderers.py [POINTS …]` draws random points of the disk by each of them in turn, several rounds, while the
view moves, and prints for each: frames a second (median, and the middle half of all frames), their ratio to the canvas
of the same round, time to the first picture, memory, and the size of the library. Chromium renders in software, as on a
machine without a graphics card; `--emulated` draws the canvas, too, through the emulated card, and `--gpu` leaves the
choice to it. Nothing here is asserted."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import tools
from playwright.sync_api import sync_playwright

from hier_nb.live import join_modules
from hier_nb.packages import fetch_renderer, renderer_source


page = """<!doctype html><meta charset=utf-8>
<style>body { margin: 0 } canvas { width: 720px; height: 720px }</style><canvas id=here></canvas>
<script type=module>
OURS
const asked = new URLSearchParams(location.search);
const [drawer, count] = [asked.get("by"), +asked.get("n")];
let seed = 1;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
const points = new Float32Array(2 * count);
const index = new Uint16Array(count);
for (let i = 0; i < count; i++) {
  const [r, angle] = [0.99 * Math.sqrt(random()), 6.2832 * random()];
  points[2 * i] = r * Math.cos(angle);
  points[2 * i + 1] = r * Math.sin(angle);
  index[i] = Math.floor(10 * random());
}
const palette = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999", "#7F5539",
  "#6A3D9A"];
const scene = { N: count, points };
const look = { index, palette, pale: null, hidden: null };
const canvas = document.getElementById("here");
const view = new View();
view.side = 720;
const start = performance.now();

async function ours(Points, library) {
  const drawer = new Points(canvas, library);
  drawer.resize(720, 1);
  return () => drawer.paint(scene, view, look);
}

// Its points are Euclidean: each frame they are moved by us and sent anew.
async function byRegl() {
  const { default: createScatterplot } = await import("./regl.js");
  const plot = createScatterplot({ canvas, width: 720, height: 720, pointSize: 2, pointColor: palette,
    colorBy: "valueA" });
  const [X, Y] = [new Float32Array(count), new Float32Array(count)];
  const draw = () => {
    view.project(points, X, Y);
    const x = X.map((v) => v / 360 - 1);
    const y = Y.map((v) => 1 - v / 360);
    return plot.draw({ x, y, valueA: index }, { zDataType: "categorical" });
  };
  return draw;
}

const makers = {
  canvas: () => ours(CanvasPoints),
  "hyper-scatter": async () => ours(ScatterPoints, await import("./hyper-scatter.js")),
  "regl-scatterplot": byRegl,
};
// One pixel asked back: no frame counts before all of it is drawn, whoever draws.
const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const begin = await makers[drawer]();
const draw = async () => {
  await begin();
  pixel.drawImage(canvas, 360, 360, 1, 1, 0, 0, 1, 1);
  return pixel.getImageData(0, 0, 1, 1);
};
await draw();
const first = performance.now() - start;
const gaps = [];
let last = performance.now();
const begun = performance.now();
for (let n = 0; n < FRAMES && (n < 6 || performance.now() - begun < 20_000); n++) {
  view.shift(0.02 * Math.cos(n / 9), 0.02 * Math.sin(n / 9));
  await draw();
  await new Promise(requestAnimationFrame);
  const now = performance.now();
  gaps.push(now - last);
  last = now;
}
window.result = { first, gaps: gaps.slice(2), heap: performance.memory.usedJSHeapSize };
</script>"""


flags_of = {
    "--gpu": [],
    "--emulated": ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
    "": ["--disable-gpu", "--enable-unsafe-swiftshader"],
}


def main(counts, how, rounds=3, frames=40):
    chromium = tools.chromium()
    if chromium is None:
        print("There is no chromium on this machine. On Debian or Ubuntu: apt install chromium")
        return
    fetch_renderer()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sizes = write_files(folder, frames)
        flags = list(flags_of[how])
        flags += ["--no-sandbox", "--enable-precise-memory-info", "--allow-file-access-from-files"]
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=chromium, args=flags)
            for count in counts:
                report(
                    count, [measure(browser, folder, sizes, count) for _ in range(rounds)], sizes
                )
            browser.close()


def write_files(folder, frames):  # -> bytes of each library
    ours = join_modules("explorer_points.js", "explorer_geometry.js")
    text = page.replace("OURS", ours).replace("FRAMES", str(frames))
    (folder / "page.html").write_text(text, encoding="utf-8")
    (folder / "hyper-scatter.js").write_text(renderer_source(), encoding="utf-8")
    (folder / "regl.js").write_text(regl_source(folder), encoding="utf-8")
    files = {"canvas": None, "hyper-scatter": "hyper-scatter.js", "regl-scatterplot": "regl.js"}
    return {name: (folder / file).stat().st_size if file else 0 for name, file in files.items()}


def regl_source(folder):  # with what it imports, by npm and esbuild, into the scratch folder only
    npm = tools.npm()
    packages = ["regl-scatterplot@1.16.0", "esbuild@0.25.0"]
    run = dict(cwd=folder, check=True, capture_output=True)
    subprocess.run([npm, "init", "-y"], **run)
    subprocess.run([npm, "install", "--no-audit", "--no-fund", *packages], **run)
    build = [folder / "node_modules/.bin/esbuild", "./node_modules/regl-scatterplot", "--bundle"]
    subprocess.run([*build, "--format=esm", "--minify", "--outfile=bundle.js"], **run)
    return (folder / "bundle.js").read_text(encoding="utf-8")


def measure(browser, folder, sizes, count):  # -> drawer -> what the page measured
    found = {}
    for drawer in sizes:
        tab = browser.new_page(viewport=dict(width=760, height=760))
        address = f"file://{folder}/page.html?by={drawer}&n={count}"
        tab.goto(address, wait_until="commit", timeout=120_000)
        tab.wait_for_function("window.result", timeout=600_000)
        found[drawer] = tab.evaluate("window.result")
        tab.close()
    return found


def report(count, rounds, sizes):
    print(f"{count:,} points, {len(rounds)} rounds")
    for drawer, size in sizes.items():
        gaps = [gap for found in rounds for gap in found[drawer]["gaps"]]
        low, middle, high = statistics.quantiles(gaps, n=4)
        ratios = [
            statistics.median(found["canvas"]["gaps"]) / statistics.median(found[drawer]["gaps"])
            for found in rounds
        ]
        first = statistics.median(found[drawer]["first"] for found in rounds)
        heap = statistics.median(found[drawer]["heap"] for found in rounds)
        print(
            f"  {drawer:17} {1000 / middle:6.1f} frames a second ({1000 / high:.1f} to {1000 / low:.1f}), "
            f"{statistics.median(ratios):5.2f} × the canvas ({min(ratios):.2f} to {max(ratios):.2f}), "
            f"first picture {first:6.0f} ms, heap {heap / 1e6:5.0f} MB, library {size / 1e3:4.0f} kB"
        )


if __name__ == "__main__":
    options = [word for word in sys.argv[1:] if word.startswith("--")]
    counts = [int(word) for word in sys.argv[1:] if not word.startswith("--")]
    main(counts or [10_000, 100_000, 1_000_000], *(options or [""]))
