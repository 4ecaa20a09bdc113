"Search among awkward points: copies, crowds, all depths; indexes of learned curvatures; NaN."

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastcore.test import test_fail as fails

from hier_nb.geometry import clip_norm
from hier_nb.neighbors import Index, knn, reciprocal_neighbors
from hier_nb.spaces import Ball, Flat, Sphere

BALL = Ball(clip_radius=None)
SPACES = dict(ball=BALL, sphere=Sphere(), flat=Flat())


def awkward(name, n=600, dim=12):
    g = torch.Generator().manual_seed(1)
    noise = torch.randn(n, dim, generator=g)
    one = torch.randn(1, dim, generator=g)
    directions = F.normalize(noise, dim=1)
    return dict(
        same=lambda: BALL(one).repeat(n, 1),
        pairs=lambda: BALL(noise[: n // 2]).repeat(2, 1),
        few=lambda: BALL(noise[:3]).repeat(n // 3, 1),
        last_digit=lambda: BALL(clip_norm(one, 2.3) + 1e-7 * noise),
        crowd=lambda: BALL(clip_norm(one, 2.3) + 1e-4 * noise),
        depths=lambda: BALL(directions * torch.linspace(0.01, 18, n)[:, None]),
        depths64=lambda: BALL(directions.double() * torch.linspace(0.01, 30, n).double()[:, None]),
        origin=lambda: BALL(noise * 1e-6),
    )[name]()


@pytest.mark.parametrize("backend", ["torch", "faiss"])
@pytest.mark.parametrize("k", [1, 7, pytest.param(300, marks=pytest.mark.slow), 599])
@pytest.mark.parametrize(
    "name", ["same", "pairs", "few", "last_digit", "crowd", "depths", "depths64", "origin"]
)
@pytest.mark.parametrize("kind", SPACES)
def test_order_of_awkward_points(kind, name, k, backend):
    x, space = awkward(name), SPACES[kind]
    truth = space.dist(x.double()[:, None], x.double()[None]).fill_diagonal_(math.inf)
    truth = truth.sort(dim=1, stable=True)
    d, i = knn(x, k, space, backend=backend)
    assert not (i == torch.arange(len(x))[:, None]).any(), "nobody is its own neighbour"
    assert i.sort(dim=1).values.diff(dim=1).gt(0).all(), "no row twice"
    found = truth.values.gather(1, truth.indices.argsort(1).gather(1, i))
    torch.testing.assert_close(found, truth.values[:, :k], rtol=1e-12, atol=1e-12)
    if name != "depths64" or k < 50:
        torch.testing.assert_close(d.double(), truth.values[:, :k], rtol=2e-4, atol=2e-7)
    if name in ("same", "pairs", "few"):
        assert torch.equal(i, truth.indices[:, :k]), "equal distances go to the lower row"


def test_queries_apart_from_the_gallery():
    gallery, queries = awkward("same"), awkward("depths")
    d, i = knn(queries, 4, BALL, gallery=gallery)
    assert i.tolist() == [[0, 1, 2, 3]] * len(queries)
    torch.testing.assert_close(d[:, 0], BALL.dist(queries, gallery))


def test_index_of_a_learned_curvature(tmp_path):
    space = Ball(learn_curvature=True)
    x = space(torch.randn(50, 4))
    for backend in ("torch", "faiss"):
        index = Index(x, space, backend)
        assert isinstance(index.space.c, float) and not list(index.space.parameters())
        assert torch.equal(index.search(None, 3)[1], knn(x.detach(), 3, index.space)[1])
    index.save(tmp_path / "learned.safetensors")
    assert Index.load(tmp_path / "learned.safetensors").space.c == index.space.c


@pytest.mark.parametrize("c", [np.float64(0.1), np.float32(0.1), torch.tensor(0.1), 1, np.int64(1)])
def test_any_kind_of_number_is_a_curvature(c, tmp_path):
    index = Index(0.1 * torch.randn(9, 3), Ball(c))
    index.save(tmp_path / "index.safetensors")
    again = Index.load(tmp_path / "index.safetensors")
    assert again.space.c == index.space.c == float(c)
    assert torch.equal(again.search(None, 2)[1], index.search(None, 2)[1])


@pytest.mark.parametrize("kind", SPACES)
def test_a_saved_index_is_of_its_space(kind, tmp_path):
    index = Index(0.1 * torch.randn(9, 3), SPACES[kind])
    index.save(tmp_path / "index.safetensors")
    assert Index.load(tmp_path / "index.safetensors").space.to_dict() == SPACES[kind].to_dict()


def test_the_index_keeps_its_own_table():
    x = BALL(torch.randn(40, 3))
    index, before = Index(x, BALL), knn(x, 3, BALL)[1]
    x.zero_()
    assert torch.equal(index.search(None, 3)[1], before)
    assert index.gallery.any()


def test_bad_input():
    x = 0.1 * torch.randn(6, 3)
    broken = x.clone()
    broken[2, 1] = math.nan
    fails(lambda: Index(broken, BALL), contains="1 of 6 rows of gallery hold NaN")
    fails(lambda: knn(broken, 1, BALL, gallery=x), contains="1 of 6 rows of queries hold NaN")
    fails(lambda: knn(x[:0], 1, BALL), contains="0 rows")
    fails(lambda: knn(x[:, :0], 1, BALL), contains="shape (6, 0)")
    fails(lambda: knn(x.long(), 1, BALL), contains="floating-point")
    fails(lambda: knn(x, 6, BALL), contains="1 <= k <= 5")
    fails(lambda: knn(x, 0, BALL), contains="k=0")
    fails(lambda: Ball(math.nan), contains="curvature")
    fails(lambda: Ball(torch.tensor(math.nan)), contains="curvature")
    table = torch.rand(4, 4)
    table[0, 1] = math.nan
    fails(lambda: reciprocal_neighbors(table, 2), contains="NaN in 1 rows")
    fails(lambda: reciprocal_neighbors(table[:2], 2), contains="square")


def test_files_of_something_else(tmp_path):
    (tmp_path / "index.safetensors").write_bytes(b"not tensors at all")
    fails(lambda: Index.load(tmp_path / "index.safetensors"), contains="does not hold an index")
    fails(lambda: Index.load(tmp_path / "nothing.safetensors"), contains="no index")
