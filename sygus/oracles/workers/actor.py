"""What computes on a machine of a cluster; it is sent with its code, so that it runs where the package is another."""

from __future__ import annotations

from typing import Any


def actor_class() -> type:
    """The class of the actors. Being made here, and importing what it needs where it is, it is sent with its code."""

    class Scoring:
        """Answers messages, as :mod:`sygus.oracles.workers.transport` says."""

        def begin(self, versions: dict[str, str], message: tuple[Any, ...]) -> tuple[Any, ...]:
            """The answer to the first one, where packages have the same versions here."""
            from importlib import import_module
            from importlib.metadata import PackageNotFoundError, version

            others = []
            for name, wanted in versions.items():
                try:
                    found = version(name)
                except PackageNotFoundError:
                    found = "not installed"
                if found != wanted:
                    others.append(f"{name} {found} (here {wanted})")
            if others:
                where = import_module("ray").util.get_node_ip_address()
                return "unfit", f"on {where} there is {', '.join(others)}", "install the same versions on all machines"
            self.scorer = import_module("sygus.oracles.workers.scorer").Scorer(self.fetched)
            return self.take(message)

        def take(self, message: tuple[Any, ...]) -> tuple[Any, ...]:
            """The answer to a message."""
            answer: tuple[Any, ...] = self.scorer.take(message)
            return answer

        @staticmethod
        def fetched(reference: object) -> dict[str, Any]:
            """The tensors of a reference, in the memory that the machine's actors share; they are only read."""
            import warnings
            from importlib import import_module

            arrays, torch = import_module("ray").get(reference), import_module("torch")
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
                return {name: torch.from_numpy(array) for name, array in arrays.items()}

    return Scoring
