# SPDX-License-Identifier: LGPL-2.1-or-later
"""making.py - Debian and RPM packages, and what is in them"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import space
from suite import check

NAMES = ("turnout", "libturnout0", "tunneld")
NEWER = "0.1.0-1+next1"
# Where a path of Debian's is with RPM, and what only one of them has.
PLACES = ((r"^/lib/systemd/", "/usr/lib/systemd/"),
          (r"^/usr/lib/[^/]+-linux-[^/]+/", "/usr/lib64/"),
          (r"\.gz$", ""))
OTHERWISE = re.compile(r"^/usr/share/(doc|lintian|licenses)/"
                       r"|^/usr/lib/\.build-id|^/etc/apparmor\.d")


def build(place):
    """All packages to `place`; both kinds at once."""
    environment = {**os.environ, "DEB_BUILD_OPTIONS": "nocheck parallel=2",
                   "DEBUILD_OPTIONS": "-d"}
    contrib = space.TOP / "contrib" / "packages"
    for program, options in (("deb", environment), ("rpm", {
            **os.environ, "RPM_OPTIONS": "--nodeps --without tests"})):
        log = pathlib.Path(place, program + ".log")
        with open(log, "wb") as out:
            made = subprocess.run([contrib / program, place, space.BUILD],
                                  env=options, stdout=out, stderr=out,
                                  check=False)
        text = log.read_text(errors="replace")
        if made.returncode:
            print(text[-6000:])
            sys.exit(f"FAIL contrib/packages/{program}: see above")
        print(f"contrib/packages/{program} made packages", flush=True)


def debs(packages):
    return [next(pathlib.Path(packages).glob(f"{name}_*.deb"))
            for name in NAMES]


def newer(packages, place):
    """The same packages with a higher version, and a tunneld.conf that has
    changed."""
    made = []
    for deb in debs(packages):
        version = space.sh("dpkg-deb", "-f", deb, "Version").strip()
        with tempfile.TemporaryDirectory() as tree:
            space.sh("dpkg-deb", "-R", deb, tree)
            control = pathlib.Path(tree, "DEBIAN", "control")
            text = control.read_text()
            check(version in text, f"no version in {control}")
            control.write_text(text.replace(version, NEWER))
            conf = pathlib.Path(tree, "etc", "turnout", "tunneld.conf")
            if conf.exists():
                with open(conf, "a", encoding="utf-8") as out:
                    out.write("# The newer one.\n")
            made.append(pathlib.Path(place, f"{deb.name.split('_')[0]}.deb"))
            space.sh("dpkg-deb", "-b", "-Znone", tree, made[-1])
    return made


def plain(paths):
    found = set()
    for path in paths:
        for pattern, instead in PLACES:
            path = re.sub(pattern, instead, path)
        if not OTHERWISE.search(path + "/"):
            found.add(path)
    return found


def deb_files(deb):
    listing = space.sh("dpkg-deb", "-c", deb)
    return plain(line.split(maxsplit=5)[5].lstrip(".").split(" -> ")[0]
                 for line in listing.splitlines()
                 if not line.startswith("d"))


def rpm_files(packages, name):
    # turnout's own: -1 begins its version.
    path = next(pathlib.Path(packages).glob(f"{name}-[0-9]*.x86_64.rpm"), None
                ) or next(pathlib.Path(packages).glob(f"{name}-[0-9]*[!c].rpm"))
    listing = space.sh("rpm", "-qp", "--qf",
                       "[%{FILEMODES:perms} %{FILENAMES}\n]", path)
    return path, plain(line.split(maxsplit=1)[1]
                       for line in listing.splitlines()
                       if not line.startswith("d"))


def check_rpms(packages):
    for deb in debs(packages):
        name = deb.name.split("_")[0].rstrip("0")
        rpm, files = rpm_files(packages, name)
        theirs = deb_files(deb)
        check(files == theirs, f"{rpm.name} and {deb.name} differ in "
              f"{sorted(files ^ theirs)}")
        scripts = space.sh("rpm", "-qp", "--scripts", rpm)
        script = "\n".join(line for line in scripts.splitlines()
                           if not re.match(r"\w+ scriptlet \(using", line))
        space.sh("sh", "-n", stdin=script)
        check("%" not in script, f"{rpm.name}: a macro is left: {script}")
        check(name != "tunneld" or "try-restart" in script,
              f"{rpm.name}: nothing restarts tunneld: {script}")
    conf = space.sh("rpm", "-qp", "--configfiles",
                    rpm_files(packages, "tunneld")[0])
    check("/etc/turnout/tunneld.conf" in conf, "tunneld.conf is not %config")
