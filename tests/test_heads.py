"Heads on cached features: the same run, without the backbone."

import warnings

import pytest
import torch
from ranks_resume import config, pictures, still

from hier_nb import features as of_features
from hier_nb.files import checkpoints
from hier_nb.models import embed
from hier_nb.training import load_result, train


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HIER_NB_CACHE", str(tmp_path_factory.mktemp("cache")))


def heads(folder=None, resume=False, **changes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return train(
            config(heads_only=True, **changes),
            folder,
            pictures(),
            still(1),
            progress=False,
            resume=resume,
        )


def test_the_network_that_comes_back_embeds_pictures(tmp_path):
    result = heads(tmp_path)
    again = load_result(tmp_path, still(1))
    for model in (result.model, again.model):
        found = embed(model, still(1), progress=False).points
        torch.testing.assert_close(found, result.embeddings.points, rtol=1e-4, atol=1e-5)
    assert type(result.embeddings.dataset) is type(pictures(1))
    head = [n for n in result.model.state_dict() if n.startswith("head")]
    assert 0 < len(head) < len(result.model.state_dict())


def test_the_backbone_rests_and_the_head_moves(tmp_path):
    short, long = heads(max_steps=1), heads()
    before, after = short.model.state_dict(), long.model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and all(name.startswith("head") for name in moved)


def test_features_are_computed_once_for_all_runs(monkeypatch):
    first = heads()
    monkeypatch.setattr(of_features, "keep_features", None)  # would be called if anything were new
    assert heads().history == first.history
    assert heads(hier_margin=0.3).history != first.history


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    first = heads()
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    monkeypatch.setenv("HIER_NB_CACHE", str(blocked))
    assert heads().history == first.history


def test_it_goes_on_after_a_stop(tmp_path):
    whole = heads(tmp_path / "whole", schedule="constant")
    heads(tmp_path / "parts", schedule="constant", max_steps=4)
    (tmp_path / "parts" / "result.json").unlink()
    parts = heads(tmp_path / "parts", resume=True, schedule="constant")
    assert parts.history == whole.history
    assert torch.equal(parts.embeddings.points, whole.embeddings.points)
    assert checkpoints(tmp_path / "parts" / "checkpoints")


def test_validation_chooses_among_heads(tmp_path):
    result = heads(tmp_path, val_fraction=0.5, batch_size=4)
    assert result.chosen["recall"] and len(result.validation) == 2


@pytest.mark.long
def test_two_ranks_are_one(tmp_path):
    alone = heads(tmp_path / "one")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        two = train(
            config(heads_only=True),
            tmp_path / "two",
            pictures(),
            still(1),
            progress=False,
            ranks=2,
        )
    for a, b in zip(alone.history, two.history):
        assert all(a[key] == pytest.approx(b[key], rel=1e-3, abs=1e-5) for key in a)
    torch.testing.assert_close(alone.embeddings.points, two.embeddings.points, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("kinship", ["features", "pictures", "memory"])
def test_kinship_asks_the_same_features(kinship):
    result = heads(hier_kinship=kinship, hier_strangers=0.5, hier_init_from_classes=True)
    assert all(row["HIER"] >= 0 for row in result.history)
