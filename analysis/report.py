#!/usr/bin/python3
"""Makes one self-contained HTML file of a run, a sweep or a plan: `tandem report` is this program.

    report.py OUT.h5 [-o REPORT.html] [--window 60s,61s]

Without -o the report lies beside OUT.h5. The file opens offline: its charts are dygraphs (MIT),
from Debian's libjs-dygraphs, and its data is in it.
"""

import argparse
import fcntl
import os
import re
import signal
import sys
import time
from pathlib import Path

try:
    import report_plan
    import report_run
    import report_sweep
    from report_page import Page
    from results import NotTandem, Plan, Run, open_results, reading
except ModuleNotFoundError as missing:
    sys.exit(f"tandem report: Python lacks {missing.name}; Debian's packages python3-h5py and "
             "python3-yaml have what it needs")

EXIT_USAGE = 2
EXIT_IO = 4

WRITER_PAUSES = 300  # 3 s: what a killed process may take to be gone

SECONDS = {"h": 3600, "min": 60, "s": 1, "ms": 1e-3, "us": 1e-6}
TIME = re.compile(rf"(?P<number>\d+(\.\d*)?) *(?P<unit>{'|'.join(SECONDS)})$")


def parse_window(text):
    """`60s,62s` as two numbers of seconds."""
    times = [TIME.match(part.strip()) for part in text.split(",")]
    if len(times) == 2 and all(times):
        start_s, end_s = (float(time["number"]) * SECONDS[time["unit"]] for time in times)
        if start_s < end_s:
            return start_s, end_s
    raise argparse.ArgumentTypeError(f"two times, as in 60s,62s, not '{text}'")


def check_window(window_s, results):
    """ArgumentTypeError where a window is asked for and there is no timeline to show through it."""
    if window_s and not (isinstance(results, Run) and results.has_timeline):
        raise argparse.ArgumentTypeError(
            "--window goes with the file of a run that kept a timeline: --timeline steps")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(
        prog=os.environ.get("TANDEM_COMMAND", "report.py"),
        description="Makes one self-contained HTML file of a run, a sweep or a plan.")
    parser.add_argument("results", metavar="OUT.h5", type=Path, help="of `tandem run`, `sweep` or `plan`")
    parser.add_argument("-o", "--output", metavar="REPORT.html", type=Path,
                        help="default: OUT.html beside OUT.h5")
    parser.add_argument("--window", metavar="FROM,TO", type=parse_window,
                        help="what the pipeline's timeline shows; default: the busiest second")
    return parser.parse_args(arguments)


def is_ours(lock, partial):
    """Whether nobody else has locked the open file, and it still has the name: who had locked it may
    have renamed or removed it before letting go. Where files cannot be locked, nobody has."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    try:
        return os.path.samestat(os.fstat(lock), os.lstat(partial))
    except FileNotFoundError:
        return False


def claim(partial):
    """The descriptor of a partial file, made and locked as src/base/output_path.h has it; OSError
    where another goes on writing it."""
    if os.path.lexists(partial) and (partial.is_symlink() or not partial.is_file()):
        raise OSError(f"cannot write {partial}: it is not a regular file")
    for _ in range(WRITER_PAUSES):
        lock = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        if is_ours(lock, partial):
            return lock
        os.close(lock)
        time.sleep(0.01)
    raise OSError(f"another tandem is writing {partial}")


def write_whole(path, content):
    """Writes bytes to a file that is complete or absent under its name; of a link, what it leads to."""
    target = Path(os.path.realpath(path))
    # A pipe's real path names no file, though what leads to it is there.
    if (path.exists() or os.path.lexists(target)) and not target.is_file():
        raise OSError(f"cannot write {path}: it is not a regular file")
    if target.exists() and os.path.samestat(target.stat(), os.fstat(sys.stdout.fileno())):
        raise OSError(f"cannot write {path}: standard output goes there")
    partial = target.with_name(target.name + ".partial")
    lock = claim(partial)
    try:
        partial.write_bytes(content)
        partial.replace(target)
    except OSError:
        partial.unlink()
        raise
    finally:
        os.close(lock)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it, without Python's traceback
    try:
        options = parse_arguments(sys.argv[1:])
        output = options.output or options.results.with_suffix(".html")
        if output.exists() and options.results.exists() and output.samefile(options.results):
            print(f"tandem report: the output '{output}' would replace the input", file=sys.stderr)
            return EXIT_USAGE
        results = open_results(options.results)
        check_window(options.window, results)
        page = Page()
        with reading(options.results):
            if isinstance(results, Run):
                report_run.fill(page, results, options.window)
            elif isinstance(results, Plan):
                report_plan.fill(page, results)
            else:
                report_sweep.fill(page, results)
        html = page.html()
        with reading(options.results):  # it may hold bytes that are no text
            content = html.encode()
        write_whole(output, content)
    except argparse.ArgumentTypeError as misuse:
        print(f"tandem report: {misuse}", file=sys.stderr)
        return EXIT_USAGE
    except (OSError, NotTandem) as fault:
        reason = f"{fault.filename}: {fault.strerror}" if getattr(fault, "filename", None) else fault
        print(f"tandem report: {reason}", file=sys.stderr)
        return EXIT_IO
    return 0


if __name__ == "__main__":
    sys.exit(main())
