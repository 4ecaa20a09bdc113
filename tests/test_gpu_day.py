"The command `make gpu`: what it says, what it needs, and what it makes of failures. The GPU's own tests: test_gpu.py."

import importlib.util
import subprocess
import sys

import pytest
from house import root


def script(name, monkeypatch):
    monkeypatch.syspath_prepend(root / ".ci")
    spec = importlib.util.spec_from_file_location(name, root / ".ci" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def day(monkeypatch):
    return script("gpu", monkeypatch)


@pytest.mark.long
def test_packages_of_the_day_are_enough():
    "The GPU machine has PyTorch, timm and pytest; four wheels come along. Nothing else may be imported."
    program = """
import sys
from importlib.machinery import PathFinder
absent = ("anywidget faiss filetype geoopt hypothesis IPython ipywidgets matplotlib nbdev onnx papermill "
    "plotly pyarrow ray resvg_py traitlets tyro umap wandb").split()

class Present:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in absent:
            return PathFinder.find_spec(name, path, target)

    invalidate_caches = PathFinder.invalidate_caches

sys.meta_path[:] = [Present if finder is PathFinder else finder for finder in sys.meta_path]
sys.path.insert(0, "tests")
import hier_nb.gpu, test_gpu
print("enough")
"""
    p = subprocess.run([sys.executable, "-c", program], cwd=root, text=True, capture_output=True)
    assert p.stdout.strip().endswith("enough"), p.stderr[-2000:]


def test_wheels_that_are_missing_are_named(monkeypatch, tmp_path):
    wheels = script("gpu_wheels", monkeypatch)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(wheels, "folder", tmp_path)
    monkeypatch.setattr(wheels, "site", tmp_path / "site")
    monkeypatch.setattr(wheels, "needed", dict(not_there_at_all="not-there-at-all"))
    with pytest.raises(SystemExit, match="Missing here: not-there-at-all.\nRun `make gpu-wheels`"):
        wheels.use()


report = """<testsuites><testsuite>
<testcase name="a"/><testcase name="b"><failure message="no">no</failure></testcase>
<testcase name="c"><skipped message="needs a GPU"/></testcase></testsuite></testsuites>"""


def test_reports_are_read(day, tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(report)
    assert day.read_report(path) == dict(passed=1, failed=["b"], skipped=dict(c="needs a GPU"))
    path.write_text("<testsuites></testsuites>")
    assert "error" in day.read_report(path)


def test_goals_of_the_day(day):
    tests = dict(passed=1, failed=["b"], skipped={})
    assert [row["holds"] for row in day.goals_of_the_day(tests, 60, True)] == [False, True]
    assert [row["holds"] for row in day.goals_of_the_day(tests, 60, False)] == [None, None]
    assert [row["holds"] for row in day.goals_of_the_day(dict(error="·"), 600, True)] == [
        None,
        False,
    ]
    said = [day.verdict(row) for row in day.goals_of_the_day(tests, 60, True)]
    assert said[0].startswith("DOES NOT HOLD GPU tests that fail: 1 tests")
    assert said[1].startswith("holds         The whole of it: 1 minutes")


def test_late_processes_are_noticed(day):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as p:
        assert not day.ended(p, 0.1)
        p.communicate(b"\n")
        assert day.ended(p, 60)
