"""What was found as text: for solvers, papers, programs."""

from __future__ import annotations

from sygus.export.forms.form import Source, text_form


@text_form("sygus", "the answer, as the search prints it", obvious=True, order=0)
def sygus_text(source: Source) -> str:
    """Values of the objectives and a ``define-fun``."""
    return source.record.answer


@text_form("latex", "the formula", order=1)
def latex_text(source: Source) -> str:
    """The equation without an environment, in several lines where it is wide."""
    from sygus.export.latex_document import bare_formula

    return bare_formula(source.expression)


@text_form("latex-document", "with symbols, table and protocol", order=2)
def latex_document(source: Source) -> str:
    """A document that compiles by itself."""
    from sygus.export.latex_document import document

    return document(source.record)


@text_form("json", "the record of the run", obvious=True, order=3)
def json_text(source: Source) -> str:
    """Everything needed to judge and repeat the run."""
    import json

    return json.dumps(source.record.as_json(), indent=1)


@text_form("sympy", "the expression as SymPy prints it", obvious=True, order=4)
def sympy_text(source: Source) -> str:
    """The expression as it stands, nothing cancelled or collected."""
    from sygus.export.symbolic import symbolic_text

    return symbolic_text(source.expression)


@text_form("torch", "a Python file of its own", order=5)
def torch_text(source: Source) -> str:
    """Drop-in classes that need torch and numpy alone."""
    from sygus.export.torch_module import torch_source

    return torch_source(source.expression, source.record.layers)
