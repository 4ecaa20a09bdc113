"Executing a notebook: what it keeps of a flood, how it is stopped and goes on, and what it shows meanwhile."

import contextlib, fcntl, json, os, pty, select, signal, struct, subprocess, sys, termios, time
from pathlib import Path
import nbformat, pytest
from toy_notebooks import patience, stubborn, toy_notebook, until
from hier_nb.notebooks import Stop, run_cli, run_notebook

saves = """
import pathlib, time
pathlib.Path(out_dir, 'begun').touch()
try:
    while True: time.sleep(.1)
except KeyboardInterrupt:
    pathlib.Path(out_dir, 'saved').touch()
    raise
"""


@contextlib.contextmanager
def command(*words, **settings):
    "hier-nb-run in a process group of its own, as a terminal starts it."
    job = [
        sys.executable,
        "-c",
        "import sys; from hier_nb.notebooks import run_cli; sys.exit(run_cli())",
        *map(str, words),
    ]
    settings = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) | settings
    p = subprocess.Popen(job, start_new_session=True, **settings)
    try:
        yield p
    finally:
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGKILL)
        p.wait()


def outputs(path):
    return [cell.outputs for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def test_flood_is_cut(tmp_path):
    flood = "import sys\nfor n in range(100_000): print('x' * 999)\nprint('the end')"
    n = toy_notebook(
        tmp_path / "flood.ipynb",
        flood,
        "print('y' * 30_000_000)",
        "'z' * 30_000_000",
        "print('short')",
    )
    out = run_notebook(n, tmp_path / "out", progress=False, log=tmp_path / "log.txt")
    assert (
        out.stat().st_size < 6_000_000
        and 20_000_000 <= (tmp_path / "log.txt").stat().st_size < 20_001_000
    )
    assert "This log is full" in (tmp_path / "log.txt").read_text()[-300:]
    *_, lines, one, value, short = outputs(out)
    for cell in (lines, one):
        assert [len(o.text) for o in cell][::2] == [
            500_000,
            500_000,
        ] and "characters are left out here" in cell[1].text
    assert (
        lines[0].text.startswith("x" * 999 + "\n")
        and lines[2].text.endswith("the end\n")
        and "log.txt" in lines[1].text
    )
    kept = sum(len(o.text) for o in lines[::2])
    assert f"{100_000 * 1000 + len('the end') + 1 - kept:,} characters" in lines[1].text
    assert 1_000_000 < len(value[0].data["text/plain"]) < 1_000_200 and short[0].text == "short\n"


@pytest.mark.long
def test_flood_of_displays_is_cut(tmp_path):
    show = "from IPython.display import display\nfor n in range(5_000): display(dict(a=n))\nprint('after')"
    animated = """
from IPython.display import clear_output
for n in range(3): clear_output(wait=True); print(str(n) * 800_000)
"""
    wide = "from IPython.display import HTML\nHTML('w' * 30_000_000)"
    out = run_notebook(
        toy_notebook(tmp_path / "n.ipynb", show, animated, wide), tmp_path / "out", progress=False
    )
    *_, many, last, html = outputs(out)
    assert len(many) < 2_010 and "left out" in many[-2].text and many[-1].text == "after\n"
    assert "".join(o.text for o in last).count("2") > 700_000 and not any(
        "111" in o.text for o in last
    )
    assert "text/html" not in html[0].data and "30,000,000 characters" in html[0].data["text/plain"]
    assert out.stat().st_size < 6_000_000


@pytest.mark.long
def test_interrupt_saves_and_says_how_to_go_on(tmp_path):
    n, out = toy_notebook(tmp_path / "n.ipynb", saves, "1 / 0"), tmp_path / "out"
    with command(n, out) as p:
        until((out / "begun").exists)
        os.killpg(p.pid, signal.SIGINT)
        said = p.communicate(timeout=patience)
    assert p.returncode == 130 and (out / "saved").exists()
    assert (
        "Traceback" not in said[1]
        and "ZeroDivision" not in said[1]
        and said[1].splitlines()[-1].startswith("Stopped; the same command again begins anew")
    )
    assert any(
        o.get("ename") == "KeyboardInterrupt" for cell in outputs(out / "n.ipynb") for o in cell
    )


@pytest.mark.long
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_save_too(tmp_path, name):
    n, out, number = (
        toy_notebook(tmp_path / "n.ipynb", saves),
        tmp_path / "out",
        getattr(signal, name),
    )
    with command(n, out) as p:
        until((out / "begun").exists)
        p.send_signal(number)
        p.communicate(timeout=patience)
    assert p.returncode == 128 + number and (out / "saved").exists()


@pytest.mark.long
def test_second_interrupt_kills(tmp_path):
    n, out = toy_notebook(tmp_path / "n.ipynb", stubborn), tmp_path / "out"
    with command(n, out) as p:
        until((out / "begun").exists)
        os.killpg(p.pid, signal.SIGINT)
        until((out / "refused").exists)
        assert p.poll() is None
        os.killpg(p.pid, signal.SIGINT)
        said = p.communicate(timeout=patience)
    assert (
        p.returncode == 130
        and "Traceback" not in said[1]
        and said[1].splitlines()[-1].startswith("Killed")
    )
    assert any(
        o.get("ename") == "DeadKernelError" for cell in outputs(out / "n.ipynb") for o in cell
    )


@pytest.mark.long
def test_interrupt_that_a_cell_swallows_ends_the_notebook(tmp_path):
    n, out = (
        toy_notebook(
            tmp_path / "n.ipynb", saves.replace("raise", "pass"), "open(out_dir + '/later', 'w')"
        ),
        tmp_path / "out",
    )
    with command(n, out) as p:
        until((out / "begun").exists)
        os.killpg(p.pid, signal.SIGINT)
        p.communicate(timeout=patience)
    assert p.returncode == 130 and (out / "saved").exists() and not (out / "later").exists()


def test_stop_before_the_first_cell(tmp_path):
    stop = Stop()
    stop.ask()
    with pytest.raises(KeyboardInterrupt):
        run_notebook(
            toy_notebook(tmp_path / "n.ipynb", "open(out_dir + '/ran', 'w')"),
            tmp_path / "out",
            progress=False,
            stop=stop,
        )
    assert not (tmp_path / "out" / "ran").exists()


@pytest.mark.long
def test_unfinished_run_goes_on_by_itself(tmp_path):
    work = saves.replace(
        "try:",
        "open(out_dir + '/log', 'a').write(f'{x} {resume}\\n')\nif resume: raise SystemError('again')\ntry:",
    )
    n, out = toy_notebook(tmp_path / "n.ipynb", work), tmp_path / "out"
    (out / "checkpoints" / "step-00000044").mkdir(parents=True)

    def run(*words):
        (out / "begun").unlink(missing_ok=True)
        with command(n, out, *words) as p:
            until(lambda: (out / "begun").exists() or p.poll() is not None)
            p.send_signal(signal.SIGINT)
            return p.communicate(timeout=patience)[1]

    assert "step 44" in run("x=2").splitlines()[-1]
    assert "goes on from step 44" in run("x=2")  # and fails, which is not finished either
    assert "other parameters (x)" in run("x=3")
    assert "goes on" not in run("x=3", "resume=False").splitlines()[0]
    assert (out / "log").read_text().split("\n")[:-1] == ["2 False", "2 True", "3 False", "3 False"]
    done = toy_notebook(
        tmp_path / "done.ipynb", "open(out_dir + '/log', 'a').write(f'done {resume}\\n')"
    )
    for _ in range(2):
        with command(done, out) as p:
            assert "goes on" not in p.communicate(timeout=patience)[1]
    assert (out / "log").read_text().endswith("done False\ndone False\n")


@pytest.mark.long
def test_killed_run_goes_on(tmp_path):
    n, out = (
        toy_notebook(
            tmp_path / "n.ipynb",
            "open(out_dir + '/log', 'a').write(f'{resume} ')\n"
            "if not resume:" + saves.replace("\n", "\n    "),
        ),
        tmp_path / "out",
    )
    with command(n, out) as p:
        until((out / "begun").exists)
        p.kill()
        p.communicate(timeout=patience)
    with command(n, out) as p:
        p.communicate(timeout=patience)
    assert p.returncode == 0 and (out / "log").read_text() == "False True "


writes = """
import json, pathlib, time
def tell(**now): pathlib.Path(out_dir, 'progress.json').write_text(json.dumps(dict(time=time.time(), **now)))
n = 0
while not pathlib.Path(out_dir, 'enough').exists():
    n += 1
    tell(step=n, steps=1_000_000, PA=5.25, HIER=.5)
    time.sleep(.05)
"""


@pytest.mark.long
def test_progress_in_a_terminal(tmp_path):
    n, out, (ours, theirs) = (
        toy_notebook(tmp_path / "n.ipynb", writes),
        tmp_path / "out",
        pty.openpty(),
    )
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))  # 160 columns
    out.mkdir()
    (out / "config.yaml").write_text("batch_size: 100\n")
    (out / "progress.json").write_text(
        json.dumps(dict(step=7, steps=8, time=time.time() - 60))
    )  # of an earlier run
    with command(n, out, stdout=theirs, stderr=theirs):
        os.close(theirs)
        said = b""
        end = time.monotonic() + patience
        while b"left" not in said and time.monotonic() < end:
            if select.select([ours], [], [], 1)[0]:
                said += os.read(ours, 4096)
        (out / "enough").touch()
        with contextlib.suppress(OSError):
            while part := os.read(ours, 4096):
                said += part
    line = next(part for part in said.decode().split("\r") if "left" in part)
    for what in ("step ", "PA 5.25", "HIER 0.5", "pictures/s"):
        assert what in line
    assert "of 8" not in said.decode() and said.decode().count("\n") < 12  # one line, rewritten


