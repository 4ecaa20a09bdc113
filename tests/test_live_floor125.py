"The live figures of the floors 1, 2 and 5: what their JavaScript counts, against Python."

import shutil
from pathlib import Path
import numpy as np
import pytest
import torch
from javascript import needs_node, run_module
import hier_nb
from hier_nb.pictures import plot_pictures
from hier_nb.samplers import ClassBalancedSampler
from hier_nb.spaces import Ball

static = Path(hier_nb.__file__).parent / "static"


def run_js(folder, name, code, data):
    "`figure` is the module live_<name>.js."
    for file in (f"live_{name}.js", "live_svg.js"):
        shutil.copy(static / file, folder)
    return run_module(folder, f'import * as figure from "./live_{name}.js";', code, data)


@needs_node
def test_pairs_of_a_batch(tmp_path):
    labels = torch.arange(40).repeat_interleave(6)
    batches = []
    for images_per_class in (0, 1, 2, 4, 6):
        batches += ClassBalancedSampler(labels, 24, images_per_class)
    classes = [labels[batch].tolist() for batch in batches]
    code = "out.pairs = input.map(figure.pairs); out.stacks = figure.stacks(input[0]);"
    found = run_js(tmp_path, "batch", code, classes)
    images_of_each = [torch.tensor(row).bincount() for row in classes]
    assert found["pairs"] == [int((n * (n - 1) // 2).sum()) for n in images_of_each]
    rows = sorted(row for _, rows in found["stacks"] for row in rows)
    assert rows == list(range(24))
    assert all(classes[0][row] == label for label, rows in found["stacks"] for row in rows)
    sizes = [len(rows) for _, rows in found["stacks"]]
    assert sizes == sorted(sizes, reverse=True)


@needs_node
@pytest.mark.parametrize("soft", [False, True])
def test_head_into_the_ball(tmp_path, soft):
    generator = torch.Generator().manual_seed(0)
    vectors = 3 * torch.randn(40, 2, generator=generator, dtype=torch.double)
    vectors[0] = 0
    for c, radius in ((0.1, 2.3), (0.5, 1.0), (1.0, 0.5)):
        space = Ball(c, clip_radius=radius, soft_clip=soft)
        points = space(vectors)
        data = dict(c=c, radius=radius, soft=soft, vectors=vectors.tolist())
        code = """
const { c, radius, soft } = input;
out.points = input.vectors.map((v) => figure.toBall(figure.clip(v, radius, soft), c));
out.depths = out.points.map((p) => figure.depth(p, c));
"""
        found = run_js(tmp_path, "head", code, data)
        for name, expected in (("points", points), ("depths", space.depth(points))):
            got = torch.tensor(found[name], dtype=torch.double)
            torch.testing.assert_close(got, expected, rtol=1e-7, atol=1e-7)


def test_titles_do_not_collide():
    "Titles of two lines reached into the pictures of the row above."
    plt = pytest.importorskip("matplotlib.pyplot")
    images = [np.zeros((8, 8, 3), np.uint8)] * 6
    axes = plot_pictures(images, ["two\nlines", "", "one"] * 2, columns=3)
    axes[0].figure.canvas.draw()
    upper, lower = [ax.get_window_extent() for ax in (axes[0], axes[3])]
    assert axes[3].title.get_window_extent().y1 <= upper.y0
    assert axes[0].title.get_window_extent().y1 <= axes[0].figure.bbox.y1
    assert lower.width == pytest.approx(lower.height, rel=0.2)
    assert len(plot_pictures(images, columns=3)) == 6
    plt.close("all")
