"""Programming by example: the smallest terms on inputs and outputs, a few of many at first."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from solvers.cegis.answer import Judgement, Verdict
from solvers.cegis.limits import Limits
from solvers.cegis.logic.construction import Construction
from solvers.cegis.logic.fitting import proposed
from solvers.cegis.logic.impossible import contradicting
from solvers.cegis.logic.table import tabulated
from solvers.cegis.search.behaviour import Relevance
from solvers.cegis.search.evaluation import Program, Values
from solvers.cegis.search.exhaustion import refute
from solvers.cegis.search.grammars import enumerable, has_reals, needs_exact
from solvers.cegis.search.open_values import looked_at
from solvers.cegis.search.samples import ExampleSamples
from solvers.cegis.search.smallest import SmallestTerms
from solvers.cegis.search.unification import conditionals, renamed
from solvers.cegis.specification import Bodies, Example, Specification
from solvers.cegis.strategy import Candidate, InfeasibleError, Proposals, Strategy
from solvers.cegis.turns import Turn, in_turns, now, since
from solvers.pausing import Pausing, step
from sygus.language.problem import Grammar, Production
from sygus.language.syntax.printer import print_symbol
from sygus.language.terms import STRING, Definition, Hole, Term, expand, substitute, term
from sygus.language.theories.interned import STRINGS
from sygus.language.theories.sorts import representation
from sygus.language.theories.structured import constructors_of

FIRST, MORE = 150, 50
FIRST_OF_TEXT, MORE_OF_TEXT = 5, 3
"""Examples looked at to begin with, and added of those that a candidate fails; of strings, which are slow, fewer."""

RELEVANT_SHARE = 2.0
"""Of the time, for the search that leaves out what looks irrelevant, beside the one that leaves out nothing."""

TABLE_SECONDS, TABLE_SHARE = 2.0, 0.4
"""What may pass before a table of the examples is proposed: seconds of the processor, and so much of the time left."""


class Examples(Strategy):
    """Terms that give every output, each smaller than the one before."""

    name = "examples"
    doc = "terms and predicates enumerated on the examples, unified by a decision tree; values of datatypes by parts"
    turn = 10

    def applies(self, specification: Specification) -> bool:
        """To examples alone."""
        return specification.examples is not None or specification.structured_examples is not None

    def propose(self, specification: Specification, limits: Limits) -> Proposals:
        """Without what looks irrelevant, and beside that all; what takes long has a table of the examples before it.

        Raises:
            InfeasibleError: two examples contradict each other, or no term of the grammar gives every output.
        """
        examples = list(specification.examples or specification.structured_examples or ())
        contradiction = contradicting(examples)
        if contradiction is not None:
            raise InfeasibleError(contradiction)
        search = _searches if specification.examples is not None else _by_parts
        searches = search(specification, examples, limits)
        table = _table(specification, examples)
        if table is None:
            yield from searches
        else:
            yield from _soon(searches, proposed(specification, table, limits), limits)


def _searches(specification: Specification, examples: list[Example], limits: Limits) -> Proposals:
    """Those of all terms, and of such as look relevant."""
    quantify = any if conditionals(specification.targets[0].grammar) else all
    whole = partial(_learn, specification, examples, restrict=lambda _: None)
    if relevance(ExampleSamples(specification.functions[0], examples), quantify) is None:
        return whole(limits)
    relevant = partial(_learn, specification, examples, restrict=partial(relevance, quantify=quantify))
    return in_turns(limits, [Turn(relevant, RELEVANT_SHARE), Turn(whole)])


def _by_parts(specification: Specification, examples: list[Example], limits: Limits) -> Proposals:
    """Constructors of parts, each part being looked for by itself, where there are several chosen by conditions."""
    (target,) = specification.targets
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.output.constructor, []).append(example)
    made: list[Term] = []
    for name, group in groups.items():
        production = _making(target.written, name)
        found = None if production is None else (yield from _made(specification, production, group, limits))
        if found is None:
            return
        made.append(found)
    if len(made) == 1:
        yield Candidate({target.function: made[0]})
        return
    choosing = _choosing(target.written, made)
    if choosing is not None:
        grammar, meant = choosing
        asked = specification.by_examples(replace(target, grammar=grammar, written=grammar), examples)
        verdict: Verdict | None = None
        with suppress(InfeasibleError), closing(_searches(asked, examples, limits)) as searches:  # of these branches
            while True:
                try:
                    one = step(searches, verdict)
                except StopIteration:
                    return
                verdict = yield one and Candidate({f: substitute(body, meant) for f, body in one.bodies.items()})


def _making(grammar: Grammar, name: str) -> Production | None:
    """The production that applies a constructor to nonterminals, to which the start symbol is renamed."""
    for nonterminal in renamed(grammar):
        written = print_symbol(name)
        for production in grammar.productions[nonterminal]:
            root = production.template
            makes = root.head.name in (written, f"(as {written} {root.sort})")
            if makes and all(isinstance(argument.head, Hole) for argument in root.arguments):
                return production
    return None


def _made(
    specification: Specification, production: Production, examples: list[Example], limits: Limits
) -> Pausing[Term | None]:
    """A constructor applied to terms of its parts; None where one is not found."""
    (target,) = specification.targets
    parts: list[Term] = []
    for place, nonterminal in enumerate(production.holes):
        function = replace(target.function, name=f"{target.function.name}|{place}", sort=nonterminal.sort)
        written = Grammar({nonterminal: target.written.productions[nonterminal], **target.written.productions})
        decode = representation(nonterminal.sort).decode
        own = [Example(one.arguments, decode(one.output.arguments[place])) for one in examples]
        asked = specification.by_examples(replace(target, function=function, grammar=written, written=written), own)
        ways = [_searches, _by_parts] if constructors_of(nonterminal.sort) else [_searches]
        found = yield from _first(in_turns(limits, [Turn(partial(way, asked, own)) for way in ways]))
        if found is None:
            return None
        parts.append(found.bodies[function])
    return production.instantiate(tuple(parts))


def _first(searches: Proposals) -> Pausing[Candidate | None]:
    """What they propose first, None where that is nothing."""
    try:
        with closing(searches):
            for candidate in searches:
                if candidate is not None:
                    return candidate
                yield
    except InfeasibleError:  # by this constructor alone
        return None
    return None


def _choosing(grammar: Grammar, terms: list[Term]) -> tuple[Grammar, Mapping[Term, Term]] | None:
    """The grammar of conditionals whose branches are some terms, and what stands for these, of one node each."""
    found = conditionals(grammar)
    if not found:
        return None
    root, position = found[0].nonterminal, found[0].production.position
    meant = {term(Definition(f"|part {i}", (), one.sort, one), (), one.sort): one for i, one in enumerate(terms)}
    chosen = [one.production for one in found if one.nonterminal == root]
    leaves = [Production(one, (), {}, position) for one in meant]
    return Grammar({root: (*leaves, *chosen), **{n: p for n, p in grammar.productions.items() if n != root}}), meant


def _soon(searches: Proposals, table: Generator[Candidate | None, Verdict, bool], limits: Limits) -> Proposals:
    """The searches, and between them the table, where nothing is found soon."""
    began, latest = now(), (1 - TABLE_SHARE) * limits.left
    found = False
    verdict: Verdict | None = None
    with closing(searches):
        while True:
            if not found and (since(began) > TABLE_SECONDS or limits.left < latest):
                yield from table  # only the first time
            try:
                candidate = step(searches, verdict)
            except StopIteration:
                break
            verdict = yield candidate
            found |= candidate is not None and verdict.right
    if not found:
        yield from table


def _table(specification: Specification, examples: list[Example]) -> Bodies | None:
    """The examples as a table, where the grammar may have one."""
    (target,) = specification.targets
    productions = (p for ps in target.written.productions.values() for p in ps)
    if not target.free and not {"ite", "="} <= {expand(production.template).head.name for production in productions}:
        return None
    try:
        found = tabulated(target.function, examples, Construction(specification.problem.theory))
    except (KeyError, ValueError):  # the logic does not write one
        return None
    return None if found is None else {target.function: found}


def _learn(
    specification: Specification,
    examples: list[Example],
    limits: Limits,
    restrict: Callable[[ExampleSamples], Relevance | None],
) -> Proposals:
    """The smallest terms on more and more of the examples, in exact numbers once rounded ones do not serve."""
    (target,) = specification.targets
    grammar = enumerable(specification, target, limits.depth)
    exact = needs_exact(specification, grammar)
    everything = ExampleSamples(target.function, examples, exact=exact)
    of_text = any(nonterminal.sort == STRING for nonterminal in grammar.productions)
    first, more = (FIRST_OF_TEXT, MORE_OF_TEXT) if of_text else (FIRST, MORE)
    chosen = list(range(min(first, len(examples))))
    proved = False
    while True:
        samples = ExampleSamples(target.function, [examples[i] for i in chosen], exact=exact)
        failing: list[int] = []
        seen = looked_at(samples, grammar)
        relevant = restrict(samples) if seen is samples else None
        rounded = not exact and has_reals(grammar)
        for one in SmallestTerms(grammar, seen, limits, relevant=relevant).propose():
            if one is None:
                yield None
                continue
            term, _ = one
            values = Program(term, exact=exact)(everything.inputs)
            right = everything.judge(np.broadcast_to(values, (1, len(examples))))[0]
            failing = np.flatnonzero(~right)[:more].tolist()
            if failing:
                break
            verdict = yield Candidate({target.function: term})
            proved |= verdict.right
            if rounded and verdict.judgement is Judgement.WRONG:
                break
        if not failing:
            if not proved and restrict(samples) is None:
                yield from refute(grammar, target, samples, limits)
            if proved or not rounded:
                return
            exact, everything = True, ExampleSamples(target.function, examples, exact=True)
        chosen += [i for i in failing if i not in chosen]


def relevance(samples: ExampleSamples, quantify: Callable[[Iterable[bool]], bool]) -> Relevance | None:
    """Keep of concatenations those that are part of an output or of an input; None without strings.

    ``quantify`` says whether they must be so at all points, or at any where conditionals may choose.

    A heuristic: others may serve to find or replace, so what it leaves out is looked at later.
    """
    columns = [values for p, values in samples.inputs.items() if p.sort == STRING]
    if samples.sort == STRING:
        columns.append(samples.outputs)
    if not columns:
        return None
    texts = [
        [STRINGS.value(number) for number in numbers] for numbers in zip(*(c.tolist() for c in columns), strict=True)
    ]
    known: dict[tuple[int, int], bool] = {}

    def part(point: int, number: int) -> bool:
        key = (point, number)
        if key not in known:
            value = STRINGS.value(number)
            known[key] = any(value in text for text in texts[point])
        return known[key]

    def keep(production: Production, values: Values) -> NDArray[np.bool_]:
        if expand(production.template).head.name != "str.++":
            return np.ones(len(values), bool)
        return np.array([quantify(part(i, n) for i, n in enumerate(row)) for row in values.tolist()], bool)

    return keep
