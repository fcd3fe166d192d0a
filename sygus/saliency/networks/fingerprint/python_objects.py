"""What Python's objects are made of: functions with what they capture, classes, modules, containers, and others."""

from __future__ import annotations

import copyreg
import importlib.util
import logging
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from enum import Enum
from functools import _lru_cache_wrapper, partial
from pathlib import PurePath
from types import (
    BuiltinFunctionType,
    CellType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import torch
from torch import nn

from sygus.saliency.networks.fingerprint.code import code_bytes, globals_read, imports, is_shown
from sygus.saliency.networks.fingerprint.origin import extension_of, is_installed, is_own_code, name_of, version_of
from sygus.saliency.networks.fingerprint.parts import Child, Describe, Part, Unknown, attributes, kind_of, unknown
from sygus.saliency.networks.fingerprint.scalars import encoded, framed


def named(tag: bytes, module: str, name: str) -> Iterator[Part]:
    """What is known by its name, with the version of what it is installed with, or the compiled file it is in."""
    yield framed(tag, f"{module}\n{name}\n{version_of(module) if is_installed(module) else ''}".encode())
    yield extension_of(module)


def compiled(tag: bytes, module: str, name: str, where: str) -> Iterator[Part]:
    """What has no code of Python's: known by its name where its module is, for the code lies in the module's file."""
    yield from named(tag, module, name)
    if module not in sys.modules and not is_installed(module):
        yield Unknown(f"{where} is compiled, and its module '{module}' is found nowhere")


def function(value: FunctionType, where: str) -> Iterator[Part]:
    """Its code, defaults and captured values; where it is a person's own, what its code reads of modules too.

    A function that an installed module shows under its name is known by that name.
    """
    if is_shown(value):
        yield from named(b"f", value.__module__, value.__qualname__)
        return
    if "_torchdynamo_orig_callable" in vars(value):  # by torch.compile: what it was made from
        yield Unknown(f"{where} is compiled by torch.compile")
        yield Child(vars(value)["_torchdynamo_orig_callable"], where)
        return
    own = is_own_code(value.__code__, value.__globals__)
    if not own:
        yield from named(b"f", str(value.__globals__.get("__name__", "")), value.__qualname__)
    yield code_bytes(value.__code__)
    yield Child(value.__defaults__ or (), f"a default of {where}")
    yield Child(value.__kwdefaults__ or {}, f"a default of {where}")
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=False):
        yield Child(cell, f"'{name}' that {where} captures")
    yield from attributes(dict(sorted(vars(value).items())), where)
    if own:
        for chain in globals_read(value.__code__):
            yield from _read(value.__globals__, chain, where)
        for level, name in imports(value.__code__):
            package = str(value.__globals__.get("__package__") or "")
            full = importlib.util.resolve_name(f"{'.' * level}{name}", package) if level and package else name
            yield framed(b"i", full.encode())
            yield Child(sys.modules.get(full), f"{full}, which {where} imports")


def _read(namespace: dict[str, Any], chain: tuple[str, ...], where: str) -> Iterator[Part]:
    """The value of a global name; attributes of modules are followed, as in ``helpers.scale``."""
    name, *attributes = chain
    yield framed(b"g", ".".join(chain).encode())
    scope = namespace if name in namespace else _builtins(namespace)
    if name not in scope:
        yield b"-"
        return
    value, place = scope[name], name
    while attributes and isinstance(value, ModuleType):
        attribute = attributes.pop(0)
        inside = is_installed(name_of(value))
        if attribute not in vars(value):
            yield b"-"
            return
        value, place = vars(value)[attribute], f"{place}.{attribute}"
        if inside and not isinstance(value, _FOLLOWED):
            yield encoded(value) or framed(b"t", kind_of(value).encode())  # state of a package that its version tells
            return
    yield Child(value, f"'{place}' that {where} reads")


_FOLLOWED = (ModuleType, FunctionType, BuiltinFunctionType, type, torch._ops.OpOverload, torch._ops.OpOverloadPacket)
"""What is looked at where it is read from an installed package."""


def _builtins(namespace: dict[str, Any]) -> dict[str, Any]:
    found = namespace.get("__builtins__", {})
    return vars(found) if isinstance(found, ModuleType) else found


