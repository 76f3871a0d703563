#!/usr/bin/python3
"""The files that commands write: does each come under its name, in the place of nothing else?"""

import os

from tandem_cli import SCENARIO, SMALL, TandemTest, main

# A trace in a moment: to be followed by -o.
SYNTH = "trace synth --rate 1 --requests 9 --input 5 --output 5 -o".split()


class Links(TandemTest):
    def run_file(self):
        """A small run's file."""
        path = self.folder / "run.h5"
        self.tandem_ok("run", SCENARIO, *SMALL, "-o", path)
        return path

    def test_what_a_link_leads_to_is_written(self):
        # Expect links to stay, those to nothing yet and to another link too, and what they lead to
        # to be there, whole, with nothing beside it or them.
        run = self.run_file()
        real, links = self.folder / "real", self.folder / "links"
        real.mkdir()
        links.mkdir()
        for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
            for there in (True, False):
                with self.subTest(command=command, there=there):
                    file, near, far = real / "file", links / "near", links / "far"
                    for path in (file, near, far):
                        path.unlink(missing_ok=True)
                    if there:
                        file.write_text("old")
                    far.symlink_to("../real/file")
                    near.symlink_to(far)
                    self.tandem_ok(*command, near)
                    self.assertTrue(near.is_symlink() and far.is_symlink())
                    self.assertGreater(file.stat().st_size, 30)
                    self.assertEqual(list(real.iterdir()), [file])
                    self.assertEqual(set(links.iterdir()), {near, far})

    def test_links_to_what_is_no_file(self):
        # Expect links to a pipe, to a folder and in a circle to be refused, and to stay.
        run = self.run_file()
        link, pipe = self.folder / "link", self.folder / "pipe"
        os.mkfifo(pipe)
        for target in (pipe, self.folder, link):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
                with self.subTest(target=target, command=command):
                    done = self.tandem(*command, link)
                    self.assertEqual(done.returncode, 4, done.stderr)
                    self.assertIn(f"cannot write {link}", done.stderr)
                    self.assertEqual(link.readlink(), target)

    def test_standard_output_is_not_replaced(self):
        # Expect a file that the shell appends standard output to, named again by -o, to keep what
        # it holds: through a link of our own as /dev/stdout is one.
        run = self.run_file()
        link = self.folder / "stdout"
        link.symlink_to("/proc/self/fd/1")
        log = self.folder / "log"
        for command in (["run", SCENARIO, *SMALL, "-o"], SYNTH, ["report", run, "-o"]):
            log.write_text("what was there")
            with self.subTest(command=command), open(log, "a") as stdout:
                done = self.tandem(*command, link, stdout=stdout)
                self.assertEqual(done.returncode, 4, done.stderr)
                self.assertIn("standard output goes there", done.stderr)
                self.assertEqual(log.read_text(), "what was there")


if __name__ == "__main__":
    main()
