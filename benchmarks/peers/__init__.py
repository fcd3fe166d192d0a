"""General optimisers as learners, to compare ours with: ``sycam-sygus compare --strategies auto,peers:Deap``.

They need the extra ``benchmark``, and this folder's parent on ``PYTHONPATH``. Every one is given what our own learners
are given: derivations of the grammar within the size, what is known of terms that behave alike (so that a duplicate
costs nothing), and an estimate of a term that lost a race. What it does with that is its library's doing, with the
settings that its documentation gives.

Symbolic regression (PySR, eggp) is not among them. It fits a formula of columns to a column, with a loss over rows; the
score of a heat map is no such loss, since it is known only once a network has seen the masked pictures. PySR does take
a loss of one's own on whole expressions, written in Julia and evaluated inside its workers, thousands a second, which a
network cannot answer; given a subset of its evaluations, it would no longer be the search that its authors describe.
"""

from peers.deap_gp import Deap
from peers.optuna_samplers import OptunaNSGAII, OptunaRandom, OptunaTPE

__all__ = ["Deap", "OptunaNSGAII", "OptunaRandom", "OptunaTPE"]
