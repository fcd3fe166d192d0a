"""The learner ``mcts``: Monte Carlo tree search over derivations, by the best term that was found below."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from solvers.cam.drawing import Option, Partial, Sampler, built
from solvers.cam.learner import Learner, Outcome, Proposal, Space, learner
from solvers.cam.rewards import Rewards, Standing, standing_of
from solvers.cam.screening import Behaviour, Screen
from sygus.language.terms import Term

PATIENCE = 3_000
"""Walks in a row that give nothing new, after which there are no more."""

LOOKED = 1 << 17
"""Terms whose signatures are at hand: walks come to the same ones again."""

STRESS = 8
"""The power of a rank that is a node's worth: the best of many terms all rank near 1, and this tells them apart."""

EXPLORATION = 0.2
"""c of UCT, for rewards from 0 to 1."""


@dataclass(slots=True)
class Node:
    """A derivation in the making, up to its next choice from the left.

    Attributes:
        option: which of its parent's choices leads here.
        choices: how many there are; 0 where the derivation is whole.
        visits: how many walks came through.
        pending: how many of them have no outcome yet.
        best: of the terms made below it, where the best stands.
        exhausted: whether every derivation below it was made; then it has no children.
        children: by the choice that leads to them.
    """

    option: int
    choices: int
    visits: int = 0
    pending: int = 0
    best: Standing | None = None
    exhausted: bool = False
    children: dict[int, Node] = field(default_factory=dict)


