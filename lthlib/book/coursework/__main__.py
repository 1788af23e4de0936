"""The command of the coursework: `python -m lthlib.book.coursework make`, and what its --help lists."""

import argparse
import sys
from pathlib import Path

from lthlib.book.coursework import names, release
from lthlib.errors import LthError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m lthlib.book.coursework", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--course", type=Path, default=Path(release.COURSE), help=f"folder of the course ({release.COURSE})"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make", help="what students get and what teachers keep")
    commands.add_parser("list", help="the table of book/assignments.md")
    gather = commands.add_parser("collect", help="take notebooks and zips as they arrive")
    gather.add_argument("files", nargs="+", type=Path, metavar="FILE", help="notebooks, zips of a platform, folders")
    gather.add_argument("--student", default="", help="whose it is, where the file name does not say")
    gather.add_argument("--due", type=_moment, help="what comes later is late: 2026-11-01 or '2026-11-01 23:59'")
    gather.add_argument("--students", type=Path, help="table of who could hand in, to list who did not")
    judge = commands.add_parser("mark", help="mark what was collected, or go on with it")
    judge.add_argument("names", nargs="*", metavar="NAME", help="only these assignments")
    judge.add_argument("--student", action="append", default=[], help="only this one; may be given several times")
    judge.add_argument("--jobs", type=int, help="so many at once (as many as there are cores)")
    judge.add_argument("--force", action="store_true", help="mark anew what is marked")
    tables = commands.add_parser("export", help="tables of marks, for Canvas, for Moodle, and for people")
    tables.add_argument("name", metavar="NAME", help="of the assignment")
    tables.add_argument("--canvas", type=Path, help="the gradebook as exported from Canvas, to be filled in")
    tables.add_argument("--moodle", type=Path, help="the grading worksheet from Moodle, to be filled in")
    tables.add_argument("--students", type=Path, help="table of who could hand in, to list who did not")
    tables.add_argument("--tests-only", action="store_true", help="the points by tests, without a reader's")
    scope = commands.add_parser("gradescope", help="the zip that Gradescope wants; marks, where it runs")
    scope.add_argument("name", metavar="NAME", help="of the assignment")
    scope.add_argument("--submission", type=Path, help="folder of a submission, to mark it")
    scope.add_argument("--results", type=Path, help="where the results go")
    options = parser.parse_args(arguments)
    try:
        if options.command == "make":
            release.make(options.course)
        elif options.command == "list":
            print(release.table(release.assignments(options.course)))
        else:
            return _marking(options)
    except (LthError, OSError) as error:
        print(f"coursework: {error}", file=sys.stderr)
        return 1
    return 0


def _marking(options) -> int:
    from lthlib.book.coursework import collect, grades, gradescope, mark

    if options.command == "collect":
        for line in collect.collect(options.course, options.files, names.slug(options.student), options.due):
            print(line)
        if options.students:
            _absent(options)
    elif options.command == "mark":
        records = mark.mark(options.course, options.names, options.student, options.jobs, options.force, _say)
        return int(any(record.failed for record in records))
    elif options.command == "gradescope" and options.submission:
        told = gradescope.results(options.course, options.name, options.submission)
        gradescope.write(told, options.results or Path("results.json"))
    elif options.command == "gradescope":
        print(gradescope.pack(options.course, options.name, release.address()))
    else:
        for line in grades.export(
            options.course, options.name, options.canvas, options.moodle, options.students, options.tests_only
        ):
            print(line)
    return 0


def _absent(options) -> None:
    from lthlib.book.coursework import collect

    there = {path.name for path in (options.course / collect.SUBMITTED).glob("*")}
    absent = sorted(set(collect.roster(options.students)) - there)
    print(f"handed in nothing yet: {', '.join(absent) or 'nobody'}")


def _say(line: str) -> None:
    print(line, flush=True)


def _moment(text: str):
    try:
        return names.moment(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date: 2026-11-01, or '2026-11-01 23:59'") from None


if __name__ == "__main__":
    sys.exit(main())
