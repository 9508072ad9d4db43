# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_credentials.py - relays whose credentials come from a web service, which
is reached through the proxy, or from a command
"""
import re
import shutil

import lab as labs
import talking
from suite import check, test

KEY = "lab-key"


def secret(lab, config, stem, text):
    path = config.parent / stem
    path.write_text(text + "\n")
    path.chmod(0o600)
    shutil.chown(path, "root")
    return path


def rewrite(config, wanted):
    """The relay's section with other credentials, and its URI if `wanted`
    has none."""
    text = re.sub(r"(username|password_file) = .*\n", "", config.read_text())
    if "credentials_uri" in wanted:
        text = re.sub(r"uri = .*\n", "", text)
    config.write_text(text.replace("path = ", wanted + "path = ", 1))
    return config


def from_the_web(lab, name, key, ttl):
    lab.set_mood("drop")
    config = lab.config(name)
    headers = secret(lab, config, "headers", f"Authorization: Bearer {key}")
    return rewrite(config, "credentials_uri = "
                   f"https://call.lab.test/turn?ttl={ttl}&apikey={KEY}-too\n"
                   f"credentials_headers_file = {headers}\n")


def given(lab):
    log = lab.outside.dir / "world.py.log"
    return re.findall(r"^turn (.*)$", log.read_text(), re.MULTILINE)


@test("credentials-uri")
def uri(lab):
    """The service says who and where; neither is configured."""
    config = from_the_web(lab, "uri", KEY, 3600)
    talk = talking.Talk(lab, config, "--seconds", 3, f"{labs.WORLD}/7001")
    for line in talk.end():
        talking.check_whole(line)
        check(line["sources"][0].split()[0] == labs.REST_RELAY, f"{line}")
    check(KEY not in talk.errors(), "a key is in the log")


@test("credentials-uri-renewed")
def renewed(lab):
    """They last for seconds: what is allocated lives on, what comes later has
    new ones."""
    config = from_the_web(lab, "renewed", KEY, 5)
    before = len(given(lab))
    talk = talking.Talk(lab, config, "--seconds", 14, "--sockets", 3,
                        "--one-by-one", 4000, f"{labs.WORLD}/7001")
    for line in talk.end():
        talking.check_whole(line)
        check(len(line["sources"]) == 1, f"the address changed: {line}")
    check(len(given(lab)) - before >= 2, "they were not renewed")


@test("credentials-uri-refused")
def refused(lab):
    """The service does not know us: the log says who refused, and no key."""
    config = from_the_web(lab, "refused", "wrong-key", 3600)
    talk = talking.Talk(lab, config, "--seconds", 3, f"{labs.WORLD}/7001")
    talk.child.wait()
    log = talk.errors()
    check(re.search(r"call\.lab\.test.*403", log), f"not said: {log}")
    check("wrong-key" not in log and KEY not in log, "a key is in the log")


@test("credentials-command")
def command(lab):
    """A command that prints what git-credential would."""
    lab.set_mood("drop")
    config = lab.config("command")
    vault = secret(lab, config, "vault", f"username={labs.RELAY_USER}\n"
                   f"password={labs.RELAY_PASSWORD}")
    rewrite(config, f"credential_command = cat {vault}\n")
    talk = talking.Talk(lab, config, "--seconds", 3, f"{labs.WORLD}/7001")
    for line in talk.end():
        talking.check_whole(line)
