"Grids: machines one by one, time limits, kills, and what their table says."

import json, math, os, subprocess, sys, threading, time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
import psutil, pytest
from filelock import FileLock
from toy_notebooks import patience, stubborn, toy_notebook, until
from hier_nb.files import write_json
from hier_nb.runs import (
    _running_ray,
    cancel,
    cancel_run,
    create_run,
    execute_run,
    grid_cli,
    grid_table,
    read_state,
    run_grid,
    run_parameters,
    share_machines,
    write_state,
)

pytestmark = pytest.mark.long

waits = """
import os, pathlib, time
here = pathlib.Path(out_dir)
with open(here/'begun', 'a') as f: f.write('x')
while x and not (here.parent/'go').exists(): time.sleep(.1)
"""


@contextmanager
def driver(notebook, grid, out, **options):
    "run_grid in a process of its own."
    options = dict(cpus=2, cpus_per_run=1) | options
    code = f"from hier_nb.runs import run_grid; run_grid({notebook!r}, {grid!r}, {str(out)!r}, **{options!r})"
    p = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield p
    finally:
        if p.poll() is None:
            p.kill()
        p.wait()


def states(out):
    return [read_state(f.parent).get("state") for f in out.glob("*/run.json")]


# machines, one by one


def test_a_run_stays_on_one_machine():
    two_small = [dict(CPU=1, name="a"), dict(CPU=1, name="b")]
    assert share_machines(two_small) == (dict(num_cpus=1, num_gpus=0), 2)
    with pytest.raises(
        ValueError,
        match="cpus_per_run=2, but a run stays on one machine, and the largest, a, has 0 GPUs and 1 core."
        "\nPass at most cpus_per_run=1",
    ):
        share_machines(two_small, cpus_per_run=2)
    two_of_four = [dict(CPU=32, GPU=4, name="a"), dict(CPU=32, GPU=4, name="b")]
    with pytest.raises(
        ValueError,
        match="gpus_per_run=8, .* one machine, .* has 4 GPUs and 32 cores.\nPass at most gpus_per_run=4",
    ):
        share_machines(two_of_four, 8)
    assert share_machines(two_of_four, 4) == (dict(num_cpus=32, num_gpus=4), 2)
    assert share_machines(two_of_four, 3) == (
        dict(num_cpus=24, num_gpus=3),
        2,
    )  # one GPU of each stays free


def test_machines_that_differ():
    head = dict(name="head")  # offers nothing to runs
    assert share_machines([head, dict(CPU=16, GPU=8), dict(CPU=4, GPU=8)], 1) == (
        dict(num_cpus=0.5, num_gpus=1),
        16,
    )
    assert share_machines([dict(CPU=64), dict(CPU=16, GPU=2)], 1) == (
        dict(num_cpus=8, num_gpus=1),
        2,
    )  # cores alone take no run that needs a GPU
    with pytest.raises(ValueError, match="of those with 2 GPUs, .* has 2 GPUs and 16 cores"):
        share_machines([dict(CPU=64), dict(CPU=16, GPU=2)], 2, 32)
    with pytest.raises(ValueError, match="has a core"):
        share_machines([dict(CPU=64), dict(GPU=2)], 2)
    assert share_machines([dict(CPU=64), dict(CPU=2)]) == (dict(num_cpus=2, num_gpus=0), 33)
    assert share_machines([]) == (dict(num_cpus=1, num_gpus=0), 1)


def test_parts_of_a_gpu():
    assert share_machines([dict(CPU=8, GPU=2)], 0.5) == (dict(num_cpus=2, num_gpus=0.5), 4)
    assert share_machines([dict(CPU=8, GPU=4)], 0.6)[1] == 4  # 0.6 of a GPU is not 0.3 of two
    assert share_machines([dict(CPU=2, GPU=1)], 0.1)[1] == 10
    with pytest.raises(ValueError, match="1.5 .*\nPass 1 or 2"):
        share_machines([dict(CPU=8, GPU=2)], 1.5)


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "two", True, None])
def test_what_is_no_number(bad):
    with pytest.raises(ValueError, match="gpus_per_run=.*is no number of GPUs"):
        share_machines([dict(CPU=2)], bad)
    if bad is not None:
        with pytest.raises(ValueError, match="cpus_per_run=.*is no number of CPUs"):
            share_machines([dict(CPU=2)], 1, bad)