def klass(value: type, where: str) -> Iterator[Part]:
    """A class: of a person's own all of it; of an installed one its name, and functions that were put into it.

    Of installed modules of networks the code too, since a version is not changed with every edit.
    """
    yield from named(b"c", str(value.__module__), value.__qualname__)
    for base in value.__bases__:
        yield Child(base, f"{base.__qualname__}, a base of {where}")
    own = not is_installed(str(value.__module__))
    if own and type(value) is not type:
        yield Child(type(value), f"the metaclass of {where}")
    for name, member in sorted(vars(value).items()):
        if name in _OF_CLASSES:
            continue
        plain = getattr(member, "__func__", member)
        foreign = isinstance(plain, FunctionType) and is_own_code(plain.__code__, plain.__globals__)
        if own or foreign:
            yield framed(b"m", name.encode())
            yield Child(member, f"{value.__qualname__}.{name}")
        elif isinstance(plain, FunctionType) and issubclass(value, nn.Module) and value is not nn.Module:
            yield framed(b"m", name.encode())
            yield code_bytes(plain.__code__)


_OF_CLASSES = frozenset(
    {
        "__abstractmethods__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "__dict__",
        "__doc__",
        "__firstlineno__",
        "__module__",
        "__orig_bases__",
        "__parameters__",
        "__static_attributes__",
        "__subclasshook__",
        "__type_params__",
        "__weakref__",
        "_abc_impl",
    }
)
"""Entries of classes that no instance computes with."""


def module(value: ModuleType, _: str) -> Iterator[Part]:
    """A module that is used as a value: an installed one by name, of a person's own everything in it."""
    name = name_of(value)
    if is_installed(name):
        yield from named(b"p", name, "")
        return
    yield framed(b"o", name.encode())
    yield extension_of(name)
    for key, held in sorted(vars(value).items()):
        if not key.startswith("__"):
            yield framed(b"a", key.encode())
            yield Child(held, f"'{name}.{key}'")


def method(value: MethodType, where: str) -> Iterator[Part]:
    """A bound method: its function, and what it is bound to."""
    yield Child(value.__func__, where)
    yield Child(value.__self__, f"what {where} is bound to")


def builtin(value: Any, where: str) -> Iterator[Part]:
    """A function without code of Python's: by name, with what it is bound to."""
    holder = getattr(value, "__self__", None)
    module = str(getattr(value, "__module__", None) or type(holder).__module__)
    yield from compiled(b"b", module, value.__qualname__, where)
    if holder is not None and not isinstance(holder, ModuleType):
        yield Child(holder, f"what {where} is bound to")


def slot(value: Any, where: str) -> Iterator[Part]:
    """A method or attribute of a class without code of Python's."""
    owner = value.__objclass__
    module, name = str(owner.__module__), f"{owner.__qualname__}.{value.__name__}"
    held = isinstance(value, MemberDescriptorType | GetSetDescriptorType)
    yield from named(b"d", module, name) if held else compiled(b"d", module, name, where)


def descriptor(value: Any, where: str) -> Iterator[Part]:
    """A property, a static or a class method."""
    for name in ("__func__", "fget", "fset"):
        held = getattr(value, name, None)
        if held is not None:
            yield framed(b"a", name.encode())
            yield Child(held, where)


def partially(value: partial[Any], where: str) -> Iterator[Part]:
    """A function with some of its arguments."""
    yield Child(value.func, where)
    yield Child(value.args, f"an argument of {where}")
    yield Child(value.keywords, f"an argument of {where}")


def remembered(value: Any, where: str) -> Iterator[Part]:
    """A function behind ``functools.lru_cache``."""
    yield Child(value.__wrapped__, where, runs=True)


def cell(value: CellType, where: str) -> Iterator[Part]:
    """A captured variable, which may be empty."""
    try:
        yield Child(value.cell_contents, where)
    except ValueError:
        yield b"-"


def constant(value: Any, _: str) -> Iterator[Part]:
    """What its own text tells."""
    yield framed(b"r", f"{kind_of(value)} {value!r}".encode())


def path(value: PurePath, _: str) -> Iterator[Part]:
    """The name of a file; its kind depends on the system."""
    yield framed(b"h", str(value).encode("utf-8", "surrogateescape"))


def member(value: Enum, where: str) -> Iterator[Part]:
    """A member of an enumeration."""
    yield framed(b"e", str(value.name).encode())
    yield Child(value.value, f"the value of {where}")
    yield Child(type(value), type(value).__qualname__)


def reference(value: Any, where: str) -> Iterator[Part]:
    """A weak reference: what it refers to."""
    yield Child(value(), where)


def stateless(value: Any, _: str) -> Iterator[Part]:
    """What no number depends on: locks, and what writes logs."""
    yield framed(b"l", kind_of(value).encode())


