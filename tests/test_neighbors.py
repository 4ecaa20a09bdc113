"Search among awkward points: copies, crowds, all depths; indexes of learned curvatures; NaN."

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fastcore.test import test_fail as fails

from hier_nb.geometry import ToPoincare, clip_norm, dist, expmap0
from hier_nb.neighbors import Index, knn, reciprocal_neighbors


def awkward(name, n=600, dim=12):
    g = torch.Generator().manual_seed(1)
    noise = torch.randn(n, dim, generator=g)
    one = torch.randn(1, dim, generator=g)
    directions = F.normalize(noise, dim=1)
    return dict(
        same=lambda: expmap0(one).repeat(n, 1),
        pairs=lambda: expmap0(noise[: n // 2]).repeat(2, 1),
        few=lambda: expmap0(noise[:3]).repeat(n // 3, 1),
        last_digit=lambda: expmap0(clip_norm(one, 2.3) + 1e-7 * noise),
        crowd=lambda: expmap0(clip_norm(one, 2.3) + 1e-4 * noise),
        depths=lambda: expmap0(directions * torch.linspace(0.01, 18, n)[:, None]),
        depths64=lambda: expmap0(
            directions.double() * torch.linspace(0.01, 30, n).double()[:, None]
        ),
        origin=lambda: expmap0(noise * 1e-6),
    )[name]()


@pytest.mark.parametrize("backend", ["torch", "faiss"])
@pytest.mark.parametrize("k", [1, 7, 300, 599])
@pytest.mark.parametrize(
    "name", ["same", "pairs", "few", "last_digit", "crowd", "depths", "depths64", "origin"]
)
def test_order_of_awkward_points(name, k, backend):
    x = awkward(name)
    truth = (
        dist(x.double()[:, None], x.double()[None])
        .fill_diagonal_(math.inf)
        .sort(dim=1, stable=True)
    )
    d, i = knn(x, k, backend=backend)
    assert not (i == torch.arange(len(x))[:, None]).any(), "nobody is its own neighbour"
    assert i.sort(dim=1).values.diff(dim=1).gt(0).all(), "no row twice"
    found = truth.values.gather(1, truth.indices.argsort(1).gather(1, i))
    torch.testing.assert_close(found, truth.values[:, :k], rtol=1e-12, atol=1e-12)
    if name != "depths64" or k < 50:
        torch.testing.assert_close(d.double(), truth.values[:, :k], rtol=2e-4, atol=2e-7)
    if name in ("same", "pairs", "few"):
        assert torch.equal(i, truth.indices[:, :k]), "equal distances go to the lower row"


@pytest.mark.parametrize("backend", ["torch", "faiss"])
@pytest.mark.parametrize("name", ["same", "few", "crowd"])
def test_order_by_cosine(name, backend):
    x = awkward(name)
    z = F.normalize(x.double(), dim=1)
    truth = (
        torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square() / 2
    ).fill_diagonal_(math.inf)
    i = knn(x, 5, c=0, backend=backend)[1]
    torch.testing.assert_close(truth.gather(1, i), truth.sort(1).values[:, :5], rtol=0, atol=1e-15)


def test_queries_apart_from_the_gallery():
    gallery, queries = awkward("same"), awkward("depths")
    d, i = knn(queries, 4, gallery)
    assert i.tolist() == [[0, 1, 2, 3]] * len(queries)
    torch.testing.assert_close(d[:, 0], dist(queries, gallery))


def test_index_of_a_learned_curvature(tmp_path):
    to_ball = ToPoincare(learn_c=True)
    x = to_ball(torch.randn(50, 4))
    for backend in ("torch", "faiss"):
        index = Index(x, to_ball.c, backend)
        assert isinstance(index.c, float)
        assert torch.equal(index.search(None, 3)[1], knn(x.detach(), 3, c=index.c)[1])
    index.save(tmp_path / "learned.safetensors")
    assert Index.load(tmp_path / "learned.safetensors").c == index.c


@pytest.mark.parametrize("c", [np.float64(0.1), np.float32(0.1), torch.tensor(0.1), 1, np.int64(1)])
def test_any_kind_of_number_is_a_curvature(c, tmp_path):
    index = Index(0.1 * torch.randn(9, 3), c)
    index.save(tmp_path / "index.safetensors")
    again = Index.load(tmp_path / "index.safetensors")
    assert again.c == index.c == float(c)
    assert torch.equal(again.search(None, 2)[1], index.search(None, 2)[1])


def test_the_index_keeps_its_own_table():
    x = expmap0(torch.randn(40, 3))
    index, before = Index(x), knn(x, 3)[1]
    x.zero_()
    assert torch.equal(index.search(None, 3)[1], before)
    assert index.gallery.any()


def test_bad_input():
    x = 0.1 * torch.randn(6, 3)
    broken = x.clone()
    broken[2, 1] = math.nan
    fails(lambda: Index(broken), contains="NaN or infinite values in 1 rows")
    fails(lambda: knn(broken, 1, x), contains="queries hold NaN")
    fails(lambda: knn(x[:0], 1), contains="at least one row")
    fails(lambda: knn(x[:, :0], 1), contains="at least one row")
    fails(lambda: knn(x.long(), 1), contains="floating-point")
    fails(lambda: knn(x, 6), contains="1 <= k <= 5")
    fails(lambda: knn(x, 0), contains="k=0")
    fails(lambda: knn(x, 1, c=math.nan), contains="curvature")
    fails(lambda: knn(x, 1, c=torch.tensor(math.nan)), contains="curvature")
    table = torch.rand(4, 4)
    table[0, 1] = math.nan
    fails(lambda: reciprocal_neighbors(table, 2), contains="NaN in 1 rows")
    fails(lambda: reciprocal_neighbors(table[:2], 2), contains="square")


def test_files_of_something_else(tmp_path):
    (tmp_path / "index.safetensors").write_bytes(b"not tensors at all")
    fails(lambda: Index.load(tmp_path / "index.safetensors"), contains="does not hold an index")
    fails(lambda: Index.load(tmp_path / "nothing.safetensors"), contains="no index")
