"""The command line: ``sycam-sygus FILE.sy`` solves, everything else is a named command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from sygus.app.further_options import COMPARED, PILOT
from sygus.app.kinds import COUNT, PLACES, SECONDS, SWITCH, WHOLE, Kind
from sygus.app.options import BY_NAME, OPTIONS, SUBJECTS, Option, Side, by_flag
from sygus.app.signals import ended
from sygus.app.statuses import ExitStatus
from sygus.app.terminal import echo
from sygus.bounds import out_of_memory
from sygus.errors import SycamError, guess
from sygus.export.forms import FORMS


def _examples(*lines: str) -> str:
    """The end of a command's help."""
    return _verbatim("Examples:", lines)


def _verbatim(title: str, lines: Iterable[str]) -> str:
    """A paragraph of help whose lines stay as they are."""
    return "\b\n" + "\n".join([title, *(f"  {line}" for line in lines)])


def _complete_file(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Shipped grammars by their bare names, and files."""
    from sygus.resources import grammar_names

    names = [CompletionItem(name) for name in grammar_names() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def _complete_path(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _complete_network(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Networks of this package by name, and of families what stands before the name."""
    from sygus.discovery import registered_in
    from sygus.resources import package_folder

    patterns = registered_in(package_folder() / "saliency" / "networks" / "families", "family")
    names = (pattern.partition(":") for pattern in patterns)
    found = sorted(name + colon for name, colon, _ in names)
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]


def _complete_kind(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from sygus.app.commands.listing import KINDS

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
            echo(f"error: there is no command, file or shipped grammar '{word}'; {meant.strip()}", err=True)
            ctx.exit(ExitStatus.BAD_INPUT)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands, and what may be solved without naming one."""
        return [*super().shell_complete(ctx, incomplete), *_complete_file(ctx, self.params[0], incomplete)]

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the arguments; an end by a signal is told before click makes its own of it."""
        with ended():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and end as the shell expects."""
        with ended():
            return self._invoked(ctx)

    def _invoked(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SycamError as error:
            echo(f"error: {error}", err=True)
            ctx.exit(ExitStatus.BAD_INPUT)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            echo(f"error: {OUT_OF_MEMORY} ({reason}); {LESS_MEMORY}", err=True)
            ctx.exit(ExitStatus.BAD_INPUT)
        except Exception as error:
            if not out_of_memory(error):
                raise
            echo("error: the memory that is free does not suffice; ask for less, or free some", err=True)
            ctx.exit(ExitStatus.BAD_INPUT)


OUT_OF_MEMORY = "the memory of the device does not suffice"
LESS_MEMORY = "use --device cpu, fewer pictures or a smaller network"


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch, if it is loaded at all, says so; leaving click is a RuntimeError too."""
    if "torch" not in sys.modules:
        return False
    from sygus.saliency.devices import is_out_of_memory

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
    )
    + "\n\n"
    + _verbatim("Exit status:", (f"{status.value:<3}  {status.meaning}" for status in ExitStatus)),
)
@click.version_option(package_name="sycam-sygus")
def main() -> None:
    """Synthesise the class-activation-map expression that scores best on a metric."""


_CLICK: Mapping[Kind, Mapping[str, Any]] = {
    WHOLE: {"type": int},
    COUNT: {"type": click.IntRange(1)},
    SECONDS: {"type": click.FloatRange(0, min_open=True)},
    SWITCH: {"is_flag": True, "default": None},
    PLACES: {"multiple": True},
}
"""How click reads options; all other kinds are texts."""


_COMPLETED: Mapping[str, Callable[[click.Context, click.Parameter, str], list[CompletionItem]]] = {
    "network": _complete_network,
    **dict.fromkeys(("images", "out", "reuse", "listing", "start", "prior"), _complete_path),
}
"""What a shell completes the value of an option to, by the option's name."""


