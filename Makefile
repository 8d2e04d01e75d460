# A thin index of commands: what each does lies in scripts/, so that it runs the same without make.
.DEFAULT_GOAL := help
.PHONY: help run build test lint format bench clean
ARGS ?=

help:  ## list the commands
	@awk -F ': *## *' '/^[a-z]+: *##/ { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run:  ## install what is missing, build, start the hub with the sandbox platforms (ARGS="--port 9000" is passed on)
	@scripts/run.sh $(ARGS)

build:  ## build the release binary: build/release/easyflow
	@scripts/install-dependencies.sh --for run
	@scripts/build.sh release

test:  ## everything that has to pass: builds, tests, sanitizers, fuzzing, lints (about half an hour)
	@scripts/test.sh $(ARGS)

lint:  ## the lints alone
	@scripts/lint.sh

format:  ## format the C++ sources in place
	@scripts/format.sh

bench:  ## measure webhook throughput beside its peers
	@scripts/bench.sh $(ARGS)

clean:  ## remove everything that was built
	@rm -rf build
