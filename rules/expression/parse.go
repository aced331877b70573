package expression

import (
	"errors"
	"strings"

	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// parseProblem says in a rule author's words what the parser stumbles over.
func parseProblem(source string, err error) Problem {
	var at *file.Error
	if !errors.As(err, &at) {
		return Problem{Message: "the condition can't be parsed: " + err.Error()}
	}
	p := Problem{From: at.From, Message: at.Message}
	switch said := at.Message; {
	case strings.HasPrefix(said, `unexpected token Operator("=")`):
		p.Hint = "equality is written `==`"
	case strings.HasPrefix(said, "unexpected token EOF"), strings.HasPrefix(said, "unexpected end"):
		return unfinished(source, at.From)
	case strings.Contains(said, "value out of range"), strings.Contains(said, "literal is too large"):
		p.From, p.Message = numberBefore(source, at.From), "the number is too large"
		if !strings.Contains(said, "float") {
			p.Hint = "the largest whole number is 9223372036854775807"
		}
	case strings.HasPrefix(said, "invalid ") && strings.Contains(said, " literal: "):
		p.From, p.Message = numberBefore(source, at.From), "this is not a number"
	case strings.HasPrefix(said, "literal not terminated"):
		p.Message, p.Hint = "a text is not closed", "close the quote"
	}
	return p
}

// numberBefore is where the number stands that the parser has just read when it
// says that it is none.
func numberBefore(source string, end int) int {
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return end
	}
	from := end
	for _, t := range tokens {
		if t.Is(lexer.Number) && t.From < end {
			from = t.From
		}
	}
	return from
}

// unfinished says what is missing at the end of a condition.
func unfinished(source string, end int) Problem {
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return Problem{From: end, Message: "the condition can't be parsed: " + err.Error()}
	}
	closing := map[string]string{"(": ")", "[": "]", "{": "}"}
	var open []lexer.Token
	for _, t := range tokens {
		switch {
		case t.Is(lexer.Bracket) && closing[t.Value] != "":
			open = append(open, t)
		case t.Is(lexer.Bracket) && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return Problem{From: end, Message: "the condition ends too soon: something must follow"}
	}
	last := open[len(open)-1]
	return Problem{From: last.From, Message: "`" + last.Value + "` is opened here and never closed", Hint: "close it with `" + closing[last.Value] + "`"}
}
