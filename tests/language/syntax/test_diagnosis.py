"""Texts that are no scripts: what the errors say, where they point, and that nothing else is ever raised."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sygus.errors import ParseError
from sygus.language.syntax import parse, parse_answer, parse_term

EXAMPLE = """\
; A comment.
(set-info :sygus-version "2.1")
(set-logic LIA)
(set-feature :weights true)
(declare-weight size :default 1)
(define-fun gradcam ((|a b| Int) (y (Array Int Bool))) Int (let ((x -1)) (+ x #x0F 1.5)))
(synth-fun f ((x Int)) Int
  ((W Int) (B Bool))
  ((W Int (x (Constant Int) (! (+ W W) :size 2)))
   (B Bool (true (forall-like x) ((_ extract 3 0) x)))))
(constraint (exists ((y Int)) (= (f y) "text")))
(optimize-synth ((! (_ size f) :min)) :lexico)
"""


ERRORS = [
    ("", "the file holds no commands", 1, 1),
    ("; nothing\n", "the file holds no commands", 1, 1),
    ("(set-logic LIA)\n(chek-synth)", "unknown command 'chek-synth'; did you mean 'check-synth'?", 2, 2),
    ("( ; c\nassert x)", "unknown command 'assert'; did you mean 'constraint'?", 2, 1),
    ("(qqq)", "unknown command 'qqq'; the usual ones are", 1, 2),
    ("()", "expected the name of a command, but found ')'", 1, 2),
    ("int main() { return 0; }", "expected a command in parentheses, but found 'int'; a file is a list", 1, 1),
    ("(set-logic LIA) x", "expected a command in parentheses, but found 'x'", 1, 17),
    ("\x00\x01", "the character '\\x00' is part of no symbol", 1, 1),
    (
        "(constraint (= x 1)\n\n(check-synth)",
        "the '(' opened here is never closed; a ')' is missing before (check-synth in line 3",
        1,
        1,
    ),
    ("(constraint (= x 1) (check-synth))\n(", "the '(' opened here is never closed", 1, 1),
    ("(check-synth)\n  (constraint (= x", "the '(' opened here is never closed; add a ')'", 2, 15),
    ("(check-synth)\n)", "this ')' closes nothing; remove it", 2, 1),
    ("(constraint (= x 1)))\n(check-synth)", "this ')' closes nothing", 1, 21),
    ('(set-info :a "abc)\n(check-synth)', "the string opened here is never closed", 1, 14),
    ('(set-info :a "abc)\n(set-info :b "d")', "the string opened here is never closed", 1, 14),
    ("(constraint |abc)", "the quoted symbol opened here is never closed", 1, 13),
    ("(declare-var x)", "expected a sort, but found ')'; the form is (declare-var NAME SORT)", 1, 15),
    ("(declare-var 5 Int)", "expected a name, but found '5'", 1, 14),
    ("(declare-var 1x Int)", "'1x' is neither a number nor a symbol", 1, 14),
    ("(declare-sort S x)", "expected a natural number, but found 'x'", 1, 17),
    ("(declare-sort S -1)", "'-1' is no index or arity", 1, 17),
    (f"(declare-sort S {'9' * 5000})", "is no index or arity", 1, 17),
    ("(declare-var x (Foo 3))", "a number is no argument of a sort", 1, 16),
    ("(constraint 1e-05)", "'1e-05' is no number; literals have no exponent, write 1e-05 as 0.00001", 1, 13),
    ("(constraint -1.5e3)", "'-1.5e3' is no number", 1, 13),
    ("(constraint 007)", "'007' is no number; leading zeros are not allowed", 1, 13),
    ("(constraint #xZZ)", "'#xZZ' is no bit-vector literal", 1, 13),
    ("(constraint xλ)", "the character 'λ' is part of no symbol; other names are quoted", 1, 14),
    ("(set-info : x)", "':' is no keyword", 1, 11),
    ("(set-info :status)", "expected a value, but found ')'", 1, 18),
    ("(set-feature oracles true)", "expected a keyword such as :name, but found 'oracles'", 1, 14),
    ("(set-feature :oracles yes)", "expected true or false, but found 'yes'", 1, 23),
    ("(define-fun f Int 1)", "expected '(', but found 'Int'; the form is (define-fun NAME", 1, 15),
    ("(define-fun let () Int 1)", "'let' is a reserved word; a name is needed here: quote it, |let|", 1, 13),
    ("(constraint (f))", "'f' is applied to no arguments; a constant stands without parentheses: f", 1, 13),
    ("(constraint (3 x))", "expected the name of a function, but found '3'", 1, 14),
    ("(constraint ((f x) y))", "expected '_' and an indexed name, but found 'f'", 1, 15),
    ("(constraint (_ f))", "expected an index, but found ')'", 1, 17),
    ("(constraint (! x))", "expected a keyword such as :name, but found ')'", 1, 17),
    ("(constraint x y)", "expected ')', but found 'y'; the form is (constraint TERM)", 1, 15),
    ("(constraint (exists () x))", "expected '(', but found ')'", 1, 22),
    ("(constraint (let ((x (f 1) 2)) x))", "'x' is bound to two terms", 1, 19),
    ("(constraint (Constant Int))", "'Constant' is a reserved word; (Constant S) may stand only in the rules", 1, 14),
    ("(synth-fun f () Int ((S Int)) ((S Int ((exists ((y Int)) y)))))", "'exists' is a reserved word", 1, 41),
    ("(synth-fun f () Int ((S Int)) ((S Int ())))", "expected a term, but found ')'; the form is (synth-fun", 1, 40),
    ("(oracle-constraint () () (f x) (g x))", "the name of the oracle is missing", 1, 1),
    ("(declare-datatypes ((A 0) (B 0)) (((a))))", "2 names of datatypes, but 1 datatypes", 1, 1),
    ("(define-sort S (A (B C)) Int)", "this is no list of sort parameters", 1, 16),
    ("(optimize-synth (! x :min))", "the objectives are no list", 1, 17),
]


@pytest.mark.parametrize(("text", "message", "line", "column"), ERRORS, ids=[repr(text[:40]) for text, *_ in ERRORS])
def test_errors_say_what_is_wrong_and_where(text, message, line, column):
    with pytest.raises(ParseError) as caught:
        parse(text, "bad.sl")
    assert str(caught.value).startswith(f"bad.sl:{line}:{column}: ")
    assert message in str(caught.value).replace("\n", " ")
    assert (caught.value.position.line, caught.value.position.column) == (line, column)
    assert caught.value.text == text


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (parse_term, "", "<expression>:1:1: expected a term, but found the end of the text"),
        (parse_term, "x y", "<expression>:1:3: expected the end of the text, but found 'y'"),
        (parse_term, "(+ 1", "<expression>:1:1: the '(' opened here is never closed"),
        (parse_term, "(Constant Int)", "<expression>:1:2: 'Constant' is a reserved word"),
        (parse_answer, "infeasible", "<answer>:1:1: expected '(', but found 'infeasible'; an answer is"),
        (parse_answer, "((define-fun f () Int 1)", "<answer>:1:1: the '(' opened here is never closed"),
        (parse_answer, "((check-synth))", "<answer>:1:3: 'check-synth' is a reserved word"),
    ],
)
def test_errors_of_terms_and_answers(reader, text, message):
    with pytest.raises(ParseError) as caught:
        reader(text)
    assert str(caught.value).startswith(message)


def test_an_error_shows_the_line_with_a_caret():
    with pytest.raises(ParseError) as caught:
        parse("(set-logic LIA)\n  (chek-synth)", "bad.sl")
    assert str(caught.value).splitlines()[1:] == ["    (chek-synth)", "     ^^^^^^^^^^"]


def mistake_in(text):
    """The error of a text that does not parse; anything but a ParseError fails the test."""
    try:
        parse(text)
    except ParseError as error:
        return error
    return None


def parses_or_explains(text):
    error = mistake_in(text)
    if error:
        assert 1 <= error.position.line <= text.count("\n") + 1
        assert error.position.column >= 1
        assert error.message in str(error)


@given(st.text() | st.text(alphabet='()|";:#!_ \n-01ax.λ\x00'))
@settings(max_examples=300)
def test_garbage_is_explained(text):
    parses_or_explains(text)


@given(
    st.integers(0, len(EXAMPLE)),
    st.integers(0, 12),
    st.sampled_from(["", "(", ")", "|", '"', "1", "x", " let ", ":", "(_ ", "#", "\n", "(check-synth)"]),
)
@settings(max_examples=300)
def test_mutated_scripts_parse_or_are_explained(start, length, inserted):
    parses_or_explains(EXAMPLE[:start] + inserted + EXAMPLE[start + length :])
