# hookd: `make help` lists the targets.
VERSION    := 0.1.0
BUILD      ?= build
prefix     ?= /usr/local
sysconfdir ?= /etc
unitdir    ?= $(if $(filter /usr,$(prefix)),/usr/lib,$(sysconfdir))/systemd/system
MAKEFLAGS  += --no-print-directory
comma      := ,
Q          := $(if $(V),,@)# make V=1 shows the commands

LIBS     := libmicrohttpd gnutls jansson libsodium sqlite3 yaml-0.1 libcurl libseccomp libpcre2-8
DEPS     := gcc libc6-dev pkg-config libmicrohttpd-dev libgnutls28-dev libjansson-dev libsodium-dev libsqlite3-dev \
            libyaml-dev libcurl4-openssl-dev libseccomp-dev libpcre2-dev
DEPS_TEST := libcmocka-dev nodejs mandoc systemd openssl curl procps perl mount git jq clang libclang-rt-dev \
            clang-format clang-tidy cppcheck tzdata zsh fish nginx-light apache2-bin haproxy caddy
DEPS_BENCH := webhook g++ python3
GCC_ONLY := $(if $(findstring clang,$(CC)),,duplicated-cond duplicated-branches logical-op)
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wconversion -Wsign-conversion \
            -Wnull-dereference -Wdate-time $(GCC_ONLY:%=-W%) $(if $(CI),-Werror)
# The compiler is asked once, when something is compiled: `deps` may have to install it first.
MACHINE   = $(eval MACHINE := $(shell $(CC) -dumpmachine))$(MACHINE)
# Control-flow protection, per architecture.
BRANCHES  = $(if $(filter x86_64-%,$(MACHINE)),-fcf-protection=full)$(if $(filter aarch64-%,$(MACHINE)),-mbranch-protection=standard)
# clang has none for arm64 before version 18.
CLASH     = $(if $(GCC_ONLY)$(filter-out aarch64-%,$(MACHINE)),-fstack-clash-protection)
HARDEN    = -fPIE -fstack-protector-strong $(CLASH) $(BRANCHES) -fno-common \
            $(if $(GCC_ONLY),-ftrivial-auto-var-init=zero) $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
CFLAGS   ?= -O2 -g
# The build is reproducible on any machine, at any time, by any user: tests/lint.sh compares.
FLAGS     = -std=c11 -ffile-prefix-map=$(CURDIR)=. -D_GNU_SOURCE -DHOOKD_VERSION='"$(VERSION)"' -Iinclude -Isrc $(WARN) $(HARDEN) -pthread \
            $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LINK     := -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
CPPLIBS   = $(eval CPPLIBS := $(shell pkg-config --cflags $(LIBS)))$(CPPLIBS)
LDLIBS    = $(eval LDLIBS := $(shell pkg-config --libs $(LIBS)))$(LDLIBS)
COMPILE   = $(CC) $(FLAGS) $(CFLAGS) $(CPPLIBS) -MMD -MP
# Names what the build lacks, and which of the Debian packages $(1) are not installed.
LACKS     = $(strip $(foreach c,$(firstword $(CC)) pkg-config,$(if $(shell command -v $(c) 2>&1),,$(c))) \
            $(foreach l,$(LIBS),$(if $(shell pkg-config --exists $(l) 2>&1 || echo no),$(l))))
absent    = $(filter-out $(patsubst %=installed,%,$(shell dpkg-query -W -f '$${Package}=$${db:Status-Status} ' $(1) 2>/dev/null)),$(1))
# Installs the packages $(2) as root; otherwise prints that `make $(1)` does.
get       = $(if $(strip $(2)),$(if $(filter 0,$(shell id -u)),sh tests/packages.sh $(2),$(error \
            not installed: $(strip $(2)). `sudo make $(1)` installs them)))

SOURCES  := $(sort $(wildcard src/*/*.c src/*/*/*.c))
MODULES  := $(filter-out src/hookd/main.c src/hookctl/%.c,$(SOURCES))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/*/test_*.c)))
FUZZ     := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH    := $(addprefix $(BUILD)/bench/,fill load receiver bounds count tick)
FAULT    := $(addprefix $(BUILD)/fault/,power errors memory)
# Functions of hookd that tests/bench/receiver.c replaces.
WRAP     := request_handle batch_add MHD_suspend_connection loop_resume sandbox_listener_thread
NODE_MODULES := tests/e2e/node_modules/.package-lock.json
# Where each shell looks by default, in /usr and elsewhere.
COMPLETION_bash := $(prefix)/share/bash-completion/completions/hookctl
COMPLETION_zsh  := $(prefix)/share/zsh/$(if $(filter /usr,$(prefix)),vendor-completions,site-functions)/_hookctl
COMPLETION_fish := $(if $(filter /usr,$(prefix)),$(prefix)/share/fish/vendor_completions.d,$(sysconfdir)/fish/completions)/hookctl.fish
COMPLETIONS := $(COMPLETION_bash) $(COMPLETION_zsh) $(COMPLETION_fish)
INSTALLED := $(addprefix $(prefix)/,bin/hookctl sbin/hookd share/man/man8/hookd.8 share/man/man5/hookd.yaml.5 \
            share/man/man1/hookctl.1 lib/sysusers.d/hookd.conf lib/tmpfiles.d/hookd.conf) \
            $(addprefix $(unitdir)/hookd.,service socket) $(COMPLETIONS)
