# hookd: `make help` lists the targets.
VERSION    := 0.1.0
BUILD      ?= build
prefix     ?= /usr/local
sysconfdir ?= /etc
unitdir    ?= $(if $(filter /usr,$(prefix)),/lib/systemd/system,$(sysconfdir)/systemd/system)
MAKEFLAGS  += --no-print-directory
comma      := ,
Q          := $(if $(V),,@)# make V=1 shows the commands

LIBS     := libmicrohttpd jansson libsodium sqlite3 yaml-0.1 libcurl
DEPS     := gcc libc6-dev pkg-config libmicrohttpd-dev libjansson-dev libsodium-dev libsqlite3-dev \
            libyaml-dev libcurl4-openssl-dev
DEPS_TEST := libcmocka-dev nodejs mandoc systemd openssl curl procps perl mount clang clang-format \
            clang-tidy cppcheck tzdata zsh fish nginx-light apache2-bin haproxy caddy
DEPS_BENCH := webhook g++ python3
GCC_ONLY := $(if $(findstring clang,$(CC)),,duplicated-cond duplicated-branches logical-op)
WARN     := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
            -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wconversion -Wsign-conversion \
            -Wnull-dereference -Wdate-time $(GCC_ONLY:%=-W%) $(if $(CI),-Werror)
MACHINE  := $(shell $(CC) -dumpmachine)
# What each processor has against jumps to where none should lead; the other's flags are refused.
JUMPS    := $(if $(filter x86_64-%,$(MACHINE)),-fcf-protection=full)$(if $(filter aarch64-%,$(MACHINE)),-mbranch-protection=standard)
# clang has none for arm64 before version 18.
CLASH    := $(if $(GCC_ONLY)$(filter-out aarch64-%,$(MACHINE)),-fstack-clash-protection)
HARDEN   := -fPIE -fstack-protector-strong $(CLASH) $(JUMPS) -fno-common \
            $(if $(GCC_ONLY),-ftrivial-auto-var-init=zero) $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
CFLAGS   ?= -O2 -g
# The same bytes wherever, whenever and by whomever it is built: tests/lint.sh compares.
FLAGS    := -std=c11 -ffile-prefix-map=$(CURDIR)=. -D_GNU_SOURCE -DHOOKD_VERSION='"$(VERSION)"' -Iinclude -Isrc $(WARN) $(HARDEN) -pthread \
            $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
LINK     := -pie -Wl,-z,relro,-z,now,-z,noexecstack -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
CPPLIBS   = $(shell pkg-config --cflags $(LIBS))
LDLIBS    = $(shell pkg-config --libs $(LIBS))

SOURCES  := $(sort $(wildcard src/*/*.c src/*/*/*.c))
MODULES  := $(filter-out src/hookd/main.c src/hookctl/%.c,$(SOURCES))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/*/test_*.c)))
FUZZ     := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH    := $(addprefix $(BUILD)/bench/,fill load receiver bounds count tick)
FAULT    := $(addprefix $(BUILD)/fault/,power errors memory)
# What tests/bench/receiver.c puts in place of hookd's own.
WRAP     := request_handle loop_put MHD_suspend_connection loop_resume sandbox_listener_thread
COMPLETIONS := bash-completion/completions/hookctl zsh/vendor-completions/_hookctl \
            fish/vendor_completions.d/hookctl.fish
PROGRAMS := $(BUILD)/hookd $(BUILD)/hookctl
.PHONY: all run check check-unit check-e2e bench bench-lists bench-quick fault soak fuzz fuzz-targets install uninstall deps deps-test lint asan tsan clean help
.SECONDARY:

all: deps $(PROGRAMS) ## build build/hookd and build/hookctl

$(BUILD)/hookd: $(BUILD)/obj/hookd/main.o $(BUILD)/libhookd.a
$(BUILD)/hookctl: $(BUILD)/obj/hookctl/main.o $(BUILD)/libhookctl.a $(BUILD)/libhookd.a
$(PROGRAMS):
	@echo "LINK $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $^ $(LDLIBS)
$(BUILD)/libhookd.a: $(MODULES:src/%.c=$(BUILD)/obj/%.o)
$(BUILD)/libhookctl.a: $(patsubst src/%.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(filter src/hookctl/%.c,$(SOURCES))))
$(BUILD)/%.a:
	$(Q)rm -f $@ && $(AR) rcsD $@ $^
