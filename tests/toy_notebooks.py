"What tests of notebooks share: small notebooks to execute, and waiting for what happens in other processes."

import time

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

patience = 300  # seconds that an event may take on a busy machine
stubborn = """
import pathlib, time
pathlib.Path(out_dir, 'begun').touch()
while True:
    try: time.sleep(.1)
    except KeyboardInterrupt: pathlib.Path(out_dir, 'refused').touch()
"""


def toy_notebook(path, *cells, parameters="x = 1\nout_dir = None\nresume = False"):
    first = new_code_cell(parameters)
    first.metadata["tags"] = ["parameters"]
    nbformat.write(new_notebook(cells=[first, *map(new_code_cell, cells)]), path)
    return str(path)


def until(what):
    end = time.monotonic() + patience
    while not what():
        assert time.monotonic() < end, "waited for nothing"
        time.sleep(0.05)