on_cluster = """
import json, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from hier_nb.runs import grid_table, run_grid
out, notebook = Path(sys.argv[1]), sys.argv[2]
cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=1, include_dashboard=False))
second = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
cluster.wait_for_nodes()
try: run_grid(notebook, dict(x=[1]), out/"no", cpus_per_run=2)
except ValueError as e: print("refused:", e, flush=True)
def until(what):
    while not what(): time.sleep(.2)
def let_go(): # once both are at work
    until(lambda: len(list((out/"yes").glob("*/begun"))) == 2)
    print("both", flush=True)
    (out/"yes"/"go").touch()
threading.Thread(target=let_go, daemon=True).start()
print("first:", run_grid(notebook, dict(x=[1, 2]), out/"yes").state.tolist(), flush=True)
cluster.remove_node(second)
large = cluster.add_node(num_cpus=2)
cluster.wait_for_nodes()
said = []
driver = threading.Thread(target=lambda: said.append(run_grid(notebook, dict(x=[1]), out/"lost", cpus_per_run=2)))
driver.start()
until(lambda: len(list((out/"lost").glob("*/begun"))) == 1)
cluster.remove_node(large) # with the run that is at work
until(lambda: (grid_table(out/"lost").state == "waiting for resources").any())
print("table:", json.dumps(grid_table(out/"lost")[["state", "error"]].values.tolist()), flush=True)
(out/"lost"/"go").touch()
cluster.add_node(num_cpus=2)
driver.join()
print("second:", said[0].state.tolist(), flush=True)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
def test_two_machines_of_one_core(tmp_path):
    """Real Ray of two nodes: what fits on none is refused.

    What loses its node says what it waits for, and goes on when one comes."""
    p = subprocess.run(
        [sys.executable, "-c", on_cluster, tmp_path, toy_notebook(tmp_path / "n.ipynb", waits)],
        capture_output=True,
        text=True,
        timeout=4 * patience,
    )
    assert p.returncode == 0, p.stderr[-3000:]
    assert (
        "refused: cpus_per_run=2, but a run stays on one machine" in p.stdout and "both" in p.stdout
    )
    assert "first: ['done', 'done']" in p.stdout and "second: ['done']" in p.stdout
    assert (
        "waiting for resources" in p.stdout
        and "needs 2 cores, 0 GPUs; the largest machine now has 1 core, 0 GPUs" in p.stdout
    )
    assert not (tmp_path / "no").exists() or "running" not in states(tmp_path / "no")


# time


def test_a_run_that_does_not_stop_is_killed(tmp_path):
    "A kernel that ignores the interrupt is killed after its time and patience, and what it started with it."
    child = """
import subprocess, sys, pathlib
p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])
pathlib.Path(out_dir, 'child').write_text(str(p.pid))
"""
    f = create_run(tmp_path, {})
    s = execute_run(
        toy_notebook(tmp_path / "n.ipynb", child + stubborn), f, time_limit=0.1, patience=2
    )
    assert (
        s["state"] == "failed"
        and s["error"].startswith("stopped after its time limit of 0.1 minutes (DeadKernelError")
        and s["late"]
    )
    if (f / "child").exists():
        until(
            lambda: (
                not psutil.pid_exists(int((f / "child").read_text()))
                or psutil.Process(int((f / "child").read_text())).status() == "zombie"
            )
        )


def test_a_late_run_goes_on_next_time(tmp_path):
    f = create_run(tmp_path, {})
    n = toy_notebook(tmp_path / "n.ipynb", "import time\nif not resume: time.sleep(3600)")
    assert execute_run(n, f, time_limit=0.05)["state"] == "failed"
    s = execute_run(n, f, time_limit=60)
    assert s["state"] == "done" and s["error"] is None and not s["late"] and s["attempts"] == 2


@pytest.mark.slow
def test_a_late_run_frees_its_slot(tmp_path):
    "Functions too, whether they obey the interrupt or not; none is tried again, and the run behind them is done."
    code = f"""
