# libmproc: build, prove, install. `make` lists the targets; CONTRIBUTING.md says more.
#
# Everything that is built goes below target/. Tests, examples, demo and benchmarks use the library as a
# user would: staged by `make stage`, found by pkg-config.

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
BINDIR     ?= $(PREFIX)/bin
DATADIR    ?= $(PREFIX)/share
DESTDIR    ?=

CARGO ?= cargo
CC    ?= cc
CXX   ?= c++
GO    ?= go
PKG_CONFIG ?= pkg-config
CFLAGS   ?= -O2 -g
CXXFLAGS ?= -O2 -g

KILLS      ?= 100000
BENCH_ARGS ?=

# Where rustup and go.dev put their tools; a shell that has not read its profile yet does not know.
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin
# Fixed, because everything here looks for the library below target/.
export CARGO_TARGET_DIR := $(CURDIR)/target
export CC CXX GO CARGO PKG_CONFIG

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
ABI     := $(shell sed -n 's/^\#define MPROC_ABI_VERSION \([0-9]*\)$$/\1/p' include/mproc.h)

LIB     := target/release/libmproc.so
SOURCES := Cargo.toml Cargo.lock build.rs $(shell find src -name '*.rs' -not -path 'src/tool/*' -not -path 'src/bin/*')
TOOL_SOURCES := $(SOURCES) $(shell find src/tool src/bin -name '*.rs')
HEADERS := include/mproc.h bindings/cpp/include/mproc.hpp
TOOL    := target/tool/tool/mproc
TOOL_SHARE := target/tool/share

STAGE  := $(CURDIR)/target/stage
STAGED := target/stage/.staged
STAGED_FLAGS = $$(PKG_CONFIG_PATH=$(STAGE)/lib/pkgconfig $(PKG_CONFIG) --cflags --libs mproc)
WARNINGS := -Wall -Wextra -Wpedantic -Werror

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help build tool stage demo demo-programs test bench soak install install-tool uninstall uninstall-tool \
        header symbols lint clean c-tests cpp-tests examples

help: ## this list
	@echo "libmproc $(VERSION)"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "Variables: PREFIX=$(PREFIX) DESTDIR=$(DESTDIR) LIBDIR= INCLUDEDIR= BINDIR= DATADIR= CC= CXX= CFLAGS= CXXFLAGS= KILLS= ONLY= BENCH_ARGS="

# --- the library -------------------------------------------------------------------------------------

build: $(LIB) ## the release library: target/release/libmproc.so and libmproc.a

# cargo decides what is stale inside; make only has to know whether to ask. So an `install` by root after a
# `build` by somebody else needs no cargo.
$(LIB): $(SOURCES)
	@scripts/need-tools.sh cargo cc
	$(CARGO) build --release --locked
	@touch $@

tool: $(TOOL) $(TOOL_SHARE)/.made ## the command-line tool: target/tool/tool/mproc, with its pages and completions

$(TOOL): $(TOOL_SOURCES)
	@scripts/need-tools.sh cargo cc
	$(CARGO) build --profile tool --locked --features tool --bin mproc --target-dir target/tool
	@touch $@

# The tool knows its own pages and completions. Made here, so that an `install-tool` by root only copies.
$(TOOL_SHARE)/.made: $(TOOL)
	@rm -rf $(TOOL_SHARE) && mkdir -p $(TOOL_SHARE)/completions
	$(TOOL) man --dir $(TOOL_SHARE)/man1
	@for shell in bash zsh fish; do $(TOOL) completions $$shell > $(TOOL_SHARE)/completions/$$shell || exit; done
	@touch $@

stage: $(STAGED) ## install into target/stage, for tests, examples and benchmarks

$(STAGED): $(LIB) $(HEADERS) packaging/mproc.pc.in Makefile
	@$(MAKE) --no-print-directory install PREFIX='$(STAGE)' LIBDIR='$(STAGE)/lib' INCLUDEDIR='$(STAGE)/include' DESTDIR= LDCONFIG=:
	@touch $@

