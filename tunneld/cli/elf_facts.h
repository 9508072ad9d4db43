/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* elf_facts.h - what an ELF file tells about who can load it */
#ifndef ELF_FACTS_H
#define ELF_FACTS_H

#include <turnout/compiler.h>

#include <stdbool.h>
#include <stdint.h>

struct elf_facts {
	uint8_t elf_class; /* ELFCLASS32 or ELFCLASS64 */
	uint8_t encoding;  /* ELFDATA2LSB or ELFDATA2MSB */
	uint16_t machine;  /* EM_* */
	/* Of our own class and encoding; what follows is only known then. */
	bool native;
	bool go;               /* made by the Go tool chain */
	char interpreter[256]; /* PT_INTERP; empty: statically linked */
};

/* 0; -ENOEXEC: no ELF file; -EBADMSG: one that is cut off or nonsense. Reads
 * by pread(2) and trusts no number in the file. */
int elf_facts_read(int fd, struct elf_facts *facts) MUST_CHECK;
/* "x86-64", "AArch64", "i386", ...; "machine 1234" goes to `buf` if need be. */
const char *elf_facts_machine_name(const struct elf_facts *facts, char *buf,
				   unsigned int buf_bytes);

#endif
