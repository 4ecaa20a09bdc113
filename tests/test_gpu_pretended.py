"What a GPU would be told, on machines without one: PyTorch's fake tensors know shapes and devices, but no numbers."

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from hier_nb.hierarchy import HIERLoss
from hier_nb.spaces import Ball, Flat, Sphere


def forward(space, labels=True, **settings):
    "HIER on a GPU that is not there. Whoever asks a tensor for a number raises an error."
    with FakeTensorMode(), torch.device("cuda"):
        hier = HIERLoss(64, 16, space, n_neighbors=8, triplets_per_anchor=10, **settings)
        points = space(torch.randn(40, 16, requires_grad=True))
        y = torch.zeros(40, dtype=torch.long) if labels else None
        return hier(points, y)


ways = dict(
    plain={},
    unlabelled=dict(labels=False),
    paper=dict(label_bonus=0.0, distinct_ancestors=True),
    official=dict(official_negatives=True, official_similarity=True),
    apart=dict(across_classes=True, strangers=0.25),
    alone=dict(proxy_weight=0.0),
    order=dict(order=1.0),
)


@pytest.mark.parametrize("way", ways)
def test_hier_asks_a_gpu_nothing(way):
    "The gradient is computed with the loss, so this is all of it."
    loss = forward(Ball(), **ways[way])
    assert loss.device.type == "cuda" and loss.requires_grad


@pytest.mark.parametrize("space", [Sphere, Flat])
def test_in_other_spaces(space):
    assert forward(space()).device.type == "cuda"


def test_a_question_would_be_noticed():
    with FakeTensorMode(), pytest.raises(DataDependentOutputException):
        torch.ones((), device="cuda").item()
