"The explorer without a kernel: a page in a frame, as notebooks are committed and the site shows them."

import html
import re
import pytest
import torch
from hier_nb.embeddings import Embeddings
from hier_nb.explorer import Explorer, _without_kernel, explore
from hier_nb.spaces import Ball


@pytest.fixture(scope="module")
def widget():
    vectors = torch.randn(30, 8, generator=torch.Generator().manual_seed(0))
    return explore(Embeddings(Ball()(vectors), Ball()), title='a "b" <c>')


@pytest.mark.long
def test_without_a_kernel_it_is_a_page_in_a_frame(widget):
    shown = widget._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    title, page = re.fullmatch(
        r'<iframe title="([^"]*)"[^>]* srcdoc="([^"]*)"></iframe>', shown["text/html"]
    ).groups()
    assert html.unescape(title) == 'Explorer of a "b" <c>: 30 pictures on a disk'
    assert html.unescape(page) == widget.page()


@pytest.mark.long
def test_the_page_is_the_file(widget, tmp_path):
    assert widget.to_html(tmp_path / "a.html").read_text(encoding="utf-8") == widget.page()
    assert "<title>a &quot;b&quot; &lt;c&gt;</title>" in widget.page()
    assert "fitIn();" in widget.page() and "mount(" not in widget.page()


def test_a_page_too_large_for_a_notebook_is_told_of(widget):
    shown = _without_kernel(widget, most=1000)
    assert set(shown) == {"text/plain"} and "write it by to_html" in shown["text/plain"]


def test_with_a_kernel_it_is_the_widget(widget, monkeypatch):
    monkeypatch.setattr("hier_nb.explorer.has_kernel", lambda: True)
    assert "application/vnd.jupyter.widget-view+json" in _first(widget._repr_mimebundle_())
    assert isinstance(widget, Explorer)


def _first(bundle):  # anywidget gives the data, or the data and their metadata
    return bundle[0] if isinstance(bundle, tuple) else bundle
