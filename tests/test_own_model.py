"A network and data of somebody's own, through `train`: results, resuming, refusals, other kinds of x, ranks."

import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from own_things import Net, Pairs, Pixels, Words, small
from torch import nn
from torchvision import datasets as vision
from torchvision.transforms import v2

from hier_nb.config import TrainConfig, load_config
from hier_nb.models import EmbeddingModel, Head, embed
from hier_nb.own_data import as_dataset
from hier_nb.own_model import as_model
from hier_nb.spaces import Ball, Sphere
from hier_nb.trainer import Trainer
from hier_nb.training import load_result, train, trained_model

config = TrainConfig(**small)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "BatchNorm|.*torch.distributed|.*pin_memory")
        yield


def run(out=None, data=None, **settings):
    settings = dict(model=Net(), progress=False) | settings
    return train(settings.pop("config", config), out, Pairs() if data is None else data, **settings)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    torch.manual_seed(0)
    out, net = tmp_path_factory.mktemp("own") / "run", Net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    result = train(config, out, Pairs(), model=net, progress=False)
    return out, net, before, result


def test_a_run(done):
    out, net, before, result = done
    assert result.config.backbone == result.config.dataset == "own"
    assert load_config(out / "config.yaml").backbone == "own"
    assert len(result.embeddings) == 30 and len(result.embeddings.class_names) == 5
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())
    trained = result.model.backbone.state_dict()
    assert not torch.equal(trained["a.weight"], before["a.weight"])
    assert torch.equal(trained["classifier.weight"], before["classifier.weight"])  # without a part


def test_what_comes_back(done):
    out, net, _, result = done
    again = load_result(out, Pairs(), net)
    assert again.after == result.after and again.passed == result.passed
    assert torch.equal(again.embeddings.points, result.embeddings.points)
    points = embed(again.model, again.embeddings.dataset, progress=False).points
    torch.testing.assert_close(points, result.embeddings.points)
    alone = load_result(out)
    assert alone.model is None and alone.embeddings.dataset is None
    assert torch.equal(alone.embeddings.labels, result.embeddings.labels)
    with pytest.raises(
        ValueError, match="do not fit Linear(.|\n)*Pass the network that the run in"
    ):
        load_result(out, Pairs(), nn.Linear(12, 10))


def test_going_on(tmp_path):
    torch.manual_seed(1)
    net, longer = Net(), replace(config, epochs=3, schedule="constant")
    whole = run(tmp_path / "whole", model=net, config=longer)
    run(tmp_path / "parts", model=net, config=replace(longer, max_steps=3))
    torch.manual_seed(99)  # another process draws other weights; those of the checkpoint count
    parts = run(tmp_path / "parts", model=Net(), config=longer, resume=True)
    assert parts.history == whole.history
    assert torch.equal(parts.embeddings.points, whole.embeddings.points)
    assert parts.before == whole.before


class Other(Pairs):
    "The same items, one with another class."

    def __getitem__(self, i):
        x, y = super().__getitem__(i)
        return x, y if i else 1


@pytest.mark.parametrize(
    "changes, what",
    [
        (dict(model=Net(11)), "is of another network: model.backbone.b.bias"),
        (dict(model=nn.Linear(12, 10)), "is of another network(.|\n)*Pass the network it was made"),
        (dict(model=None), "made with backbone='own'(.|\n)*Pass model=…, the network again"),
        (dict(data=Other()), "made with another training set(.|\n)*what differs: "),
    ],
    ids=["width", "names", "none", "classes"],
)
def test_another_run_is_refused(done, changes, what):
    out, *_ = done
    with pytest.raises(ValueError, match=what):
        run(out, resume=True, **changes)


def test_the_same_tensors_written_otherwise(tmp_path):
    def net(activation):
        return nn.Sequential(nn.Linear(12, 8), activation)

    run(tmp_path, model=net(nn.ReLU()), config=replace(config, epochs=1))
    with pytest.warns(UserWarning, match="is written otherwise"):
        run(tmp_path, model=net(nn.GELU()), resume=True)


