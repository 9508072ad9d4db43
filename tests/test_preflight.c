/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * test_preflight.c - commands are found as execvp() finds them, followed
 * through scripts, and judged
 */
#include <config.h>

#include "../tunneld/cli/preflight.h"

#include "lib/unit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/statvfs.h>

static char dir[64];

static int set_up(void)
{
	strcpy(dir, "/tmp/turnout-test.XXXXXX");
	return mkdtemp(dir) == NULL || chdir(dir) < 0;
}

static int tear_down(void)
{
	static const char *const names[] = { "prog", "script",   "other",
					     "data", "sub/prog", "loop" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	return rmdir("sub") || chdir("/") || rmdir(dir);
}

static void put(const char *name, const void *data, size_t bytes, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, data, bytes), (ssize_t)bytes);
	CU_ASSERT_EQUAL(fchmod(fd, mode), 0);
	close(fd);
}

static void put_script(const char *name, const char *text)
{
	put(name, text, strlen(text), 0755);
}

/* A program header table of one entry, PT_INTERP or PT_NULL, then `loader`. */
static void put_elf(const char *name, const char *loader, uint16_t machine)
{
	struct {
		ElfW(Ehdr) eh;
		ElfW(Phdr) ph;
		char loader[64];
	} image = {
		.eh = { .e_type = ET_DYN,
			.e_machine = machine,
			.e_phoff = sizeof(image.eh),
			.e_phentsize = sizeof(image.ph),
			.e_phnum = 1 },
		.ph = { .p_type = loader ? PT_INTERP : PT_NULL,
			.p_offset = offsetof(__typeof__(image), loader),
			.p_filesz = loader ? strlen(loader) + 1 : 0 },
	};

	memcpy(image.eh.e_ident, ELFMAG, SELFMAG);
	image.eh.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64
							 : ELFCLASS32;
	image.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	if (loader != NULL)
		strcpy(image.loader, loader);
	put(name, &image, sizeof(image), 0755);
}

static uint16_t own_machine(void)
{
	struct preflight p;

	preflight_look("/proc/self/exe", &p);
	return p.own.machine;
}

static enum preflight_flaw look(const char *path)
{
	struct preflight p;

	preflight_look(path, &p);
	return p.flaw;
}

static void finds_as_execvp(void)
{
	char path[PATH_MAX], where[256];

	mkdir("sub", 0755);
	put_script("prog", "#!/bin/sh\n");
	put("data", "x", 1, 0644);
	put_script("sub/prog", "#!/bin/sh\n");
	snprintf(where, sizeof(where), "/nonexistent:%s/sub:/bin", dir);
	setenv("PATH", where, 1);
	CU_ASSERT_EQUAL(preflight_find("prog", path, sizeof(path)), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(path, "/sub/prog"));
	CU_ASSERT_EQUAL(preflight_find("./prog", path, sizeof(path)), 0);
	CU_ASSERT_STRING_EQUAL(path, "./prog");
	setenv("PATH", "/nonexistent:", 1);
	CU_ASSERT_EQUAL(preflight_find("prog", path, sizeof(path)), 0);
	CU_ASSERT_STRING_EQUAL(path, "./prog");
	CU_ASSERT_EQUAL(preflight_find("data", path, sizeof(path)), -EACCES);
	CU_ASSERT_EQUAL(preflight_find("./sub", path, sizeof(path)), -EACCES);
	CU_ASSERT_EQUAL(preflight_find("nothing", path, sizeof(path)), -ENOENT);
	CU_ASSERT_EQUAL(preflight_find("", path, sizeof(path)), -ENOENT);
	CU_ASSERT_EQUAL(preflight_find("./prog/x", path, sizeof(path)),
			-ENOENT);
	CU_ASSERT_EQUAL(preflight_find("./prog", path, 4), -ENOENT);
	unsetenv("PATH");
	CU_ASSERT_EQUAL(preflight_find("sh", path, sizeof(path)), 0);
	setenv("PATH", "/bin:/usr/bin", 1);
}

static void accepts_ordinary_programs(void)
{
	put_elf("prog", "/lib64/ld-linux-x86-64.so.2", own_machine());
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_NONE);
	CU_ASSERT_EQUAL(look("/bin/sh"), PREFLIGHT_FLAW_NONE);
	put("data", "echo no #! line\n", 16, 0755);
	CU_ASSERT_EQUAL(look("./data"), PREFLIGHT_FLAW_NONE);
	CU_ASSERT_EQUAL(look("/nonexistent"), PREFLIGHT_FLAW_NONE);
	CU_ASSERT_EQUAL(look("/dev/zero"), PREFLIGHT_FLAW_NONE);
}

