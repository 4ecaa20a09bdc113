"Ranks that hold unlike tensors, or of which one fails, all say so."

import time

import pytest
import ranks_resume
from hier_nb.distributed import launch


@pytest.fixture(scope="module")
def got():  # one start of the ranks, which takes longest
    return launch(ranks_resume.tensors_and_words, ranks=2)


@pytest.mark.long
def test_unlike_tensors_raise_one_sentence_on_all_ranks(got):
    errors = {r: unlike for r, (unlike, *_) in got.items()}
    assert errors[0][0] == errors[1][0]
    assert all(e.startswith("ValueError: ") and len(e.splitlines()) == 2 for e in errors[0][0]), (
        errors[0][0]
    )
    rows, none, widths, dims, dtypes, number, uneven, uneven_dtypes = errors[0][0]
    assert (
        "(3, 4) of float32 on rank 0, (2, 4) of float32 on rank 1" in rows
        and "gather_uneven" in rows
    )
    assert "(0, 4)" in none and "(3, 5)" in widths and "(4, 3, 1)" in dims
    assert "float64 on rank 1" in dtypes and "x[None]" in number
    assert "(2, 5)" in uneven and "int64 on rank 1" in uneven_dtypes


@pytest.mark.long
def test_gathering_goes_on_afterwards(got):
    for (_, every, gradient, empty, turned), *_ in got.values():
        assert every == [[0.0] * 3] * 2 + [[1.0] * 3] * 2 and gradient == [[2.0] * 3] * 2
        assert empty == (0, 3) and turned == [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]


def test_main_rank_tells_and_failures_reach_all(got):
    for r, (_, (weights, awkward, unsendable, failed), *_) in got.items():
        assert (
            weights["a"].tolist() == [0, 1, 2, 3, 4]
            and str(weights["a"].dtype) == "torch.bfloat16"
            and weights["n"] == 3
        )
        assert weights["b"][0].item() is True and weights["b"][1].shape == (0, 2)
        assert "1 and 2" in awkward and "lambda" in unsendable
        assert "this rank has a bad day" in failed and (r == 1 or "Rank 1 failed" in failed)


def test_gathering_in_every_precision(got):
    for r, (*_, (dtypes, _, _, _), _) in got.items():
        for dtype, (gathered, every, gradient) in dtypes.items():
            assert gathered == dtype and every == [[1.0, 1.0], [2.0, 2.0]]
            assert gradient == [[4.0 * (r + 1)] * 2], (
                "the derivative of a square, asked for by both ranks"
            )


def test_gathering_without_gradient(got):
    for *_, (_, needs_gradient, every, labels), _ in got.values():
        assert not needs_gradient and every == [[1.0, 1.0], [2.0, 2.0]] and labels == [0, 1]


def test_every_picture_is_dealt_out_once(got):
    for *_, rows in got.values():
        assert rows == [list(range(n)) for n in (1, 2, 3, 7)]


@pytest.mark.long
@pytest.mark.parametrize(
    "function, words",
    [
        (ranks_resume.raises_on_rank_1, "this rank has a bad day"),
        (ranks_resume.is_gone_on_rank_1, "without a word, with exit code 7"),
    ],
)
def test_a_rank_that_dies_ends_the_others(function, words):
    start = time.time()
    with pytest.raises(RuntimeError, match=f"(?s)Rank 1 failed:.*{words}"):
        launch(function, ranks=2)
    assert time.time() - start < 600


def test_a_number_of_ranks_below_one_is_refused():
    with pytest.raises(ValueError, match="ranks=0"):
        launch(ranks_resume.told, ranks=0)
