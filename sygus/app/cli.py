"""The command line: ``sycam-sygus FILE.sy`` solves, everything else is a named command."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sygus.errors import SycamError, guess
from sygus.export.forms import FORMS

EXIT_BAD_INPUT, EXIT_NOTHING_FOUND, EXIT_INTERRUPTED = 2, 3, 130


KINDS = ("networks", "images", "metrics", "methods", "features", "functions", "strategies", "grammars", "exports")
"""What ``list`` lists."""


def _examples(*lines: str) -> str:
    """The end of a command's help: lines that stay as they are."""
    return "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])


def _complete_file(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped grammars by their bare names, and files."""
    from sygus.resources import grammar_names

    names = [CompletionItem(name) for name in grammar_names() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def _complete_path(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _complete_kind(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(kind) for kind in KINDS if kind.startswith(incomplete)]


class _Commands(click.Group):
    """Takes a first argument that names no command for the file to solve."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "--version", "-h"):
            self._check_named(ctx, args[0])
            args = ["solve", *args]
        return super().parse_args(ctx, args)

    def _check_named(self, ctx: click.Context, word: str) -> None:
        """A bare word that names nothing and is close to a command was meant for it."""
        from sygus.resources import grammar_names

        names = grammar_names()
        if ctx.resilient_parsing or not word.isidentifier() or word in names or Path(word).exists():
            return
        meant = guess([*self.commands, *names], word)
        if meant:
            click.echo(f"error: there is no command, file or shipped grammar '{word}'; {meant.strip()}", err=True)
            ctx.exit(EXIT_BAD_INPUT)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and what may be solved without naming one."""
        return [*super().shell_complete(ctx, incomplete), *_complete_file(ctx, self.params[0], incomplete)]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SycamError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(EXIT_BAD_INPUT)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            click.echo(f"error: {OUT_OF_MEMORY} ({reason}); {LESS_MEMORY}", err=True)
            ctx.exit(EXIT_BAD_INPUT)


OUT_OF_MEMORY = "the memory of the device does not suffice"
LESS_MEMORY = "use --device cpu, fewer pictures or a smaller network"


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch, if it is loaded at all, says so; leaving click is a RuntimeError too."""
    if "torch" not in sys.modules:
        return False
    from sygus.saliency.networks.chunks import is_out_of_memory

    return is_out_of_memory(error)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_examples(
        "sycam-sygus FILE.sy                   solve a problem; the answer is printed on stdout",
        "sycam-sygus gradcam_plus              a shipped grammar by its bare name",
        "sycam-sygus FILE.sy --network shapes-resnet --budget size=5",
        "sycam-sygus report RUN                the run in the folder RUN as one HTML page",
        "sycam-sygus export RUN --to torch     what was found as a Python file; also LaTeX, figures and others",
    ),
)
@click.version_option(package_name="sycam-sygus")
def main() -> None:
    """Synthesise the class-activation-map expression that scores best on a metric."""


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say on what to score."""
    options = (
        click.option("--network", metavar="N", help="Network to explain (sycam-sygus list networks)."),
        click.option("--layer", metavar="L", help="Layer to explain; by default the last feature map."),
        click.option("--images", metavar="D", help="Image set (sycam-sygus list images)."),
        click.option("--search-images", type=int, metavar="N", help="Pictures to search on."),
        click.option("--held-out-images", type=int, metavar="N", help="Other pictures to report on."),
        click.option("--strict", is_flag=True, default=None, help="A picture that cannot be read is an error."),
        click.option("--target", metavar="T", help="Class explained: predicted or label."),
        click.option("--seed", type=int, metavar="N", help="Seed of the pictures and of the search."),
        click.option("--device", metavar="D", help="auto, cpu, cuda or mps."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@main.command(
    epilog=_examples(
        "sycam-sygus gradcam_plus                                      a shipped grammar, on the embedded pictures",
        "sycam-sygus my.sy --network torchvision:resnet50 --images ~/pictures",
        "sycam-sygus my.sy --budget size=9,time=10m --out runs/mine",
        "sycam-sygus my.sy --budget size=9,time=10m --out runs/mine --resume",
        "sycam-sygus max2.sl --time 5                                  an ordinary problem of a SyGuS logic",
    )
)
@click.argument("file", shell_complete=_complete_file)
@_settings_options
@click.option("--strategy", metavar="S", help="Search strategy (sycam-sygus list strategies).")
@click.option("--budget", metavar="B", help="Limits, as size=7,time=60s,forwards=50000,terms=1000.")
@click.option("--race", metavar="R", help="t: drop candidates that lose to the leader; bound: exactly; off: never.")
@click.option("--equivalence", metavar="E", help="Terms that count as alike: none, value, map, score or sympy.")
@click.option("--metric", metavar="M", help="In place of the one metric of FILE: a name, or package.module:function.")
@click.option("--out", metavar="DIR", help="Folder of the run; by default a new one under runs/.")
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
@click.option("--reuse", multiple=True, metavar="RUN", help="Use the scores of another run too; may be repeated.")
@click.option("--certify", is_flag=True, help="Ask Z3 to prove that what was pruned as equal to the answer is.")
@click.option(
    "--all",
    "listing",
    metavar="FILE",
    is_flag=False,
    flag_value="",
    help="Write every distinct expression: .csv, .jsonl or .parquet. Without FILE, for logics other than CAM: print "
    "answers that behave differently, smallest first, as many as there are and time allows.",
)
@click.option("--next", "count", type=click.IntRange(1), metavar="N", help="Print N such answers (not in CAM).")
@click.option("--time", "seconds", type=click.FloatRange(0, min_open=True), metavar="S", help="Seconds (not in CAM).")
@click.option("--size", type=click.IntRange(1), metavar="N", help="Nodes of the largest answer (not in CAM).")
@click.option("--depth", type=click.IntRange(1), metavar="N", help="Depth of the deepest answer (not in CAM).")
@click.option("--allow-external-oracles", is_flag=True, default=None, help="Start the executables that FILE names.")
@click.option("--format", "form", type=click.Choice(["sygus", "json", "latex"]), default="sygus", help="On stdout.")
@click.option("--quiet", is_flag=True, help="Nothing on stderr but errors.")
@click.option("--verbose", is_flag=True, help="On stderr also each new best, settings, versions and duplicates.")
def solve(file: str, form: str, quiet: bool, verbose: bool, **given: Any) -> None:
    """Search the grammar of FILE for the best expression; or, in a logic other than CAM, for one that is correct."""
    from sygus.app.commands.ordinary import run_ordinary

    status = run_ordinary(file, given | {"form": form, "quiet": quiet})
    if status is not None:
        sys.exit(status)
    from solvers.cam.job import JobOptions
    from sygus.app.commands.cam import RunOptions, run_solve

    for name in ("count", "seconds", "size", "depth", "allow_external_oracles"):
        given.pop(name)
    job = JobOptions(**{name: given.pop(name) for name in ("out", "resume", "reuse", "listing", "certify")})
    sys.exit(run_solve(file, RunOptions(form, quiet, verbose, job), given))


@main.command()
@click.argument("file", shell_complete=_complete_file)
@click.argument("answer")
@click.option("--time", "seconds", default=60.0, show_default=True, metavar="S", help="Seconds that Z3 may take.")
def verify(file: str, answer: str, seconds: float) -> None:
    """Check ANSWER, a file with (define-fun …), against the constraints and the grammar of FILE.

    Exit status 0 where it is correct, 1 where it is wrong or not decided.
    """
    from sygus.app.commands.verify import run_verify

    sys.exit(run_verify(file, answer, seconds))


@main.command()
@click.argument("file", shell_complete=_complete_file)
def check(file: str) -> None:
    """Read FILE and say what it asks, without searching."""
    from sygus.app.commands.ordinary import check_ordinary

    if check_ordinary(file):
        return
    from sygus.app.commands.inspect import run_check

    run_check(file)


@main.command(
    epilog=_examples(
        "sycam-sygus evaluate --methods gradcam,layercam --metrics average-drop,insertion,pointing-game",
        "sycam-sygus evaluate --methods gradcam --expression '(gap (* alpha (relu gradient)))'",
        "sycam-sygus evaluate --metrics all --images ~/pictures --network torchvision:resnet50 --format csv",
    )
)
@_settings_options
@click.option("--methods", default="quick", show_default=True, help="Names separated by commas, quick, or all.")
@click.option(
    "--metrics",
    default="average-drop",
    show_default=True,
    help="Names separated by commas, with options as deletion(top=30), or package.module:function; or all.",
)
@click.option(
    "--expression",
    metavar="E",
    help="An expression to score too: a term over features, a define-fun, or an answer; @FILE reads it.",
)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "latex", "json"]), default="table", show_default=True
)
def evaluate(methods: str, metrics: str, expression: str | None, form: str, **given: Any) -> None:
    """Score methods, and an expression, by metrics."""
    from sygus.app.commands.evaluate import run_evaluate

    run_evaluate(methods, metrics, expression, form, given)


@main.command(
    epilog=_examples(
        "sycam-sygus explain shapes:0 shapes:1 --methods gradcam,scorecam",
        "sycam-sygus explain cat.jpg --network torchvision:resnet50 --expression @runs/mine/answer.sy",
        "sycam-sygus explain *.png --single --alpha 0.4 --colours cividis --out overlays",
    )
)
@click.argument("images", nargs=-1, required=True, shell_complete=_complete_path)
@click.option("--network", metavar="N", help="Network to explain (sycam-sygus list networks).")
@click.option("--layer", metavar="L", help="Layer to explain; by default the last feature map.")
@click.option("--methods", default="gradcam,gradcam++,layercam", show_default=True, help="Names separated by commas.")
@click.option("--expression", metavar="E", help="An expression to draw too, as evaluate takes it.")
@click.option("--target", metavar="CLASS", help="Class explained, by name or number; by default the one predicted.")
@click.option("--out", metavar="DIR", default="explained", show_default=True, help="Folder of the figures.")
@click.option("--device", metavar="D", help="auto, cpu, cuda or mps.")
@click.option("--alpha", type=float, default=0.6, show_default=True, help="Opacity of the maps, from 0 to 1.")
@click.option(
    "--colours", metavar="C", default="viridis", show_default=True, help="viridis, cividis, inferno, magma or plasma."
)
@click.option(
    "--grid/--single",
    default=True,
    show_default=True,
    help="One figure, a row for each picture; or an overlay for each picture and method, of the network's size.",
)
def explain(**given: Any) -> None:
    """Draw the heat maps of IMAGES: files, or shapes:3 for picture 3 of the embedded set."""
    from sygus.app.commands.explain import ExplainOptions, run_explain

    run_explain(ExplainOptions(**given))


@main.command(
    name="export",
    epilog=_examples(
        "sycam-sygus export runs/mine --to latex",
        "sycam-sygus export runs/mine --to torch --out found.py",
        "sycam-sygus export runs/mine --to figures --out figures",
    ),
)
@click.argument("run", shell_complete=_complete_path)
@click.option(
    "--to",
    "form",
    type=click.Choice(list(FORMS)),
    required=True,
    help="; ".join(f"{name}: {one.doc}" for name, one in FORMS.items() if not one.obvious) + ".",
)
@click.option("--out", metavar="FILE", help="Where to; by default stdout.")
def export_(run: str, form: str, out: str | None) -> None:
    """Give the result of RUN, the folder of a run or its solution.json, in another form."""
    from sygus.app.commands.export import run_export

    run_export(run, form, out)


@main.command()
@click.argument("run", shell_complete=_complete_path)
@click.option("--out", metavar="FILE", help="Where to; by default report.html beside the record.")
def report(run: str, out: str | None) -> None:
    """Write RUN, the folder of a run, as one HTML page with tables, tests, plots and a gallery of heat maps."""
    from sygus.app.commands.report import run_report

    run_report(run, out)


@main.command(
    epilog=_examples(
        "sycam-sygus oracle average-drop '(lambda ((gradient Map)) (gap gradient))'",
        "sycam-sygus oracle average-drop question.query      a file that holds ((lambda …))",
    )
)
@click.argument("metric")
@click.argument("question", nargs=-1, required=True)
@_settings_options
def oracle(metric: str, question: tuple[str, ...], **given: Any) -> None:
    """Answer QUESTION as an external oracle of SyGuS-IF: print (score), the mean METRIC of a function."""
    from sygus.app.commands.oracle import run_oracle

    run_oracle(metric, question, given)


@main.command(name="list")
@click.argument("kind", shell_complete=_complete_kind)
def list_(kind: str) -> None:
    """List the known networks, images, metrics, methods, features, functions, strategies, grammars or exports."""
    from sygus.app.commands.inspect import run_list

    run_list(kind)


@main.command(
    epilog=_examples(
        "source <(sycam-sygus completion bash)         for this session; in ~/.bashrc for all",
        "source <(sycam-sygus completion zsh)",
        "sycam-sygus completion fish | source",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, options, grammars and files."""
    from click.shell_completion import get_completion_class

    program = "sycam-sygus"
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(main, {}, program, f"_{program.replace('-', '_').upper()}_COMPLETE").source())
