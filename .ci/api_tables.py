"""The names of a page, together at its end: nbdev puts a cell `show_doc(name)` behind the code that defines a name.

There it would repeat, right below the code, the code's own first lines. By default nbdev also executes every cell
that imports anything to make these cells' outputs. Here they are made from the installed package; nothing runs."""

import importlib
import inspect
import re

from nbdev.showdoc import show_doc


def markdown(text):
    return dict(cell_type="markdown", metadata={}, source=text)


def module_of(cells):
    "The module that a notebook exports, imported; None for a notebook that exports none."
    code = "\n".join("".join(cell["source"]) for cell in cells)
    found = re.search(r"^#\|\s*default_exp\s+(\w+)", code, re.M)
    return importlib.import_module(f"hier_nb.{found[1]}") if found else None


def gather(cells, module):
    "Move the cells `show_doc(name)` into one section at the end; {name: what a pointer over it shows}."
    asked = {}
    for cell in list(cells):
        found = re.search(r"^show_doc\(([\w.]+)\)", "".join(cell["source"]), re.M)
        if cell["cell_type"] == "code" and found:
            cells.remove(cell)
            asked[found[1]] = look_up(module, found[1])
    asked = {name: thing for name, thing in sorted(asked.items()) if thing is not None}
    if asked:
        entries = [entry(name, thing) for name, thing in asked.items()]
        cells.append(markdown("## The names of this page\n\n" + "\n\n".join(entries)))
    return {name: in_short(name, thing) for name, thing in asked.items()}


def look_up(module, dotted):
    thing = module
    for name in dotted.split("."):
        thing = getattr(thing, name, None)
    return thing


def entry(name, thing):
    "Signature and text under a heading of their own, which is a place to link to."
    return f"### {name} {{#{name} .unlisted}}\n\n{documentation(thing)}"


def documentation(thing):
    "Signature and text as Markdown; the text alone where an annotation of a base class cannot be read."
    try:
        text = show_doc(thing)._repr_markdown_()
    except (
        NameError
    ):  # traitlets names `Self`, which inspect looks for in vain before Python 3.11.5
        return f"*{inspect.getdoc(thing)}*"
    return re.sub(
        r"^---\n\n|\[source\]\([^)]*\)\{[^}]*\}\n*|^### .*\n", "", text, flags=re.M
    ).strip()


def in_short(name, thing):
    "A line of signature and one of text."
    said = (inspect.getdoc(thing) or "").strip().split("\n\n")[0].replace("\n", " ")
    try:
        given = [shown(parameter) for parameter in inspect.signature(thing).parameters.values()]
    except (TypeError, ValueError):  # a property, a constant
        return f"{name}\n{said}"
    return f"{name}({', '.join(word for word in given if word != 'self')})\n{said}"


def shown(parameter):
    "A parameter with its default, without its type."
    bare = parameter.replace(annotation=inspect.Parameter.empty)
    return str(bare) if len(str(bare)) < 40 else parameter.name