def test_heads_alone(tmp_path):
    torch.manual_seed(2)
    net, resting = Net(), replace(config, heads_only=True)
    result = run(tmp_path, model=net, config=resting)
    again = load_result(tmp_path, Pairs(), net)
    points = embed(again.model, again.embeddings.dataset, progress=False).points
    torch.testing.assert_close(points, result.embeddings.points)
    assert (tmp_path / "weights.safetensors").stat().st_size < 1500
    for refused in (
        lambda: load_result(tmp_path, Pairs(), Net()),
        lambda: run(tmp_path, model=Net(), config=resting, resume=True),
    ):
        with pytest.raises(ValueError, match="a resting network with other weights"):
            refused()


def test_a_function_draws_with_the_runs_seed():
    a, b = run(model=Net), run(model=Net)
    assert a.history == b.history
    assert run(model=Net, config=replace(config, seed=1)).history != a.history


def test_tokens_and_sounds():
    tokens = torch.randint(0, 50, (60, 7))
    labels = torch.arange(60) // 6
    result = run(data=(tokens, labels), model=Words())
    assert result.embeddings.points.shape == (30, 6)
    sounds = nn.Sequential(nn.Conv1d(1, 4, 5), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    run(data=(torch.randn(60, 1, 20), labels), model=sounds)
    volumes = nn.Sequential(nn.Conv3d(1, 4, 3), nn.AdaptiveAvgPool3d(1), nn.Flatten())
    run(data=(torch.randn(60, 1, 5, 5, 5), labels), model=volumes)
    double = replace(config, precision="float64", images_at_once=4)
    run(data=(tokens, labels), model=Words(), config=double)


def test_pictures_get_the_runs_transform():
    fake = vision.FakeData(size=60, image_size=(3, 20, 24), num_classes=6)
    pixels = replace(config, batch_size=6, images_per_class=2, freeze_batch_norm=False)
    result = run(data=fake, model=Pixels(), config=pixels)
    dataset = result.embeddings.dataset
    assert dataset[0][0].shape == (3, 32, 32) and dataset.raw(0).shape == (20, 24, 3)
    result = run(
        data=fake,
        model=None,
        config=replace(pixels, backbone="test_efficientnet", pretrained=False),
    )
    assert result.config.backbone == "test_efficientnet"


def test_own_transform_is_left_alone():
    tensors = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    fake = vision.FakeData(60, (3, 12, 12), 6, tensors)
    result = run(
        data=fake, model=Pixels(), config=replace(config, batch_size=6, images_per_class=2)
    )
    assert result.embeddings.dataset[0][0].shape == (3, 12, 12)


def test_commands_cannot_make_it(done):
    with pytest.raises(ValueError, match="trained a network of one's own"):
        trained_model(done[0])


def test_batch_norm_that_has_seen_nothing():
    with pytest.warns(UserWarning, match="1 layers of BatchNorm in Pixels have never seen a batch"):
        as_model(Pixels(), example=torch.zeros(3, 8, 8), freeze_batch_norm=True)


def test_which_classes_are_evaluated():
    wide = replace(config, dataset="own", data_settings=dict(train_fraction=0.8))
    assert len(run(config=wide).embeddings.class_names) == 2
    with pytest.warns(
        UserWarning, match="10 of 10 classes of the eval_set have names that the train"
    ):
        result = run(eval_set=Pairs(seed=1))
    assert len(result.embeddings) == 60 and "held_back" not in result.passed
    held = as_dataset(Pairs(), progress=False)
    train_set, val_set = held.of_classes(range(6)), held.of_classes(range(6, 10))
    result = run(data=train_set, eval_set=val_set, val_set=val_set)
    assert len(result.validation) == 2 and result.validation[-1]["recall"]
    with pytest.raises(ValueError, match="There are a val_set and val_fraction=0.2"):
        run(val_set=val_set, config=replace(config, val_fraction=0.2))
    assert len(run(config=replace(wide, val_fraction=0.4)).validation) == 2


class Points(nn.Module):
    "A network with a space of its own."

    def __init__(self, c=0.1):
        super().__init__()
        self.linear = nn.Linear(12, 6)
        self.space = Ball(c)

    def forward(self, x):
        return self.space(self.linear(x))


def test_without_our_head(tmp_path):
    result = run(tmp_path, model=Points())
    assert "linear" not in dict(result.model.head.named_modules())
    assert torch.equal(
        load_result(tmp_path, Pairs(), Points()).embeddings.points, result.embeddings.points
    )
    run(model=as_model(nn.Linear(12, 6), head=False))
    sphere = replace(config, space="sphere")
    run(model=as_model(nn.Linear(12, 6), space=Sphere(), head=False), config=sphere)
    run(model=EmbeddingModel(nn.Linear(12, 9), Head(9, 6)))
    with pytest.raises(ValueError, match="points lie in Ball\\(c=0.5"):
        run(model=Points(0.5))
    with pytest.raises(
        ValueError, match="embeddings have 6 numbers, and the configuration says dim=8"
    ):
        run(model=Points(), config=replace(config, dim=8))


class Wrong(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output, self.linear = output, nn.Linear(12, 4)

    def forward(self, x):
        return self.output(self.linear(x))


@pytest.mark.parametrize(
    "model, what",
    [
        (nn.Linear(13, 4), "Linear cannot take an item of the dataset, x of shape \\(12,\\)"),
        (Wrong(lambda y: dict(logits=y)), "Wrong gives a dict, not a tensor"),
        (Wrong(lambda y: y[:, None]), "no vectors \\(1, F\\)"),
        ("resnet50", "model='resnet50' is no network"),
        (dict, "dict made a dict, no nn.Module"),
    ],
)
def test_networks_that_do_not_fit(model, what):
    with pytest.raises(ValueError, match=what):
        run(model=model)


def test_what_is_missing():
    with pytest.raises(ValueError, match="backbone='own' is a network that is passed"):
        train(replace(config, backbone="own"))
    with pytest.raises(ValueError, match="dataset='own' is data that is passed"):
        train(replace(config, dataset="own"), model=Net())
    with pytest.raises(ValueError, match="has no setting 'fraction'"):
        run(config=replace(config, dataset="own", data_settings=dict(fraction=0.8)))


def test_a_trainer_alone():
    trainer = Trainer(config, as_dataset(Pairs(), progress=False), model=Net())
    trainer.fit(progress=False)
    assert trainer.steps_done == 10 and trainer.state()["network"]["kind"] == "Net"


def test_kinship_by_its_own_features():
    run(config=replace(config, hier_kinship="features"))


# Ranks


@pytest.mark.slow
def test_two_ranks_from_a_module(tmp_path):
    torch.manual_seed(3)
    net = Net()
    one = run(tmp_path / "one", model=net)
    two = run(tmp_path / "two", model=net, ranks=2)
    torch.testing.assert_close(two.embeddings.points, one.embeddings.points, rtol=1e-4, atol=1e-5)
    assert two.after == one.after and two.config.backbone == "own"
    assert len(two.embeddings.dataset) == 30


def test_a_notebooks_classes_cannot_travel(tmp_path, monkeypatch):
    monkeypatch.setattr(Points, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Points", Points, raising=False)
    for model in (Points(), Wrong(lambda y: y)):
        with pytest.raises(ValueError, match="cannot go to new processes(.|\n)*torchrun"):
            run(tmp_path, model=model, ranks=2)


script = """
import os, sys, torch
from own_things import Net, Pairs, small
from hier_nb.config import TrainConfig
from hier_nb.training import train

torch.manual_seed(int(os.environ["RANK"]))  # each rank draws weights of its own

class Mine(Net):
    pass

result = train(TrainConfig(**small), sys.argv[1], Pairs(), model=Mine(), progress=False)
"""


@pytest.mark.slow
def test_a_script_under_torchrun(tmp_path):
    "Its own classes, and weights that differ between the ranks: the main rank's count."
    (tmp_path / "script.py").write_text(script)
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "script.py",
        "out",
    ]
    environment = os.environ | dict(PYTHONPATH=path, OMP_NUM_THREADS="1")
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    torch.manual_seed(0)
    one = run(model=Net())
    two = load_result(tmp_path / "out", Pairs())
    torch.testing.assert_close(two.embeddings.points, one.embeddings.points, rtol=1e-4, atol=1e-5)
