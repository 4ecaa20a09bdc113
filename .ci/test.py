"""The tests in two parts: `quick`, in minutes, and `long`, with kills, several processes and notebooks that train.

Both together: every notebook runs; package and notebooks are in step, clean, and laid out by ruff."""

import argparse, os, re, subprocess, sys, tempfile
from pathlib import Path
from xml.etree import ElementTree

from longest_first import longest

root = Path(__file__).resolve().parent.parent
nbs = root / "nbs"
templates = ("train", "run", "emoji", "compare")  # they train, or read what was trained
failures = []  # (name, last lines of what it said), shown again below the list of all tests


def tell(name, text, lines=15):
    "Keep the end of a failure's text; colours are left out."
    plain = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text).rstrip().splitlines()
    failures.append((name, [line.rstrip() for line in plain if line.strip()][-lines:]))


def run(*cmd):  # output is shown only when something failed
    return subprocess.run(
        cmd, cwd=root, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def share_cores(workers):
    "Workers that run side by side do not also fight over cores with their threads."
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


def chosen(part):
    "The notebooks that are executed, in the order of their paths."
    of_part = {"quick": lambda stem: stem not in longest, "long": lambda stem: stem in longest}
    wanted = of_part.get(part, lambda stem: True)
    paths = sorted(file.relative_to(nbs) for file in nbs.rglob("*.ipynb"))
    return [
        path
        for path in paths
        if not any(name.startswith((".", "_")) for name in path.parts)
        and path.stem not in templates
        and wanted(path.stem)
    ]


def notebooks(args):
    "Each notebook is one test, executed from its first cell to its last."
    names = chosen(args.part)
    stems = "|".join(re.escape(path.stem) for path in names)
    p = run(
        sys.executable,
        str(root / ".ci" / "longest_first.py"),
        "--n-workers",
        str(args.workers),
        "--do-print",
        "--timing",
        "--cell-timeout",
        "3600",  # seconds: nothing depends on the clock
        "--file-re",
        rf"^({stems})\.ipynb$",
        *(["--flags", "slow"] if args.slow else []),
    )
    failed = {
        word
        for word in p.stdout.partition("Tests Failed On The Following Notebooks:")[2].split()
        if word.endswith(".ipynb")
    }
    if p.returncode:
        print(p.stdout)
    else:
        print("\n".join(line for line in p.stdout.splitlines() if line.endswith("secs")))
    if p.returncode and not failed:
        failed = {"nbdev-test"}
    for name in sorted(failed):
        tell(f"notebook {name}", about(name, p.stdout))
    return [(f"notebook {n}", n.name not in failed and "nbdev-test" not in failed) for n in names]


def about(name, said):
    "A notebook's error among all that nbdev-test printed; without one, all."
    begins = re.search(rf"(?m)^\S+ in (?:\S*/)?{re.escape(name)}:$", said)
    if begins is None:
        return said
    return re.split(
        r"(?m)^(?:- Completed |Starting |nbdev Tests Failed|\S+ in \S+\.ipynb:$)",
        said[begins.end() :],
    )[0]


def unit_tests(args):
    "What no reader of a notebook wants to meet: kills, races, bad input. Each function in tests/ is one test."
    with tempfile.TemporaryDirectory() as d:
        report = Path(d) / "report.xml"
        p = run(
            sys.executable,
            "-m",
            "pytest",
            "tests",
            "-q",
            "-n",
            str(args.workers),
            "--dist=worksteal",  # a module's fixtures mostly made once, and nobody idle at the end
            f"--junitxml={report}",
            *({"quick": ["-m", "not long"], "long": ["-m", "long"]}.get(args.part, [])),
            *(["--slow"] if args.slow else []),
        )
        if p.returncode:
            print(p.stdout)
        if not report.is_file():
            tell("tests/", p.stdout)
            return [("tests/", False)]
        results = []
        cases = list(ElementTree.parse(report).iter("testcase"))
        for case in sorted(cases, key=lambda c: -float(c.get("time")))[:15]:
            print(f"{case.get('classname')} {case.get('name')}: {float(case.get('time')):.0f} secs")
        for case in cases:
            if case.find("skipped") is not None:
                continue
            name = f"test {case.get('classname').removeprefix('tests.')} {case.get('name')}"
            bad = [found for kind in ("failure", "error") if (found := case.find(kind)) is not None]
            for found in bad:
                tell(name, found.text or found.get("message") or "")
            results.append((name, not bad))
        if p.returncode and all(
            ok for _, ok in results
        ):  # it was interrupted, or collected nothing
            tell("tests/", p.stdout)
            results.append(("tests/", False))
        return results


def unchanged(what, command, paths):
    "A command that must not change tracked files; what it changes is restored, so a test never edits the checkout."
    before = {
        f: f.read_bytes()
        for p in paths
        for f in (p.rglob("*") if p.is_dir() else [p])
        if f.is_file() and "__pycache__" not in f.parts
    }
    p = run(*command)
    after = {
        f
        for q in paths
        for f in (q.rglob("*") if q.is_dir() else [q])
        if f.is_file() and "__pycache__" not in f.parts
    }
    changed = [
        f
        for f in before.keys() | after
        if f not in before or not f.exists() or f.read_bytes() != before[f]
    ]
    for f in changed:
        f.write_bytes(before[f]) if f in before else f.unlink()
    said = [f"{what}: {f.relative_to(root)} is out of step; run `make prepare`" for f in changed]
    if p.returncode:
        said.insert(0, p.stdout)
    for line in said:
        print(line)
    if said:
        tell(what, "\n".join(said))
    return [(what, p.returncode == 0 and not changed)]


def ruff(*words):
    "Layout and rules of pyproject.toml, on notebooks, tests and scripts."
    name = f"ruff {words[0]}"
    p = run("ruff", *words)
    if p.returncode:
        print(p.stdout)
        tell(name, p.stdout)
    return [(name, p.returncode == 0)]


def in_step():
    "Package, notebooks and README agree, and are laid out as they should be."
    readme = [sys.executable, str(root / ".ci" / "readme.py")]
    return (
        unchanged("export is in step", ["nbdev-export"], [root / "hier_nb"])
        + unchanged("notebooks are clean", ["nbdev-clean"], [nbs])
        + unchanged("README is in step", readme, [root / "README.md"])
        + ruff("format", "--check", "--quiet", ".")
        + ruff("check", "--output-format", "concise", ".")
    )


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--workers", type=int, default=2)
    a.add_argument("--part", choices=("quick", "long", "all"), default="all")
    a.add_argument("--slow", action="store_true", help="also run cells flagged slow")
    args = a.parse_args()
    share_cores(args.workers)
    results = in_step() if args.part != "long" else []
    results += unit_tests(args) + notebooks(args)
    for name, ok in results:
        print("ok    " if ok else "FAILED", name)
    for name, lines in failures:
        print(f"\n--- {name}: its last lines\n" + "\n".join(f"    {line}" for line in lines))
    failed = sum(not ok for _, ok in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