# Directories that install may have made, inner ones first.
EMPTIED  := $(addprefix $(prefix)/,share/man/man8 share/man/man5 share/man/man1 lib/sysusers.d lib/tmpfiles.d) \
            $(foreach d,$(patsubst %/,%,$(dir $(COMPLETIONS))),$(d) $(patsubst %/,%,$(dir $(d)))) $(sysconfdir)/hookd
PROGRAMS := $(BUILD)/hookd $(BUILD)/hookctl
.PHONY: all run check check-unit check-e2e check-fresh bench bench-lists bench-quick fault soak fuzz fuzz-targets slow \
            lint asan tsan install uninstall deps deps-test deps-bench tools clean help
.SECONDARY:

all: $(PROGRAMS) ## build build/hookd and build/hookctl

tools:
	$(if $(LACKS),$(error not found: $(LACKS). `sudo make deps` installs what the build needs))
$(BUILD)/hookd: $(BUILD)/obj/hookd/main.o $(BUILD)/libhookd.a
$(BUILD)/hookctl: $(BUILD)/obj/hookctl/main.o $(BUILD)/libhookctl.a $(BUILD)/libhookd.a
$(PROGRAMS):
	@echo "LINK $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $^ $(LDLIBS)
$(BUILD)/libhookd.a: $(MODULES:src/%.c=$(BUILD)/obj/%.o)
$(BUILD)/libhookctl.a: $(patsubst src/%.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(filter src/hookctl/%.c,$(SOURCES))))
$(BUILD)/%.a:
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(BUILD)/obj/%.o: src/%.c Makefile | tools
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(COMPILE) -c -o $@ $<
$(BUILD)/%.o: tests/%.c Makefile | tools
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(COMPILE) -Itests/unit -c -o $@ $<
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libhookctl.a $(BUILD)/libhookd.a
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(COMPILE) -Itests/unit -o $@ $< $(BUILD)/libhookctl.a $(BUILD)/libhookd.a $(LINK) $(LDLIBS) -lcmocka
$(BUILD)/bench/fill: $(addprefix $(BUILD)/bench/,fill.o history.o fedapay.o)
$(BUILD)/bench/load: $(addprefix $(BUILD)/bench/,load.o connection.o request.o histogram.o fedapay.o)
$(BUILD)/bench/receiver: $(BUILD)/bench/receiver.o
$(BUILD)/bench/bounds: $(addprefix $(BUILD)/bench/,bounds.o histogram.o)
$(BUILD)/bench/count: $(addprefix $(BUILD)/bench/,count.o histogram.o)
$(BUILD)/bench/tick: $(BUILD)/bench/tick.o
$(BUILD)/bench/tick: LINK := -static-pie
$(BUILD)/bench/tick: LDLIBS :=
$(BUILD)/bench/receiver: LINK += $(WRAP:%=-Wl,--wrap=%)
$(BENCH): $(BUILD)/libhookd.a
	@echo "LINK $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $(filter %.o,$^) $(BUILD)/libhookd.a $(LDLIBS)
$(BUILD)/fault/power: $(BUILD)/fault/power.o
$(BUILD)/fault/errors: $(addprefix $(BUILD)/fault/,errors.o transactions.o transactions_kinds.o)
$(BUILD)/fault/power $(BUILD)/fault/errors: $(addprefix $(BUILD)/fault/,promises.o promises_check.o \
            directory.o disk.o disk_kept.o disk_calls.o)
$(BUILD)/fault/memory: $(addprefix $(BUILD)/fault/,memory.o transactions.o transactions_kinds.o memory_calls.o memory_subjects.o promises.o \
            promises_check.o directory.o disk.o disk_kept.o disk_calls.o libhookd.a)
$(BUILD)/fault/libhookd.a: $(BUILD)/libhookd.a tests/fault/memory.syms
	$(Q)objcopy --redefine-syms=tests/fault/memory.syms $< $@
