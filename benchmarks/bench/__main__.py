"""Measure, print and write a report.

python -m bench quick                       # about five minutes
python -m bench full --lines worker-redis   # one line, thoroughly
python -m bench --render FOLDER             # write a report anew from its report.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench import campaign, machine, regress, report
from bench.lines import LINES
from bench.publish import RESULTS, publish
from bench.stage import Stage
from celeriac_conformance import brokers

TABLE = {line.name: line for line in LINES}


def say(text: str) -> None:
    """One line to standard output, now."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def measure(options: argparse.Namespace) -> report.Run:
    """Measure the lines that are asked for, on private brokers."""
    effort = campaign.EFFORTS[options.effort]
    programs = json.loads(options.programs)
    about, versions = machine.facts(), machine.versions(programs)
    wanted = [TABLE[name] for name in options.lines.split(",") if name] or effort.lines(LINES)
    outcomes = []
    done, total = 0, sum(effort.measurements(line) for line in wanted)
    began = time.monotonic()
    with brokers.rabbitmq() as rabbit, brokers.redis() as store:
        assert rabbit.process is not None and store.process is not None
        stage = Stage(rabbit.url, store.url, rabbit.process.pid, store.process.pid, programs, options.out / "logs")
        for line in wanted:
            left = (
                f", about {(time.monotonic() - began) / done * (total - done) / 60:.0f} minutes to go" if done else ""
            )
            say(f"{line.title} ({line.name}): {done} of {total} measurements done{left}")
            done += effort.measurements(line)
            outcomes.append(campaign.run(stage, line, effort, say))
            # After each line: who interrupts a long run keeps what it measured.
            report.write(report.Run(effort.name, about, versions, tuple(outcomes)), TABLE, options.out)
    return report.Run(effort.name, about, versions, tuple(outcomes))


def tell(run: report.Run, comparison: regress.Comparison) -> int:
    """Print the tables; 1 when a ratio has regressed, or one of ours failed. A target that is missed fails nothing."""
    for outcome in run.outcomes:
        line = TABLE[outcome.line]
        say("\n".join(["", line.title, *report.table(line, outcome), *report.missing(line, outcome)]))
    say("\n".join(["", *report.targets(run, TABLE), ""]))
    wanted = [verdict for _, verdict in report.verdicts(run, TABLE) if verdict.target.wanted]
    met, missed = sum(verdict.met for verdict in wanted), sum(verdict.missed for verdict in wanted)
    say(f"Targets: {met} met, {missed} missed, {len(wanted) - met - missed} not measured.")
    for change in comparison.regressions:
        say(f"REGRESSED {change}")
    worse, held = len(comparison.regressions), len(comparison.changes)
    say(f"Regressions: {worse} of {held} published ratios are worse by more than {regress.SLACK} in each round.")
    if comparison.unknown:
        say(f"NOT COMPARED {', '.join(comparison.unknown)}: nothing of a {run.effort} run is published of them")
    failed = report.ours_failed(run, TABLE)
    for failure in failed:
        say(f"FAILED {failure.contestant}: {failure.reason}")
    return 1 if comparison.regressions or failed else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="bench", description="Measure task queues side by side.")
    parser.add_argument("effort", nargs="?", default="quick", choices=sorted(campaign.EFFORTS))
    parser.add_argument("--lines", default="", metavar="NAME,NAME", help=f"of: {', '.join(TABLE)}")
    parser.add_argument("--out", type=Path, default=Path("bench-report"), help="folder of the report")
    parser.add_argument("--programs", default="{}", help="JSON: environment -> program that runs its contestants")
    parser.add_argument("--publish", action="store_true", help="into benchmarks/results and both READMEs")
    parser.add_argument(
        "--accept-regressions",
        action="store_true",
        help="publish even so: what later runs are compared with gets worse",
    )
    parser.add_argument("--render", type=Path, metavar="FOLDER", help="measure nothing, write this report anew")
    options = parser.parse_args()
    unknown = set(filter(None, options.lines.split(","))) - TABLE.keys()
    if unknown:
        parser.error(f"no line {', '.join(sorted(unknown))}; known: {', '.join(TABLE)}")
    if options.publish and options.lines:
        parser.error("the READMEs show all lines: --publish goes without --lines")
    if options.render:
        run = report.from_json((options.render / "report.json").read_text())
        report.write(run, TABLE, options.render)
    else:
        run = measure(options)
    comparison = regress.compare(run, regress.published(RESULTS), TABLE)
    code = tell(run, comparison)
    if options.publish and comparison.regressions and not options.accept_regressions:
        say("NOT PUBLISHED: look into what has regressed; --accept-regressions publishes it")
    elif options.publish:
        publish(run, TABLE)
    return code


if __name__ == "__main__":
    brokers.leave_in_order()
    try:
        sys.exit(main())
    except (KeyboardInterrupt, brokers.BrokerError) as stop:
        sys.exit(f"stopped: {stop}")
