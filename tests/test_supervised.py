"Rivals that are told the hierarchy: other implementations, holes in the table, odd batches; the order of depths."

import copy
import math

import pytest
import torch
from fastcore.test import test_fail as fails
from ranks_resume import config, pictures

from hier_nb.embeddings import Taxonomy
from hier_nb.hierarchy import HIERLoss
from hier_nb.losses import HypLoss
from hier_nb.retrieval import ranking_scores
from hier_nb.spaces import Ball, Flat, Sphere
from hier_nb.trainer import Trainer
from hier_nb.supervised import (
    HierarchicalAPLoss,
    HypMixLoss,
    hierarchical_average_precision,
    level_relevance,
    smooth_step,
)

TABLE = torch.tensor([[2.0, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 1], [0, 0, 1, 2]])
LABELS = torch.arange(4).repeat_interleave(3)


def vectors(n=12, dim=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, dim, generator=generator, dtype=torch.float64)


def loss_of(table=TABLE, dim=8, **settings):
    torch.manual_seed(0)
    return HierarchicalAPLoss(table, dim, **settings).double()


def test_the_definition_and_the_measure_of_the_reports_are_one_number():
    torch.manual_seed(1)
    levels = torch.randint(4, (40, 25))
    scores = torch.rand(40, 25, dtype=torch.float64)
    relevance = level_relevance(levels.double(), top=3)
    ours = hierarchical_average_precision(scores, relevance)
    ranked = levels.gather(1, scores.argsort(1, descending=True))
    torch.testing.assert_close(ours, ranking_scores(ranked, 3)["h_ap"])


def test_definition_on_the_edge():
    assert hierarchical_average_precision(torch.rand(5), torch.zeros(5)).isnan()
    assert hierarchical_average_precision(torch.rand(0, 5), torch.rand(0, 5)).shape == (0,)
    with_hole = torch.tensor([1.0, math.nan, 0.5])
    scores = torch.tensor([3.0, 9.0, 1.0])
    assert hierarchical_average_precision(scores, with_hole) == 1, "the hole takes no place"
    fails(hierarchical_average_precision, args=(scores, with_hole[:2]), contains="(3,)")


@pytest.mark.parametrize("temperature", [0.003, 0.01, 0.1])
def test_the_step_is_a_bound_and_has_no_jump_at_the_reach(temperature):
    t = torch.linspace(-1, 1, 20_001, dtype=torch.float64)
    step = smooth_step(t, temperature, slope=100.0, reach=0.05)
    assert (step >= (t >= 0).double()).all() and (step.diff() >= 0).all()
    at_reach = smooth_step(torch.tensor([0.05, 0.05 + 1e-9]).double(), temperature, 100.0, 0.05)
    torch.testing.assert_close(at_reach[0], at_reach[1], atol=1e-6, rtol=0)


def test_the_loss_in_loops():
    x = vectors()
    loss = loss_of(cluster=0.0, temperature=0.05, slope=20.0)
    z = torch.nn.functional.normalize(x)
    s, expected = z @ z.T, []
    for q in range(12):
        others = [j for j in range(12) if j != q]
        level = {
            j: 3 if LABELS[j] == LABELS[q] else int(TABLE[LABELS[q], LABELS[j]]) for j in others
        }
        count = {n: sum(level[j] == n for j in others) for n in range(4)}
        worth = {j: level[j] / 3 / count[level[j]] for j in others}
        total = 0.0
        for k in others:
            rank, h_rank = 1.0, worth[k]
            for j in others:
                t = s[q, j] - s[q, k]
                if j == k:
                    continue
                soft = smooth_step(t, 0.05, 20.0, 0.05)
                rank += soft if level[j] < level[k] else float(t >= 0)
                h_rank += min(worth[j], worth[k]) * float(t >= 0)
            total += h_rank / rank * (worth[k] > 0)
        expected.append(1 - total / sum(worth.values()))
    torch.testing.assert_close(loss(x, LABELS), torch.stack(expected).mean())


