#!/usr/bin/python3
"""doc/tandem.1: does the manual name the options that there are, and no others?"""

import re

from tandem_cli import ROOT, TandemTest, main

MANUAL = (ROOT / "doc" / "tandem.1").read_text()


def flags(text):
    """The options in a piece of mdoc, as they are typed: "Fl -json" is --json."""
    return {"-" + flag for flag in re.findall(r"Fl (-?\w[\w-]*)", text)}


def section(name):
    return re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh )", MANUAL, re.MULTILINE | re.DOTALL)[1]


def synopsis():
    """The options of each command, by its words."""
    options = {}
    for call in section("SYNOPSIS").split(".Nm\n"):
        command = re.match(r"\.Cm ([a-z ]+)\n", call)
        if command:
            options.setdefault(command[1], set()).update(flags(call))
    return options


class Manual(TandemTest):
    def help_of(self, command):
        """The options that a command's help lists."""
        text = self.tandem_ok(*command.split(), "--help")
        listed = re.findall(r"^ +(-.*?)(?:  |$)", text, re.MULTILINE)
        return set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", " ".join(listed)))

    def test_synopsis_and_help_agree(self):
        # Expect every command's options in its synopsis and no others, a short name standing for
        # its long one.
        both = {"-o": "--output", "-j": "--jobs", "-q": "--quiet", "-f": "--format"}
        for command, options in synopsis().items():
            with self.subTest(command=command):
                said = self.help_of(command)
                short = {} if command.startswith("trace") else both
                self.assertEqual(
                    {short.get(option, option) for option in options},
                    {short.get(option, option) for option in said - {"-h", "--help"}},
                )

    def test_every_command_is_there(self):
        # Expect the commands that the program lists, and the three of traces.
        listed = set(re.findall(r"^  (\w+)  +", self.tandem_ok("--help"), re.MULTILINE))
        self.assertEqual({command.split()[0] for command in synopsis()}, listed)
        self.assertEqual(listed, {words.split()[0] for words in
                                  re.findall(r"^\.It Cm ([a-z ]+)$", MANUAL, re.MULTILINE)})

    def test_every_option_is_explained(self):
        # Expect each option of the synopsis to head an entry.
        explained = flags("\n".join(re.findall(r"^\.It Fl .*$", MANUAL, re.MULTILINE)))
        for command, options in synopsis().items():
            with self.subTest(command=command):
                self.assertLessEqual(options, explained)


if __name__ == "__main__":
    main()