$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(CC) $(FLAGS) $(CFLAGS) $(CPPLIBS) -MMD -MP -c -o $@ $<
$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libhookctl.a $(BUILD)/libhookd.a
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(CC) $(FLAGS) -Itests/unit $(CFLAGS) $(CPPLIBS) -MMD -MP -o $@ $< $(BUILD)/libhookctl.a $(BUILD)/libhookd.a $(LINK) $(LDLIBS) -lcmocka
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
$(BUILD)/bench/%.o: tests/bench/%.c Makefile
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(CC) $(FLAGS) $(CFLAGS) $(CPPLIBS) -MMD -MP -c -o $@ $<
$(BUILD)/fault/power: $(BUILD)/fault/power.o
$(BUILD)/fault/errors: $(BUILD)/fault/errors.o
$(BUILD)/fault/power $(BUILD)/fault/errors: $(addprefix $(BUILD)/fault/,promises.o promises_check.o \
            directory.o disk.o disk_kept.o disk_calls.o)
$(BUILD)/fault/memory: $(addprefix $(BUILD)/fault/,memory.o memory_calls.o memory_subjects.o promises.o \
            promises_check.o directory.o disk.o disk_kept.o disk_calls.o libhookd.a)
$(BUILD)/fault/libhookd.a: $(BUILD)/libhookd.a tests/fault/memory.syms
	$(Q)objcopy --redefine-syms=tests/fault/memory.syms $< $@
$(FAULT): $(BUILD)/libhookd.a
	@echo "LINK $@"
	$(Q)$(CC) $(CFLAGS) $(LINK) -o $@ $(filter %.o,$^) $(or $(filter %/fault/libhookd.a,$^),$(BUILD)/libhookd.a) $(LDLIBS)
$(BUILD)/fault/%.o: tests/fault/%.c Makefile
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(CC) $(FLAGS) -Itests/unit $(CFLAGS) $(CPPLIBS) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/libhookctl.a $(BUILD)/libhookd.a
	@mkdir -p $(@D) && echo "CC $<"
	$(Q)$(CC) $(FLAGS) -Itests/unit $(CFLAGS) $(CPPLIBS) -fsanitize=fuzzer -MMD -MP -o $@ $< \
		$(BUILD)/libhookctl.a $(BUILD)/libhookd.a $(LINK) $(LDLIBS)
$(BUILD)/fuzz/fuzz_http: LINK += -Wl,--wrap=loop_put -Wl,--wrap=loop_resume
# What reaches out of the process, or waits.
$(BUILD)/fuzz/fuzz_arguments $(BUILD)/fuzz/fuzz_import: LINK += $(patsubst %,-Wl$(comma)--wrap=%, \
	curl_easy_perform trial_run poke_send poke_heard ctl_follow ctl_number nanosleep)