import time, sys
from pathlib import Path
from hier_nb.runs import run_grid
def work(x, out_dir):
    if x == 2: return
    while True:
        try: time.sleep(3600)
        except KeyboardInterrupt:
            Path(out_dir, 'asked').touch()
            if x == 0: raise
short = dict(retries=3, time_limit=.05, patience=2, revision='r')
t = run_grid(work, dict(x=[0, 1, 2]), {str(tmp_path / "grid")!r}, cpus=1, cpus_per_run=1, **short)
print(t[['state', 'attempts', 'error']].values.tolist())
"""
    p = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=4 * patience
    )
    assert p.returncode == 0, p.stderr[-2000:]
    assert p.stdout.splitlines()[-1] == str([
        ["failed", 1, "stopped after its time limit of 0.05 minutes (KeyboardInterrupt)"],
        ["failed", 1, "stopped after its time limit of 0.05 minutes (killed)"],
        ["done", 1, ""],
    ])
    assert len(list(tmp_path.glob("grid/*/asked"))) == 2


@pytest.mark.parametrize("bad", [0, -1, "soon", math.nan, True])
def test_no_time(tmp_path, bad):
    with pytest.raises(ValueError, match="time_limit=.*is no time.\nPass minutes above 0"):
        run_grid(lambda: None, {}, tmp_path / "grid", time_limit=bad)


@pytest.mark.slow
def test_time_limit_of_the_command(tmp_path, capsys):
    (tmp_path / "g.yaml").write_text("x: 1")
    n = toy_notebook(tmp_path / "n.ipynb", "import time; time.sleep(3600)")
    assert (
        grid_cli([n, str(tmp_path / "g.yaml"), str(tmp_path / "out"), "time_limit=.05", "cpus=1"])
        == 1
    )
    assert "time limit of 0.05 minutes" in capsys.readouterr().out


# kills


def test_killed_driver_worker_and_kernel(tmp_path):
    """A driver dies with everything below it; the same command goes on, and loses a worker and a kernel.

    Nothing is done twice."""
    out, n = tmp_path / "kill", toy_notebook(tmp_path / "n.ipynb", waits)

    def begun(times):
        return [
            f.parent
            for f in out.glob("*/begun")
            if f.read_text() == "x" * times and read_state(f.parent).get("state") == "running"
        ]

    with driver(n, dict(x=[0, 1, 2]), out) as first:
        until(lambda: len(begun(1)) == 2 and states(out).count("done") == 1)
        first.kill()
    assert set(grid_table(out).state) <= {"done", "running", "killed"}
    with driver(n, dict(x=[0, 1, 2]), out) as second:
        until(lambda: len(begun(2)) == 2)
        one, two = begun(2)
        worker = psutil.Process(read_state(one)["pid"])
        kernel = next(
            p
            for p in psutil.Process(read_state(two)["pid"]).children()
            if "ipykernel" in " ".join(p.cmdline())
        )
        worker.kill()
        kernel.kill()
        until(lambda: len(begun(3)) == 2)
        (out / "go").touch()
        said = second.communicate(timeout=patience)[0]
    assert (
        set(grid_table(out).state) == {"done"}
        and "3 runs: 1 done before, 2 done now, 2 of them begun before" in said
    )
    assert sorted(len(f.read_text()) for f in out.glob("*/begun")) == [
        1,
        3,
        3,
    ]  # the finished run was not touched


# what the table says


def made(out, *parameters, revision="now", **grid):
    "A grid as a dead driver leaves it."
    folders = [create_run(out, p, revision, "n.ipynb") for p in parameters]
    write_json(
        out / "grid.json",
        dict(notebook="n.ipynb", revision=revision, runs=[f.name for f in folders]) | grid,
    )
    return folders


def test_nobody_drives(tmp_path):
    one, two, three = made(tmp_path, dict(x=1), dict(x=2), dict(x=3))
    write_state(one, state="done")
    write_state(two, state="queued", attempts=1)
    assert grid_table(tmp_path).state.tolist() == [
        "done",
        "waiting for a driver",
        "waiting for a driver",
    ]
    with FileLock(tmp_path / ".driver.lock"):
        assert grid_table(tmp_path).state.tolist() == ["done", "queued", "queued"]
    assert cancel(tmp_path) == [two.name, three.name]


def test_waiting_for_resources_is_told(tmp_path):
    made(tmp_path, dict(x=1))
    write_json(
        tmp_path / "driver.json",
        dict(pid=1, waiting="needs 2 cores, 1 GPU; free now: 1 core, 0 GPUs"),
    )
    with FileLock(tmp_path / ".driver.lock"):
        t = grid_table(tmp_path)
    assert t.state[0] == "waiting for resources" and t.error[0].startswith("needs 2 cores")
    assert (
        grid_table(tmp_path).state[0] == "waiting for a driver"
    )  # what a dead driver said is no news


def test_earlier_revisions_are_named(tmp_path, capsys):
    old = made(tmp_path, dict(x=1), dict(x=2), revision="before")
    for f in old:
        write_state(f, state="done")
    made(tmp_path, dict(x=1), revision="now")
    with pytest.warns(
        UserWarning,
        match="2 other runs are also in .*revision before: 2 done.*pass revision=before",
    ):
        t = grid_table(tmp_path)
    assert len(t) == 1
    t = grid_table(tmp_path, every=True)
    assert t.revision.tolist() == ["now", "before", "before"]
    assert (
        grid_cli(["status", str(tmp_path)]) == 0
        and "2 other runs are also in" in capsys.readouterr().out
    )
    assert grid_cli(["status", str(tmp_path), "--all"]) == 0
    said = capsys.readouterr().out
    assert "also in" not in said and all(f.name in said for f in old)
    t = run_grid(
        lambda x: None, dict(x=[1, 2]), tmp_path, revision="before", progress=False
    )  # goes on with them: nothing is left to do
    assert t.state.tolist() == ["done", "done"]


def test_status_in_a_pipe_is_whole(tmp_path):
    long = "a" * 300
    (folder,) = made(tmp_path / "grid", dict(name=long, x=1))
    write_state(folder, state="failed", error="e" * 300)
    code = "import sys; from hier_nb.runs import grid_cli; sys.exit(grid_cli())"
    said = subprocess.run(
        [sys.executable, "-c", code, "status", tmp_path / "grid"],
        capture_output=True,
        text=True,
        env=os.environ | dict(COLUMNS="80"),
    )
    assert said.returncode == 0 and long in said.stdout and "e" * 300 in said.stdout


def strictly(text):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_status_as_json(tmp_path, capsys):
    one, two = made(tmp_path, dict(x=1, state="a parameter"), dict(x=[1, 2], state=None))
    (old,) = made(tmp_path / "elsewhere", dict(x=3), revision="before")
    old.rename(tmp_path / old.name)
    (one / "progress.json").write_text(
        '{"step": 3, "steps": 9, "epoch": 1, "epochs": 2, "time": 5, "PA": NaN, "HIER": Infinity}'
    )
    write_state(one, state="done")
    assert grid_cli(["status", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    first, second = strictly(said.out)
    assert (
        first["run"] == one.name
        and first["state"] == "done"
        and first["parameters"] == dict(x=1, state="a parameter")
        and first["PA"] is None
    )
    assert (
        second["state"] == "waiting for a driver"
        and second["parameters"]["x"] == [1, 2]
        and "1 other run is" in said.err
    )
    assert grid_cli(["status", "--json", "--all", str(tmp_path)]) == 0
    assert [r["revision"] for r in strictly(capsys.readouterr().out)] == ["now", "now", "before"]
    assert grid_cli(["status", str(tmp_path), "--jsn"]) == 2 and grid_cli(["status", "--json"]) == 2


def test_progress_that_lacks_numbers(tmp_path):
    for n, text in enumerate([
        "{}",
        '{"step": 3}',
        '{"epoch": 1, "PA": 2.0}',
        "[1]",
        '{"step": 0, "steps": 4, "time": 1e12}',
        "nonsense",
    ]):
        (folder,) = made(tmp_path / str(n), dict(x=n))
        write_state(folder, state="running", started=time.time())
        (folder / "heartbeat").touch()
        (folder / "progress.json").write_text(text)
        (folder / "result.json").write_text('{"after": [1]}')
        assert grid_table(tmp_path / str(n)).state[0] == "running"
        write_state(folder, state="done")
        assert grid_table(tmp_path / str(n)).state[0] == "done"


@pytest.mark.slow
def test_home_folder(tmp_path):
    toy_notebook(tmp_path / "n.ipynb", "open(out_dir + '/said', 'w').write(str(x))")
    (tmp_path / "g.yaml").write_text("x: 5")
    code = """
