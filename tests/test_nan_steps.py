"A step that is not a number: stopped or skipped, before it can spoil anything."

import json
import math

import pytest
import torch
from fastcore.test import test_fail as fails
from ranks_training import first_batch, pictures, small, spoiled
from torch import nn

from hier_nb.config import TrainConfig
from hier_nb.files import checkpoints, read_checkpoint
from hier_nb.trainer import Trainer, create_optimizer


class BadGradient(nn.Module):
    "A loss of 1 whose gradient is NaN."

    def forward(self, embeddings, labels):
        return 1 + (embeddings * 0).sum().sqrt()


class BadLoss(nn.Module):
    "A loss of NaN."

    def forward(self, embeddings, labels):
        return embeddings.sum() * math.nan


def state(t):
    return {k: v.clone() for k, v in t.tensors().items()}


def trainer(data=None, out=None, **settings):
    return Trainer(TrainConfig(**small | settings), data or pictures(), out)


def test_a_nan_gradient_stops_before_the_weights(tmp_path):
    t = trainer(out=tmp_path, keep=1)
    batch = first_batch(t)
    t.take_step(*batch)
    saved = t.save()
    t.module.metric, before = BadGradient(), state(t)
    fails(lambda: t.take_step(*batch), contains="The gradient is not finite at step 1")
    for name, value in state(t).items():
        if "running" not in name and "num_batches" not in name:
            assert torch.equal(value, before[name]), name
    assert checkpoints(tmp_path / "checkpoints") == [saved]


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("fault", ["gradient", "picture", "loss"])
def test_a_skipped_step_leaves_no_trace(fault, ema):
    data = spoiled(range(48)) if fault == "picture" else pictures()
    t = trainer(data, on_nan="skip", ema_decay=ema)
    batch = first_batch(t)
    good = (torch.rand(24, 3, 32, 32), batch[1], batch[2])
    t.take_step(*good)
    before = state(t)
    if fault != "picture":
        plain, t.module.metric = (
            t.module.metric,
            BadGradient() if fault == "gradient" else BadLoss(),
        )
    with pytest.warns(UserWarning, match="The step is skipped"):
        t.take_step(*batch)
    for name, value in state(t).items():
        assert torch.equal(value, before[name]), f"{name} changed"
    assert t.steps_done == 2 and t.history[-1]["skipped"] == 1
    if fault != "picture":
        t.module.metric = plain
    t.take_step(*good)
    assert "skipped" not in t.history[-1], "and the run goes on"


@pytest.mark.parametrize("hier_weight", [0.0, 0.5])
@pytest.mark.parametrize("fault", [math.nan, math.inf])
def test_the_picture_is_named(hier_weight, fault):
    t = trainer(hier_weight=hier_weight, freeze_batch_norm=True)
    batch = first_batch(t)
    row = int(batch[2][5])
    t = trainer(spoiled([row], fault), hier_weight=hier_weight, freeze_batch_norm=True)
    fails(lambda: t.take_step(*first_batch(t)), contains=f"on picture {row} ({row}.png)")


def test_skipping_has_an_end():
    t = trainer(spoiled(range(48)), on_nan="skip")
    batch = first_batch(t)
    with pytest.warns(UserWarning, match="skipped"):
        for _ in range(19):
            t.take_step(*batch)
    fails(lambda: t.take_step(*batch), contains="20 steps in a row were skipped")


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    t = trainer(out=tmp_path, keep=1)
    t.take_step(*first_batch(t))
    saved = t.save()
    with torch.no_grad():
        t.module.hier.proxies.weight[0, 0] = math.inf
    t.history.append(dict(t.history[-1]))
    fails(t.save, contains="1 of")
    assert checkpoints(tmp_path / "checkpoints") == [saved] and read_checkpoint(saved)


def test_histories_hold_both_terms_of_hier(tmp_path):
    t = trainer(out=tmp_path)
    t.fit(progress=False)
    for row in t.history:
        assert set(row) == {"PA", "HIER", "HIER data", "HIER proxies"}
        assert abs(0.5 * (row["HIER data"] + row["HIER proxies"]) - row["HIER"]) < 1e-5
    json.loads(
        (tmp_path / "progress.json").read_text(), parse_constant=lambda name: pytest.fail(name)
    )


def ahead(fault_at=None, **settings):
    "A run whose numbers are read a step late, on a CPU; one step's loss may be no number."
    t = trainer(freeze_batch_norm=True, **settings)
    t.optimizer = create_optimizer(t.module, t.config, fused=True)
    plain, bad = t.module.metric, BadLoss()
    batches = [first_batch(t)] * 5
    for n, batch in enumerate(batches):
        t.module.metric = bad if n == fault_at else plain
        t.take_step(*batch)
    t.read_numbers()
    return t


@pytest.mark.parametrize("learn_curvature", [False, True])
def test_numbers_read_late_are_the_same_numbers(monkeypatch, learn_curvature):
    at_once = ahead(learn_curvature=learn_curvature)
    monkeypatch.setattr(Trainer, "_looks_late", lambda self: True)
    late = ahead(learn_curvature=learn_curvature)
    assert late.reads_late and not at_once.reads_late
    assert late.history == at_once.history and len(late.history) == 5
    for name, value in state(late).items():
        assert torch.equal(value, at_once.tensors()[name]), name


def test_a_step_that_is_no_number_is_skipped_before_it_is_read(monkeypatch):
    at_once = ahead(2, on_nan="skip")
    monkeypatch.setattr(Trainer, "_looks_late", lambda self: True)
    with pytest.warns(UserWarning, match="loss is not finite at step 2"):
        late = ahead(2, on_nan="skip")
    assert [row.get("skipped") for row in late.history] == [None, None, 1.0, None, None]
    for name, value in state(late).items():
        assert torch.equal(value, at_once.tensors()[name]), name
    with pytest.raises(FloatingPointError, match="loss is not finite at step 2"):
        ahead(2)


@pytest.mark.parametrize("fault_at", [0, 2])
def test_an_average_leaves_a_skipped_step_out(monkeypatch, fault_at):
    settings = dict(on_nan="skip", ema_decay=0.5)
    with pytest.warns(UserWarning, match="The step is skipped"):
        at_once = ahead(fault_at, **settings)
        monkeypatch.setattr(Trainer, "_looks_late", lambda self: True)
        late = ahead(fault_at, **settings)
    for name, value in state(late).items():
        assert torch.equal(value, at_once.tensors()[name]), name


def test_nothing_is_saved_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "_looks_late", lambda self: True)
    t = trainer(freeze_batch_norm=True, out=tmp_path)
    t.optimizer = create_optimizer(t.module, t.config, fused=True)
    batch = first_batch(t)
    t.module.metric = BadGradient()
    t.take_step(*batch)
    with pytest.raises(FloatingPointError, match="gradient is not finite at step 0"):
        t.save()
    assert not checkpoints(tmp_path / "checkpoints")
