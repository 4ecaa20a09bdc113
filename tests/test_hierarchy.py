"HIER's loss: NaN, dead halves, saturated similarity, every space, shared spaces, labels of every kind."

import copy
import math
import pickle
import random
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from fastcore.test import test_fail as fails

from hier_nb import hierarchy
from hier_nb.hierarchy import HIERLoss, TripletSettings, triplet_loss
from hier_nb.idea import slow_hier
from hier_nb.losses import HypLoss, ImageAnchorLoss, create_loss
from hier_nb.neighbors import reciprocal_neighbors
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.triplets import HierarchicalProxies, nearness, sample_triplets

LABELS = torch.arange(4).repeat_interleave(6)
SETTINGS = TripletSettings(margin=0.1, temperature=0.1, distinct_ancestors=False)
SPACES = [
    Ball(),
    Ball(c=1.0, clip_radius=None),
    Ball(soft_clip=True),
    Sphere(),
    Flat(),
    Flat(clip_radius=2.3),
]
every_space = pytest.mark.parametrize("space", SPACES, ids=str)


def batch(n=24, dim=8, spread=1.0, **kwargs):
    vectors = torch.randn(n, dim, generator=torch.Generator().manual_seed(0))
    return Ball(**kwargs)(spread * vectors)


def seed():
    return torch.Generator().manual_seed(3)


def test_a_nan_distance_gives_a_nan_loss_and_gradient():
    D = torch.rand(12, 10)
    related = reciprocal_neighbors(torch.rand(12, 12).add(torch.eye(12)), 8)
    triplets = sample_triplets(related | related.T, 20)
    triplets = triplets._replace(valid=torch.ones(12, dtype=torch.bool))
    for place in ((0, 0), (5, 3), (11, 9)):
        broken = D.clone()
        broken[place] = math.nan
        broken.requires_grad_()
        loss = triplet_loss(broken, triplets, SETTINGS).loss
        assert loss.isnan()
        loss.backward()
        assert broken.grad.isnan().any()


def test_one_nan_proxy_is_nobodys_ancestor():
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    checked = hier._check(batch(), LABELS)
    with torch.no_grad():
        hier.proxies.weight[7, 2] = math.nan
    fails(hier, args=(batch(), LABELS), contains="1 of 32 hierarchical proxies hold NaN")
    found, _ = hier._term("data", checked, hier.proxies(), None)
    assert found.loss.isnan(), "without the check, as on a GPU, the loss is NaN"


def test_nan_and_infinite_embeddings_are_refused():
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    for value in (math.nan, math.inf):
        x = batch().clone()
        x[3, 1] = value
        fails(hier, args=(x, LABELS), contains="1 of 24 embeddings hold NaN or infinite")
        fails(hier.diagnostics, args=(x, LABELS), contains="1 of 24 embeddings")


@pytest.mark.parametrize("make", [HIERLoss, HIERLoss.official, HIERLoss.paper])
@pytest.mark.parametrize("n", [2, 12, 20])
def test_a_dead_data_term_says_so_once(make, n):
    hier = make(n_proxies=64, dim=8)
    x = batch(n)
    with pytest.warns(
        UserWarning,
        match=f"data term teaches nothing: {n} embeddings are not more than n_neighbors=20",
    ) as said:
        hier(x, torch.arange(n) % 3)
    assert said[0].filename == __file__, "it points at the line that called the loss"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hier(x, torch.arange(n) % 3)
    if hier.official_negatives:
        return  # there k is i itself, and what is left is noise
    u = torch.randn(n, 8, requires_grad=True)
    hier.terms(Ball()(u), torch.arange(n) % 3)["data"].backward()
    assert u.grad.eq(0).all(), "that it is dead is true"


def test_other_dead_terms():
    with pytest.warns(
        UserWarning, match="proxies term teaches nothing: n_proxies=16 are not more than"
    ):
        HIERLoss(n_proxies=16, dim=8, n_neighbors=16)(batch(), LABELS)
    lonely = HIERLoss(n_proxies=64, dim=8, n_neighbors=2, label_bonus=0)
    with pytest.warns(UserWarning, match="none has both two mutual neighbours"):
        lonely(batch(), LABELS)