from hier_nb.notebooks import run_cli
from hier_nb.runs import cancel, grid_table, run_grid
t = run_grid("~/n.ipynb", "~/g.yaml", "~/grid", cpus=1, progress=False)
assert t.state.tolist() == ["done"] and len(grid_table("~/grid")) == 1 and cancel("~/grid") == []
assert run_cli(["~/n.ipynb", "~/out", "x=3"]) == 0
"""
    p = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | dict(HOME=str(tmp_path)),
    )
    assert p.returncode == 0, p.stderr[-2000:]
    assert (
        next((tmp_path / "grid").glob("*/said")).read_text() == "5"
        and (tmp_path / "out" / "said").read_text() == "3"
    )
    assert not (tmp_path / "~").exists()


def test_cancel_obeyed_between_cells(tmp_path):
    f = create_run(tmp_path, {})
    n = toy_notebook(
        tmp_path / "n.ipynb",
        *[
            "import pathlib, time\nwith open(out_dir + '/cells', 'a') as f: f.write('x')\ntime.sleep(.05)"
        ]
        * 200,
    )

    def order():
        until((f / "cells").exists)
        cancel_run(f)

    threading.Thread(target=order, daemon=True).start()
    assert execute_run(n, f)["state"] == "cancelled" and len((f / "cells").read_text()) < 200


# one run


saves = """
import pathlib, time
pathlib.Path(out_dir, 'begun').touch()
try: time.sleep(3600)
except KeyboardInterrupt: pathlib.Path(out_dir, 'saved').touch(); raise
"""


def test_cancelled_in_the_middle(tmp_path):
    "The kernel is interrupted, and what it does about it is done."
    n, f = toy_notebook(tmp_path / "n.ipynb", saves), create_run(tmp_path, {})

    def order():
        until((f / "begun").exists)
        cancel_run(f)

    threading.Thread(target=order, daemon=True).start()
    s = execute_run(n, f)
    assert s["state"] == "cancelled" and s["error"] == "KeyboardInterrupt"
    assert (f / "saved").exists()


def test_cancelled_before_it_starts(tmp_path):
    f = create_run(tmp_path, dict(x=2))
    cancel_run(f)
    assert execute_run(toy_notebook(tmp_path / "n.ipynb", saves), f)["state"] == "cancelled"
    assert read_state(f)["attempts"] == 0 and not (f / "begun").exists()


def test_late(tmp_path):
    n, f = toy_notebook(tmp_path / "n.ipynb", saves), create_run(tmp_path, {})
    s = execute_run(n, f, time_limit=0.05)  # three seconds
    assert s["state"] == "failed" and s["late"]
    assert s["error"].startswith("stopped after its time limit of 0.05 minutes")


def test_a_function(tmp_path):
    def square(x, out_dir):
        (Path(out_dir) / "r").write_text(str(x * x))

    f = create_run(tmp_path, dict(x=2))
    assert execute_run(square, f)["state"] == "done" and (f / "r").read_text() == "4"
    wrong = create_run(tmp_path, dict(x=3))
    assert execute_run(lambda y: y, wrong)["error"].startswith("TypeError")


def test_a_run_that_another_process_holds(tmp_path):
    f = create_run(tmp_path, dict(x=3))
    with FileLock(f / ".lock"):
        s = execute_run(lambda x: x, f, wait=0.1)
    assert s["state"] == "failed" and "another process (pid None) still works" in s["error"]
    assert read_state(f)["state"] == "queued"


def test_a_folder_that_is_none(tmp_path):
    f = create_run(tmp_path, dict(x=4))
    os.rename(f, f.with_name("gone"))
    f.touch()
    s = execute_run(lambda x: x, f)
    assert s["state"] == "failed" and s["error"].startswith("its folder cannot be written")


# a driver


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    "Two runs at work; a second driver wants their folder; one of the two is cancelled, the other ends."
    here = tmp_path_factory.mktemp("two")
    n, out = toy_notebook(here / "n.ipynb", waits), here / "grid"
    with driver(n, dict(x=[7, 8]), out) as first:
        until(lambda: len(list(out.glob("*/begun"))) == 2)
        with driver(n, dict(x=[2]), out) as second:
            said = second.communicate(timeout=patience)[0]
        eight = grid_table(out).run[1]
        asked = cancel(out, eight)
        until(lambda: read_state(out / eight).get("state") == "cancelled")
        (out / "go").touch()
        first.communicate(timeout=patience)
    at_the_end = grid_table(out).state.tolist()
    return SimpleNamespace(
        notebook=n,
        out=out,
        first_pid=first.pid,
        said=said,
        asked=[asked, [eight]],
        at_the_end=at_the_end,
    )


@pytest.fixture(scope="module")
def running_ray():
    "Ray, for all calls in this process."
    with _running_ray(None, gpus=None, cpus=2):
        yield


def test_second_driver_is_refused(two_runs):
    "In a process of its own; the first goes on."
    assert (
        "Another driver works in" in two_runs.said and f"pid {two_runs.first_pid}" in two_runs.said
    )
    assert two_runs.at_the_end[0] == "done" and len(states(two_runs.out)) == 2


def test_one_of_two_is_cancelled(two_runs, running_ray):
    "It saves, and asked for again it goes on."
    asked, eight = two_runs.asked
    assert asked == eight and two_runs.at_the_end == ["done", "cancelled"]
    t = run_grid(two_runs.notebook, dict(x=[7, 8]), two_runs.out, progress=False)
    assert t.state.tolist() == ["done", "done"] and t.attempts.tolist() == [1, 2]


# any name of the configuration


def test_a_grid_may_set_any_name_of_the_configuration(tmp_path, running_ray):
    "A notebook with a parameter `recipe` need not list them, and they are checked in each run."
    n = toy_notebook(
        tmp_path / "n.ipynb",
        "open(out_dir + '/said', 'w').write(f'{batch_size} {lr}')",
        parameters="recipe = 'emoji'\nout_dir = None",
    )
    out = tmp_path / "grid"
    t = run_grid(n, dict(batch_size=64, lr=["2e-3"]), out, progress=False)
    assert t.state.tolist() == ["done"], t.error.tolist()
    assert next(out.glob("*/said")).read_text() == "64 0.002"
    assert run_parameters(out / t.run[0]) == dict(batch_size=64, lr="2e-3")
    with pytest.raises(ValueError, match="Did you mean 'batch_size'"):
        run_grid(n, dict(batch_sise=64), tmp_path / "no")
    with pytest.raises(ValueError, match="lr=-1"):
        run_grid(n, dict(lr=[0.1, -1]), tmp_path / "no")
    assert not (tmp_path / "no").exists()


# help


def test_help_of_the_command(capsys):
    assert grid_cli(["--help"]) == 0
    said = capsys.readouterr().out
    for name in ("seeds=", "gpus_per_run=", "time_limit=", "status", "cancel"):
        assert name in said
    assert grid_cli(["status", "--help"]) == 0 and "--json" in capsys.readouterr().out
    assert grid_cli(["cancel", "-h"]) == 0 and "RUN" in capsys.readouterr().out