$(FAULT): $(BUILD)/libhookd.a
	@echo "LINK $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $(filter %.o,$^) $(or $(filter %/fault/libhookd.a,$^),$(BUILD)/libhookd.a) $(LDLIBS)
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/libhookctl.a $(BUILD)/libhookd.a
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(COMPILE) -Itests/unit -fsanitize=fuzzer -o $@ $< $(BUILD)/libhookctl.a $(BUILD)/libhookd.a $(LINK) $(LDLIBS)
$(BUILD)/fuzz/slow: tests/fuzz/slow.c $(BUILD)/libhookd.a
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(COMPILE) -Itests/unit -o $@ $< $(BUILD)/libhookd.a $(LINK) $(LDLIBS)
$(BUILD)/fuzz/fuzz_http: LINK += -Wl,--wrap=batch_add -Wl,--wrap=loop_resume -Wl,--wrap=store_refuse
$(BUILD)/fuzz/fuzz_control: LINK += -Wl,--wrap=send -Wl,--wrap=poll
# Functions that reach out of the process, or wait.
$(BUILD)/fuzz/fuzz_arguments $(BUILD)/fuzz/fuzz_import: LINK += $(patsubst %,-Wl$(comma)--wrap=%, \
	curl_easy_perform trial_run ctl_alone_start ctl_alone_end ctl_follow ctl_number nanosleep)
