# Each target works from a bare checkout and is quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIP := samples/first_light.mp4
OUT := out/demo
GPU ?= rtx4090
PRECISION ?= fp16
MODELS ?= u2netp
SIZE ?= 1920x1080
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: setup demo test stress check bench engines gpu-check clean

setup: $(VENV)/.setup
$(VENV)/.setup: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[cpu,rtx]'
	touch $@

$(VENV)/.develop: $(VENV)/.setup
	$(PIP) --editable '.[cpu,rtx,export,dev]'
	touch $@

demo: setup
	$(BIN)/trt-anime models pull u2netp
	$(BIN)/trt-anime process $(CLIP) --output $(OUT) --model u2netp --overwrite
	$(BIN)/trt-anime engines build u2netp --gpu $(GPU) --precision fp16 --size 1280x720
	$(BIN)/python -m samples.contact_sheet $(CLIP) $(OUT)
	@echo "Look at $(OUT)/contact_sheet.png, the frames in $(OUT)/stage2a_character_refine/, and $(OUT)/run.json"

test: $(VENV)/.develop
	$(BIN)/python -m pytest

stress: $(VENV)/.develop
	$(BIN)/python -m pytest -m stress

check: $(VENV)/.develop
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --warnings

bench: $(VENV)/.develop
	$(BIN)/python -m benchmarks.rembg_pairs

engines: setup
	$(BIN)/trt-anime engines build $(MODELS) --gpu $(GPU) --precision $(PRECISION) --size $(SIZE)

# A machine with a GPU may have no network: whatever Python there is will do.
gpu-check:
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m benchmarks.gpu_check

clean:
	rm -rf $(VENV) .venv-bench build dist out