def _decorated(options: Iterable[Option]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command options of the table."""
    made = [_click_option(option) for option in options]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(made):
            command = option(command)
        return command

    return decorate


def _click_option(option: Option) -> Callable[[Callable[..., None]], Callable[..., None]]:
    how: dict[str, Any] = dict(_CLICK.get(option.kind, {}))
    if option.choices:
        how["type"] = click.Choice(option.choices)
    if any(other.spelled == option.spelled and other.name != option.name for other in OPTIONS):
        how |= {"is_flag": False, "flag_value": ""}  # the other one is a switch: the same flag without a value
    how["shell_complete"] = _COMPLETED.get(option.name)
    return click.option(option.spelled, option.name, metavar=option.metavar or None, help=option.help, **how)


_subject_options = _decorated(SUBJECTS)


class _Sided(click.Command):
    """Shows the options for each kind of problem under a heading of their own."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sides = {option.name: side for side, option in by_flag()}
        options = [parameter for parameter in self.get_params(ctx) if isinstance(parameter, click.Option)]
        for side in Side:
            shown = (option for option in options if sides.get(option.name or "", Side.BOTH) is side)
            records = [record for option in shown if (record := option.get_help_record(ctx)) is not None]
            with formatter.section(side.value):
                formatter.write_dl(records)


@main.command(
    cls=_Sided,
    epilog=_examples(
        "sycam-sygus gradcam_plus                                      a shipped grammar, on the embedded pictures",
        "sycam-sygus my.sy --network torchvision:resnet50 --images ~/pictures",
        "sycam-sygus my.sy --budget size=9,time=10m --out runs/mine",
        "sycam-sygus my.sy --budget size=9,time=10m --out runs/mine --resume",
        "sycam-sygus max2.sl --time 5                                  an ordinary problem of a SyGuS logic",
    ),
)
@click.argument("file", shell_complete=_complete_file)
@_decorated(option for _, option in by_flag())
def solve(file: str, **given: Any) -> None:
    """Search the grammar of FILE for the best expression; or, in a logic other than CAM, for one that is correct."""
    from sygus.app.commands.solve import run_solve

    if given["listing"] == "":
        given |= {"listing": None, "every": True}
    sys.exit(run_solve(file, given))


@main.command()
@click.argument("file", shell_complete=_complete_file)
@click.argument("answer")
@click.option("--time", "seconds", default=60.0, show_default=True, metavar="S", help="Seconds that it may take.")
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
    from sygus.app.commands.check import run_check

    run_check(file)


@main.command(
    epilog=_examples(
        "sycam-sygus evaluate --methods gradcam,layercam --metrics average-drop,insertion,pointing-game",
        "sycam-sygus evaluate --methods gradcam --expression '(gap (* alpha (relu gradient)))'",
        "sycam-sygus evaluate --methods flavours",
        "sycam-sygus evaluate --study boxes --methods gradcam,scorecam,fakecam",
        "sycam-sygus evaluate --metrics all --images ~/pictures --network torchvision:resnet50 --format csv",
        "sycam-sygus evaluate --images ~/imagenet --network torchvision:resnet50 --held-out-images 49000 --format csv",
    )
)
@_subject_options
@_decorated([BY_NAME["at_once"]])
@click.option(
    "--methods", default="quick", show_default=True, help="Names separated by commas; or quick, flavours, all."
)
@click.option(
    "--metrics",
    show_default="average-drop; of flavours win, iou(on=boxes) and energy-pointing-game",
    help="Names separated by commas, with options as deletion(top=30), or package.module:function; or all.",
)
@click.option(
    "--study",
    metavar="S",
    help="boxes: the metrics of maps whole, inside and outside the boxes, with the box itself and all but it as rows.",
)
@click.option(
    "--expression",
    metavar="E",
    help="An expression to score too: a term over features, a define-fun, or an answer; @FILE reads it.",
)
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "latex", "json"]), default="table", show_default=True
)
@_decorated([BY_NAME["workers"], BY_NAME["ray"]])
def evaluate(
    methods: str, metrics: str | None, study: str | None, expression: str | None, form: str, **given: Any
) -> None:
    """Score methods, and an expression, by metrics."""
    from sygus.app.commands.evaluate import run_evaluate

    sys.exit(run_evaluate(methods, metrics, expression, study, form, given))


@main.command(
    epilog=_examples(
        "sycam-sygus explain shapes:0 shapes:1 --methods gradcam,scorecam",
        "sycam-sygus explain cat.jpg --network torchvision:resnet50 --expression @runs/mine/answer.sy",
        "sycam-sygus explain *.png --single --alpha 0.4 --colours cividis --out overlays",
    )
)
@click.argument("images", nargs=-1, required=True, shell_complete=_complete_path)
@_decorated(BY_NAME[name] for name in ("network", "layer", "layers"))
@click.option("--methods", default="gradcam,gradcam++,layercam", show_default=True, help="As evaluate takes them.")
@click.option("--expression", metavar="E", help="An expression to draw too, as evaluate takes it.")
@click.option(
    "--target",
    metavar="T",
    help="What is explained: a class by name or number, or as solve takes it; by default the class predicted.",
)
@click.option("--out", metavar="DIR", default="explained", show_default=True, help="Folder of the figures.")
@_decorated([BY_NAME["device"]])
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

    sys.exit(run_explain(ExplainOptions(**given)))


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