# --- install -----------------------------------------------------------------------------------------

LDCONFIG ?= ldconfig
# Relative to the prefix where they are below it, so that `pkg-config --define-prefix` can move them.
PC_LIBDIR     = $(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))
PC_INCLUDEDIR = $(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))

install: $(LIB) ## install PREFIX=/usr/local DESTDIR= (LIBDIR=, INCLUDEDIR=)
	@mkdir -p '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)'
	install -m 755 $(LIB) '$(DESTDIR)$(LIBDIR)/libmproc.so.$(VERSION)'
	@ln -sfn libmproc.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libmproc.so.$(ABI)'
	@ln -sfn libmproc.so.$(ABI) '$(DESTDIR)$(LIBDIR)/libmproc.so'
	install -m 644 target/release/libmproc.a '$(DESTDIR)$(LIBDIR)/libmproc.a'
	install -m 644 $(HEADERS) '$(DESTDIR)$(INCLUDEDIR)'
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(PC_LIBDIR)|' -e 's|@INCLUDEDIR@|$(PC_INCLUDEDIR)|' \
	     -e 's|@VERSION@|$(VERSION)|' packaging/mproc.pc.in > '$(DESTDIR)$(LIBDIR)/pkgconfig/mproc.pc'
	@chmod 644 '$(DESTDIR)$(LIBDIR)/pkgconfig/mproc.pc'
	@# The loader's cache, so that programs find the library at once; only root can, and only for this system.
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" -eq 0 ]; then $(LDCONFIG) || true; fi

BASH_COMPLETIONS = $(DATADIR)/bash-completion/completions
ZSH_COMPLETIONS  = $(DATADIR)/zsh/site-functions
FISH_COMPLETIONS = $(DATADIR)/fish/vendor_completions.d

install-tool: $(TOOL) $(TOOL_SHARE)/.made ## mproc, man pages and completions, beside or without the library (BINDIR=, DATADIR=)
	@mkdir -p '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(DATADIR)/man/man1' '$(DESTDIR)$(BASH_COMPLETIONS)' \
	          '$(DESTDIR)$(ZSH_COMPLETIONS)' '$(DESTDIR)$(FISH_COMPLETIONS)'
	install -m 755 $(TOOL) '$(DESTDIR)$(BINDIR)/mproc'
	install -m 644 $(TOOL_SHARE)/man1/*.1 '$(DESTDIR)$(DATADIR)/man/man1'
	install -m 644 $(TOOL_SHARE)/completions/bash '$(DESTDIR)$(BASH_COMPLETIONS)/mproc'
	install -m 644 $(TOOL_SHARE)/completions/zsh '$(DESTDIR)$(ZSH_COMPLETIONS)/_mproc'
	install -m 644 $(TOOL_SHARE)/completions/fish '$(DESTDIR)$(FISH_COMPLETIONS)/mproc.fish'

uninstall-tool: ## remove what `install-tool` with the same PREFIX and DESTDIR put there
	rm -f '$(DESTDIR)$(BINDIR)/mproc' '$(DESTDIR)$(DATADIR)'/man/man1/mproc.1 '$(DESTDIR)$(DATADIR)'/man/man1/mproc-*.1 \
	      '$(DESTDIR)$(BASH_COMPLETIONS)/mproc' '$(DESTDIR)$(ZSH_COMPLETIONS)/_mproc' '$(DESTDIR)$(FISH_COMPLETIONS)/mproc.fish'

uninstall: uninstall-tool ## remove what `install` and `install-tool` with the same PREFIX and DESTDIR put there
	rm -f '$(DESTDIR)$(LIBDIR)'/libmproc.so '$(DESTDIR)$(LIBDIR)'/libmproc.so.* '$(DESTDIR)$(LIBDIR)/libmproc.a' \
	      '$(DESTDIR)$(LIBDIR)/pkgconfig/mproc.pc' '$(DESTDIR)$(INCLUDEDIR)/mproc.h' '$(DESTDIR)$(INCLUDEDIR)/mproc.hpp'

# --- the demo ----------------------------------------------------------------------------------------

# All tools are asked for before anything is built: nobody wants to hear of the last one at the end.
demo: ## C, C++, Go and the shell on the same objects, through memory and over TCP, five of them killed
	@scripts/need-tools.sh cargo cc c++ go pkg-config
	@$(MAKE) --no-print-directory demo-programs
	@LD_LIBRARY_PATH='$(STAGE)/lib' target/demo/director target/demo

demo-programs: target/demo/director target/demo/worker-c target/demo/worker-cpp target/demo/worker-go target/demo/worker-sh

target/demo/director: demo/director.c demo/troupe.c demo/troupe.h demo/scene.h $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) $(WARNINGS) $(filter %.c,$^) -o $@ $(STAGED_FLAGS)

target/demo/worker-c: demo/worker.c demo/scene.h $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) $(WARNINGS) $< -o $@ $(STAGED_FLAGS)

target/demo/worker-cpp: demo/worker.cpp demo/scene.h $(STAGED)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(CXXFLAGS) $(WARNINGS) $< -o $@ $(STAGED_FLAGS)

# A script, which finds the tool where make puts it.
target/demo/worker-sh: demo/worker.sh $(TOOL)
	@mkdir -p $(@D)
	@install -m 755 $< $@

target/demo/worker-go: $(wildcard demo/go/*) $(wildcard bindings/go/*.go bindings/go/internal/*/*) $(STAGED)
	@scripts/need-tools.sh cc go pkg-config
	@mkdir -p $(@D)
	. scripts/stage-env.sh && cd demo/go && $(GO) build -buildvcs=false -o '$(CURDIR)/$@' .

