"nbdev-test that begins the longest notebooks first, so that its workers end together."

import fastcore.parallel
import nbdev.test

longest = (  # ten seconds and more on two cores; `make test` leaves them to `make long`
    "sweep",
    "61_runs",
    "own_images",
    "own_loop",
    "beside_pml",
    "53_trainer",
    "when_not",
    "several_gpus",
    "own_photographs",
    "90_benchmarks",
    "21_export",
    "repeat_table",
    "32_hierarchy",
    "54_training",
    "49_diagnosis",
    "50_distributed",
    "45_plots",
    "62_compare",
    "00_idea",
    "33_kinship",
    "paper_figures",
)


def rank(notebook):
    return longest.index(notebook.stem) if notebook.stem in longest else len(longest)


def parallel(test, notebooks, **options):
    "fastcore's, in another order; the results come in the order asked for."
    order = sorted(notebooks, key=rank)
    results = dict(zip(order, fastcore.parallel.parallel(test, order, **options)))
    return [results[notebook] for notebook in notebooks]


if __name__ == "__main__":
    nbdev.test.parallel = parallel
    nbdev.test.nbdev_test()
