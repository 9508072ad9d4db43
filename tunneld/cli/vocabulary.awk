# SPDX-License-Identifier: LGPL-2.1-or-later
# vocabulary.awk - every word that turnout itself can say: those of the string
# literals of its sources, as a sorted table in C.
/^[ \t]*#[ \t]*include/ { next }
{
	line = $0
	while (match(line, /"([^"\\]|\\.)*"/)) {
		text = substr(line, RSTART + 1, RLENGTH - 2)
		line = substr(line, RSTART + RLENGTH)
		gsub(/\\./, " ", text)
		gsub(/%[-+ #0-9.*]*[hlzjt]*[a-zA-Z]/, " ", text)
		count = split(tolower(text), words, /[^a-z]+/)
		for (i = 1; i <= count; i++)
			if (words[i] != "")
				seen[words[i]] = 1
	}
}
END {
	print "/* Made by vocabulary.awk. */"
	print "#include <config.h>\n"
	print "#include \"cli/vocabulary.h\"\n"
	print "const char *const vocabulary[] = {"
	fflush()
	for (word in seen)
		print "\t\"" word "\"," | "LC_ALL=C sort"
	close("LC_ALL=C sort")
	print "};"
	print "const size_t vocabulary_count ="
	print "\tsizeof(vocabulary) / sizeof(vocabulary[0]);"
}
