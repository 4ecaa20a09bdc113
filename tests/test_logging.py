"Curves for TensorBoard and Weights & Biases: whole after an interrupt and a resume, and never the end of a training."

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types
import warnings
from dataclasses import replace
import pytest
import torch.utils.tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from hier_nb.trainer import Trainer
from hier_nb.training import train
from test_results import SMALL, colors, small_disk, strict

SMALL = replace(SMALL, tensorboard=True)


def a_second_later():
    time.sleep(
        1.01
    )  # TensorBoard reads files by their names, which hold the second and then a counter: 10 before 9


def fit(out, resume=False, **changes):
    trainer = Trainer(replace(SMALL, **changes), colors(0), out)
    if resume:
        a_second_later()
        trainer.resume()
    trainer.fit(progress=False)
    return trainer


def curves(out):  # as TensorBoard shows them: name -> steps
    board = EventAccumulator(str(out / "tensorboard"))
    board.Reload()
    return {name: [event.step for event in board.Scalars(name)] for name in board.Tags()["scalars"]}


def still_writing():
    return [t for t in threading.enumerate() if type(t).__module__.startswith("tensorboard")]


def interrupted_at(
    step, monkeypatch, save=True
):  # Ctrl-C during a step; or its end without a checkpoint
    real = Trainer.take_step

    def take_step(self, *batch):
        real(self, *batch)
        if self.steps_done == step:
            os.kill(os.getpid(), signal.SIGINT)
            if not save:
                self.save = lambda: None

    monkeypatch.setattr(Trainer, "take_step", take_step)


@pytest.mark.parametrize("step, save", [(2, True), (5, True), (5, False), (1, False)])
def test_steps_do_not_repeat(tmp_path, monkeypatch, step, save):
    with monkeypatch.context() as patched:
        interrupted_at(step, patched, save)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path)
    assert (
        curves(tmp_path)["PA"] == list(range(1, step + 1)) and not still_writing()
    )  # all of it is on disk
    fit(tmp_path, resume=True)
    assert set(curves(tmp_path)) == {
        "PA",
        "HIER",
        "HIER data",
        "HIER proxies",
        "images per second",
        "learning rate",
    }
    assert all(steps == list(range(1, 7)) for steps in curves(tmp_path).values())