-include $(wildcard $(addprefix $(BUILD)/,obj/*/*.d obj/*/*/*.d unit/*/*.d bench/*.d fault/*.d fuzz/*.d))

run: deps ## build, start a demo daemon, print how to send it a first event
	@$(MAKE) all
	@BUILD=$(BUILD) sh conf/demo/run.sh

check: deps-test ## run all tests, and fuzz each parser for a moment
	@$(MAKE) all check-unit check-e2e
	@$(MAKE) fuzz T=8
check-unit: $(UNITS)
	@for t in $(UNITS); do { $$t >$$t.log 2>&1 && grep -q '  PASSED  ' $$t.log; } || { cat $$t.log; exit 1; }; \
		grep -h '  PASSED  ' $$t.log | sed "s|^|$${t#$(BUILD)/unit/}: |"; done
# Those that mostly wait for a slow API, each beside all others; their output follows in one piece.
WAITING := $(wildcard $(addprefix tests/e2e/,catchup.test.mjs catchup_*.test.mjs webhook.test.mjs story.test.mjs) \
	tests/fault/catchup.test.mjs)
check-e2e: $(PROGRAMS) $(FAULT) $(BUILD)/bench/load $(BUILD)/bench/count $(NODE_MODULES)
	@export BUILD=$(abspath $(BUILD)); pids=; for f in $(WAITING); do \
		node --test $$f >$(BUILD)/$$(echo $$f | tr / _).log 2>&1 & pids="$$pids $$!"; done; \
	node --test $(filter-out $(WAITING),$(wildcard tests/e2e/*.test.mjs tests/fault/*.test.mjs)); result=$$?; \
	for p in $$pids; do wait $$p || result=$$?; done; \
	for f in $(WAITING); do cat $(BUILD)/$$(echo $$f | tr / _).log; done; exit $$result
check-fresh: ## run README's commands on a minimal Debian 12 and 13, as root and as a user (needs root)
	@SYSTEMS="$(SYSTEMS)" sh tests/fresh/run.sh
$(NODE_MODULES): tests/e2e/package-lock.json
	npm --prefix tests/e2e ci --no-audit --no-fund

fuzz: deps-test ## fuzz each parser for T seconds (60), or those of ONLY="http mail"
	@$(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) BUILD=build/fuzz CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined CFLAGS="-O1 -g" fuzz-targets
	@BUILD=build/fuzz sh tests/fuzz/run.sh $(or $(T),60) $(ONLY)
fuzz-targets: $(FUZZ)
slow: ## search for T seconds (60) for an expression and a text that keep `matches` busy (SEED)
	@$(MAKE) $(BUILD)/fuzz/slow
	@$(BUILD)/fuzz/slow $(or $(T),60) $(SEED)

bench: deps-test deps-bench ## measure hookd against its ceiling, webhook and Express: tests/bench/README.md
	@$(MAKE) $(PROGRAMS) $(BENCH) $(NODE_MODULES)
	@test -d tests/bench/express/node_modules/better-sqlite3/build || \
		npm --prefix tests/bench/express ci --no-audit --no-fund --build-from-source \
			--nodedir="$$(node -p 'path.dirname(path.dirname(process.execPath))')"
	@BUILD=$(abspath $(BUILD)) node tests/bench/run.mjs
bench-quick: deps-test ## the same in a minute; fails when a figure is far below its target
	@$(MAKE) $(PROGRAMS) $(BENCH) $(NODE_MODULES)
	@BUILD=$(abspath $(BUILD)) node tests/bench/run.mjs --quick
bench-lists: deps-test ## time hookctl's lists and counts over N events (a million)
	@$(MAKE) all $(BUILD)/bench/fill $(NODE_MODULES)
	@BUILD=$(abspath $(BUILD)) node tests/bench/lists.mjs $(or $(N),1000000)

# To the terminal, and to the file RESULTS.
REPORTERS := --test-reporter=spec --test-reporter-destination=stdout \
             --test-reporter=./tests/fault/results.mjs --test-reporter-destination=stdout

fault: deps-test ## prove that nothing is lost: kills, power, disk, memory, siege (KILLS, LOSSES, SIEGE, SEED): tests/fault/README.md
	@$(MAKE) all $(FAULT) $(BUILD)/bench/load $(BUILD)/bench/count $(NODE_MODULES)
	@BUILD=$(abspath $(BUILD)) KILLS=$(or $(KILLS),200) LOSSES=$(or $(LOSSES),1000) LONG=1 \
		COMMAND="make fault" RESULTS=tests/fault/RESULTS.md node --test $(REPORTERS) tests/fault/

soak: deps-test ## MINUTES (30) at half speed while everything that can fail does: tests/fault/README.md
	@$(MAKE) all $(BUILD)/bench/load $(BUILD)/bench/count $(NODE_MODULES)
	@BUILD=$(abspath $(BUILD)) MINUTES=$(or $(MINUTES),30) COMMAND="make soak" \
		RESULTS=tests/fault/RESULTS-soak.md node --test $(REPORTERS) tests/fault/soak.test.mjs

lint: deps-test ## clang-format, clang-tidy, cppcheck, man pages, units, the tree's rules
	@$(MAKE) all
	@CI=$(CI) sh tests/lint.sh
asan: deps-test ## all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) BUILD=build/asan SANITIZE=address,undefined CFLAGS="-O1 -g" all check-unit check-e2e
tsan: deps-test ## all tests under ThreadSanitizer
	@$(MAKE) BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g" all check-unit check-e2e

install: $(PROGRAMS) ## install to $(DESTDIR)$(prefix): programs, units, man pages, sample config
	install -D -m 755 -t $(DESTDIR)$(prefix)/bin $(BUILD)/hookctl
	install -D -m 755 -t $(DESTDIR)$(prefix)/sbin $(BUILD)/hookd
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man8 src/man/hookd.8
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man5 src/man/hookd.yaml.5
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man1 src/man/hookctl.1
	install -d $(addprefix $(DESTDIR),$(dir $(COMPLETIONS)))
	install -m 644 src/hookctl/completion/hookctl.bash $(DESTDIR)$(COMPLETION_bash)
	install -m 644 src/hookctl/completion/_hookctl $(DESTDIR)$(COMPLETION_zsh)
	install -m 644 src/hookctl/completion/hookctl.fish $(DESTDIR)$(COMPLETION_fish)
	for l in fr en; do install -D -m 644 -t $(DESTDIR)$(prefix)/share/hookd/mail/$$l conf/mail/$$l/* || exit; done
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/sysusers.d systemd/sysusers.d/hookd.conf
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/tmpfiles.d systemd/tmpfiles.d/hookd.conf
	install -d $(DESTDIR)$(unitdir)
	for u in service socket; do sed 's|@sbindir@|$(prefix)/sbin|;s|@sysconfdir@|$(sysconfdir)|' \
		systemd/hookd.$$u >$(DESTDIR)$(unitdir)/hookd.$$u || exit; done
	install -d $(DESTDIR)$(sysconfdir)/hookd
	test -e $(DESTDIR)$(sysconfdir)/hookd/hookd.yaml || \
		install -m 640 conf/hookd.yaml $(DESTDIR)$(sysconfdir)/hookd/hookd.yaml
uninstall: ## remove what install put there, except the config
	rm -rf $(DESTDIR)$(prefix)/share/hookd
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	@for d in $(EMPTIED); do test ! -d $(DESTDIR)$$d || rmdir --ignore-fail-on-non-empty $(DESTDIR)$$d; done

deps: ## install what the build needs (Debian)
	@$(if $(LACKS),$(call get,deps,$(call absent,$(DEPS))))
deps-test: ## install what the tests need, and the build (Debian)
	@$(call get,deps-test,$(call absent,$(if $(LACKS),$(DEPS)) $(DEPS_TEST) $(if $(shell command -v npm 2>&1),,npm)))
deps-bench: ## install what `make bench` compares with (Debian)
	@$(call get,deps-bench,$(call absent,$(DEPS_BENCH)))
clean: ## remove what was built
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18