-include $(wildcard $(addprefix $(BUILD)/,obj/*/*.d obj/*/*/*.d unit/*/*.d bench/*.d fault/*.d fuzz/*.d))

run: all ## build, start a demo daemon, say how to send it a first event
	@BUILD=$(BUILD) sh conf/demo/run.sh

check: all deps-test check-unit check-e2e ## run all tests, and fuzz each parser for a moment
	@$(MAKE) fuzz T=8
check-unit: $(UNITS)
	@for t in $(UNITS); do { $$t >$$t.log 2>&1 && grep -q '  PASSED  ' $$t.log; } || { cat $$t.log; exit 1; }; \
		grep -h '  PASSED  ' $$t.log | sed "s|^|$${t#$(BUILD)/unit/}: |"; done
check-e2e: $(PROGRAMS) $(FAULT) $(BUILD)/bench/load $(BUILD)/bench/count
	@BUILD=$(abspath $(BUILD)) node --test tests/e2e/ tests/fault/

fuzz: deps deps-test ## fuzz each parser for T seconds (60), or those of ONLY="http mail"
	@$(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2) BUILD=build/fuzz CC=clang \
		SANITIZE=fuzzer-no-link,address,undefined CFLAGS="-O1 -g" fuzz-targets
	@BUILD=build/fuzz sh tests/fuzz/run.sh $(or $(T),60) $(ONLY)
fuzz-targets: $(FUZZ)

bench: $(PROGRAMS) $(BENCH) deps-test ## measure hookd against its ceiling, webhook and Express: tests/bench/README.md
	@dpkg-query -W $(DEPS_BENCH) >/dev/null 2>&1 || { apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(DEPS_BENCH); }
	@test -d tests/bench/express/node_modules/better-sqlite3/build || \
		npm --prefix tests/bench/express ci --no-audit --no-fund --build-from-source \
			--nodedir="$$(node -p 'path.dirname(path.dirname(process.execPath))')"
	@BUILD=$(abspath $(BUILD)) node tests/bench/run.mjs
bench-quick: $(PROGRAMS) $(BENCH) deps-test ## the same in a minute; fails when a figure is far below its target
	@BUILD=$(abspath $(BUILD)) node tests/bench/run.mjs --quick
bench-lists: all deps-test $(BUILD)/bench/fill ## time hookctl's lists and counts over N events (a million)
	@BUILD=$(abspath $(BUILD)) node tests/bench/lists.mjs $(or $(N),1000000)

fault: all $(FAULT) $(BUILD)/bench/load deps-test ## prove that nothing is lost: kills, power, disk, memory, siege (KILLS, LOSSES, SIEGE, SEED): tests/fault/README.md
	@BUILD=$(abspath $(BUILD)) KILLS=$(or $(KILLS),200) LOSSES=$(or $(LOSSES),1000) LONG=1 \
		node --test --test-reporter=spec tests/fault/

soak: all $(BUILD)/bench/load $(BUILD)/bench/count deps-test ## MINUTES (30) at half speed while all that can fail does: tests/fault/README.md
	@BUILD=$(abspath $(BUILD)) MINUTES=$(or $(MINUTES),30) node --test --test-reporter=spec tests/fault/soak.test.mjs

lint: $(PROGRAMS) deps-test ## clang-format, clang-tidy, cppcheck, man pages, units, the tree's rules
	@CI=$(CI) sh tests/lint.sh
asan: deps deps-test ## all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) BUILD=build/asan SANITIZE=address,undefined CFLAGS="-O1 -g" build/asan/hookd check-unit check-e2e
tsan: deps deps-test ## all tests under ThreadSanitizer
	@$(MAKE) BUILD=build/tsan SANITIZE=thread CFLAGS="-O1 -g" build/tsan/hookd check-unit check-e2e

install: $(PROGRAMS) ## install to $(DESTDIR)$(prefix): programs, units, man pages, sample config
	install -D -m 755 -t $(DESTDIR)$(prefix)/bin $(BUILD)/hookctl
	install -D -m 755 -t $(DESTDIR)$(prefix)/sbin $(BUILD)/hookd
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man8 src/man/hookd.8
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man5 src/man/hookd.yaml.5
	install -D -m 644 -t $(DESTDIR)$(prefix)/share/man/man1 src/man/hookctl.1
	install -d $(addprefix $(DESTDIR)$(prefix)/share/,$(dir $(COMPLETIONS)))
	for f in $(COMPLETIONS); do shell=$${f%%[-/]*}; \
		$(BUILD)/hookctl completion $$shell >$(DESTDIR)$(prefix)/share/$$f || exit; done
	for l in fr en; do install -D -m 644 -t $(DESTDIR)$(prefix)/share/hookd/mail/$$l conf/mail/$$l/* || exit; done
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/sysusers.d systemd/sysusers.d/hookd.conf
	install -D -m 644 -t $(DESTDIR)$(prefix)/lib/tmpfiles.d systemd/tmpfiles.d/hookd.conf
	install -d $(DESTDIR)$(unitdir)
	for u in service socket; do sed 's|@sbindir@|$(prefix)/sbin|;s|@sysconfdir@|$(sysconfdir)|' \
		systemd/hookd.$$u >$(DESTDIR)$(unitdir)/hookd.$$u; done
	install -d $(DESTDIR)$(sysconfdir)/hookd
	test -e $(DESTDIR)$(sysconfdir)/hookd/hookd.yaml || \
		install -m 640 conf/hookd.yaml $(DESTDIR)$(sysconfdir)/hookd/hookd.yaml
uninstall: ## remove what install put there, but for the config
	rm -rf $(DESTDIR)$(prefix)/share/hookd
	rm -f $(addprefix $(DESTDIR)$(prefix)/,bin/hookctl sbin/hookd share/man/man8/hookd.8 \
		share/man/man5/hookd.yaml.5 share/man/man1/hookctl.1 lib/sysusers.d/hookd.conf \
		lib/tmpfiles.d/hookd.conf $(addprefix share/,$(COMPLETIONS))) $(addprefix $(DESTDIR)$(unitdir)/hookd.,service socket)

deps: ## install what the build needs (Debian)
	@pkg-config --exists $(LIBS) 2>/dev/null || { apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(DEPS); }
deps-test: ## install what the tests need (Debian, npm)
	@dpkg-query -W $(DEPS_TEST) >/dev/null 2>&1 || { apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(DEPS_TEST); }
	@command -v npm >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends npm
	@test -d tests/e2e/node_modules/fedapay || npm --prefix tests/e2e ci --no-audit --no-fund
clean: ## remove what was built
	rm -rf build
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18
