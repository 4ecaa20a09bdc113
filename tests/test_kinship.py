"Kinship, on its way from a word in a configuration into the loss of every rank."

import pytest
import torch
from ranks_training import on_two_ranks, pictures, small, steps

from hier_nb.config import TrainConfig, make_config
from hier_nb.distributed import launch
from hier_nb.embeddings import Taxonomy
from hier_nb.hierarchy import HIERLoss
from hier_nb.kinship import ClassKinship, ClassMemory, PictureKinship, create_kinship
from hier_nb.kinship import join_classes, mix_tables, smooth_table
from hier_nb.spaces import Ball
from hier_nb.trainer import Trainer
from hier_nb.training import train

SOURCES = ["features", "pictures", "memory"]
plain = small | dict(freeze_batch_norm=True, hier_neighbors=10)


def trainer(kinship, data=None, folder=None, **changes):
    settings = dict(hier_kinship=kinship) | changes
    return Trainer(TrainConfig(**plain | settings), data or pictures(), folder)


def taken(t, n=2):
    t.sampler.set_epoch(0)
    t.parallel.train()
    for batch, _ in zip(t.loader, range(n)):
        t.take_step(*batch)
    return t


@pytest.mark.long
def test_a_source_draws_no_random_number_of_the_run():
    own, asked = trainer("own"), trainer("features")
    assert torch.equal(own.module.hier.proxies.weight, asked.module.hier.proxies.weight)
    taken(own)
    taken(asked)
    assert own.history[0]["PA"] == asked.history[0]["PA"]
    assert own.history[0]["HIER data"] != asked.history[0]["HIER data"]


def with_kinship(name):
    return dict(freeze_batch_norm=True, hier_neighbors=10, hier_kinship=name)


@pytest.fixture(scope="module")
def two_ranks():
    calls = {name: ("steps", with_kinship(name), 2) for name in SOURCES}
    return launch(on_two_ranks, calls, ranks=2)