@pytest.mark.long
def test_progress_in_a_pipe(tmp_path):
    n, out = toy_notebook(tmp_path / "n.ipynb", writes), tmp_path / "out"
    job = """
import sys, hier_nb.notebooks as n
n._Watch.__init__.__defaults__ = (.2, 1.0) # a line a second
sys.exit(n.run_cli())
"""
    with subprocess.Popen(
        [sys.executable, "-c", job, n, out],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as p:
        lines = []
        for line in p.stderr:
            lines.append(line)
            if "step" in line and "left" in line:
                (out / "enough").touch()
            assert len(lines) < 1000
    assert (
        p.returncode == 0
        and any(line.startswith(("cell 2 of ", "cell 3 of ")) for line in lines)
        and "PA 5.25" in "".join(lines)
    )
    assert not any("\r" in line for line in lines)


def test_full_disk_is_a_warning(tmp_path):
    "The executed notebook cannot be written while a cell runs, and can again at the end."
    out = tmp_path / "out"  # root may write anything, so the folder is moved away
    n = toy_notebook(
        tmp_path / "n.ipynb",
        "import os\nos.rename(out_dir, out_dir + '-gone')\nopen(out_dir, 'w').close()",
        "os.remove(out_dir)\nos.rename(out_dir + '-gone', out_dir)",
    )
    with pytest.warns(UserWarning, match="could not be written"):
        path = run_notebook(n, out, progress=False, log=tmp_path / "log.txt")
    assert path.is_file()


@pytest.mark.long
@pytest.mark.parametrize("own", [None, "77"])
def test_threads_do_not_spin_for_long(tmp_path, monkeypatch, own):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    if own:
        monkeypatch.setenv("GOMP_SPINCOUNT", own)
    n = toy_notebook(tmp_path / "n.ipynb", "import os; print(os.environ['GOMP_SPINCOUNT'])")
    run_notebook(n, tmp_path / "out", progress=False)
    assert outputs(tmp_path / "out" / "n.ipynb")[-1][0].text.strip() == (own or "10000")


def test_papermill_says_nothing_of_its_own(tmp_path):
    "It reads parameters less well than we do, and would warn of a second name in a line."
    n = toy_notebook(
        tmp_path / "n.ipynb", "print(rate)", parameters="epochs = 2\nlr = rate = 1e-3\nname = None"
    )
    with command(n, tmp_path / "out", "rate=1") as p:
        out, err = p.communicate(timeout=patience)
    assert out.startswith("executed notebook")
    assert not any(word in err for word in ("parse", "unknown", "WARN"))


trains = "recipe = 'emoji'\nout_dir = None\nresume = False"


def test_any_name_of_the_configuration(tmp_path, capsys):
    "A notebook with a parameter `recipe` need not list them; a file of names and values is read too."
    says = "open(out_dir + '/said', 'w').write(f'{recipe} {batch_size} {lr}')"
    n, out = toy_notebook(tmp_path / "n.ipynb", says, parameters=trains), tmp_path / "out"
    (tmp_path / "mine.yaml").write_text("batch_size: 64\nlr: 1e-3\n")
    assert run_cli([n, str(out), "lr=.01", "-y", str(tmp_path / "mine.yaml")]) == 0
    assert (out / "said").read_text() == "emoji 64 0.01"
    capsys.readouterr()
    for word, sentence in {
        "batch_sise=64": "Did you mean 'batch_size'?",
        "zebra=1": "n.ipynb has no 'zebra'",
        "n_proxies=8": "It is called 'hier_proxies' now.",
        "batch_size=-1": "batch_size=-1",
    }.items():
        assert run_cli([n, str(tmp_path / "no"), word]) == 2
        assert sentence in capsys.readouterr().err
    (tmp_path / "list.yaml").write_text("- 1\n")
    assert run_cli([n, str(tmp_path / "no"), "-y", str(tmp_path / "list.yaml")]) == 2
    assert "does not hold names and values" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_other_notebooks_take_only_their_own(tmp_path):
    n = toy_notebook(tmp_path / "n.ipynb", "1")
    assert run_cli([n, str(tmp_path / "no"), "batch_size=64"]) == 2


def test_help_lists_a_notebook_s_parameters(tmp_path, capsys):
    n = toy_notebook(tmp_path / "n.ipynb", parameters="x = 1  # how many\nrecipe = 'emoji'")
    assert run_cli(["--help"]) == 0 and "NOTEBOOK" in capsys.readouterr().out
    assert run_cli([n, "--help"]) == 0
    said = capsys.readouterr().out
    assert "how many" in said and "batch_size" in said and "of all ranks together" in said
    assert run_cli([str(tmp_path / "none.ipynb"), "-h"]) == 2


@pytest.mark.slow
def test_interrupted_training_goes_on(tmp_path):
    "The notebook of a grid's runs: Ctrl-C saves a checkpoint, and the same command goes on from it."
    n, out = Path(__file__).parent.parent / "nbs" / "experiments" / "run.ipynb", tmp_path / "out"
    words = [
        "epochs=50",
        "image_size=32",
        "eval_size=32",
        "batch_size=32",
        "hier_proxies=16",
        "tensorboard=False",
    ]

    def step():
        with contextlib.suppress(OSError, ValueError):
            return json.loads((out / "progress.json").read_text())["step"]
        return 0

    reached = []
    for _ in range(2):
        before = step()
        with command(n, out, *words) as p:
            until(lambda p=p, before=before: step() > before or p.poll() is not None)
            os.killpg(p.pid, signal.SIGINT)
            said = p.communicate(timeout=patience)[1]
        assert p.returncode == 130 and "Traceback" not in said, said[-2000:]
        saved = sorted((out / "checkpoints").glob("step-*"))[-1].name
        reached.append(int(saved.partition("-")[2]))
        assert said.splitlines()[-1].startswith(
            f"Stopped; the same command again goes on from step {reached[-1]}"
        )
    assert f"goes on from step {reached[0]}" in said and 0 < reached[0] < reached[1]
