"""The forms that a run's result is given in, by name; each module registers its own.

The command line names the forms in its help, so a module of this package imports what is heavy only where it writes.
"""

from __future__ import annotations

from collections.abc import Mapping

from sygus.discovery import import_modules
from sygus.export.forms.form import REGISTERED, Form, Source

__all__ = ["FORMS", "Form", "Source"]

import_modules(__name__)

FORMS: Mapping[str, Form] = {
    form.name: form for form in sorted(REGISTERED.values(), key=lambda form: (form.order, form.name))
}
"""Every form, by name, in the order of lists."""