@pytest.mark.long
def test_a_kill_leaves_no_hole(tmp_path):
    code = f"""import os, signal, torch
torch.set_num_threads(1)
from hier_nb.trainer import Trainer
from test_logging import fit
real = Trainer.take_step
def take_step(self, *batch):
    real(self, *batch)
    if self.steps_done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
Trainer.take_step = take_step
fit({str(tmp_path)!r})"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | dict(PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        timeout=300,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    fit(tmp_path, resume=True)
    assert all(steps == list(range(1, 7)) for steps in curves(tmp_path).values())


def test_everything_is_logged(tmp_path, monkeypatch):
    settings = replace(SMALL, val_fraction=0.5, batch_size=4, epochs=2, eval_every=1)
    with monkeypatch.context() as patched:
        interrupted_at(5, patched)
        with pytest.raises(KeyboardInterrupt):
            train(settings, tmp_path, colors(0), colors(1), progress=False)
    assert curves(tmp_path)["validation/recall_at_1"] == [3] and curves(tmp_path)[
        "before/recall_at_1"
    ] == [0]
    a_second_later()
    train(settings, tmp_path, colors(0), colors(1), progress=False, resume=True)
    seen = curves(tmp_path)
    assert (
        seen["PA"] == [1, 2, 3, 4, 5, 6]
        and seen["validation/recall_at_1"] == [3, 6]
        and seen["validation/nearest_class"] == [3, 6]
    )
    for name in ("after", "chosen"):
        assert seen[f"{name}/recall_at_1"] == [6] and seen[f"{name}/recall_at_2"] == [6]
    a_second_later()
    train(settings, tmp_path, colors(0), colors(1), progress=False, resume=True)  # only evaluates
    assert curves(tmp_path) == seen
    assert seen["before/recall_at_1"] == [0] and seen["raw_features/recall_at_1"] == [0]
    assert strict(tmp_path / "progress.json")["images_per_second"] > 0


def test_logging_outside_is_nothing(tmp_path):
    trainer = Trainer(SMALL, colors(0), tmp_path)
    trainer.log(dict(a=1), 3)
    with trainer.logging(), trainer.logging():
        trainer.log(dict(a=1), 3)
        trainer.log(dict(a=2))
    assert curves(tmp_path) == {"a": [3, 0]}


@pytest.mark.parametrize("where", ["__init__", "add_scalar", "flush", "close"])
def test_a_board_that_fails(tmp_path, monkeypatch, where):
    class Full(torch.utils.tensorboard.SummaryWriter):
        "On a full disk."

    def fails(self, *args, **settings):
        raise OSError(28, "No space left on device")

    setattr(Full, where, fails)
    monkeypatch.setattr(torch.utils.tensorboard, "SummaryWriter", Full)
    hook = threading.excepthook
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer = fit(tmp_path, max_steps=4)
    said = [str(w.message) for w in caught if "curves" in str(w.message)]
    assert len(said) == 1 and "TensorBoard" in said[0] and "No space left" in said[0]
    assert (
        trainer.steps_done == 4
        and (tmp_path / "checkpoints" / "step-00000004").is_dir()
        and threading.excepthook is hook
    )


@pytest.mark.parametrize("size", ["64k", "8k", "0"])  # 0: no space for the file itself
def test_a_full_disk(tmp_path, monkeypatch, capfd, size):
    with small_disk(tmp_path / "disk", "64k"):
        with open(tmp_path / "disk" / "others", "wb", buffering=0) as f:  # all but `size`
            left = dict([("64k", 65536), ("8k", 8192), ("0", 0)])[size]
            f.write(bytes(65536 - left))
        real = Trainer.log

        def often(self, row, step=None):
            for n in range(300):
                real(self, row | {f"a name that takes space {n}": 1.0}, step)

        monkeypatch.setattr(Trainer, "log", often)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            trainer = fit(tmp_path / "disk" / "run", max_steps=3)
        assert (
            trainer.steps_done == 3
            and sum("TensorBoard cannot write" in str(w.message) for w in caught) == 1
        )
    assert "Traceback" not in capfd.readouterr().err


class FakeRun:
    def __init__(self, fails=None):
        self.rows, self.fails, self.exit_code = [], fails, None

    def log(self, row, step=None):
        if self.fails:
            raise self.fails
        self.rows.append((step, row))

    def finish(self, exit_code=None):
        self.exit_code = exit_code or 0


@pytest.fixture
def wandb(monkeypatch):
    fake = types.ModuleType("wandb")
    fake.runs, fake.settings, fake.fails = [], [], None

    def init(**settings):
        fake.settings.append(settings)
        fake.runs.append(FakeRun(fake.fails))
        return fake.runs[-1]

    fake.init = init
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def test_wandb_resumes_the_same_run(tmp_path, monkeypatch, wandb):
    settings = replace(SMALL, wandb=True, tensorboard=False, wandb_project="mine")
    go = lambda resume=False, **changes: train(
        replace(settings, **changes),
        tmp_path,
        colors(0),
        colors(1),
        progress=False,
        resume=resume,
    )
    with monkeypatch.context() as patched:
        interrupted_at(4, patched)
        with pytest.raises(KeyboardInterrupt):
            go()
    assert wandb.runs[0].exit_code == 1 and [s for s, row in wandb.runs[0].rows if "PA" in row] == [
        1,
        2,
        3,
        4,
    ]
    go(resume=True)
    assert wandb.runs[1].exit_code == 0 and [s for s, row in wandb.runs[1].rows if "PA" in row] == [
        5,
        6,
    ]
    assert wandb.runs[1].rows[-1][0] == 6 and "after/recall_at_1" in wandb.runs[1].rows[-1][1]
    first, second = wandb.settings
    assert (
        first["id"] == second["id"] == strict(tmp_path / "wandb.json")["id"]
        and first["resume"] == second["resume"] == "allow"
    )
    assert (
        first["project"] == second["project"] == "mine"
        and first["config"]["wandb_project"] == "mine"
    )
    go()  # a new run has its own
    assert (
        wandb.settings[2]["id"] != first["id"]
        and json.loads((tmp_path / "previous" / "wandb.json").read_text())["id"] == first["id"]
    )
    (tmp_path / "wandb.json").write_text("{")  # of a machine that died
    go(resume=True)
    assert (
        wandb.settings[3]["id"] and strict(tmp_path / "wandb.json")["id"] == wandb.settings[3]["id"]
    )


def test_wandb_that_fails(tmp_path, wandb):
    wandb.fails = RuntimeError("no network")
    with pytest.warns(
        UserWarning, match="Weights & Biases cannot write its curves: no network"
    ) as said:
        trainer = fit(tmp_path, wandb=True, max_steps=3)
    assert (
        trainer.steps_done == 3
        and len([w for w in said if "curves" in str(w.message)]) == 1
        and wandb.runs[0].exit_code == 1
    )


def test_an_error_closes_the_run(tmp_path, monkeypatch, wandb):
    def fails(self, *batch):
        raise RuntimeError("no luck")

    monkeypatch.setattr(Trainer, "take_step", fails)
    with pytest.raises(RuntimeError, match="no luck"):
        fit(tmp_path, wandb=True)
    assert wandb.runs[0].exit_code == 1


def test_wandb_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ImportError, match="wandb is missing.\n.*wandb=False"):
        fit(tmp_path, wandb=True)