@main.command(
    epilog=_examples(
        "sycam-sygus plan gradcam_plus",
        "sycam-sygus plan my.sy --images ~/pictures --network torchvision:resnet50 --pilot-images 200",
        "sycam-sygus plan my.sy --search-images 96 --format json     only the other two sets are asked about",
    )
)
@click.argument("file", shell_complete=_complete_file)
@_subject_options
@_decorated(BY_NAME[name] for name in ("metric", "budget", "race", "baselines", "allow_file_options"))
@_decorated(PILOT)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def plan(file: str, form: str, **given: Any) -> None:
    """Say how many pictures a search of FILE needs.

    A pilot scores some of its expressions on some pictures; from how they differ follow, for sizes of the three sets of
    pictures, the regret and the optimism of the answer, the interval of its score, and the price. A number of pictures
    that is given is not asked about.
    """
    from sygus.app.commands.plan import run_plan

    run_plan(file, form, given)


@main.command(
    epilog=_examples(
        "sycam-sygus compare gradcam_plus insertion --network shapes-vgg,shapes-resnet --strategies random,enumerate",
        "sycam-sygus compare my.sy --strategies random,my_package.learners:Mine --budget size=11,terms=1000",
        "sycam-sygus compare gradcam_plus --strategies random,enumerate --shard 1/2 --out a     on one machine,",
        "sycam-sygus compare gradcam_plus --strategies random,enumerate --shard 2/2 --out b     on another, and then",
        "sycam-sygus compare --merge a b --out both",
        "sycam-sygus compare --pilot a --effect 0.05          how many seeds and tasks does a difference need?",
        "sycam-sygus compare FOLDER --strategies examples,refinement --time 5     ordinary problems, *.sl",
    )
)
@click.argument("files", nargs=-1, required=True, shell_complete=_complete_file)
@_decorated(COMPARED)
@click.option("--merge", is_flag=True, help="FILES are folders of comparisons, which are reported together.")
@click.option("--pilot", is_flag=True, help="Likewise; from the trials that are there, say how many more are needed.")
@click.option(
    "--effect",
    type=click.FloatRange(0, 10, min_open=True),
    default=0.05,
    show_default=True,
    metavar="E",
    help="With --pilot: the difference to be found, as a share of the distance from Grad-CAM to the best.",
)
@_decorated(BY_NAME[name] for name in ("allow_file_options", "quiet"))
@click.option("--out", metavar="DIR", help="Folder of the comparison; by default a new one under runs/.")
def compare(files: tuple[str, ...], **given: Any) -> None:
    """Compare strategies on FILES: the same tasks, seeds and budget for all; tests, tables, curves and one page.

    A task is a file on a network. Of ordinary problems, folders or files *.sl, what counts is what is solved in
    --time. Everything goes into the folder of --out: the same command continues what was interrupted, and a folder
    under another protocol is refused.
    """
    from sygus.app.commands.compare import run_compare

    sys.exit(run_compare(files, given))


@main.command()
@click.argument("run", shell_complete=_complete_path)
@click.option("--out", metavar="FILE", help="Where to; by default report.html beside the record.")
def report(run: str, out: str | None) -> None:
    """Write RUN, the folder of a run, as one HTML page with tables, tests, plots and a gallery of heat maps."""
    from sygus.app.commands.report import run_report

    run_report(run, out)


@main.command(
    epilog=_examples(
        "sycam-sygus watch runs/mine                     while it searches, or afterwards",
        "sycam-sygus watch runs/seed-0 runs/seed-1       side by side",
        "sycam-sygus watch runs/* --port 0               at a port that is free",
    )
)
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", shell_complete=_complete_path)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8371,
    show_default=True,
    metavar="N",
    help="Port of 127.0.0.1 where the page is; 0 takes one that is free.",
)
def watch(runs: tuple[str, ...], port: int) -> None:
    """Show each RUN, the folder of a search that goes or is over, on a live page for the browser on this machine.

    The page is read-only: the best so far, the front, rates and the budget, and on a click a candidate's formula and
    heat maps. Ctrl-C ends the command, not the runs.
    """
    from sygus.app.commands.watch import run_watch

    run_watch(runs, port)


@main.command(
    epilog=_examples(
        "sycam-sygus oracle average-drop '(lambda ((gradient Map)) (gap gradient))'",
        "sycam-sygus oracle average-drop question.query      a file that holds ((lambda …))",
    )
)
@click.argument("metric")
@click.argument("question", nargs=-1, required=True)
@_subject_options
def oracle(metric: str, question: tuple[str, ...], **given: Any) -> None:
    """Answer QUESTION as an external oracle of SyGuS-IF: print (score), the mean METRIC of a function."""
    from sygus.app.commands.oracle import run_oracle

    run_oracle(metric, question, given)


@main.command(name="list")
@click.argument("kind", shell_complete=_complete_kind)
def list_(kind: str) -> None:
    """List the known networks, images, metrics, methods, features, functions, strategies, grammars or exports."""
    from sygus.app.commands.listing import run_list

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
    echo(script(main, {}, program, f"_{program.replace('-', '_').upper()}_COMPLETE").source())