@learner("mcts")
class TreeSearch(Learner):
    """Monte Carlo tree search over derivations, by the best below each choice; complete where it comes to an end.

    F. Sun, Y. Liu, J.-X. Wang and H. Sun, Symbolic physics learner, ICLR 2023, arXiv 2205.13134. A node is a derivation
    up to the next choice of its leftmost open nonterminal; the choices are the productions that still fit the size. A
    walk goes down from the root by UCT, takes a choice that was not taken before, completes the derivation at random
    within the size, and tells all nodes that it came through. A node is worth the best term below it, not the mean
    (section 3), and its worth is a power of its rank among all outcomes so far, which needs no scale. Choices and
    completions are drawn in proportion to ``--prior``.

    What is known already is not scored: the walk takes the reward that its behaviour has. A node of which every
    derivation was made is closed (AmEx-MCTS, arXiv 2503.16953). Walks that have no outcome yet count as ones that
    brought nothing, so those of one batch part ways.

    Guarantees: each walk opens a node of a finite tree, so the search ends with every derivation within the size; or
    before that, when many walks in a row gave nothing new. Of the order nothing is known: that UCT converges is proved
    for means.
    """

    uses_prior = True

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.rewards = Rewards(space)
        self._sampler = Sampler(space.grammar, space.size)
        self._sampler.weights.update(space.prior)
        self._smallest = self._sampler.statistics.smallest[space.grammar.start]
        self._screen = Screen(space)
        self._look = lru_cache(LOOKED)(self._screen.look)
        self._generator = np.random.Generator(np.random.PCG64(space.seed))
        self._standing_of: dict[Behaviour, Standing] = {}
        self._pending: dict[Term, tuple[Behaviour, list[Node]]] = {}
        self._walks = self._idle = 0
        self.root = Node(0, len(self._next_choice(self._sampler.begin())) if self._smallest <= space.size else 0)

    def ask(self, count: int) -> list[Proposal]:
        """The next terms that walks come to."""
        found: list[Proposal] = []
        while len(found) < count and self._goes_on:
            self._idle += 1
            proposal = self._walk()
            if proposal is not None:
                self._idle = 0
                found.append(proposal)
        return found

    @property
    def _goes_on(self) -> bool:
        return self._idle < PATIENCE and not self.root.exhausted and self._smallest <= self.space.size

    def _walk(self) -> Proposal | None:
        """Down the tree and to the end of a derivation: its term, where it is of use."""
        self._walks += 1
        partial = self._sampler.begin()
        path = self._path(partial)
        term = built(self._sampler.complete(partial, self._generator))
        judgement = self._screen.weigh(term, self._look(term))
        for node in path:
            node.visits += 1
        proposal, behaviour = judgement.proposal, judgement.behaviour
        if proposal is not None and behaviour is not None:
            self._pending[proposal.term] = behaviour, path
            for node in path:
                node.pending += 1
        elif behaviour in self._standing_of:
            self._reward(path, self._standing_of[behaviour])
        return proposal

    def _path(self, partial: Partial) -> list[Node]:
        """The nodes from the root to one that is opened now, or is a whole derivation."""
        path, options = [self.root], self._next_choice(partial)
        opened = False
        while options and not opened:
            opened = len(path[-1].children) < len(options)
            number = self._untaken(path[-1], partial, options) if opened else self._promising(path[-1])
            partial.take(options[number])
            options = self._next_choice(partial)
            path.append(path[-1].children.setdefault(number, Node(number, len(options))))
        for node in reversed(path):
            children = node.children.values()
            if len(children) < node.choices or not all(child.exhausted for child in children):
                break
            node.exhausted = True
            node.children = {}
        return path

    def _next_choice(self, partial: Partial) -> Sequence[Option]:
        """Follow the derivation from the left to where there is a choice; none where it is whole."""
        while partial.waiting:
            options = self._sampler.options(partial, partial.waiting[-1])
            if len(options) > 1:
                return options
            partial.take(options[0])
        return ()

    def _untaken(self, node: Node, partial: Partial, options: Sequence[Option]) -> int:
        """A choice without a child, by the weights."""
        left = {option.production: number for number, option in enumerate(options) if number not in node.children}
        parent = partial.parents[partial.waiting[-1]]
        picked = self._sampler.pick([options[number] for number in left.values()], parent, self._generator.random())
        return left[picked.production]

    def _promising(self, node: Node) -> int:
        """The choice to go on with, by UCT with the best below, of those that are not exhausted."""
        logarithm = math.log(node.visits)

        def promise(child: Node) -> float:
            reward = self.rewards.reward(child.best) ** STRESS if child.best is not None else 0.0
            told = 1 - child.pending / child.visits
            return reward * told + EXPLORATION * math.sqrt(logarithm / child.visits)

        return max((child for child in node.children.values() if not child.exhausted), key=promise).option

    def tell(self, proposal: Proposal, outcome: Outcome) -> None:
        """Take the outcome back along the walk that led to the term."""
        behaviour, path = self._pending.pop(proposal.term)
        standing = self.rewards.stand(outcome)
        self._standing_of[behaviour] = self.rewards.better(standing, self._standing_of.get(behaviour))
        for node in path:
            node.pending -= 1
        self._reward(path, standing)

    def _reward(self, path: list[Node], standing: Standing) -> None:
        for node in path:
            node.best = self.rewards.better(standing, node.best)

    def status(self) -> Mapping[str, int]:
        """How many walks there were, and what became of their terms."""
        return {"walks": self._walks, **self._screen.counts, "distinct": self._screen.distinct}

    def conclusion(self) -> str:
        """What the search guarantees."""
        size, equivalence = self.space.size, self.space.equivalence
        if self._smallest > size:
            return f"nothing to search: the smallest term has {self._smallest} nodes, and the largest allowed is {size}"
        if self.root.exhausted:
            claim = f"best of all terms up to size {size}, up to equivalence by {equivalence}"
            return f"{claim}: {self._walks:,} walks made each of their derivations"
        return (
            f"{self._idle:,} walks in a row gave nothing new: {self._screen.distinct:,} terms distinct by "
            f"{equivalence} were found; nothing is known of the others"
        )

    def state_dict(self) -> dict[str, Any]:
        """The tree, its outcomes and the random state; between two batches, so nothing is pending."""
        return {
            "generator": self._generator.bit_generator.state,
            "rewards": self.rewards.state_dict(),
            "screen": self._screen.state_dict(),
            "standings": [list(pair) for pair in self._standing_of.items()],
            "tree": _rows(self.root),
            "counts": [self._walks, self._idle],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of the same space."""
        self._generator.bit_generator.state = state["generator"]
        self.rewards.load_state_dict(state["rewards"])
        self._screen.load_state_dict(state["screen"])
        self._standing_of = {behaviour: standing_of(read) for behaviour, read in state["standings"]}
        self.root = _tree(state["tree"])
        self._walks, self._idle = state["counts"]


def _rows(root: Node) -> list[list[Any]]:
    """A tree as a row for each node, with the number of its parent's row, which comes before."""
    found: list[list[Any]] = []
    stack = [(root, -1)]
    while stack:
        node, parent = stack.pop()
        stack.extend((child, len(found)) for child in reversed(node.children.values()))
        found.append([parent, node.option, node.choices, node.visits, node.best, node.exhausted])
    return found


def _tree(rows: list[list[Any]]) -> Node:
    nodes: list[Node] = []
    for parent, option, choices, visits, best, exhausted in rows:
        standing = standing_of(best) if best is not None else None
        node = Node(option, choices, visits, best=standing, exhausted=exhausted)
        nodes.append(node)
        if parent >= 0:
            nodes[parent].children[option] = node
    return nodes[0]
