/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * elf_facts.c - ELF headers -> static or dynamic, which loader, Go or not
 *
 * The file may be anything that somebody wants to run, so every offset and
 * count in it is checked, and loops are bounded whatever it says. Only files
 * of our own class and byte order are looked into: the others cannot load the
 * library anyway.
 * System V ABI, chapters 4 and 5 (object files, program loading).
 */
#include <config.h>

#include "elf_facts.h"

#include <endian.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NATIVE_CLASS (sizeof(ElfW(Addr)) == 8 ? ELFCLASS64 : ELFCLASS32)
#define NATIVE_ENCODING \
	(BYTE_ORDER == LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB)

/* Real programs stay far below; a hostile one costs no more than this. */
#define HEADERS_MAX    1024u
#define NOTE_BYTES_MAX 4096u

/* All of `bytes` at `offset`, or -EBADMSG. */
static int read_at(int fd, void *out, size_t bytes, uint64_t offset)
{
	uint8_t *p = out;
	ssize_t n;

	if (offset > (uint64_t)INT64_MAX - bytes)
		return -EBADMSG;
	while (bytes > 0) {
		n = pread(fd, p, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EBADMSG;
		p += n;
		offset += (uint64_t)n;
		bytes -= (size_t)n;
	}
	return 0;
}

static int read_interpreter(int fd, const ElfW(Phdr) * ph,
			    struct elf_facts *facts)
{
	size_t bytes = sizeof(facts->interpreter) - 1;
	int err;

	if (ph->p_filesz < 2)
		return -EBADMSG;
	if (ph->p_filesz < bytes)
		bytes = (size_t)ph->p_filesz;
	err = read_at(fd, facts->interpreter, bytes, ph->p_offset);
	if (err)
		return err;
	facts->interpreter[bytes] = '\0';
	return facts->interpreter[0] ? 0 : -EBADMSG;
}

/* Whether one of the notes is by "Go": the linker's build id. */
static bool notes_by_go(int fd, const ElfW(Phdr) * ph)
{
	uint8_t notes[NOTE_BYTES_MAX];
	size_t left = sizeof(notes), at = 0;
	ElfW(Nhdr) note;

	if (ph->p_filesz < left)
		left = (size_t)ph->p_filesz;
	if (read_at(fd, notes, left, ph->p_offset))
		return false;
	while (left >= sizeof(note)) {
		uint64_t name, body;

		memcpy(&note, notes + at, sizeof(note));
		at += sizeof(note);
		left -= sizeof(note);
		name = ((uint64_t)note.n_namesz + 3) & ~UINT64_C(3);
		body = ((uint64_t)note.n_descsz + 3) & ~UINT64_C(3);
		if (name > left)
			return false;
		if (note.n_namesz >= 2 && note.n_namesz <= 4 &&
		    memcmp(notes + at, "Go\0", note.n_namesz) == 0)
			return true;
		if (body > left - name)
			return false;
		at += (size_t)(name + body);
		left -= (size_t)(name + body);
	}
	return false;
}

static bool section_by_go(int fd, const ElfW(Shdr) * names, uint32_t name)
{
	static const char *const ours[] = { ".go.buildinfo",
					    ".note.go.buildid" };
	char text[32] = "";
	size_t bytes = sizeof(text) - 1;

	if (name >= names->sh_size)
		return false;
	if (names->sh_size - name < bytes)
		bytes = (size_t)(names->sh_size - name);
	if (names->sh_offset > (uint64_t)INT64_MAX ||
	    read_at(fd, text, bytes, (uint64_t)names->sh_offset + name))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (strcmp(text, ours[i]) == 0)
			return true;
	return false;
}

static int read_section(int fd, const ElfW(Ehdr) * eh, unsigned int i,
			ElfW(Shdr) * out)
{
	if (eh->e_shoff > (uint64_t)INT64_MAX)
		return -EBADMSG;
	return read_at(fd, out, sizeof(*out),
		       (uint64_t)eh->e_shoff + (uint64_t)i * sizeof(*out));
}

/* The note can be left out at linking (-buildid=), these sections stay. */
static bool sections_by_go(int fd, const ElfW(Ehdr) * eh)
{
	ElfW(Shdr) names, section;
	unsigned int count = eh->e_shnum;

	if (eh->e_shentsize != sizeof(section) || eh->e_shstrndx >= count)
		return false;
	if (read_section(fd, eh, eh->e_shstrndx, &names))
		return false;
	if (count > HEADERS_MAX)
		count = HEADERS_MAX;
	for (unsigned int i = 0; i < count; i++) {
		if (read_section(fd, eh, i, &section))
			return false;
		if (section_by_go(fd, &names, section.sh_name))
			return true;
	}
	return false;
}

static int read_program_headers(int fd, const ElfW(Ehdr) * eh,
				struct elf_facts *facts)
{
	unsigned int count = eh->e_phnum;
	ElfW(Phdr) ph;
	int err;

	if (count > 0 && eh->e_phentsize != sizeof(ph))
		return -EBADMSG;
	if (count > HEADERS_MAX || eh->e_phoff > (uint64_t)INT64_MAX)
		return -EBADMSG;
	for (unsigned int i = 0; i < count; i++) {
		err = read_at(fd, &ph, sizeof(ph),
			      (uint64_t)eh->e_phoff + i * sizeof(ph));
		if (err)
			return err;
		if (ph.p_type == PT_INTERP && !facts->interpreter[0])
			err = read_interpreter(fd, &ph, facts);
		else if (ph.p_type == PT_NOTE && !facts->go)
			facts->go = notes_by_go(fd, &ph);
		if (err)
			return err;
	}
	return 0;
}

int elf_facts_read(int fd, struct elf_facts *facts)
{
	uint8_t ident[EI_NIDENT + 4]; /* and e_type, e_machine */
	const uint8_t *machine = ident + EI_NIDENT + 2;
	ElfW(Ehdr) eh;
	int err;

	memset(facts, 0, sizeof(*facts));
	err = read_at(fd, ident, sizeof(ident), 0);
	if (err == -EBADMSG || (!err && memcmp(ident, ELFMAG, SELFMAG) != 0))
		return -ENOEXEC;
	if (err)
		return err;
	facts->elf_class = ident[EI_CLASS];
	facts->encoding = ident[EI_DATA];
	if (facts->encoding == ELFDATA2MSB)
		facts->machine = (uint16_t)(machine[0] << 8 | machine[1]);
	else
		facts->machine = (uint16_t)(machine[1] << 8 | machine[0]);
	facts->native = facts->elf_class == NATIVE_CLASS &&
			facts->encoding == NATIVE_ENCODING;
	if (!facts->native)
		return 0;
	err = read_at(fd, &eh, sizeof(eh), 0);
	if (!err)
		err = read_program_headers(fd, &eh, facts);
	if (err)
		return err;
	if (!facts->go)
		facts->go = sections_by_go(fd, &eh);
	return 0;
}

const char *elf_facts_machine_name(const struct elf_facts *facts, char *buf,
				   unsigned int buf_bytes)
{
	static const struct {
		uint16_t machine;
		uint8_t elf_class;
		const char *name;
	} names[] = {
		{ EM_386, ELFCLASS32, "i386" },
		{ EM_X86_64, ELFCLASS64, "x86-64" },
		{ EM_X86_64, ELFCLASS32, "x32" },
		{ EM_ARM, ELFCLASS32, "32-bit Arm" },
		{ EM_AARCH64, ELFCLASS64, "AArch64" },
		{ EM_RISCV, ELFCLASS64, "RISC-V" },
		{ EM_PPC64, ELFCLASS64, "64-bit PowerPC" },
		{ EM_S390, ELFCLASS64, "s390x" },
		{ EM_MIPS, ELFCLASS64, "64-bit MIPS" },
		{ EM_LOONGARCH, ELFCLASS64, "LoongArch" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].machine == facts->machine &&
		    names[i].elf_class == facts->elf_class)
			return names[i].name;
	snprintf(buf, buf_bytes, "ELF machine %u", facts->machine);
	return buf;
}
