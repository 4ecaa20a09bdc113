"""How much a notebook explains and shows, counted: `python tests/prose.py [folder of notebooks ...]`.

Words of prose per 100 characters of code (exported code where a notebook exports any), pictures among the outputs, live
figures. A mirror, as house.py is: nothing is padded to please it."""

import json
import sys
from pathlib import Path
from typing import NamedTuple

root = Path(__file__).resolve().parent.parent


class Prose(NamedTuple):
    words: int
    exported: int  # characters of exported cells
    code: int  # of all code cells
    pictures: int
    live: int  # figures that one can move

    @property
    def per_100(self):
        "Words per 100 characters of exported code, or of all code where nothing is exported."
        return 100 * self.words / (self.exported or self.code or 1)


def count(notebook) -> Prose:
    words = exported = code = pictures = live = 0
    for cell in json.loads(Path(notebook).read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            words += len(source.split())
            pictures += source.count("![")
        if cell["cell_type"] != "code":
            continue
        code += len(source)
        exported += len(source) * source.startswith("#| export")
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            pictures += any(kind.startswith("image/") for kind in data)
            live += "srcdoc=" in "".join(data.get("text/html", ""))
    return Prose(words, exported, code, pictures, live)


def notebooks(folder):
    return [f for f in sorted(Path(folder).rglob("*.ipynb")) if ".ipynb_checkpoints" not in f.parts]


def main(folders):
    for folder in folders or [root / "nbs"]:
        counted = {f.relative_to(folder): count(f) for f in notebooks(folder)}
        print(f"{folder}\n{'words/100':>10} {'words':>7} {'pictures':>9} {'live':>5}")
        for name, found in counted.items():
            print(
                f"{found.per_100:10.1f} {found.words:7} {found.pictures:9} {found.live:5}  {name}"
            )
        whole = Prose(*map(sum, zip(*counted.values())))
        shown = sum(bool(found.pictures or found.live) for found in counted.values())
        print(
            f"{whole.per_100:10.1f} {whole.words:7} {whole.pictures:9} {whole.live:5}  together;",
            end=" ",
        )
        print(f"{shown} of {len(counted)} with a picture")


if __name__ == "__main__":
    main(sys.argv[1:])
