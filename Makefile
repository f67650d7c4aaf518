# make book   builds the book          make test   checks the package and every notebook
# Both make their own environment first, in .venv; the second time they are quick.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PORT ?= 8000

# Chapters are executed and tested with one thread and a fixed hash seed, so that outputs are the same every time.
export OMP_NUM_THREADS := 1
export TOKENIZERS_PARALLELISM := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1

NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=300 -n 2 --dist loadfile -p no:cacheprovider

.DEFAULT_GOAL := help
.PHONY: help setup book test units notebooks pages execute refresh site chinese colab portability bench torture torture-service clinic classroom lint format serve clean

help:
	@echo "make book         build the book, warnings as errors, and say where the page is"
	@echo "make test         lint, unit tests, and every notebook run again and compared"
	@echo "make setup        make .venv and install everything with the pins of constraints.txt"
	@echo "make pages        build, then check every page: links, foreign hosts, Chromium if there is one"
	@echo "make execute      run notebooks in place for committing (NB=book/part/chapter.ipynb to choose)"
	@echo "make refresh      bring the package source that chapters show up to date, without running them"
	@echo "make portability  compare the notebooks once more on an older instruction set"
	@echo "make bench        speed and memory beside what people use today (a quarter of an hour, needs COMPANION_DATA)"
	@echo "make torture      kill, damage and attack runs by the thousand, and record it (about twenty minutes)"
	@echo "make clinic       the doctor on every sabotaged and every healthy patient (a few minutes)"
	@echo "make classroom    every wrong and every hostile submission, graded in isolation (as root; a few minutes)"
	@echo "make torture-service  ask the service badly a hundred thousand times, and record it (about half an hour)"
	@echo "make site         the built book to take along: one zip, and one PDF with outline and links (needs Chromium)"
	@echo "make chinese      the Chinese edition of the core track, in _build/chinese"
	@echo "make colab        every notebook alone in a room like Colab's, and record it (half an hour)"
	@echo "make lint         ruff; make format lets it write"
	@echo "make serve        show the built book at http://127.0.0.1:$(PORT)"
	@echo "make clean        remove what was built, keep .venv"

setup: $(READY)

$(READY): pyproject.toml constraints.txt setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "This book needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "If you have a newer one, name it:  make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (the first time this takes some minutes) ..."
	@$(BIN)/python -m pip install --quiet --no-input -e ".[offline,book,tests]" -c constraints.txt
	@# Matplotlib builds its font cache once and says so on stderr, which must not land in a notebook's outputs.
	@$(BIN)/python -c "import matplotlib.font_manager" 2>/dev/null
	@touch $@

book: setup
	$(BIN)/jupyter-book build . -W --keep-going --quiet
	@echo "The book is built. Open file://$(CURDIR)/_build/html/index.html"

test: lint units notebooks

units: setup
	$(BIN)/pytest tests -n 2 --dist loadfile --durations 25 -m "not pages and not browser and not clinic and not classroom and not colab"

notebooks: setup
	@mkdir -p _build
	books=$$($(BIN)/python book/_ext/notebooks.py list) && \
	  $(BIN)/pytest $(NBVAL) --junitxml=_build/notebooks.xml $$books
	@$(BIN)/python book/_ext/notebooks.py verify _build/notebooks.xml

portability: setup
	@mkdir -p _build
	books=$$($(BIN)/python book/_ext/notebooks.py list) && \
	  ONEDNN_MAX_CPU_ISA=AVX2 $(BIN)/pytest $(NBVAL) --junitxml=_build/portability.xml $$books
	@$(BIN)/python book/_ext/notebooks.py verify _build/portability.xml

torture: setup
	$(BIN)/python -m tests.faults.torture_all

clinic: setup
	$(BIN)/pytest tests/unit/doctor -n 2

classroom: setup
	$(BIN)/pytest tests/classroom tests/unit/classroom -n 2 --dist loadfile

torture-service: setup
	$(BIN)/python -m tests.faults.service_all

pages: book
	COMPANION_REQUIRE_PAGES=1 $(BIN)/pytest tests/book -n 2 --dist loadgroup -m "pages or browser"

site: book
	$(BIN)/python book/_ext/offline_copy.py zip
	$(BIN)/python book/_ext/offline_copy.py pdf

chinese: setup
	$(BIN)/python book/_ext/chinese.py build

colab: setup
	$(BIN)/pytest tests/colab
	PYTHONPATH=book/_ext $(BIN)/python -m tests.colab.room

execute: setup
	$(BIN)/python book/_ext/notebooks.py execute $(NB)

refresh: setup
	$(BIN)/python -m companion.teaching.refresh book

bench: setup
	env -u OMP_NUM_THREADS $(BIN)/python -m tests.benchmarks.training_speed
	env -u OMP_NUM_THREADS $(BIN)/python -m tests.benchmarks.prediction_speed
	$(BIN)/python tests/benchmarks/entity_counting.py
	$(BIN)/python -m tests.benchmarks.serving

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

serve:
	@test -d _build/html || { echo "Nothing is built yet: make book" >&2; exit 1; }
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

clean:
	rm -rf _build build *.egg-info .pytest_cache .ruff_cache .hypothesis