@pytest.mark.long
@pytest.mark.parametrize("name", SOURCES)
def test_two_ranks_ask_as_one(two_ranks, name):
    history, _, points = steps(with_kinship(name), 2)
    first, _, points_there = two_ranks[0][name]
    for a, b in zip(history, first):
        assert all(a[key] == pytest.approx(b[key], rel=1e-3, abs=1e-5) for key in a)
    torch.testing.assert_close(points, points_there, rtol=1e-2, atol=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("name", ["features", "memory"])
def test_a_run_that_was_stopped_goes_on_with_the_same_kin(tmp_path, name):
    def run(folder, **changes):
        config = TrainConfig(**plain | dict(hier_kinship=name, schedule="constant") | changes)
        return train(config, folder, pictures(), pictures(seed=1), progress=False, resume=True)

    whole = run(tmp_path / "whole")
    steps_done = len(whole.history) // 2
    run(tmp_path / "parts", max_steps=steps_done)
    (tmp_path / "parts" / "result.json").unlink()
    assert run(tmp_path / "parts").history == whole.history


def test_a_batch_in_parts_asks_the_same():
    exact = dict(precision="float64")
    whole = taken(trainer("pictures", **exact)).history
    parts = taken(trainer("pictures", images_at_once=7, **exact)).history
    for a, b in zip(whole, parts):
        assert all(a[key] == pytest.approx(b[key], abs=1e-9) for key in a)


def test_rows_are_the_pictures_own():
    t, asked = trainer("own"), []

    def kinship(points, labels, rows):
        asked.append((labels, rows))
        return torch.zeros(len(points), len(points))

    t.module.hier.kinship = kinship
    taken(t, 1)
    labels, rows = asked[0]
    assert torch.equal(pictures().labels[rows], labels)


def test_the_tree_that_proxies_start_as_is_the_tables():
    data = pictures(n_classes=4)
    data.class_names = ["red cat", "blue dog", "red dog", "blue cat"]
    data.taxonomy = Taxonomy(("kind",), (("cat",), ("dog",), ("dog",), ("cat",)))
    t = trainer("taxonomy", data, hier_init_from_classes=True, batch_size=16)
    t.start_proxies(data)
    proxies = t.module.hier.proxies.weight.detach()
    root, pairs, classes = proxies[0], proxies[1:3], proxies[3:7]
    torch.testing.assert_close(pairs.mean(0), root)
    kinds = torch.stack([classes[[0, 3]].mean(0), classes[[1, 2]].mean(0)])
    torch.testing.assert_close(pairs.sort(0).values, kinds.sort(0).values)


def test_classes_that_nobody_knows_take_no_part():
    table = torch.full((6, 6), torch.nan)
    table[:3, :3] = torch.tensor([[2.0, 1, 0], [1, 2, 0], [0, 0, 2]])
    hier = HIERLoss(8, 4, kinship=ClassKinship(table, threshold=1.0))
    labels = torch.arange(6).repeat_interleave(3)
    batch = hier._check(Ball()(torch.randn(18, 4)), labels)
    triplets = hier._draw_triplets("data", batch, None)
    i, j, k = labels[triplets.ids[:, triplets.valid]]
    assert set(i.flatten().tolist()) <= {0, 1, 2} and set(k.flatten().tolist()) <= {0, 1, 2}


def test_a_mix_is_known_where_anyone_knows():
    knows_two = torch.full((3, 3), torch.nan)
    knows_two[:2, :2] = torch.tensor([[1.0, 0.5], [0.5, 1.0]])
    knows_all = torch.tensor([[1.0, 0, 0.5], [0, 1, 0.2], [0.5, 0.2, 1]])
    assert mix_tables(knows_two, knows_all).isfinite().all()
    assert mix_tables(knows_two).isnan().sum() == 5
    nobody = torch.full((3, 3), torch.nan)
    assert mix_tables(nobody, nobody).isnan().all() and smooth_table(nobody).isnan().all()
    assert join_classes(nobody) == [] and join_classes(torch.ones(1, 1)) == []


@pytest.mark.parametrize("n_classes", [1, 2, 3, 12])
def test_few_classes_can_be_smoothed(n_classes):
    table = torch.rand(n_classes, n_classes)
    table = table + table.T
    smooth = smooth_table(table)
    assert smooth.isfinite().all() and torch.allclose(smooth, smooth.T, atol=1e-4)


def test_picture_kinship_of_several_teachers_is_the_mean_of_their_cosines():
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(6, 4, generator=generator) for _ in range(2))
    found = iter([ours, 100 * theirs])
    both = create_kinship("pictures", pictures(), lambda *_: next(found), teacher=[None, None])
    rows = torch.arange(6)
    assert isinstance(both, PictureKinship)
    separate = [PictureKinship(x)(None, None, rows) for x in (ours, theirs)]
    assert both(None, None, rows).corrcoef()[0, 1] == pytest.approx(
        torch.stack(separate).mean(0).corrcoef()[0, 1].item(), abs=0.2
    )


wrong = [
    (dict(hier_kinship="fetures"), "kinship 'fetures' is unknown"),
    (dict(hier_kinship="own+words"), "cannot be mixed"),
    (dict(hier_kinship_settings={"teachr": "x"}), "teacher"),
    (dict(hier_kinship_settings={"known": 2}), "known=2"),
    (dict(hier_kinship_settings={"quantile": 1.5}), "quantile=1.5"),
    (dict(hier_kinship_settings={"teacher": "resnot"}), "teacher 'resnot'"),
    (dict(hier_strangers=0), "hier_strangers=0"),
    (dict(hier_strangers=2), "hier_strangers=2.0 is no part"),
    (dict(hier_order=1, space="sphere"), "all points are equally deep"),
]


@pytest.mark.parametrize("changes, sentence", wrong, ids=[sentence for _, sentence in wrong])
def test_what_cannot_be_meant_is_said_before_anything_runs(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        make_config(**changes)


def test_no_taxonomy_and_no_words_are_said_when_the_run_begins():
    with pytest.raises(ValueError, match="has no taxonomy"):
        trainer("taxonomy")
    data = pictures()
    data.class_names = [str(n) for n in range(6)]
    with pytest.raises(ValueError, match="say nothing about kinship"):
        trainer("words", data)


def test_a_memory_is_part_of_the_checkpoint():
    t = taken(trainer("memory"))
    state = t.module.state_dict()
    assert state["hier.kinship.seen"].all() and isinstance(t.module.hier.kinship, ClassMemory)
    again = trainer("memory")
    again.module.load_state_dict(state)
    assert torch.equal(again.module.hier.kinship.prototypes, t.module.hier.kinship.prototypes)
