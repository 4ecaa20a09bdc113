"""The tables of the API: nbdev adds a cell `show_doc(name)` for each public name; here it gets its output.

By default nbdev executes every cell that imports anything to make these tables, and drops the code that it
exported. Here they are made from the installed package: nothing is executed, and the code stays on the page."""

import importlib, inspect, re
from nbdev.showdoc import show_doc


def module_of(cells):
    "The module that a notebook exports, imported; None for a notebook that exports none."
    code = "\n".join("".join(cell["source"]) for cell in cells)
    found = re.search(r"^#\|\s*default_exp\s+(\w+)", code, re.M)
    return importlib.import_module(f"hier_nb.{found[1]}") if found else None


def documentation(thing):
    "Signature and text as Markdown; the text alone where an annotation of a base class cannot be read."
    try:
        return show_doc(thing)._repr_markdown_()
    except (
        NameError
    ):  # traitlets names `Self`, which inspect looks for in vain before Python 3.11.5
        return f"### {thing.__name__}\n\n*{inspect.getdoc(thing)}*"


def fill(cells, module):
    "Give every cell `show_doc(name)` the documentation of that name."
    for cell in cells:
        asked = re.search(r"^show_doc\(([\w.]+)\)", "".join(cell["source"]), re.M)
        if cell["cell_type"] != "code" or not asked:
            continue
        thing = module
        for name in asked[1].split("."):
            thing = getattr(thing, name, None)
        if thing is not None:
            markdown = {"text/markdown": documentation(thing)}
            output = dict(output_type="display_data", metadata={}, data=markdown)
            cell["outputs"] = [output]
