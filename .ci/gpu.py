"""The GPU day, `make gpu`: tests/test_gpu.py, then the tables of nbs/92_gpu.ipynb; one JSON file, and which goals hold.

Without a GPU it is a rehearsal in small sizes, and what needs one is skipped by its name."""

import argparse, importlib.util, os, signal, subprocess, sys, tempfile, time
from pathlib import Path
from xml.etree import ElementTree

import gpu_wheels

root = gpu_wheels.root
limit = 540  # seconds, of the whole day


def run_tests(seconds: float) -> dict:
    "Counts and names, or an error."
    with tempfile.TemporaryDirectory() as d:
        report = Path(d) / "report.xml"
        words = ["-m", "pytest", "tests/test_gpu.py", "-q", "--rehearse", "--no-header"]
        words += ["-p", "no:cacheprovider", "--durations=5", f"--junitxml={report}"]
        pytest = subprocess.Popen([sys.executable, *words], cwd=root)
        late = not ended(pytest, seconds)
        if late:
            pytest.send_signal(signal.SIGINT)  # it reports what it has
            if not ended(pytest, 30):
                pytest.kill()
                pytest.wait()
        if not report.is_file():
            return dict(error="pytest wrote no report" + f" within {seconds:.0f} s" * late)
        found = read_report(report)
        return found | (dict(error=f"the tests ran past {seconds:.0f} s") if late else {})


def ended(process, seconds) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def read_report(path) -> dict:
    passed, failed, skipped = [], [], {}
    for case in ElementTree.parse(path).iter("testcase"):
        name = case.get("name")
        why = case.find("skipped")
        if why is not None:
            skipped[name] = why.get("message")
        elif case.find("failure") is not None or case.find("error") is not None:
            failed.append(name)
        else:
            passed.append(name)
    if not passed and not failed:
        return dict(error="no test ran")
    return dict(passed=len(passed), failed=failed, skipped=skipped)


def goals_of_the_day(tests: dict, seconds: float, judged: bool) -> list:
    "The two that no table knows."
    failed = len(tests["failed"]) if "failed" in tests else None
    holds = failed == 0 if judged and failed is not None else None
    tested = dict(name="GPU tests that fail", goal="at most 0", unit="tests", measured=failed)
    minutes = dict(name="The whole of it", goal="at most 9 minutes", unit="minutes")
    minutes |= dict(measured=seconds / 60, holds=seconds <= limit if judged else None)
    return [tested | dict(holds=holds, before="-"), minutes | dict(before="-")]


def verdict(row) -> str:
    word = {True: "holds", False: "DOES NOT HOLD", None: "not judged"}[row["holds"]]
    measured = "not measured" if row["measured"] is None else f"{row['measured']:.3g} {row['unit']}"
    return f"{word:14}{row['name']}: {measured}; goal {row['goal']}; before: {row['before']}"


def arguments():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--small", action="store_true", help="a rehearsal, in seconds on a CPU")
    a.add_argument("--no-tests", action="store_true", help="the tables alone")
    a.add_argument("--out", type=Path, default=root / "runs" / "gpu.json")
    return a.parse_args()


def main():
    start, args = time.perf_counter(), arguments()
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is missing here.\nPass its Python: make gpu PYTHON=/path/to/python")
    gpu_wheels.use()
    os.chdir(root)

    import torch
    from hier_nb import gpu
    from hier_nb.files import write_json

    judged = torch.cuda.is_available() and not args.small
    tests = dict(left_out="--no-tests")
    if not args.no_tests:
        tests = run_tests(limit / 2 if judged else 3600)
    sizes = gpu.Sizes() if judged else gpu.small_sizes()
    found = {}

    def write():
        seconds = time.perf_counter() - start
        report = gpu.report(found, judged) | dict(tests=tests, seconds=seconds)
        report["goals"] += goals_of_the_day(tests, seconds, judged)
        write_json(args.out, report)
        return report

    def told(name, table, seconds):
        found[name] = table
        print(f"{gpu.as_text(name, table)}    [{seconds:.0f} s]", flush=True)
        write()

    left = limit - 60 - (time.perf_counter() - start)
    gpu.measure(sizes, seconds=left if judged else 3600, told=told)
    report = write()
    print("\n" + report["hardware"])
    if not judged:
        print("A rehearsal in small sizes: the numbers mean nothing, and no goal is judged.")
    for name, why in tests.get("skipped", {}).items():
        print(f"skipped       {name}: {why}")
    print("\n".join(map(verdict, report["goals"])))
    print(f"{args.out}: all of it, in {report['seconds']:.0f} s")
    broken = [name for name, table in found.items() if "error" in table]
    if "error" in tests:
        broken.append(f"tests ({tests['error']})")
    broken += tests.get("failed", [])
    if broken:
        sys.exit(f"Failed: {', '.join(broken)}.")


if __name__ == "__main__":
    main()