def code(value: CodeType, _: str) -> Iterator[Part]:
    """Code by itself, which nothing calls."""
    yield code_bytes(value)


def proxy(value: MappingProxyType[Any, Any], where: str) -> Iterator[Part]:
    """A view of a mapping."""
    yield Child(dict(value), where)


def thing(value: Any, where: str) -> Iterator[Part]:
    """Any other object: its class, what it contains, its attributes, and the state that it would be pickled with."""
    kind = type(value)
    yield Child(kind, f"{kind.__qualname__}, the class of {where}")
    yield from _content(value, where)
    yield from attributes(_attributes(value), where)
    yield from _hidden(value, where)


def _content(value: Any, where: str) -> Iterator[Part]:
    """What a container holds, or the plain value of a subclass of one."""
    match value:
        case dict():
            for key, held in OrderedDict.items(value) if isinstance(value, OrderedDict) else dict.items(value):
                yield framed(b"k", b"")
                yield Child(key, f"a key of {where}")
                yield Child(held, f"{where}[{key!r}]" if isinstance(key, str | int) else f"a value of {where}")
        case list() | tuple():
            for index, held in enumerate(value):
                yield Child(held, f"{where}[{index}]")
        case set() | frozenset():
            yield from _unordered(value, where)
        case bytearray():
            yield framed(b"y", bytes(value))
        case _:
            plain = next((convert(value) for one, convert in _PLAIN.items() if isinstance(value, one)), None)
            yield encoded(plain) or b""


_PLAIN: dict[type, Callable[[Any], object]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: str.__str__,
    bytes: bytes.__bytes__,
}
"""The plain value of an instance of a subclass, whatever that says of itself."""


def _unordered(value: set[Any] | frozenset[Any], where: str) -> Iterator[Part]:
    """The elements of a set in an order of their own, where they have one."""
    plain = sorted(part for part in map(encoded, value) if part is not None)
    others = [one for one in value if encoded(one) is None]
    yield framed(b"s", b"".join(plain))
    if all(isinstance(one, type | FunctionType) for one in others):
        for one in sorted(others, key=lambda one: (one.__module__, one.__qualname__)):
            yield Child(one, f"an element of {where}")
    else:
        yield Unknown(f"{where} is a set of objects in no order")


def _attributes(value: Any) -> dict[str, Any]:
    """The attributes of an object in its dictionary and its slots, sorted by name."""
    held = getattr(value, "__dict__", None)
    found = {name: one for name, one in held.items() if isinstance(name, str)} if isinstance(held, dict) else {}
    for name in copyreg._slotnames(type(value)):  # type: ignore[attr-defined]
        if hasattr(value, name):
            found[name] = getattr(value, name)
    return dict(sorted(found.items()))


def _hidden(value: Any, where: str) -> Iterator[Part]:
    """State that is in no attribute: what pickling would keep of it; unknown where it cannot be pickled."""
    kind = type(value)
    if kind in (dict, list, set, frozenset, bytearray, tuple):
        return
    reduce = copyreg.dispatch_table.get(kind)
    try:
        reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
    except Exception:  # each class refuses in its own way
        yield unknown(value, where)
        return
    if isinstance(reduced, str):
        yield from compiled(b"n", str(getattr(value, "__module__", None) or kind.__module__), reduced, where)
    elif reduce or any(getattr(kind, name) is not getattr(object, name) for name in ("__reduce__", "__reduce_ex__")):
        state = reduced[:3] + tuple(None if part is None else list(part) for part in reduced[3:5])
        yield Child(state, f"the state of {where}")


DESCRIBED: tuple[tuple[tuple[type, ...], Describe], ...] = (
    ((FunctionType,), function),
    ((MethodType,), method),
    ((partial,), partially),
    ((_lru_cache_wrapper,), remembered),
    ((Enum,), member),
    ((type,), klass),
    ((ModuleType,), module),
    ((BuiltinFunctionType, MethodWrapperType), builtin),
    (
        (
            WrapperDescriptorType,
            MethodDescriptorType,
            ClassMethodDescriptorType,
            GetSetDescriptorType,
            MemberDescriptorType,
        ),
        slot,
    ),
    ((property, staticmethod, classmethod), descriptor),
    ((CellType,), cell),
    ((CodeType,), code),
    ((range, slice), constant),
    ((PurePath,), path),
    ((weakref.ref,), reference),
    ((MappingProxyType,), proxy),
    ((logging.Filterer, logging.LoggerAdapter, type(threading.Lock()), type(threading.RLock())), stateless),
)
"""How instances of some classes are described, the first that fits."""
