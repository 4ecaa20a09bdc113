"Geometry at the rim, at the origin, beyond float32's squares, and with NaN."

import functools
import inspect
import math
import types

import pytest
import torch
from fastcore.test import test_fail as fails
from torch.nn.functional import normalize

from hier_nb import geometry
from hier_nb.spaces import Ball

C = 0.1
NAN = torch.tensor([[math.nan, 0.2], [0.1, 0.2]])


def with_usual_curvature(f):
    @functools.wraps(f)
    def usual(*args, **kwargs):
        given = inspect.signature(f).bind_partial(*args, **kwargs).arguments
        return f(*args, **kwargs) if "c" in given else f(*args, c=C, **kwargs)

    return usual if "c" in inspect.signature(f).parameters else f


g = types.SimpleNamespace(**{
    name: with_usual_curvature(getattr(geometry, name))
    for name in geometry.__all__
    if callable(getattr(geometry, name))
})
GOOD = torch.tensor([[0.3, -0.2], [0.1, 0.4]])


def rim(gap, n=500, dim=8, dtype=torch.float32):
    direction = normalize(
        torch.randn(n, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64), dim=1
    )
    return (direction * (1 - gap) / math.sqrt(C)).to(dtype)


maps = dict(
    expmap0=g.expmap0,
    logmap0=g.logmap0,
    project=g.project,
    clip_norm=lambda x: g.clip_norm(x, 2.3),
    soft_clip=lambda x: g.soft_clip(x, 2.3),
    to_lorentz=g.to_lorentz,
    from_lorentz=g.from_lorentz,
    midpoint=lambda x: g.midpoint(x[:, None]),
    riemannian_gradient=g.riemannian_gradient,
    Ball=Ball(),
    soft=Ball(soft_clip=True),
    learned=Ball(learn_curvature=True),
    unclipped=Ball(clip_radius=None),
    add_left=lambda x: g.mobius_add(x, GOOD.to(x)),
    add_right=lambda x: g.mobius_add(GOOD.to(x), x),
    dist=lambda x: g.dist(x, GOOD.to(x))[:, None],
    dist_right=lambda x: g.dist(GOOD.to(x), x)[:, None],
    squared_dist=lambda x: g.squared_dist(x, GOOD.to(x))[:, None],
    pairwise_dist=lambda x: g.pairwise_dist(x, GOOD.to(x)),
    pairwise_right=lambda x: g.pairwise_dist(GOOD.to(x), x).T,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", maps)
def test_nan_stays_nan_and_stays_in_its_row(name, dtype):
    out = maps[name](NAN.to(dtype))
    assert out[0].isnan().any(), "NaN in, NaN out"
    assert out[1].isfinite().all(), "the other row is none the worse"


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4, 2e-5])
def test_sums_and_midpoints_stay_in_the_ball(gap):
    x = rim(gap)
    for y in (x.flip(0), -x, x, x.roll(1, 0)):
        total = g.mobius_add(x, y)
        assert (C * total.double().square().sum(1) < 1).all()
        assert (C * g.midpoint(torch.stack([x, y], 1)).double().square().sum(1) < 1).all()
    assert g.mobius_add(x, -x).eq(0).all()
    assert g.mobius_add(-x, x).eq(0).all()


@pytest.mark.parametrize("gap", [1e-1, 1e-3, 1e-4, 2e-5])
def test_midpoints_at_the_rim(gap):
    x = rim(gap)
    assert g.dist(g.midpoint(x[:, None]).double(), x.double()).max() < 1e-6, (
        "one point is its own midpoint"
    )
    pairs = torch.stack([x, x.flip(0)], 1)
    torch.testing.assert_close(
        g.midpoint(pairs), g.midpoint(pairs.double()).float(), rtol=1e-6, atol=1e-6
    )
    m = g.midpoint(pairs.double())
    torch.testing.assert_close(
        g.dist(m, pairs[:, 0].double()), g.dist(m, pairs[:, 1].double()), rtol=1e-6, atol=1e-6
    )


