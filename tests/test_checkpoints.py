"A kill at any moment leaves a checkpoint; a stop at the end of an epoch loses nothing of it."

import json
import os
import shutil
import signal
import warnings

import pytest
import torch
from ranks_training import pictures, small

import hier_nb.checkpoints as module
from hier_nb.checkpoints import checkpoints, load_checkpoint, read_checkpoint, save_checkpoint
from hier_nb.config import TrainConfig
from hier_nb.trainer import Trainer
from hier_nb.training import train


class Killed(BaseException):
    "Stands for a kill: nobody catches it."


@pytest.mark.parametrize("function", ["os.replace", "shutil.rmtree"])
@pytest.mark.parametrize("call", range(4))
def test_a_step_saved_again_is_there_at_every_moment(tmp_path, monkeypatch, function, call):
    save_checkpoint(tmp_path, 3, dict(a=torch.zeros(2)), dict(n=1), keep=1)
    owner, name = (os, "replace") if function == "os.replace" else (shutil, "rmtree")
    plain, calls = getattr(owner, name), []

    def killed(*args, **kwargs):
        calls.append(args)
        if len(calls) == call + 1:
            raise Killed
        return plain(*args, **kwargs)

    with monkeypatch.context() as m:
        m.setattr(owner, name, killed)
        try:
            save_checkpoint(tmp_path, 3, dict(a=torch.ones(2)), dict(n=2), keep=1)
        except Killed:
            pass
    _, facts, _ = load_checkpoint(tmp_path)
    assert facts["n"] in (1, 2)
    saved = save_checkpoint(tmp_path, 3, dict(a=torch.ones(2)), dict(n=3), keep=1)
    assert checkpoints(tmp_path) == [saved] and read_checkpoint(saved)[1]["n"] == 3
    assert [p.name for p in tmp_path.iterdir()] == [saved.name], "and nothing else is left"


def test_what_a_killed_process_left_is_cleared(tmp_path):
    (tmp_path / ".save-abc" / "new").mkdir(parents=True)
    (tmp_path / ".save-abc" / "new" / "state.safetensors").write_bytes(b"0" * 1000)
    save_checkpoint(tmp_path, 1, dict(a=torch.zeros(2)), {})
    assert not list(tmp_path.glob(".save-*"))


def test_state_is_strict_json(tmp_path):
    history = [{"PA": float("nan"), "skipped": 1.0}, {"PA": 1.0}]
    saved = save_checkpoint(tmp_path, 1, dict(a=torch.zeros(2)), dict(history=history))
    json.loads((saved / "state.json").read_text(), parse_constant=lambda word: pytest.fail(word))
    assert module.read_checkpoint(saved)[1]["history"][0]["PA"] is None


def run(folder, resume=False, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = TrainConfig(
            **small | dict(val_fraction=0.34, batch_size=8, epochs=2, hier_weight=0.0) | settings
        )
        return train(config, folder, pictures(), pictures(seed=1), progress=False, resume=resume)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("undisturbed"))


@pytest.mark.parametrize("step", [1, 4, 5, 8])
@pytest.mark.parametrize("when", ["step", "validation"])
def test_a_stop_changes_nothing(undisturbed, tmp_path, monkeypatch, step, when):
    assert len(undisturbed.history) == 8 and len(undisturbed.validation) == 2
    take_step, validate = Trainer.take_step, Trainer.validate

    def stopping_step(self, *batch):
        take_step(self, *batch)
        if when == "step" and self.done == step:
            os.kill(os.getpid(), signal.SIGINT)

    def stopping_validation(self, *args):
        if when == "validation" and self.done >= step:
            os.kill(os.getpid(), signal.SIGINT)
        return validate(self, *args)

    with monkeypatch.context() as m:
        m.setattr(Trainer, "take_step", stopping_step)
        m.setattr(Trainer, "validate", stopping_validation)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path)
    again = run(tmp_path, resume=True)
    assert again.history == undisturbed.history
    assert again.validation == undisturbed.validation
    assert again.after == undisturbed.after and again.chosen == undisturbed.chosen
