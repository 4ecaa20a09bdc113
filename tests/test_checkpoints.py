"A kill at any moment leaves a checkpoint; a stop at the end of an epoch loses nothing of it."

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings

import pytest
import torch
from ranks_training import pictures, small

from hier_nb.config import TrainConfig
from hier_nb.files import (
    checkpoints,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
    write_atomic,
)
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
    _, state, _ = load_checkpoint(tmp_path)
    assert state["n"] in (1, 2)
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
    assert read_checkpoint(saved)[1]["history"][0]["PA"] is None


@pytest.mark.parametrize("text", ["[]", "{", "7", '{"kind": "hier_nb checkpoint 2"}', "\xff"])
def test_a_stranger_is_refused_by_name(tmp_path, text):
    (tmp_path / "state.json").write_bytes(text.encode("latin1"))
    with pytest.raises(ValueError, match=str(tmp_path)):
        read_checkpoint(tmp_path)


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half(beside):
        beside.write_text("n")
        raise Killed

    with pytest.raises(Killed):
        write_atomic(path, write_half)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


# A file system of one megabyte would need root, so the limit is on the process's file size.
# The error is the system's own, in the middle of the write.
FILL_THE_DISK = """
import resource, signal, sys, torch, warnings
from hier_nb.files import checkpoints, load_checkpoint, save_checkpoint
folder = sys.argv[1]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
save_checkpoint(folder, 1, dict(w=torch.zeros(10)), dict(step=1))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert save_checkpoint(folder, 2, dict(w=torch.zeros(1_000_000)), dict(step=2)) is None
assert "The checkpoint of step 2 could not be written" in str(caught[0].message)
print([path.name for path in checkpoints(folder)], load_checkpoint(folder)[1])
"""


def test_a_full_disk_is_a_warning(tmp_path):
    job = [sys.executable, "-c", FILL_THE_DISK, str(tmp_path)]
    ended = subprocess.run(job, capture_output=True, text=True)
    assert "['step-00000001'] {'step': 1}" in ended.stdout, ended.stderr[-800:]


SAVE_WITHOUT_PAUSE = """
import sys, torch
from hier_nb.files import load_checkpoint, save_checkpoint
folder = sys.argv[1]
n = (load_checkpoint(folder) or (0, dict(step=0)))[1]["step"]
while True:
    n += 1
    save_checkpoint(folder, n, dict(w=torch.full((200_000,), float(n))), dict(step=n))
    print(n, flush=True)
"""


@pytest.mark.long
def test_a_process_that_saves_without_pause_is_killed(tmp_path):
    "Five times, after a few saves, each time at another moment of the next one."
    job = [sys.executable, "-W", "error", "-c", SAVE_WITHOUT_PAUSE, str(tmp_path)]
    seen = []
    for n in range(5):
        process = subprocess.Popen(job, stdout=subprocess.PIPE, text=True)
        for _ in range(2):
            told = int(process.stdout.readline())
        time.sleep(0.0007 * n)  # the next one is being written
        process.kill()
        process.wait()
        tensors, state, _ = load_checkpoint(tmp_path)
        assert tensors["w"].eq(state["step"]).all() and state["step"] >= told
        seen.append(state["step"])
    assert seen == sorted(set(seen)), "each went on from where the one before was killed"


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
        if when == "step" and self.steps_done == step:
            os.kill(os.getpid(), signal.SIGINT)

    def stopping_validation(self, *args):
        if when == "validation" and self.steps_done >= step:
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