def test_midpoint_with_weights():
    x = rim(1e-3)[:3]
    torch.testing.assert_close(
        g.midpoint(x, weights=torch.tensor([0.0, 1.0, 0.0])), x[1], rtol=1e-6, atol=1e-6
    )
    torch.testing.assert_close(
        g.midpoint(x, weights=torch.tensor([2.0, 2.0, 2.0])), g.midpoint(x), rtol=1e-6, atol=1e-6
    )
    fails(lambda: g.midpoint(x, weights=torch.zeros(3)), contains="all 0")
    fails(lambda: g.midpoint(x, weights=torch.tensor([1.0, -1.0, 1.0])), contains="negative")
    fails(lambda: g.midpoint(x, weights=torch.ones(2)), contains="2 weights for 3 points")
    fails(lambda: g.midpoint(x[:0]), contains="at least 1")


@pytest.mark.parametrize(
    "dtype,size",
    [(torch.float32, 1e19), (torch.float32, 1e25), (torch.float32, 3e38), (torch.float64, 1e200)],
)
def test_long_vectors_keep_their_direction(dtype, size):
    u = torch.tensor([[0.6, 0.8]], dtype=dtype) * size
    expected = torch.tensor([[0.6, 0.8]], dtype=dtype)
    for f in (
        lambda v: g.clip_norm(v, 2.3),
        lambda v: g.soft_clip(v, 2.3),
        lambda v: g.expmap0(v, 0.1),
        lambda v: g.project(v, 0.1),
    ):
        torch.testing.assert_close(normalize(f(u), dim=1), expected)
    torch.testing.assert_close(g.clip_norm(u, 2.3).norm(), torch.tensor(2.3, dtype=dtype))
    v = u.clone().requires_grad_()
    Ball()(v).sum().backward()
    assert v.grad.isfinite().all()


def test_infinite_vectors_have_no_direction():
    u = torch.tensor([[math.inf, 1.0]])
    for f in (
        lambda v: g.clip_norm(v, 2.3),
        lambda v: g.soft_clip(v, 2.3),
        lambda v: g.expmap0(v, 0.1),
        lambda v: g.project(v, 0.1),
    ):
        assert f(u).isnan().any()


@pytest.mark.parametrize(
    "f",
    [
        g.expmap0,
        g.logmap0,
        g.project,
        lambda u: g.clip_norm(u, 2.3),
        lambda u: g.soft_clip(u, 2.3),
        lambda u: g.logmap0(g.expmap0(u)),
        lambda u: g.mobius_add(u, u),
        g.to_lorentz,
        lambda u: g.squared_dist(u, torch.zeros_like(u)),
        lambda u: g.squared_dist(u, torch.full_like(u, 0.03)),
    ],
)
@pytest.mark.parametrize("size", [0.0, 1e-9, 0.03, 0.5, 0.6])
def test_second_derivatives(f, size):
    u = torch.full((2, 3), size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(f, u)
    (grad,) = torch.autograd.grad(f(u).sum(), u, create_graph=True)
    assert grad.isfinite().all()


@pytest.mark.parametrize("size", [0.0, 0.3, 0.9])
def test_bowl_at_coincident_points(size):
    a = torch.full((4,), size, dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda v: g.squared_dist(v, a, C), a.clone())
    ruler = 2 / (1 - C * a.square().sum())
    torch.testing.assert_close(hessian, 2 * ruler**2 * torch.eye(4, dtype=torch.float64))


def test_squared_dist_is_the_square():
    x, y = rim(0.3, dtype=torch.float64), rim(0.2, dtype=torch.float64).flip(0)
    for t in (1e-8, 1e-4, 1e-2, 1.0):
        near = x + t * (y - x)
        torch.testing.assert_close(
            g.squared_dist(x, near), g.dist(x, near).square(), rtol=1e-10, atol=0
        )


def test_a_riemannian_gradient_is_differentiated_once():
    x = Ball()(u := torch.randn(3, 4, requires_grad=True))
    (grad,) = torch.autograd.grad(x.square().sum(), u, create_graph=True)
    fails(lambda: grad.sum().backward(), contains="no second derivative")
    x = Ball(riemannian=False)(u)
    (grad,) = torch.autograd.grad(x.square().sum(), u, create_graph=True)
    grad.sum().backward()
    assert u.grad.isfinite().all()


def test_empty_batches_pass_through():
    none = torch.zeros(0, 4)
    assert g.pairwise_dist(none, torch.zeros(3, 4)).shape == (0, 3)
    assert g.dist(none, none).shape == (0,)
    assert Ball()(none).shape == (0, 4)