def test_what_nobody_knows_changes_nothing():
    holed = TABLE.clone()
    holed[3, :] = holed[:, 3] = math.nan
    x = vectors().requires_grad_()
    ranking = loss_of(holed).terms(x, LABELS)["ranking"]
    (gradient,) = torch.autograd.grad(ranking, x)
    assert gradient[LABELS == 3].eq(0).all(), "class 3 is neither pulled nor pushed by others"
    elsewhere = x.detach().clone()
    elsewhere[9:] += 0.01 * vectors(3, seed=5)
    near_three = loss_of(holed).terms(elsewhere, LABELS)["ranking"]
    torch.testing.assert_close(near_three, ranking.detach(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("space", [None, Ball(), Sphere(), Flat()], ids=str)
def test_order_of_the_batch_and_both_terms(space):
    loss = loss_of(space=space)
    x = (space or Sphere())(vectors())
    order = torch.randperm(12)
    torch.testing.assert_close(loss(x, LABELS), loss(x[order], LABELS[order]))
    terms = loss.terms(x, LABELS)
    mixed = 0.9 * terms["ranking"] + 0.1 * terms["cluster"]
    torch.testing.assert_close(loss(x, LABELS), mixed)
    loss(x, LABELS).backward()
    assert loss.proxies.grad.norm() > 0
    assert copy.deepcopy(loss).top == 3 and set(loss.state_dict()) >= {"table", "proxies"}


def test_batches_without_anything_to_find():
    for rows in ([0], [0, 6]):  # one picture; two that share nothing
        x = vectors()[rows].requires_grad_()
        loss = loss_of(cluster=0.0)(x, LABELS[rows])
        loss.backward()
        assert loss == 0 and x.grad.eq(0).all()
    fails(loss_of(), args=(vectors()[:0], LABELS[:0]), contains="at least one row")


def test_twins_are_a_mistake_and_do_no_harm():
    x = torch.ones(12, 8, dtype=torch.float64).requires_grad_()
    loss = loss_of()(x, LABELS)
    loss.backward()
    assert loss > 0 and x.grad.isfinite().all()


def test_half_precision_and_other_labels():
    loss = HierarchicalAPLoss(TABLE, 8)
    x = vectors().float()
    assert loss(x.bfloat16(), LABELS).dtype == torch.float32
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(loss(x, LABELS), loss(x, LABELS.tolist()))


def test_nothing_learns_without_the_cluster_term():
    assert not any(p.requires_grad for p in loss_of(cluster=0.0).parameters())


def test_hypmix_is_hyp_with_other_scores():
    ball = Ball(riemannian=False)
    x = ball(vectors())
    loss = HypMixLoss(ball, cosine_temperature=1e9, weight=1.0, unit=False)
    torch.testing.assert_close(loss(x, LABELS), HypLoss(ball)(x, LABELS), atol=1e-6, rtol=0)
    fails(HypMixLoss(ball), args=(x[:5], LABELS[:5]), contains="same number of images")
    curved = Ball(learn_curvature=True, riemannian=False)
    HypMixLoss(curved).double()(curved(vectors()), LABELS).backward()
    assert curved.log_c.grad.abs() > 0, "a learned curvature hears it"


def hier_of(order, space=None):
    torch.manual_seed(0)
    return HIERLoss(32, 8, space or Ball(soft_clip=True), n_neighbors=6, order=order).double()


def run_hier(order):
    hier = hier_of(order)
    u = vectors().requires_grad_()
    generator = torch.Generator().manual_seed(1)
    terms = hier.terms(hier.space(u), LABELS, generator)
    sum(terms.values()).backward()
    return terms, u.grad, hier.proxies.weight.grad, torch.rand(1, generator=generator)


def test_order_adds_a_term_and_draws_nothing():
    without, *before, number = run_hier(0.0)
    with_order, *after, same_number = run_hier(2.0)
    assert list(without) == ["data", "proxies"] and list(with_order) == ["data", "proxies", "order"]
    assert all(torch.equal(without[name], with_order[name]) for name in without)
    assert torch.equal(number, same_number)
    assert not any(map(torch.equal, before, after))
    assert with_order["order"] > 0


def test_order_without_the_proxies_own_triplets():
    hier = hier_of(2.0)
    hier.proxy_weight = 0.0
    terms = hier.terms(hier.space(vectors()), LABELS)
    assert list(terms) == ["data", "order"]
    torch.testing.assert_close(terms["order"].detach(), 2 * hier.last_terms["order"])


def test_order_is_no_part_of_the_published_readings():
    assert HIERLoss.official().order == HIERLoss.paper().order == 0


def test_order_refuses_what_has_no_depth():
    fails(lambda: hier_of(1.0, Sphere()), contains="equally deep")
    for order in (-1, math.nan, math.inf):
        fails(hier_of, args=(order,), contains="is no weight")
    assert hier_of(0.0, Sphere()).order == 0 and hier_of(1.0, Flat()).order == 1


def test_order_of_a_dead_batch_is_nothing():
    hier = hier_of(1.0)
    with pytest.warns(UserWarning, match="data term teaches nothing"):
        terms = hier.terms(hier.space(vectors(4)), torch.arange(4))
    assert terms["order"] == 0


def classes_in_pairs():
    data = pictures()
    data.taxonomy = Taxonomy(
        ("pair",), tuple((f"pair {n // 2}",) for n in range(len(data.class_names)))
    )
    return data


@pytest.mark.parametrize("loss", ["HAPPIER", "HypMix"])
def test_a_run_takes_them_by_name(loss):
    trainer = Trainer(config(loss=loss, hier_weight=0.0, max_steps=2), classes_in_pairs())
    trainer.fit(progress=False)
    numbers = [step[loss] for step in trainer.history]
    assert len(numbers) == 2 and all(math.isfinite(number) for number in numbers)
    if loss == "HAPPIER":
        table = trainer.module.metric.table
        assert table[0, 1] == 1 and table[0, 2] == 0
        assert any(
            p is trainer.module.metric.proxies for p in trainer.optimizer.param_groups[-1]["params"]
        )


def test_a_dataset_that_tells_nothing_is_refused():
    with pytest.raises(ValueError, match="no taxonomy"):
        Trainer(config(loss="HAPPIER"), pictures())
    with pytest.raises(ValueError, match="Take a Ball"):
        Trainer(config(loss="HypMix", space="flat"), pictures())
