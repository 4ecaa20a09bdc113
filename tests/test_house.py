"The rules of the house: how densely code is written, who may import whom, and that promised names exist."

import ast
import importlib
import json
import re

import pytest
from house import count, modules, root

import hier_nb

NOTEBOOKS = sorted((root / "nbs").glob("[0-9]*.ipynb"))
PAGES = sorted(f for f in (root / "nbs").rglob("*.ipynb") if not f.name.startswith("."))


def test_version():
    assert hier_nb.__version__


def test_code_breathes():
    found = count(root / "hier_nb")
    assert not found.long_lines, "at most 120 characters a line"
    assert not found.semicolons, "one statement a line"
    assert not found.many_positional, "at most six positional parameters"
    assert not found.private_imports, "nobody imports another module's underscore"
    assert found.line_p90 <= 16 and found.function_p90 <= 16, "syntax nodes a line"


def test_counts_count(tmp_path):
    "The measure itself: a module that breaks every rule."
    (tmp_path / "packed.py").write_text(
        "from .other import _secret\n__all__ = ['f']\n"
        "def f(a, b, c, d, e, f, g): x = 1; return x\n" + "y = " + "1 + " * 60 + "1\n"
    )
    found = count(tmp_path)
    assert found.long_lines == [("packed.py", 4)]
    assert found.semicolons == [("packed.py", 3)]
    assert found.many_positional == ["packed.f"]
    assert found.private_imports == ["packed: other._secret"]
    assert found.public_names == 1


def floor_of():
    "Module -> number of its notebook."
    numbers = {}
    for notebook in NOTEBOOKS:
        number, name = notebook.stem.split("_", 1)
        numbers[name] = int(number)
    return numbers


def becomes_a_list(lines):
    "Lines within a paragraph that Markdown takes for a list, a quotation or a heading, for how they begin."
    marker = re.compile(r"\s*(1[.)]|[-+*>]|#+) ")
    special = re.compile(r"\s*(\d+[.)]|[-+*>]|#+) |\s{2}|\||```|\$\$|$")
    code = False
    for above, line in zip(lines, lines[1:]):
        code ^= above.startswith("```")
        if not code and marker.match(line) and not special.match(above):
            yield line


def test_no_sentence_becomes_a_list():
    assert list(becomes_a_list(["it adds a tiny number to", "1. The third has no fault"]))
    assert not list(becomes_a_list(["```", "a", "- b", "```", "", "- one", "- two", "as said"]))
    for page in PAGES:
        for cell in json.loads(page.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                found = list(becomes_a_list("".join(cell["source"]).split("\n")))
                assert not found, f"{page.name}: {found[0]}"


def test_floors_import_downwards():
    number, seen = floor_of(), 0
    for file in modules(root / "hier_nb"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.level or node.module not in number:
                continue
            seen += 1
            assert number[node.module] < number[file.stem], f"{file.stem} imports {node.module}"
    assert seen > 20


def test_no_module_without_its_notebook():
    assert {file.stem for file in modules(root / "hier_nb")} <= set(floor_of())


def sources(notebook, kind="code"):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind]


@pytest.mark.parametrize("notebook", PAGES, ids=lambda f: f.stem)
def test_failures_are_told_by_test_fail(notebook):
    "No `else: assert False` after a try."
    for source in sources(notebook):
        assert not re.search(r"else:\s+assert False", source), source


def imported_names(text):
    "(module, name) of every import of ours in the code blocks of a page."
    for block in re.findall(r"```python\n(.*?)```", text, re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hier_nb"):
                for name in node.names:
                    yield node.module, name.name


def test_the_names_of_the_readme_are_defined_in_notebooks():
    text = (root / "README.md").read_text(encoding="utf-8")
    exported = "\n".join(
        source
        for notebook in NOTEBOOKS
        for source in sources(notebook)
        if source.startswith("#| export")
    )
    found = list(imported_names(text))
    assert found
    for module, name in found:
        everything = importlib.import_module(module)
        if name == "*":
            continue
        assert hasattr(everything, name), f"{module}.{name}"
        assert re.search(rf"^(def|class) {name}\b|^{name} =", exported, re.M), (
            f"{name} is in no notebook"
        )


def test_notebooks_the_readme_names_exist():
    text = (root / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"nbs/[\w/]+\.(?:ipynb|yaml)", text):
        assert (root / path).is_file(), path
