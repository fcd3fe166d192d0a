"""What is to be synthesised, as ``check`` shows it."""

from __future__ import annotations

from collections.abc import Iterator

from sygus.language.problem import Grammar, Target


def target_lines(target: Target, grammar: Grammar) -> Iterator[str]:
    """What is to be synthesised.

    Args:
        target: a function.
        grammar: of it, to be described.

    Yields:
        Lines: the function, and each nonterminal.
    """
    parameters = ", ".join(f"{p.name} {p.sort}" for p in target.function.parameters) or "nothing"
    yield f"synthesise {target.function.name} : {target.function.sort} from {parameters}"
    for nonterminal, productions in grammar.productions.items():
        yield f"  {nonterminal.name} {nonterminal.sort}: {len(productions)} productions"
