"HIER as a literate research library: the notebooks in nbs/ are the source of every module here."
from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("hier_nb")
except PackageNotFoundError:  # imported from a checkout without `pip install -e .`
    __version__ = "0+not.installed"
