"""The code of functions: as bytes, and what it reads beside its arguments.

The compiled form stands for the text: it is there for every function, also where no file is, and it is what runs.
Comments, lines and the names of files are no part of it.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

from sygus.saliency.networks.fingerprint.origin import is_own_code
from sygus.saliency.networks.fingerprint.scalars import encoded, framed

Chain = tuple[str, ...]
"""A global name, and the attributes that are asked of its value at once: ``("torch", "nn", "functional")``."""


def code_bytes(code: CodeType) -> bytes:
    """What a code object does, with those nested in it."""
    facts = (
        code.co_argcount,
        code.co_posonlyargcount,
        code.co_kwonlyargcount,
        code.co_flags,
        code.co_code,
        code.co_exceptiontable,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
    )
    constants = b"".join(_constant(one) for one in code.co_consts)
    return framed(b"K", (encoded(facts) or b"") + constants)


def _constant(value: Any) -> bytes:
    if isinstance(value, CodeType):
        return code_bytes(value)
    found = encoded(value)
    return found if found is not None else framed(b"?", repr(value).encode())


def nested(code: CodeType) -> Iterator[CodeType]:
    """A code object and all those nested in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def globals_read(code: CodeType) -> tuple[Chain, ...]:
    """The global names that a code object and those nested in it read, each with the attributes asked at once."""
    found: dict[Chain, None] = {}
    for one in nested(code):
        chain: list[str] = []
        for instruction in dis.get_instructions(one):
            if instruction.opname in _SILENT:
                continue
            if chain and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                chain.append(str(instruction.argval))
                continue
            if chain:
                found[tuple(chain)] = None
                chain = []
            if instruction.opname in _GLOBAL:
                chain = [str(instruction.argval)]
    return tuple(found)


_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_SILENT = ("EXTENDED_ARG", "CACHE", "PUSH_NULL", "NOP")


def imports(code: CodeType) -> tuple[tuple[int, str], ...]:
    """What is imported inside a code object and those nested in it: the level of a relative import, and the name."""
    found: dict[tuple[int, str], None] = {}
    for one in nested(code):
        constants: list[Any] = []
        for instruction in dis.get_instructions(one):
            if instruction.opname == "IMPORT_NAME":
                level = next((value for value in constants[-2:] if type(value) is int), 0)
                found[level, str(instruction.argval)] = None
            if instruction.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
                constants.append(instruction.argval)
    return tuple(found)


def reads_outside(code: CodeType) -> str:
    """A name by which a code object reads files, the environment or text to execute; "" where there is none."""
    functions = {chain[0] for chain in globals_read(code)}
    attributes = {name for one in nested(code) for name in one.co_names}
    found = [name for name in _FUNCTIONS if name in functions] + [name for name in _METHODS if name in attributes]
    return found[0] if found else ""


_FUNCTIONS = ("open", "exec", "eval", "compile", "globals", "input", "__import__")
_METHODS = (
    "environ",
    "getenv",
    "import_module",
    "read",
    "read_text",
    "read_bytes",
    "load",
    "fromfile",
    "loadtxt",
    "urlopen",
    "check_output",
)
"""What a pass may use whose result no look at the program tells."""


def is_shown(function: FunctionType) -> bool:
    """Whether an installed module shows a function under its name, perhaps in wrappings that are installed too.

    Packages wrap functions of their own anew when other parts of them are imported.
    """
    found: Any = sys.modules.get(str(function.__module__))
    for name in function.__qualname__.split("."):
        found = getattr(found, "__dict__", {}).get(name)
    if not isinstance(found, FunctionType):
        return False
    ours, theirs = list(_wrapped(function)), list(_wrapped(found))
    installed = not any(is_own_code(one.__code__, one.__globals__) for one in (*ours, *theirs))
    return installed and ours[-1] is theirs[-1]


def _wrapped(function: FunctionType) -> Iterator[FunctionType]:
    """A function and those that it wraps, the innermost last."""
    for _ in range(_WRAPPERS):
        yield function
        inner = vars(function).get("__wrapped__")
        if not isinstance(inner, FunctionType):
            return
        function = inner


def function_at(namespace: dict[str, Any], code: CodeType) -> FunctionType | None:
    """The function that a module shows under the name of a code object, if its code is this one."""
    found: Any = namespace
    for name in code.co_qualname.split("."):
        members = found if isinstance(found, dict) else getattr(found, "__dict__", {})
        if name not in members:
            return None
        found = members[name]
    for _ in range(_WRAPPERS):
        if isinstance(found, FunctionType) and found.__code__ is code:
            return found
        found = next((getattr(found, one) for one in ("__func__", "fget", "__wrapped__") if hasattr(found, one)), None)
    return None


_WRAPPERS = 16
"""How many decorators are looked through."""