def test_a_living_batch_is_silent_and_its_terms_add_up():
    hier = HIERLoss(n_proxies=64, dim=8, n_neighbors=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        terms = hier.terms(batch(), LABELS, seed())
    assert terms["data"] > 0 and terms["proxies"] > 0
    torch.testing.assert_close(sum(terms.values()), hier(batch(), LABELS, seed()))
    assert {k: v.item() for k, v in hier.last_terms.items()} == {
        k: v.item() for k, v in terms.items()
    }
    assert not any(v.requires_grad for v in hier.last_terms.values())
    assert copy.deepcopy(hier) is not hier and pickle.loads(pickle.dumps(hier)).n_neighbors == 8
    assert set(hier.state_dict()) == {"proxies.weight"}


@pytest.mark.parametrize("radius,per_class", [(5.0, 50), (8.0, 30), (2.3, 10)])
def test_class_mates_are_ranked_by_distance(radius, per_class):
    labels = torch.arange(4).repeat_interleave(per_class)
    x = batch(len(labels), 16, spread=20, clip_radius=radius)
    mates = labels[:, None] == labels
    space = Ball(clip_radius=radius)
    d = space.pairwise_dist(x, x)
    table = space.pairwise_dist(x.double(), x.double())
    rank = torch.where(mates, table, table + 1e6).sort(dim=1, stable=True).indices[:, :20]
    near = torch.zeros_like(mates).scatter_(1, rank, True)
    truth = (near & near.T).fill_diagonal_(False)
    ours = reciprocal_neighbors(nearness(d, mates), 20)
    assert (ours != truth).sum() <= 0.002 * truth.sum(), "but for ties in float32"
    official = reciprocal_neighbors(nearness(d, mates, official=True), 20)
    if radius < 3:
        assert torch.equal(official, ours), "at the published radius both readings agree"
    else:
        assert (official & ~truth).sum() > 0.3 * official.sum(), "the official reading saturates"


def test_duplicates_do_not_break_the_ranking():
    x = batch(24)
    x[6:12] = x[6]
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    u = x.clone().requires_grad_()
    loss = hier(u, LABELS)
    loss.backward()
    assert loss.isfinite() and u.grad.isfinite().all()


def test_a_second_derivative_is_refused():
    hier = HIERLoss(n_proxies=32, dim=8, n_neighbors=6)
    u = torch.randn(24, 8, requires_grad=True)
    loss = hier(Ball(riemannian=False)(u), LABELS)
    (grad,) = torch.autograd.grad(loss, u, create_graph=True)
    fails(grad.sum().backward, contains="can be differentiated once")
    hier(Ball()(u), LABELS).backward()
    assert u.grad.isfinite().all(), "once is fine"


@pytest.mark.parametrize("c,r", [(0.1, 2.3), (1.0, 0.5), (0.01, 5.0), (0.3, None), (0.1, None)])
@pytest.mark.parametrize("learn_curvature", [False, True])
def test_proxies_start_in_the_ball_they_share(c, r, learn_curvature):
    space = Ball(c=c, clip_radius=r, learn_curvature=learn_curvature)
    proxies = HierarchicalProxies(512, 64, space)
    assert proxies.space is space
    length = proxies.weight.norm(dim=1)
    expected = 0.9 * (r or 2.3 * math.sqrt(0.1 / c))
    assert abs(length.mean().item() / expected - 1) < 0.02
    assert not r or (length >= r).float().mean() < 0.3


def test_without_a_clip():
    space = Ball(clip_radius=None)
    hier = HIERLoss(n_proxies=64, dim=8, space=space, n_neighbors=8)
    loss = hier(space(torch.randn(24, 8)), LABELS)
    loss.backward()
    assert loss.isfinite() and hier.diagnostics(batch(), LABELS)["at_clip_radius"] == 0


@every_space
def test_hier_in_every_space(space):
    torch.manual_seed(0)
    hier = HIERLoss(n_proxies=64, dim=8, space=space, n_neighbors=8)
    assert hier.space is space
    u = torch.randn(24, 8, requires_grad=True)
    loss = hier(space(u), LABELS)
    loss.backward()
    for gradient in (u.grad, hier.proxies.weight.grad):
        assert gradient.isfinite().all() and gradient.norm() > 0
    found = hier.diagnostics(space(3 * u.detach()), LABELS)
    assert all(map(math.isfinite, found.values()))
    assert (found["depth_data"] > 0) == space.has_centre
    hard = space.clip_radius is not None and not getattr(space, "soft_clip", False)
    assert (found["at_clip_radius"] > 0.9) == hard


@pytest.mark.long
@every_space
def test_the_definition_and_the_fast_loss_agree_in_every_space(space):
    torch.manual_seed(1)
    random.seed(1)
    hier = HIERLoss(16, 4, space, n_neighbors=8, triplets_per_anchor=10)
    with torch.no_grad():
        x, rho = space(torch.randn(24, 4)), hier.proxies()
        a = torch.stack([hier(x, LABELS) for _ in range(150)])
        by_definition = [
            slow_hier(x, LABELS, rho, space.pairwise_dist, K=8, T=10) for _ in range(150)
        ]
        b = torch.stack(by_definition)
    apart = (a.mean() - b.mean()) / (a.var() / 150 + b.var() / 150).sqrt()
    assert apart.abs() < 4


@every_space
def test_gradient_is_that_of_finite_differences(space):
    "At a temperature near 0 every draw is the nearest proxy, and what is left of the gradient is a true one."
    torch.manual_seed(2)
    space = copy.deepcopy(space)
    space.riemannian = False
    hier = HIERLoss(12, 4, space, n_neighbors=8, triplets_per_anchor=10, temperature=1e-7).double()
    u = torch.randn(24, 4, dtype=torch.float64)
    weight = hier.proxies.weight
    start = weight.detach().clone()
    to_u, to_weight = torch.randn_like(u), torch.randn_like(start)

    def loss_at(step):
        with torch.no_grad():
            weight.copy_(start + step * to_weight)
        return hier.terms(space(u + step * to_u), LABELS, seed())["data"]

    u.requires_grad_()
    loss_at(0).backward()
    slope = (u.grad * to_u).sum() + (weight.grad * to_weight).sum()
    measured = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6
    assert abs(slope) > 1e-3
    torch.testing.assert_close(slope, measured.detach(), rtol=1e-5, atol=1e-7)


@pytest.mark.long
@every_space
def test_the_loss_falls_in_every_space(space):
    torch.manual_seed(3)
    hier = HIERLoss(32, 8, space, n_neighbors=8)
    u = torch.randn(4, 8)[LABELS] + 0.5 * torch.randn(24, 8)
    u.requires_grad_()

    def mean_loss():
        with torch.no_grad():
            return torch.stack([hier(space(u), LABELS) for _ in range(20)]).mean()

    before = mean_loss()
    optimizer = torch.optim.Adam([u, *hier.parameters()], lr=0.03)
    for _ in range(60):
        optimizer.zero_grad()
        hier(space(u), LABELS).backward()
        optimizer.step()
    assert mean_loss() < 0.8 * before


def test_the_size_of_a_block_does_not_change_the_loss():
    D = torch.rand(24, 10)
    triplets = sample_triplets(reciprocal_neighbors(torch.rand(24, 24), 14), 20)
    whole = triplet_loss(D, triplets, SETTINGS, seed())
    assert whole.loss > 0
    torch.testing.assert_close(whole.usage.sum(), torch.tensor(1.0))
    for block in (1, 7, 10_000):
        blocks = triplet_loss(D, triplets, SETTINGS, seed(), block=block)
        torch.testing.assert_close(tuple(blocks), tuple(whole))


def test_a_learned_curvature_hears_the_head_and_hier():
    space = Ball(learn_curvature=True, riemannian=False)
    hier = HIERLoss(64, 8, space, n_neighbors=8)
    assert (
        hier.space is space and dict(hier.named_parameters())["proxies.space.log_c"] is space.log_c
    )
    u = 0.5 * torch.randn(24, 8, generator=seed())
    gradient = {}
    for name, points in dict(both=space(u), hier=space(u).detach()).items():
        space.log_c.grad = None
        hier(points, LABELS, seed()).backward()
        gradient[name] = space.log_c.grad.item()
    hier_and_head = gradient["hier"], gradient["both"] - gradient["hier"]
    assert all(math.isfinite(part) and abs(part) > 1e-5 for part in hier_and_head)


def test_points_of_another_space_are_one_sentence():
    fails(HIERLoss(64, 8), args=(Sphere()(torch.ones(24, 8)) * 9,), contains="outside the ball")
    fails(HypLoss(), args=(9 * torch.ones(24, 8), LABELS), contains="outside the ball")
    far = 1e20 * torch.ones(24, 8)
    fails(HIERLoss(64, 8, Flat()), args=(far, LABELS), contains="too long to be compared")
    assert HIERLoss(64, 8, Sphere(), n_neighbors=8)(far, LABELS).isfinite(), "directions only"


@every_space
def test_hyp_in_every_space(space):
    space = copy.deepcopy(space)
    space.riemannian = False
    u = torch.randn(12, 4, dtype=torch.float64, generator=seed()).requires_grad_()
    labels = torch.arange(4).repeat_interleave(3)

    def loss(u):
        return HypLoss(space)(space(u), labels)

    assert torch.autograd.gradcheck(loss, u)
    assert create_loss("Hyp", 4, 4, space)(space(u), labels) == loss(u)


NOT_FOR_A_LOSS = "pandas sklearn matplotlib pytorch_metric_learning scipy networkx papermill umap ray torch._dynamo"


@pytest.mark.parametrize(
    "module, heavy",
    [
        ("hierarchy", NOT_FOR_A_LOSS),
        ("losses", NOT_FOR_A_LOSS),
        ("all", "timm torchvision torch._dynamo pandas sklearn papermill umap ray"),
        ("runs", "torch numpy pandas papermill ray"),
    ],
)
def test_what_an_import_loads(module, heavy):
    "Only what is needed: whoever opens a notebook waits for the rest where it is used."
    code = f"import sys, hier_nb.{module}; print(*(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


kinds = dict(
    int32=LABELS.int(),
    uint8=LABELS.byte(),
    float=LABELS.float(),
    array=LABELS.numpy(),
    list=LABELS.tolist(),
    negative=LABELS - 7,
    huge=LABELS * 30_000_000 + 2**40,
    floats=LABELS.numpy().astype(np.float64),
)


@pytest.mark.parametrize("kind", kinds)
def test_labels_of_every_kind(kind):
    hier = HIERLoss(n_proxies=64, dim=8, n_neighbors=8)
    assert hier(batch(), kinds[kind], seed()) == hier(batch(), LABELS, seed())
    assert HypLoss()(batch(), kinds[kind]) == HypLoss()(batch(), LABELS)


@pytest.mark.parametrize(
    "bad,sentence",
    [
        (LABELS + 0.5, "no whole number"),
        (LABELS[:5], "5 labels for 24 embeddings"),
        (LABELS[:, None], "not one dimension"),
        (["a"] * 24, "no number"),
        (torch.full((24,), math.nan), "no whole number"),
    ],
)
def test_labels_that_are_none(bad, sentence):
    for loss in (
        HIERLoss(n_proxies=64, dim=8, n_neighbors=8),
        HypLoss(),
        ImageAnchorLoss(4, 8),
        create_loss("MS", 4, 8),
        create_loss("PA", 4, 8),
    ):
        fails(loss, args=(batch(), bad), contains=sentence)


names = ["PA", "MS", "PNCA", "SoftTriple", "Hyp"]


@pytest.mark.parametrize("name", names)
def test_metric_losses_take_what_hier_takes(name):
    loss = create_loss(name, 4, 8)
    for kind in ("int32", "uint8", "float", "array", "list"):
        assert loss(batch(), kinds[kind]) == loss(batch(), LABELS)
    empty = torch.zeros(0, 8), torch.zeros(0)
    fails(loss, args=empty, contains="no embeddings in this batch")
    broken = batch().clone()
    broken[5, 1] = math.nan
    assert loss(broken, LABELS).isnan()
    if name in ("PA", "PNCA", "SoftTriple"):
        fails(loss, args=(batch(), LABELS + 1), contains="there are 4 to choose from")
        fails(loss, args=(batch(), LABELS - 1), contains="there are 4 to choose from")
    pickle.loads(pickle.dumps(loss))


def test_nan_class_proxies():
    for loss in (
        ImageAnchorLoss(4, 8),
        create_loss("PA", 4, 8),
        create_loss("PNCA", 4, 8),
        create_loss("SoftTriple", 4, 8),
    ):
        with torch.no_grad():
            next(loss.parameters()).view(-1)[3] = math.nan
        assert loss(batch(), LABELS).isnan()


def test_empty_batches_are_one_sentence():
    empty = torch.zeros(0, 8), torch.zeros(0)
    for loss in (HIERLoss(n_proxies=64, dim=8), HypLoss(), ImageAnchorLoss(4, 8)):
        fails(loss, args=empty, contains="no embeddings in this batch")


def test_a_uniform_zero_beside_a_weight_of_zero(monkeypatch):
    "Far proxies have weights that underflow; a number of 0 drawn there must not become 0 / 0."
    zeros = lambda *shape, like, generator=None: torch.zeros(*shape)
    monkeypatch.setattr(hierarchy, "random_uniform", zeros)
    draw = hierarchy._Draw(torch.tensor([0]), torch.tensor([[1.0, 0.0, 0.5]]))
    soft = hierarchy._relaxed(draw)
    assert soft.isfinite().all() and soft[0, 1] == 0 and abs(soft.sum() - 1) < 1e-6
