"""A found expression as one readable Python file that needs torch and numpy alone."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from sygus import maps
from sygus.errors import OptionError
from sygus.export import hooked
from sygus.export.hooked import MEASURED
from sygus.language.terms import Literal, Term, Variable, expand, fold
from sygus.language.text import term_text
from sygus.language.theories import Function, guards
from sygus.language.theories.ranks import is_whole, layer_of, parted
from sygus.oracles.parameters import features_of, is_placed, layers_of, variables_of
from sygus.saliency import heatmap
from sygus.saliency.features import alpha

_CLASSES = '''

class _Found(Expression):
    """The expression that was found."""

    names = ({names})
    is_whole = {whole}
{places}
    def values(self, features: Mapping[str, Tensor], size: tuple[int, int]) -> Tensor:
        """The weights w, or where the expression is a whole heat map, H."""
{body}


class SynthesizedCAM(_Found, ExpressionCAM):
    """As pytorch-grad-cam's classes: ``SynthesizedCAM(model, target_layers)(input_tensor, targets)``."""


class SynthesizedExtractor(_Found, ExpressionExtractor):
    """As torchcam's extractors: ``SynthesizedExtractor(model, target_layer)(class_idx, scores)``."""
'''


def torch_source(expression: Term, layers: Mapping[str, str] | None = None) -> str:
    """The file.

    Args:
        expression: over features.
        layers: the modules of the layers that have names, for who gives no others.

    Raises:
        OptionError: the expression needs features that a file which stands alone cannot measure.
    """
    names = features_of(expression)
    others = [name for name in names if parted(name)[0] not in MEASURED]
    if others:
        raise OptionError(
            f"--to torch: {', '.join(others)} cannot be measured by a file that stands alone",
            "use sygus.SynthesizedCAM.load(RUN), which measures every feature",
        )
    imports, (guarding, scaling, drawing, explainers) = _taken(guards, maps, heatmap, hooked)
    whole = is_whole(expression.sort)
    parts = [
        '"""Heat maps by a synthesised expression; needs torch and numpy alone.\n\n'
        f'{"H" if whole else "w"} = {_plain(term_text(expand(expression)))}\n"""\n',
        f"{imports}\n{guarding.strip()}\n",
        inspect.getsource(alpha),
        scaling,
        drawing,
        explainers.rstrip()
        + "\n"
        + _CLASSES.format(
            names=_listed(names), whole=whole, places=_places(expression, layers or {}), body=_body(expression)
        ),
    ]
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def _places(expression: Term, layers: Mapping[str, str]) -> str:
    """What the class says of the layers that have names; nothing where there are none."""
    own, used = layer_of(expression.sort), layers_of(variables_of(expression))
    lines = [f"    layer = {own!r}\n"] if own else []
    known = {name: layers[name] for name in dict.fromkeys(filter(None, (own, *used))) if name in layers}
    if is_placed(expression):
        lines.append("    placed = True\n")
    if known:
        lines.append(f"    layers = {known!r}  # other modules by layers=…\n")
    return "".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) + ("," if len(names) == 1 else "")


def _taken(*modules: ModuleType) -> tuple[str, list[str]]:
    """What the modules import from outside this package, and the source of each without docstring and imports."""
    wanted: dict[str, set[str]] = {}
    bodies = []
    for module in modules:
        source = Path(inspect.getfile(module)).read_text(encoding="utf-8")
        tree = ast.parse(source)
        statements = tree.body[1:]  # after the docstring
        last = 0
        for statement in statements:
            if not isinstance(statement, ast.Import | ast.ImportFrom):
                break
            last = statement.end_lineno or 0
            if isinstance(statement, ast.ImportFrom):
                wanted.setdefault(f"from {statement.module} import", set()).update(map(ast.unparse, statement.names))
            else:
                wanted.setdefault(ast.unparse(statement), set())
        bodies.append("\n".join(source.splitlines()[last:]))
    lines = [
        " ".join([head, ", ".join(sorted(names))]).strip() for head, names in wanted.items() if "sygus" not in head
    ]
    future = [line for line in lines if "__future__" in line]
    outside = sorted((line for line in lines if re.match(r"\w+ (numpy|torch)\b", line)), key=_import_order)
    own = sorted(set(lines) - set(future) - set(outside), key=_import_order)
    return "\n\n".join("\n".join(group) for group in (future, own, outside)) + "\n", bodies


def _import_order(line: str) -> tuple[bool, str]:
    """Modules first, then names of modules."""
    return line.startswith("from"), line


def _body(expression: Term) -> str:
    """A statement for each sub-term; equal ones are computed once."""
    lines: list[str] = []
    taken: dict[str, None] = {}

    def feature(name: str) -> str:
        plain = re.sub(r"\W", "_", name)
        if name not in taken:
            taken[name] = None
            lines.append(f'{plain} = features["{name}"]')
        return plain

    def visit(node: Term, arguments: list[str]) -> str:
        head = node.head
        if isinstance(head, Variable):
            return feature(head.name)
        if isinstance(head, Literal):
            if isinstance(head.value, bool):
                text = f"torch.tensor({head.value}, device={feature('activation')}.device)"
            else:
                text = f"{feature('activation')}.new_tensor({float(head.value)!r})"
        else:
            assert isinstance(head, Function), f"{head.name} was not expanded"
            assert head.source is not None, f"{head.name} has no source"
            text = head.source(*arguments, *(["size"] if head.sized else []))
        name = f"x{len(lines) - len(taken) + 1}"
        lines.append(f"{name} = {text}")
        return name

    result = fold(expand(expression), visit)
    return "\n".join(f"        {line}" for line in [*lines, f"return {result}"])


def _plain(text: str) -> str:
    """For a docstring; what a docstring may not hold cannot come out of the printer, but is checked."""
    if '"""' in text or "\\" in text or not text.isprintable():
        raise OptionError("--to torch: the expression has symbols that Python text cannot hold", "rename them")
    return text
