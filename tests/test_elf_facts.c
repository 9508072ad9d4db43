/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* test_elf_facts.c - what ELF headers tell, and what broken ones cannot do */
#include <config.h>

#include "../tunneld/cli/elf_facts.h"

#include "lib/unit.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#define IMAGE_BYTES 1024
#define PHDRS_AT    64
#define NOTE_AT     320
#define INTERP_AT   400
#define NAMES_AT    480
#define SHDRS_AT    640

#define LOADER "/lib64/ld-test.so.2"

/* A dynamic program of our own class: an interpreter, a note by `author`, and
 * a section called `section`. */
static void make_image(uint8_t image[IMAGE_BYTES], const char *author,
		       const char *section)
{
	ElfW(Ehdr) eh = {
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = PHDRS_AT,
		.e_shoff = SHDRS_AT,
		.e_ehsize = sizeof(eh),
		.e_phentsize = sizeof(ElfW(Phdr)),
		.e_phnum = 2,
		.e_shentsize = sizeof(ElfW(Shdr)),
		.e_shnum = 2,
		.e_shstrndx = 1,
	};
	ElfW(Phdr) ph[2] = {
		{ .p_type = PT_INTERP,
		  .p_offset = INTERP_AT,
		  .p_filesz = sizeof(LOADER) },
		{ .p_type = PT_NOTE, .p_offset = NOTE_AT, .p_filesz = 40 },
	};
	ElfW(Nhdr) first = { .n_namesz = 4, .n_descsz = 5, .n_type = 1 };
	ElfW(Nhdr) second = { .n_namesz = 3, .n_descsz = 0, .n_type = 4 };
	ElfW(Shdr) sh[2] = {
		{ .sh_name = 1 },
		{ .sh_type = SHT_STRTAB, .sh_offset = NAMES_AT },
	};

	memset(image, 0, IMAGE_BYTES);
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	second.n_namesz = (ElfW(Word))strlen(author) + 1;
	sh[1].sh_size = strlen(section) + 2;
	memcpy(image, &eh, sizeof(eh));
	memcpy(image + PHDRS_AT, ph, sizeof(ph));
	memcpy(image + NOTE_AT, &first, sizeof(first));
	memcpy(image + NOTE_AT + 12, "GNU", 4);
	memcpy(image + NOTE_AT + 24, &second, sizeof(second));
	memcpy(image + NOTE_AT + 36, author, strlen(author));
	memcpy(image + INTERP_AT, LOADER, sizeof(LOADER));
	memcpy(image + NAMES_AT + 1, section, strlen(section));
	memcpy(image + SHDRS_AT, sh, sizeof(sh));
}

static int read_image(const void *image, size_t bytes, struct elf_facts *facts)
{
	int fd = memfd_create("image", MFD_CLOEXEC), err;

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL_FATAL(write(fd, image, bytes), (ssize_t)bytes);
	err = elf_facts_read(fd, facts);
	close(fd);
	return err;
}

static void reads_a_dynamic_program(void)
{
	uint8_t image[IMAGE_BYTES];
	struct elf_facts facts;

	make_image(image, "abc", ".text");
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_TRUE(facts.native);
	CU_ASSERT_EQUAL(facts.machine, EM_X86_64);
	CU_ASSERT_STRING_EQUAL(facts.interpreter, LOADER);
	CU_ASSERT_FALSE(facts.go);
}

static void knows_go_by_note_or_section(void)
{
	uint8_t image[IMAGE_BYTES];
	struct elf_facts facts;

	make_image(image, "Go", ".text");
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_TRUE(facts.go);
	make_image(image, "abc", ".go.buildinfo");
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_TRUE(facts.go);
	make_image(image, "abc", ".note.go.buildid");
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_TRUE(facts.go);
	make_image(image, "G", ".go.buildinfos");
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_FALSE(facts.go);
}

static void reads_foreign_headers(void)
{
	uint8_t image[20] = "\177ELF\2\2\1";
	struct elf_facts facts;
	char buf[32];

	image[18] = 0;
	image[19] = EM_S390;
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_FALSE(facts.native);
	CU_ASSERT_EQUAL(facts.machine, EM_S390);
	CU_ASSERT_STRING_EQUAL(elf_facts_machine_name(&facts, buf, sizeof(buf)),
			       "s390x");
	facts.machine = 4711;
	CU_ASSERT_STRING_EQUAL(elf_facts_machine_name(&facts, buf, sizeof(buf)),
			       "ELF machine 4711");
}