# --- the proof ---------------------------------------------------------------------------------------

test: ## everything that has to hold, step by step (ONLY=pattern for some steps)
	@scripts/run-tests.sh '$(ONLY)'

soak: target/ctest/killloop ## the kill loop, 100,000 kills (KILLS=), with progress
	LD_LIBRARY_PATH='$(STAGE)/lib' $< --kills $(KILLS) --progress

bench: $(STAGED) ## ours beside what you would use instead: target/bench/report.json
	@scripts/need-tools.sh cc c++ pkg-config
	@benches/run.sh $(BENCH_ARGS)

header: ## regenerate include/mproc.h from src/ffi
	@scripts/need-tools.sh cargo cc
	UPDATE_HEADER=1 $(CARGO) test --locked --test header
	@scripts/header-symbols.sh | diff tests/symbols.txt - || \
	    echo "the functions changed; if that is meant: scripts/header-symbols.sh > tests/symbols.txt"

symbols: $(LIB) ## hold the exported symbols and the SONAME against the committed list
	@tests/symbols_test.sh $(LIB)

lint: $(STAGED) ## cargo fmt, clippy, gofmt, go vet
	@scripts/need-tools.sh cargo cargo-fmt cargo-clippy cc go pkg-config
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) clippy --lib --bins --locked --features tool -- -D warnings
	@files=$$(gofmt -l bindings/go demo/go tests/polyglot/go) && if [ -n "$$files" ]; then echo "gofmt -w $$files" >&2; exit 1; fi
	. scripts/stage-env.sh && (cd bindings/go && $(GO) vet ./...) && (cd demo/go && $(GO) vet ./...) && (cd tests/polyglot/go && $(GO) vet ./...)

clean: ## remove target/
	rm -rf target

# C tests: the same sources as C99, as C11, and under the sanitizers; the kill loop and the scenarios once.
API_TEST := $(wildcard tests/c/api_*.c) tests/c/place.c
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

