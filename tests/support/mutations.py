"""Seeded scripts for fuzzing: mutations of given texts, and random ones drawn from the grammar of the language."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

TOKENS = """
( ) ( ) ( ) ! _ as let forall exists Constant Variable InputVariable true false par is const -> :weight :default :min
:max :lexico :oracles :weights :fwd-decls :recursion :grammars :file :command-line :constants x y f g S I B |a b| |x'0|
0 1 -1 12 007 1.5 -0.25 #xff #b01 #x #b2 "" "a" "a""b" "\\u{41}" "\\u{110000}" ; (* ) 99999999999999999999999 1e5
Bool Int Real String RegLan BitVec Array Map Weight (_ BitVec 8) (_ BitVec 65) (Array Int Int) (-> Int Int) U
CAM LIA LRA SLIA BV ALL PBE_SLIA INV_LIA QF_ABV
and or not => xor = distinct ite + - * / div mod abs <= < >= > select store str.++ str.len str.at str.to.int str.in_re
str.to_re re.* re.range re.loop (_ re.^ 3) (_ extract 3 0) bvadd bvudiv concat (_ is c) (_ char #x41) (_ bv5 8)
gap relu div0 softmax activation gradient square sqrt0
set-logic set-feature set-info set-option declare-var declare-datatype declare-datatypes declare-sort define-sort
define-fun declare-weight synth-fun synth-inv assume constraint inv-constraint chc-constraint check-synth optimize-synth
oracle-assume oracle-constraint declare-oracle-fun oracle-constraint-io oracle-constraint-cex
oracle-constraint-membership oracle-constraint-poswitness oracle-constraint-negwitness declare-correctness-oracle
declare-correctness-cex-oracle declare-primed-var define-fun-rec
"""

_WORDS = TOKENS.split()
ODD = ["\x00", "\ufeff", "é", "\U0001d6fc", "'", "`", "{", "}", "\\", "|", '"', "\t", "\r\n", ";", "#", ":", "\u2028"]

SORTS = ["Int", "Bool", "Real", "String", "RegLan", "(_ BitVec 8)", "(Array Int Bool)", "U", "D", "(L Int)", "Missing"]
LOGICS = ["LIA", "NIA", "LRA", "ALL", "ALL", "ALL", "SLIA", "BV", "CAM", "QF_AUFLIA", "nothing"]


def mutated(text: str, generator: random.Random, others: Sequence[str] = ()) -> str:  # noqa: C901 - one case an edit
    """The text with a few edits of words, characters, lists and lines; some taken from other texts."""
    words = _words(text)
    for _ in range(generator.choice([1, 1, 1, 2, 3, 6])):
        if not words:
            break
        at = generator.randrange(len(words))
        match generator.randrange(9):
            case 0:
                del words[at : at + generator.randint(1, 4)]
            case 1:
                words.insert(at, f" {generator.choice(_WORDS)} ")
            case 2:
                words[at] = f" {generator.choice(_WORDS)} "
            case 3:
                start, end = _list_at(words, at)
                words[at:at] = words[start:end]
            case 4:
                start, end = _list_at(words, at)
                other = generator.randrange(len(words))
                words[start:end] = words[slice(*_list_at(words, other))]
            case 5:
                other = generator.randrange(len(words))
                words[at], words[other] = words[other], words[at]
            case 6:
                word, place = words[at], generator.randrange(len(words[at]) + 1)
                words[at] = word[:place] + generator.choice(ODD) + word[place:]
            case 7:
                depth = generator.choice([3, 30, 300])
                words[at:at] = [" (not "] * depth + [" true "] + [")"] * generator.choice([depth, depth, depth - 1])
            case _:
                donor = _words(generator.choice(others)) if others else words
                place = generator.randrange(len(donor))
                words[at:at] = donor[slice(*_list_at(donor, place))]
    return "".join(words)


def _words(text: str) -> list[str]:
    """Parentheses, words and the spaces between them, which join to the text."""
    found, start = [], 0
    for place, character in enumerate(text):
        if character in "() \n\t":
            if place > start:
                found.append(text[start:place])
            found.append(character)
            start = place + 1
    return [*found, text[start:]] if start < len(text) else found


def _list_at(words: Sequence[str], at: int, longest: int = 400) -> tuple[int, int]:
    """From a parenthesis to its partner, else one word."""
    if words[at] != "(":
        return at, at + 1
    depth = 0
    for place in range(at, min(len(words), at + longest)):
        depth += {"(": 1, ")": -1}.get(words[place], 0)
        if depth == 0:
            return at, place + 1
    return at, at + 1


def random_script(generator: random.Random) -> str:
    """A script of random commands, nearly right: names and sorts are mostly declared, terms mostly well-sorted."""
    return _Writer(generator).script()


PREAMBLE = """(set-logic ALL)
(set-feature :oracles true)
(set-feature :weights true)
(set-feature :fwd-decls true)
(set-feature :recursion true)
(declare-sort U 0)
(declare-datatype D ((c) (d (e Int) (h D))))
(declare-datatypes ((L 1)) ((par (T) ((nil) (cons (head T) (tail (L T)))))))
(declare-weight size :default 1)"""

FORMS = {
    "Int": ["(+ Int Int)", "(* Int Int)", "(- Int)", "(div Int Int)", "(select (Array Int Int) Int)", "(e D)",
            "(str.len String)", "(head (L Int))", "(str.to.int String)", "(to_int Real)", "(mod Int Int)"],
    "Bool": ["(not Bool)", "(and Bool Bool)", "(= Int Int)", "(= D D)", "(distinct String String)", "((_ is c) D)",
             "((_ is cons) (L Int))", "(< Int Int)", "(forall ((z Int)) Bool)", "(exists ((z D)) (= z D))", "(= U U)",
             "(str.in_re String RegLan)", "(bvult (_ BitVec 8) (_ BitVec 8))", "(< Int Real)", "(=> Bool Bool Bool)"],
    "Real": ["(/ Real Real)", "(to_real Int)", "(+ Real Real)", "(- Real)"],
    "String": ["(str.++ String String)", "(str.at String Int)", "(str.from_int Int)", "(str.substr String Int Int)"],
    "RegLan": ["(str.to_re String)", "(re.* RegLan)", "(re.++ RegLan RegLan)", "((_ re.^ 2) RegLan)", "re.all"],
    "(_ BitVec 8)": ["(bvadd (_ BitVec 8) (_ BitVec 8))", "((_ rotate_left 3) (_ BitVec 8))", "(bvnot (_ BitVec 8))"],
    "D": ["(d Int D)", "(h D)", "(as c D)"],
    "(L Int)": ["(cons Int (L Int))", "(tail (L Int))", "(as nil (L Int))"],
    "(Array Int Int)": ["(store (Array Int Int) Int Int)", "((as const (Array Int Int)) Int)"],
    "U": [],
}  # fmt: skip
ATOMS = {
    "Int": ["0", "1", "-1", "12"], "Bool": ["true", "false"], "Real": ["1.5", "0.0"], "String": ['"a"', '""', '"a""b"'],
    "RegLan": ["re.none", "re.allchar"], "(_ BitVec 8)": ["#xff", "(_ bv5 8)", "#b00000001"], "D": ["c"],
    "(L Int)": ["(as nil (L Int))"], "(Array Int Int)": ["((as const (Array Int Int)) 0)"], "U": [],
}  # fmt: skip
_SORT = re.compile("|".join(re.escape(sort) + r"(?![\w-])" for sort in sorted(FORMS, key=len, reverse=True)))


class _Writer:
    """Draws commands; remembers names with their sorts, so that later commands can use them."""

    def __init__(self, generator: random.Random) -> None:
        self.draw = generator
        self.names: dict[str, list[str]] = {sort: [] for sort in FORMS}
        self.functions: list[tuple[str, list[str], str]] = []
        self.count = 0

    def script(self) -> str:
        head = PREAMBLE
        if self.draw.random() < 0.2:
            head = head.replace("ALL", self.draw.choice(LOGICS))
        commands = [f"(declare-var u{self.count} U)", *(self.variable() for _ in range(3)), self.function()]
        self.names["U"].append("u0")
        kinds = (self.sorts, self.variable, self.macro, self.function, self.function, self.statement, self.oracle)
        commands += [self.draw.choice((*kinds, self.setting))() for _ in range(self.draw.randint(2, 10))]
        commands.append(self.draw.choice(["(check-synth)", "(check-synth)", self.objective()]))
        return "\n".join([head, *commands])

    def slip(self) -> bool:
        """Whether to do something wrong here."""
        return self.draw.random() < 0.01

    def new(self) -> str:
        self.count += 1
        if self.slip():
            return self.draw.choice(["x", "as", "ite", "|x'0|", "D", "z"])
        return self.draw.choice([f"n{self.count}", f"|n {self.count}|"])

    def sort(self) -> str:
        if self.slip():
            return self.draw.choice([*SORTS, f"(Array {self.sort()} {self.sort()})", "(-> Int Bool)"])
        return self.draw.choice([*FORMS, "Int", "Bool", "Int"])

    def parameters(self) -> list[tuple[str, str]]:
        return [(self.new(), self.sort()) for _ in range(self.draw.randrange(3))]

    def term(self, sort: str, depth: int = 3, local: Sequence[tuple[str, str]] = (), binders: bool = True) -> str:
        if self.slip():
            sort = self.sort()
        names = [*self.names.get(sort, ()), *(name for name, its in local if its == sort)]
        atoms = [*ATOMS.get(sort, ()), *names, *names]
        calls = [(f, given) for f, given, result in self.functions if result == sort and given]
        forms = [form for form in FORMS.get(sort, ()) if binders or "((z" not in form]
        if depth == 0 or self.draw.random() < 0.25 or not forms:
            return self.draw.choice(atoms or ["unknown"])
        if calls and self.draw.random() < 0.3:
            name, given = self.draw.choice(calls)
            return f"({name} {' '.join(self.term(one, depth - 1, local, binders) for one in given)})"
        if self.draw.random() < 0.15:
            first = self.term("Bool", depth - 1, local, binders)
            return f"(ite {first} {self.term(sort, depth - 1, local, binders)} {self.term(sort, 0, local, binders)})"
        if binders and self.draw.random() < 0.1:
            other = self.sort()
            inner = self.term(sort, depth - 1, [*local, ("z", other)])
            return f"(let ((z {self.term(other, depth - 1, local)})) {inner})"
        form = self.draw.choice(forms)
        if form.startswith(("((as", "(as")):
            head, _, rest = form.rpartition(") ")
            return f"{head}) {_SORT.sub(lambda m: self.term(m[0], depth - 1, local, binders), rest)}" if head else form
        if form.startswith(("(forall", "(exists")):
            start, _, body = form.partition(")) ")
            bound = "Int" if "Int" in start else "D"
            inside = [*local, ("z", bound)]
            return f"{start})) {_SORT.sub(lambda m: self.term(m[0], depth - 1, inside), body)}"
        return _SORT.sub(lambda m: self.term(m[0], depth - 1, local, binders), form)

    def sorts(self) -> str:
        name, other = self.new(), f"E{self.count}"
        forms = (
            f"(declare-sort {name} {self.draw.randrange(3)})",
            f"(define-sort {name} {self.sort()})",
            f"(define-sort {name} (T) (Array T {self.sort()}))",
            f"(declare-datatype {name} (({self.new()}) ({self.new()} ({self.new()} {self.sort()})"
            f" ({self.new()} {name}))))",
            f"(declare-datatypes (({name} 0) ({other} 0)) ((({self.new()} ({self.new()} {other})))"
            f" (({self.new()}) ({self.new()} ({self.new()} {name}) ({self.new()} {self.sort()})))))",
        )
        return self.draw.choice(forms)

    def variable(self) -> str:
        name, sort = self.new(), self.sort()
        self.names.setdefault(sort, []).append(name)
        return f"(declare-var {name} {sort})"

    def macro(self) -> str:
        name, sort, given = self.new(), self.sort(), self.parameters()
        body = self.term(sort, 3, given)
        self.functions.append((name, [s for _, s in given], sort))
        return f"(define-fun {name} ({_listed(given)}) {sort} {body})"

    def function(self) -> str:
        name, sort, given = self.new(), self.sort(), self.parameters()
        head = f"(synth-fun {name} ({_listed(given)}) {sort}"
        groups = [
            (f"A{self.count}", sort),
            *((f"B{self.count}{i}", self.sort()) for i in range(self.draw.randrange(3))),
        ]
        written = " ".join(f"({n} {s} ({' '.join(self.production(s, [*given, *groups]))}))" for n, s in groups)
        self.functions.append((name, [s for _, s in given], sort))
        if self.draw.random() < 0.03:
            return f"{head})"
        return f"{head} ({_listed(groups)}) ({written}))" if self.draw.random() < 0.9 else f"{head} ({written}))"

    def production(self, sort: str, local: Sequence[tuple[str, str]]) -> list[str]:
        names, self.names = self.names, {}  # productions see no declared variables
        found = [self.term(sort, 2, local, binders=False) for _ in range(self.draw.randint(1, 4))]
        self.names = names
        if self.draw.random() < 0.3:
            found.append(f"({self.draw.choice(['Constant', 'Variable'])} {sort})")
        if self.draw.random() < 0.2:
            found[0] = f"(! {found[0]} :size {self.draw.randrange(3)})"
        return found

    def statement(self) -> str:
        given = self.parameters()
        forms = (
            f"(constraint {self.term('Bool')})", f"(constraint {self.term('Bool', 5)})",
            f"(assume {self.term('Bool')})",
            f"(chc-constraint ({_listed(given)}) {self.term('Bool', 2, given)} {self.term('Bool', 2, given)})",
            f"(inv-constraint {' '.join(self.function_name() for _ in range(4))})",
        )  # fmt: skip
        return self.draw.choice(forms)

    def function_name(self) -> str:
        if not self.functions:
            return "f"
        return self.draw.choice([name for name, _, _ in self.functions[-3:]])

    def oracle(self) -> str:
        kind = self.draw.choice(["io", "cex", "membership", "poswitness", "negwitness"])
        asked, told = self.parameters(), self.parameters()
        form = self.draw.choice(
            ["", " :file", " :command-line", " :file :file", " :other 1"][: 3 if not self.slip() else 5]
        )
        forms = (
            f"(oracle-constraint-{kind} {self.function_name()} o{form})",
            f"(declare-correctness-oracle {self.function_name()} o{form})",
            f"(declare-correctness-cex-oracle {self.function_name()} o{form})",
            f"(declare-weight {self.new()} :default 2)",
            f"(declare-oracle-fun {self.new()} ({self.sort()}) {self.sort()} average-drop)",
            f"(oracle-constraint ({_listed(asked)}) ({_listed(told)}) {self.term('Bool', 2, [*asked, *told])} o{form})",
            f"(oracle-assume ({_listed(asked)}) ({_listed(told)}) o {self.term('Bool', 2, [*asked, *told])}{form})",
        )
        return self.draw.choice(forms)

    def setting(self) -> str:
        value = self.draw.choice(["1", '"0 1 2"', '"0 x"', '""', "(a :b 1)", '"1e9 0x10"', "symbol"])
        return f"({self.draw.choice(['set-option :constants', 'set-option :a', 'set-info :status'])} {value})"

    def objective(self) -> str:
        direction = self.draw.choice(["min", "max", "min", "other"])
        return f"(optimize-synth ({self.term('Int', 2)} (! (_ size {self.function_name()}) :{direction})))"


def _listed(variables: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"({name} {sort})" for name, sort in variables)