static void refuses_what_is_no_elf(void)
{
	struct elf_facts facts;

	CU_ASSERT_EQUAL(read_image("", 0, &facts), -ENOEXEC);
	CU_ASSERT_EQUAL(read_image("\177ELF", 4, &facts), -ENOEXEC);
	CU_ASSERT_EQUAL(read_image("#!/bin/sh\nexit 0 # 20", 21, &facts),
			-ENOEXEC);
}

static void refuses_what_is_cut_off(void)
{
	uint8_t image[IMAGE_BYTES];
	struct elf_facts facts;

	make_image(image, "abc", ".text");
	CU_ASSERT_EQUAL(read_image(image, 20, &facts), -EBADMSG);
	CU_ASSERT_EQUAL(read_image(image, PHDRS_AT + 8, &facts), -EBADMSG);
	CU_ASSERT_EQUAL(read_image(image, INTERP_AT, &facts), -EBADMSG);
	/* Sections are not needed to run a program. */
	CU_ASSERT_EQUAL(read_image(image, NAMES_AT, &facts), 0);
}

static void bounds_offsets_and_counts(void)
{
	uint8_t image[IMAGE_BYTES];
	struct elf_facts facts;
	ElfW(Ehdr) eh;
	ElfW(Phdr) ph;

	make_image(image, "abc", ".text");
	memcpy(&eh, image, sizeof(eh));
	eh.e_phoff = (ElfW(Off)) - 1;
	memcpy(image, &eh, sizeof(eh));
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), -EBADMSG);
	eh.e_phoff = 0;
	eh.e_phnum = 65535;
	memcpy(image, &eh, sizeof(eh));
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), -EBADMSG);

	make_image(image, "abc", ".text");
	memcpy(&ph, image + PHDRS_AT, sizeof(ph));
	ph.p_filesz = (ElfW(Xword)) - 1; /* longer than any path: cut */
	memcpy(image + PHDRS_AT, &ph, sizeof(ph));
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), 0);
	CU_ASSERT_EQUAL(facts.interpreter[sizeof(facts.interpreter) - 1], '\0');
	ph.p_offset = (ElfW(Off)) - 8;
	memcpy(image + PHDRS_AT, &ph, sizeof(ph));
	CU_ASSERT_EQUAL(read_image(image, sizeof(image), &facts), -EBADMSG);
}

/* Whatever the bytes are, the answer is one of the three, and comes soon. */
static void survives_random_damage(void)
{
	uint8_t image[IMAGE_BYTES];
	struct elf_facts facts;
	unsigned int seed = 1;

	for (int round = 0; round < 20000; round++) {
		int err, flips = 1 + round % 16;

		make_image(image, round & 1 ? "Go" : "abc", ".go.buildinfo");
		while (flips-- > 0) {
			size_t at = (size_t)rand_r(&seed) % IMAGE_BYTES;

			image[at] = (uint8_t)rand_r(&seed);
		}
		err = read_image(image, sizeof(image), &facts);
		if (err != 0 && err != -ENOEXEC && err != -EBADMSG)
			CU_FAIL("an unknown answer");
		if (memchr(facts.interpreter, '\0',
			   sizeof(facts.interpreter)) == NULL)
			CU_FAIL("an interpreter without an end");
	}
}

static CU_TestInfo tests[] = {
	{ "reads a dynamic program", reads_a_dynamic_program },
	{ "knows Go by its note or sections", knows_go_by_note_or_section },
	{ "reads foreign headers", reads_foreign_headers },
	{ "refuses what is no ELF file", refuses_what_is_no_elf },
	{ "refuses what is cut off", refuses_what_is_cut_off },
	{ "bounds offsets and counts", bounds_offsets_and_counts },
	{ "survives random damage", survives_random_damage },
	CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
	{ .pName = "elf_facts", .pTests = tests },
	CU_SUITE_INFO_NULL,
};
UNIT_MAIN(suites)
