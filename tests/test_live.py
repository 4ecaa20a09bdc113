"The live figures: their formulas against Python's numbers, and what the committed notebooks hold of them."

import html
import json
import random
import re
import pytest
import torch
from house import root
from javascript import needs_node, run_figure
from hier_nb.idea import loss_of_triplets
from hier_nb.live import join_modules, live
from hier_nb.neighbors import knn
from hier_nb.spaces import Ball, Flat, Sphere

notebooks = sorted((root / "nbs").rglob("*.ipynb"))
framed = re.compile(r'<iframe title="([^"]*)"[^>]* srcdoc="([^"]*)"></iframe>')


def close(got, expected):
    torch.testing.assert_close(torch.as_tensor(got, dtype=torch.double), expected)


@needs_node
def test_the_ledger_is_the_loss(tmp_path):
    "At a low temperature the draw is the likeliest proxy, and the loss what the figure's table adds up to."
    torch.manual_seed(0)
    random.seed(0)
    space = Ball()
    points = space(1.5 * torch.randn(12, 2, dtype=torch.double))
    proxies = space(1.5 * torch.randn(6, 2, dtype=torch.double))
    triplets = [random.sample(range(12), 3) for _ in range(40)]
    data = dict(c=space.c, margin=0.3, points=points.tolist(), proxies=proxies.tolist())
    code = """
const found = input.triplets.map((t) => ledger(input, input.points, input.proxies, t));
out.costs = found.map(({ rows }) => rows.reduce((sum, { cost }) => sum + cost, 0));
out.distance = input.points.map((p) => input.proxies.map((q) => distance(input.c, p, q)));
"""
    out = run_figure(tmp_path, "idea", code, data | dict(triplets=triplets))
    distances = space.pairwise_dist(points, proxies)
    torch.testing.assert_close(torch.tensor(out["distance"], dtype=torch.double), distances)
    costs = [
        loss_of_triplets(distances, torch.tensor(t)[:, None], margin=0.3, temperature=1e-6)
        for t in triplets
    ]
    assert sum(cost > 0 for cost in costs) > 5
    torch.testing.assert_close(torch.tensor(out["costs"], dtype=torch.double), torch.stack(costs))


def outputs():
    "(notebook, output) of every committed one."
    for notebook in notebooks:
        if notebook.name.startswith(".") or ".ipynb_checkpoints" in notebook.parts:
            continue
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                yield notebook, output


def pages():
    "(notebook, its name for those who cannot see it, page) of every live figure in a committed notebook."
    for notebook, output in outputs():
        text = "".join(output.get("data", {}).get("text/html", ""))
        for title, page in framed.findall(text):
            yield notebook, html.unescape(title), html.unescape(page)


def test_no_widget_without_its_kernel():
    "A committed widget is dead: its kernel is gone. `nbdev-test --save` leaves the page instead."
    for notebook, output in outputs():
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {}), notebook


def test_the_notebooks_hold_todays_figures():
    "Who changes a script executes the notebooks that show it, or runs `python .ci/refresh_live.py`."
    scripts = sorted((root / "hier_nb" / "static").glob("live_*.js"))
    figures = [
        f.stem.removeprefix("live_") for f in scripts if f.stem not in ("live_svg", "live_page")
    ]
    source = {figure: join_modules("live_page.js", f"live_{figure}.js") for figure in figures}
    seen = set()
    for notebook, title, page in pages():
        if 'class="hx' in page or "hxModel" in page:
            continue  # the explorer's
        shown = [figure for figure in figures if source[figure] in page]
        assert shown, f"{notebook.name} shows an old {title!r}: run .ci/refresh_live.py"
        assert title and len(page) < 2_000_000, notebook
        seen.update(shown)
    assert seen == set(figures), "a figure that no notebook shows"


def test_figures_are_made_of_nothing_else():
    "No page asks a network for anything."
    for notebook, title, page in pages():
        without_names = page.replace("http://www.w3.org/", "")
        # the explorer's renderer, if there is one, stands in the page itself
        without_names = without_names.replace("import(/* @vite-ignore */ url)", "")
        assert not re.search(r"""(src|href)=["']?https?:|import\(|fetch\(""", without_names), (
            notebook,
            title,
        )


def test_an_error_is_an_answer():
    def half(n):
        return dict(x=[0, 1], curves=[dict(name="y", y=[1 / n, 1])], xlabel="x", ylabel="y")

    figure = live("curves", half, dict(n=[1, 0]), alt="halves")
    sent = []
    figure.send = sent.append
    figure._answer(None, dict(number=3, settings=dict(n=0)), [])
    assert sent == [dict(number=3, data=dict(error="ZeroDivisionError: division by zero"))]
    with pytest.raises(ZeroDivisionError):  # but whoever makes the page hears of it
        _ = figure.page


@needs_node
@pytest.mark.parametrize("space", [Ball(c=0.4), Sphere(), Flat()], ids=lambda space: space.kind)
def test_spaces_in_the_browser(tmp_path, space):
    torch.manual_seed(0)
    x, y = (space(torch.randn(30, 2, dtype=torch.double)).tolist() for _ in range(2))
    code = """
const space = spaceOf(input);
out.distance = input.x.map((p, n) => space.dist(p, input.y[n]));
out.midpoint = input.x.map((p, n) => space.midpoint(p, input.y[n]));
out.way = input.x.map((p, n) => way(space, p, input.y[n], 3));
"""
    data = dict(kind=space.kind, c=getattr(space, "c", None), x=x, y=y)
    out = run_figure(tmp_path, "geodesic", code, data)
    x, y = (torch.tensor(points, dtype=torch.double) for points in (x, y))
    close(out["distance"], space.dist(x, y))
    close(out["midpoint"], space.midpoint(torch.stack([x, y], 1)))
    along = torch.tensor(out["way"], dtype=torch.double)  # (30, 9, 2)
    steps = space.dist(along[:, 1:], along[:, :-1])
    close(steps, (space.dist(x, y) / 8)[:, None].expand(-1, 8))


@needs_node
def test_neighbors_in_the_browser(tmp_path):
    torch.manual_seed(0)
    space = Ball(clip_radius=None)
    points = space(2 * torch.randn(200, 2, dtype=torch.double))
    queries = points[:20]
    data = dict(c=space.c, points=points.tolist(), queries=queries.tolist())
    code = """
const ball = new BallPlane(input.c);
out.ball = input.queries.map((query) => nearest(ball, query, input.points, 9));
out.flat = input.queries.map((query) => nearest(new Plane(), query, input.points, 9));
"""
    out = run_figure(tmp_path, "neighbors", code, data)
    for kind, ours in (("ball", space), ("flat", Flat())):
        assert out[kind] == knn(queries, 9, ours, gallery=points)[1].tolist()
