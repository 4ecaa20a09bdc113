"""How densely the package is written, counted: `python tests/house.py [folder of a package ...]`.

The counts are a mirror. What they are asked to be stands in test_house.py."""

import ast
import sys
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

root = Path(__file__).resolve().parent.parent


class Counts(NamedTuple):
    lines: int  # that are not empty
    long_lines: list  # (file, number) beyond 120 characters
    semicolons: list  # (file, number) of two statements on one line
    line_median: float  # nodes of the syntax tree that begin on a line
    line_p90: int
    function_median: float  # nodes of a function, divided by its lines
    function_p90: float
    many_positional: list  # functions with more than six
    private_imports: list  # names with an underscore, from another module of the package
    public_names: int  # in any module's __all__


def modules(folder):
    "Written modules of a package: neither its face nor nbdev's index."
    return [file for file in sorted(Path(folder).glob("*.py")) if not file.name.startswith("_")]


def nodes_by_line(tree):
    return Counter(node.lineno for node in ast.walk(tree) if hasattr(node, "lineno"))


def two_on_a_line(tree):
    "Lines on which a second statement begins, as a `;` or a `:` makes it."
    begins = Counter()
    for node in ast.walk(tree):
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, None)
            if isinstance(statements, list):
                begins.update(statement.lineno for statement in statements)
    return sorted(line for line, count in begins.items() if count > 1)


def nodes_a_line(function, written):
    "How full the lines of one function are, on average."
    lines = written[function.lineno - 1 : function.end_lineno]
    filled = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    return len(list(ast.walk(function))) / len(filled)


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def positional(function):
    named = [*function.args.posonlyargs, *function.args.args]
    return len([a for a in named if a.arg not in ("self", "cls")])


def private_imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            for name in node.names:
                if name.name.startswith("_") and not name.name.startswith("__"):
                    yield f"{node.module}.{name.name}"


def public_names(tree):
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            if isinstance(node.value, ast.List):
                return ast.literal_eval(node.value)
    return []


def long(tree, written):
    "Numbers of lines beyond 120 characters; nbdev writes `__all__` as it likes."
    made = set()
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            made.update(range(node.lineno, node.end_lineno + 1))
    return [n for n, line in enumerate(written, 1) if len(line) > 120 and n not in made]


def count(folder) -> Counts:
    lines, long_lines, semicolons, many, private, public = 0, [], [], [], [], set()
    nodes, averages = [], []
    for file in modules(folder):
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text)
        written = text.splitlines()
        lines += sum(bool(line.strip()) for line in written)
        long_lines += [(file.name, n) for n in long(tree, written)]
        semicolons += [(file.name, n) for n in two_on_a_line(tree)]
        many += [f"{file.stem}.{f.name}" for f in functions(tree) if positional(f) > 6]
        private += [f"{file.stem}: {name}" for name in private_imports(tree)]
        nodes += nodes_by_line(tree).values()
        averages += [nodes_a_line(f, written) for f in functions(tree)]
        public |= set(public_names(tree))
    return Counts(
        lines,
        long_lines,
        semicolons,
        median(nodes),
        percentile(nodes, 0.9),
        round(median(averages), 1),
        round(percentile(averages, 0.9), 1),
        many,
        private,
        len(public),
    )


def percentile(values, share):
    return sorted(values)[int(share * len(values))]


def main(folders):
    for folder in folders or [root / "hier_nb"]:
        found = count(folder)
        print(folder)
        for name, value in found._asdict().items():
            shown = (
                value
                if not isinstance(value, list)
                else f"{len(value)} {value[:8] if value else ''}"
            )
            print(f"  {name:<16} {shown}")
        share = 100 * len(found.long_lines) / found.lines
        print(f"  long lines       {share:.1f} % of {found.lines}")


if __name__ == "__main__":
    main(sys.argv[1:])
