"The browser's half of the explorer: its geometry against Python's numbers, and its modules joined into one."

import math
import re
import shutil
import subprocess
from pathlib import Path
import pytest
import torch
from javascript import needs_node, node, run_module
import hier_nb
from hier_nb.embeddings import Embeddings, Taxonomy
from hier_nb.explorer import explore
from hier_nb.geometry import mobius_add
from hier_nb.live import join_modules
from hier_nb.plots import geodesic, unit_disk
from hier_nb.scene import tree_of
from hier_nb.spaces import Ball
from hier_nb.tree import cut_tree

static = Path(hier_nb.__file__).parent / "static"
modules = [*sorted(static.glob("explorer*.js")), static / "page_frame.js"]


imports = """
import * as geometry from "./explorer_geometry.js";
import { Data, Scene } from "./explorer_scene.js";
import { State } from "./explorer_state.js";
import { clusterColor, cutTree, scatter } from "./explorer_cut.js";
"""


def run_js(folder, code, data=None):
    "`geometry` is the module; the classes of the scene are in reach."
    for file in static.glob("explorer_*.js"):
        shutil.copy(file, folder)
    return run_module(folder, imports, code, data)


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
    const { translation, inverse, apply } = geometry;
    const first = input.p.map((p, n) => translation(...p, ...input.q[n]));
    const second = input.q.map((q, n) => translation(...q, ...input.z[n]));
    const both = (point, n) => apply(second[n], ...apply(first[n], ...point));
    out.p = input.p.map(both);
    out.q = input.q.map(both);
    out.back = out.q.map((q, n) => apply(inverse(first[n]), ...apply(inverse(second[n]), ...q)));
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
def test_a_flight_goes_evenly_along_the_shortest_path(tmp_path):
    code = """
    const { wayPoint } = geometry;
    out.path = [0, 0.25, 0.5, 0.75, 1].map((e) => wayPoint([0.1, 0.2], [0.6, -0.4], e));
    """
    path = torch.tensor(run_js(tmp_path, code)["path"], dtype=torch.double)
    ends = torch.tensor([[0.1, 0.2], [0.6, -0.4]], dtype=torch.double)
    torch.testing.assert_close(path[[0, -1]], ends)
    steps = unit_disk.dist(path[:-1], path[1:])
    torch.testing.assert_close(steps, unit_disk.dist(*ends).expand(4) / 4)


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
    X.fill(-1);
    view.project(input.p.flat(), X, Y, [3, 5], 2);
    out.some = [...X.keys()].filter((n) => X[n] !== -1);
    const held = view.pointAt(350, 200);
    out.held = view.place(...held);
    view.zoom(1.7, 350, 200);
    out.zoomed = view.place(...held);
    view.drag([350, 200], [330, 260]);
    out.dragged = view.place(...held);
    """
    out = run_js(tmp_path, code, points)
    close(out["projected"], torch.tensor(out["placed"], dtype=torch.double))
    assert out["some"] == [3, 5]
    close(out["held"], torch.tensor([350.0, 200.0], dtype=torch.double))
    close(out["zoomed"], torch.tensor([350.0, 200.0], dtype=torch.double), 1e-6)
    close(out["dragged"], torch.tensor([330.0, 260.0], dtype=torch.double), 1e-6)


@needs_node
def test_moving_in_a_circle_turns_nothing(tmp_path):
    "What is right of the middle stays right of it: the view has no rotation that could pile up."
    code = """
    const view = new geometry.View();
    view.side = 600;
    const ring = [[300, 200], [400, 200], [400, 300], [300, 300]];
    for (let n = 0; n < 8; n++) view.drag(ring[n % 4], ring[(n + 1) % 4]);
    const [x, y] = view.middle;
    out.direction = geometry.apply(view.isometry, x + 1e-6, y);
    """
    x, y = run_js(tmp_path, code)["direction"]
    assert x > 0 and abs(y) < 1e-3 * x


@needs_node
def test_the_unit_is_as_long_as_it_is_drawn(tmp_path):
    code = """
    const view = new geometry.View();
    view.side = 612;
    out.unit = view.unitAt(...view.place(0.5, 0.3));
    out.drawn = [view.place(0.5, 0.3), view.place(...geometry.apply(geometry.translation(0, 0, 0.5, 0.3), 5e-7, 0))];
    """
    out = run_js(tmp_path, code)
    start, end = (torch.tensor(place, dtype=torch.double) for place in out["drawn"])
    # a step of Euclidean length 5e-7 at the centre has the hyperbolic length 1e-6
    assert abs((end - start).norm().item() / 1e-6 / out["unit"] - 1) < 1e-4


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
    for name in (
        "View",
        "Scene",
        "State",
        "Painter",
        "Panel",
        "Dendrogram",
        "CanvasPoints",
        "ScatterPoints",
        "Disk",
    ):
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
            assert re.search(
                rf"^export (const|function|async function|class) {name}\b", source, re.MULTILINE
            )


@pytest.mark.parametrize("file", modules, ids=lambda file: file.name)
def test_lines_are_at_most_120_wide(file):
    assert max(map(len, file.read_text().splitlines())) <= 120


# ---- the scene, its cuts and its filters


def clumps(n=60, seed=0):
    "Six classes in two groups, with a proxy for each and one in the middle."
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 6
    group = torch.randn(2, 8, generator=generator)
    center = group.repeat_interleave(3, 0) + 0.6 * torch.randn(6, 8, generator=generator)
    vectors = center[labels] + 0.3 * torch.randn(n, 8, generator=generator)
    proxies = torch.cat([center, group, torch.zeros(1, 8)])
    taxonomy = Taxonomy(("group",), tuple((f"group {k // 3}",) for k in range(6)))
    return Embeddings(Ball()(vectors), Ball(), labels, Ball()(proxies), taxonomy=taxonomy)


def as_model(widget):  # what a page is given
    buffers = {name: list(getattr(widget, name)) for name in ("data", "atlas")}
    return dict(meta=widget.meta, **buffers)


open_scene = """
const state = { meta: input.meta, data: new Uint8Array(input.data), atlas: new Uint8Array(input.atlas) };
const data = new Data({ get: (name) => state[name] });
const scenes = data.meta.runs.map((_, run) => new Scene(data, run));
const [scene] = scenes;
"""


@needs_node
def test_the_scene_is_what_python_sent(tmp_path):
    e = clumps()
    widget = explore(e, layouts="tree")
    code = """
    out.labels = [...scene.data.labels];
    out.points = [...scene.points];
    out.size = scene.size[scene.root];
    out.below = scene.samplesBelow(scene.root).sort((a, b) => a - b);
    out.along = [...scene.along];
    out.found = data.find("group 1");
    out.strangers = scene.strangers([0]).map(([i]) => i).sort((a, b) => a - b);
    """
    out = run_js(tmp_path, open_scene + code, as_model(widget))
    assert out["labels"] == e.labels.tolist() and out["size"] == 60
    assert out["below"] == list(range(60)) == sorted(out["along"])
    close(out["points"], widget.scene.arrays["0/points/tree"].flatten().double(), 1e-6)
    assert out["found"] == (e.labels >= 3).nonzero().flatten().tolist()
    assert out["strangers"] == sorted(widget.scene.arrays["0/neighbors"][0].tolist())


@needs_node
@pytest.mark.parametrize("rule", ["lca", "linkage"])
def test_cuts_are_those_of_python(tmp_path, rule):
    "By number and by height, of the whole tree."
    e = clumps()
    widget = explore(e, layouts="tree", rule=rule, n_nodes=1000)
    tree = tree_of(e, rule)
    heights = sorted({facts["height"] for _, facts in tree.nodes(data=True) if "height" in facts})
    cuts = [(low + high) / 2 for low, high in zip(heights, heights[1:])][-5:]
    code = """
    const sorted = ({ of }) => [...of];
    out.number = [2, 4, 6].map((value) => sorted(cutTree(scene, { by: "number", value }, data.levels[0])));
    out.height = input.cuts.map((value) => sorted(cutTree(scene, { by: "height", value }, data.levels[0])));
    """
    out = run_js(tmp_path, open_scene + code, dict(as_model(widget), cuts=cuts))
    if (
        rule == "lca"
    ):  # linkage's whole tree has single samples beside its clusters, which only Python leaves alone
        for k, got in zip((2, 4, 6), out["number"]):
            assert same_clusters(got, cut_tree(tree, n_clusters=k).tolist())
    for height, got in zip(cuts, out["height"]):
        expected = cut_tree(tree, height=height).tolist()
        single = [
            expected.count(c) == 1 for c in expected
        ]  # the browser keeps what hangs on one node together
        keep = [n for n in range(60) if not single[n]]
        assert same_clusters([got[n] for n in keep], [expected[n] for n in keep])


def same_clusters(a, b):
    pairs = set(zip(a, b))
    return len(pairs) == len(set(a)) == len(set(b))


@needs_node
def test_purity_and_who_is_torn_apart(tmp_path):
    widget = explore(clumps(), layouts="tree")
    code = """
    const [level] = data.levels;
    const cut = cutTree(scene, { by: "purity", value: 0.9 }, level);
    out.pure = cut.clusters.filter(({ rest, node }) => !rest && scene.children[node].length)
      .map(({ list }) => data.countGroups(list, level)[0][1] / list.length);
    out.covered = cut.clusters.flatMap(({ list }) => list).sort((a, b) => a - b);
    out.torn = scatter(data, cut, data.colors[1]);
    """
    out = run_js(tmp_path, open_scene + code, as_model(widget))
    assert all(share >= 0.9 for share in out["pure"])
    assert out["covered"] == list(range(60))
    assert sum(row["count"] for row in out["torn"]) == 60
    assert all(0 < row["together"] <= 1 for row in out["torn"])


@needs_node
def test_filters_and_collapsed_branches(tmp_path):
    widget = explore(clumps(), layouts="tree")
    code = """
    const chosen = new State(data, scenes);
    out.all = chosen.countShown();
    chosen.setFilter(0, { groups: new Set([1]) });
    out.group = [...chosen.hidden];
    const radius = data.colors.findIndex(({ name }) => name === "radius");
    chosen.setFilter(radius, { range: [0, 1e9] });
    out.both = chosen.countShown();
    chosen.setFilter(0, {});
    chosen.setFilter(radius, {});
    out.none = chosen.hidden;
    chosen.toggle(scene, scene.root);
    out.hidden = [...scene.parent.keys()].filter((n) => chosen.hides(scene, n)).length;
    chosen.toggle(scene, scene.root);
    out.shown = [...scene.parent.keys()].filter((n) => chosen.hides(scene, n)).length;
    out.nodes = scene.M;
    """
    out = run_js(tmp_path, open_scene + code, as_model(widget))
    assert out["all"] == 60 and out["both"] == 30 and out["none"] is None
    assert out["group"] == (clumps().labels >= 3).int().tolist()
    assert out["hidden"] == out["nodes"] - 1 and out["shown"] == 0


@needs_node
def test_colors_of_clusters_are_distinct_and_hexadecimal(tmp_path):
    out = run_js(tmp_path, "out.colors = [...Array(40).keys()].map(clusterColor);")
    assert len(set(out["colors"])) == 40
    assert all(re.fullmatch("#[0-9a-f]{6}", color) for color in out["colors"])
