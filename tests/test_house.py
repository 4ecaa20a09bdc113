"The package can be imported, and says which version it is."

import hier_nb


def test_version():
    assert hier_nb.__version__