define c_variant
target/ctest/$(1)/api_test: $(API_TEST) tests/c/check.h tests/c/api_test.h tests/c/place.h $(STAGED)
	@mkdir -p $$(@D)
	$$(CC) $(2) $$(CFLAGS) $$(WARNINGS) $$(filter %.c,$$^) -o $$@ $$(STAGED_FLAGS) -pthread

target/ctest/$(1)/%: tests/c/%.c tests/c/check.h $(STAGED)
	@mkdir -p $$(@D)
	$$(CC) $(2) $$(CFLAGS) $$(WARNINGS) $$< -o $$@ $$(STAGED_FLAGS) -pthread -ldl

C_TESTS += target/ctest/$(1)/api_test target/ctest/$(1)/bad_input_test target/ctest/$(1)/version_test
endef

$(eval $(call c_variant,c99,-std=c99 -D_GNU_SOURCE))
$(eval $(call c_variant,c11,-std=c11 -D_GNU_SOURCE))
$(eval $(call c_variant,sanitize,-std=c11 -D_GNU_SOURCE $(SANITIZE)))

target/ctest/killloop: $(wildcard tests/c/killloop*.c) $(wildcard tests/c/killloop*.h) tests/c/proc.h $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) $(WARNINGS) $(filter %.c,$^) -o $@ $(STAGED_FLAGS) -pthread

target/ctest/scenarios: $(wildcard tests/c/scenarios*.c) $(wildcard tests/c/scenarios*.h) tests/c/proc.h $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) $(WARNINGS) $(filter %.c,$^) -o $@ $(STAGED_FLAGS) -pthread

target/ctest/manager: $(wildcard tests/c/manager_*.c) tests/c/manager_test.h tests/c/proc.h tests/c/check.h $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(CFLAGS) $(WARNINGS) $(filter %.c,$^) -o $@ $(STAGED_FLAGS) -pthread

# Hostile segments, under AddressSanitizer: an access outside a segment is what they are after.
target/ctest/sanitize/hostile: $(wildcard tests/c/hostile*.c) $(wildcard tests/c/hostile*.h) tests/c/proc.h tests/c/check.h $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c11 $(SANITIZE) $(CFLAGS) $(WARNINGS) $(filter %.c,$^) -o $@ $(STAGED_FLAGS) -pthread

c-tests: $(C_TESTS) target/ctest/killloop target/ctest/scenarios target/ctest/manager target/ctest/sanitize/hostile

# Each C example is a program of one file.
EXAMPLES_C := $(patsubst examples-c/%.c,target/examples/c/%,$(wildcard examples-c/*.c))
EXAMPLES_CPP := $(patsubst bindings/cpp/examples/%.cpp,target/examples/cpp/%,$(wildcard bindings/cpp/examples/*.cpp))
CPP_TESTS := target/cpptest/c++17/cpp_tests target/cpptest/c++20/cpp_tests
examples: $(EXAMPLES_C) $(EXAMPLES_CPP)
cpp-tests: $(CPP_TESTS)

target/examples/c/%: examples-c/%.c $(STAGED)
	@mkdir -p $(@D)
	$(CC) -std=c99 $(CFLAGS) $(WARNINGS) $< -o $@ $(STAGED_FLAGS) -pthread

target/examples/cpp/%: bindings/cpp/examples/%.cpp $(STAGED)
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(CXXFLAGS) $(WARNINGS) $< -o $@ $(STAGED_FLAGS) -pthread

# The C++ tests are one program of several translation units.
define cpp_variant
target/cpptest/$(1)/cpp_tests: $(wildcard bindings/cpp/tests/*.cpp bindings/cpp/tests/*.hpp) $(STAGED)
	@mkdir -p $$(@D)
	$$(CXX) -std=$(1) $$(CXXFLAGS) $$(WARNINGS) $$(filter %.cpp,$$^) -o $$@ $$(STAGED_FLAGS) -pthread
endef
$(foreach std,c++17 c++20,$(eval $(call cpp_variant,$(std))))
