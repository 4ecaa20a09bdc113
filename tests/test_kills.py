"Runs that are killed, stopped or interrupted go on as if nothing had been; on other ranks too."

import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from jupyter_client.manager import start_new_kernel
from kill_job import CONFIG, color_pictures

from hier_nb.files import load_checkpoint
from hier_nb.trainer import Trainer
from hier_nb.training import load_result, train

pytestmark = pytest.mark.long

JOB = Path(__file__).with_name("kill_job.py")


def start(out, wait):
    command = [sys.executable, str(JOB), str(out), str(wait)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def steps_in(text):
    return [int(line.split()[1]) for line in text.splitlines() if line.startswith("step")]


def read_to(process, step):
    for line in process.stdout:
        if line.startswith("step") and int(line.split()[1]) >= step:
            return
    raise AssertionError(process.stderr.read())


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    said, err = start(out, 0).communicate()
    assert "finished" in said, err
    return load_result(out, color_pictures(1))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    "The folder of a run that got SIGTERM after step 9, and the step of its checkpoint."
    out = tmp_path_factory.mktemp("stopped") / "run"
    return out, stop(out, signal.SIGTERM)


def stop(out, number):
    process = start(out, 0.02)
    read_to(process, 9)
    process.send_signal(number)
    said, err = process.communicate()
    last = max([9, *steps_in(said)])
    _, state, _ = load_checkpoint(out / "checkpoints")
    assert state["step"] == last, err[-300:]
    code = 143 if number == signal.SIGTERM else 1
    assert process.returncode in (code, -number)
    return last


def test_a_killed_run_ends_the_same_to_the_bit(undisturbed, tmp_path):
    process = start(tmp_path, 0.02)
    read_to(process, 20)
    time.sleep(0.013)
    process.kill()
    process.communicate()
    said, err = start(tmp_path, 0).communicate()
    assert "finished" in said, err
    assert 6 < steps_in(said)[0] <= 22, "it went on, and did not begin anew"
    result = load_result(tmp_path, color_pictures(1))
    assert result.history == undisturbed.history, "the curvature, too"
    assert result.before == undisturbed.before and result.after == undisturbed.after
    weights = undisturbed.model.state_dict()
    assert all(torch.equal(x, weights[name]) for name, x in result.model.state_dict().items())


def test_sigterm_saves_first(stopped):
    assert stopped[1] >= 9


def test_ctrl_c_saves_first(tmp_path):
    assert stop(tmp_path, signal.SIGINT) >= 9


def test_a_kernels_stop_button_saves_first(tmp_path):
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute(
            f"import sys; sys.path.insert(0, {str(JOB.parent)!r})\n"
            f"import kill_job; kill_job.run({str(tmp_path)!r}, 0.02)"
        )
        seen = ""
        while "step 9" not in seen:
            message = client.get_iopub_msg(timeout=600)
            assert message["msg_type"] != "error", message["content"]
            if message["msg_type"] == "stream":
                seen += message["content"]["text"]
        manager.interrupt_kernel()
        while message["msg_type"] != "error":
            message = client.get_iopub_msg(timeout=600)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    _, state, _ = load_checkpoint(tmp_path / "checkpoints")
    assert message["content"]["ename"] == "KeyboardInterrupt" and state["step"] >= 9
    assert f"Stopped after step {state['step']}" in message["content"]["evalue"]


def test_it_goes_on_on_more_ranks(undisturbed, stopped, tmp_path):
    out = shutil.copytree(stopped[0], tmp_path / "run")
    result = train(
        CONFIG,
        out,
        color_pictures(0),
        color_pictures(1),
        progress=False,
        resume=True,
        ranks=2,
    )
    alone = undisturbed.history
    assert len(result.history) == 48 and result.history[:9] == alone[:9]
    assert abs(result.history[-1]["PA"] - alone[-1]["PA"]) < 0.5 * alone[-1]["PA"]


def test_another_network_is_refused_by_name(stopped):
    trainer = Trainer(replace(CONFIG, dim=8), color_pictures(0), stopped[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="dim=16, not 8: it makes the network"):
            trainer.resume()