static void judges_elf_files(void)
{
	uint16_t own = own_machine();

	put_elf("prog", NULL, own);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_STATIC);
	put_elf("prog", "/lib/ld-musl-x86_64.so.1", own);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_MUSL);
	put_elf("prog", "/lib/ld.so", own == EM_ARM ? EM_386 : EM_ARM);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_FOREIGN);
}

static void counts_set_id_where_it_counts(void)
{
	struct statvfs fs;

	put_elf("prog", "/lib/ld.so", own_machine());
	CU_ASSERT_EQUAL(chmod("prog", 04755), 0);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_NONE); /* ours */
	CU_ASSERT_EQUAL(chmod("prog", 0755), 0);
	CU_ASSERT_EQUAL_FATAL(statvfs(".", &fs), 0);
	/* Only root can give files away; and the bits can be switched off. */
	if (getuid() != 0 || (fs.f_flag & ST_NOSUID))
		return;
	CU_ASSERT_EQUAL(chown("prog", 65534, 65534), 0);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_NONE);
	CU_ASSERT_EQUAL(chmod("prog", 04755), 0);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_SETID);
	CU_ASSERT_EQUAL(chmod("prog", 02755), 0);
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_SETID);
	CU_ASSERT_EQUAL(chmod("prog", 02745), 0); /* no x for the group */
	CU_ASSERT_EQUAL(look("./prog"), PREFLIGHT_FLAW_NONE);
}

static void follows_scripts(void)
{
	char text[256];

	put_elf("prog", NULL, own_machine());
	snprintf(text, sizeof(text), "#! %s/prog -x\nrest\n", dir);
	put_script("script", text);
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_STATIC);
	snprintf(text, sizeof(text), "#!%s/script\n", dir);
	put_script("other", text);
	CU_ASSERT_EQUAL(look("./other"), PREFLIGHT_FLAW_STATIC);
	setenv("PATH", dir, 1);
	put_script("script", "#!/usr/bin/env prog\n");
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_STATIC);
	put_script("script", "#!/usr/bin/env -S A=1 prog -v\n");
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_STATIC);
	setenv("PATH", "/bin:/usr/bin", 1);
	put_script("script", "#!/bin/sh");
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_NONE);
}

static void survives_odd_scripts(void)
{
	char text[4096];

	snprintf(text, sizeof(text), "#!%s/loop\n", dir);
	put_script("loop", text);
	CU_ASSERT_EQUAL(look("./loop"), PREFLIGHT_FLAW_NONE);
	put_script("script", "#!\n");
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_NONE);
	put_script("script", "#!   ");
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_NONE);
	put_script("script", "#!/usr/bin/env");
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_NONE);
	memset(text, '/', sizeof(text));
	memcpy(text, "#!", 2);
	put("script", text, sizeof(text), 0755);
	CU_ASSERT_EQUAL(look("./script"), PREFLIGHT_FLAW_NONE);
}

static void explains_each_flaw(void)
{
	struct preflight p = { .path = "/opt/app" };
	char text[PATH_MAX + 512];

	for (int flaw = 1; flaw < PREFLIGHT_NUM_FLAWS; flaw++) {
		p.flaw = (enum preflight_flaw)flaw;
		preflight_explain(&p, text, sizeof(text));
		CU_ASSERT_EQUAL(strncmp(text, "/opt/app ", 9), 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "; ")); /* what to do */
	}
	/* A path of any length leaves the text whole or cut, never over. */
	preflight_explain(&p, text, 12);
	CU_ASSERT_EQUAL(strlen(text), 11);
}

static CU_TestInfo tests[] = {
	{ "finds what execvp() finds", finds_as_execvp },
	{ "accepts ordinary programs", accepts_ordinary_programs },
	{ "judges ELF files", judges_elf_files },
	{ "set-id counts for others' files", counts_set_id_where_it_counts },
	{ "follows scripts", follows_scripts },
	{ "survives odd scripts", survives_odd_scripts },
	{ "explains each flaw", explains_each_flaw },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "preflight",
	  .pInitFunc = set_up,
	  .pCleanupFunc = tear_down,
	  .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
