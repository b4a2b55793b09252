package expr

import (
	"fmt"
	"strings"
)

const (
	// maxDepth bounds the nesting of brackets, calls and prefix operators, and
	// with it every recursion over a filter.
	maxDepth = 1000
	// maxNodes bounds the memory that a filter takes, about 200 bytes a node;
	// the elements of a list of constants are not nodes.
	maxNodes = 1 << 20
	// lookahead is how many tokens the parser may peek at.
	lookahead = 3
)

// parser turns a filter into its syntax tree, by precedence climbing.
type parser struct {
	lex    lexer
	ahead  [lookahead]token // a ring of the tokens peeked at
	first  int
	filled int
	err    error // of the lexer, once all tokens before it are taken
	depth  int
	nodes  int
}

// parse returns the syntax tree of a filter that is not empty.
func parse(text string) (syntax, error) {
	p := &parser{lex: lexer{text: text}}
	root, err := p.expression(1)
	if err != nil {
		return nil, err
	}
	t, err := p.peek(0)
	if err != nil {
		return nil, err
	}
	if t.kind != tokEOF {
		return nil, fmt.Errorf("invalid expression: %s", abridged(text, maxQuoted))
	}
	return root, nil
}

// peek returns the token i places ahead; the pointer holds until the next take.
func (p *parser) peek(i int) (*token, error) {
	for p.filled <= i {
		if p.err != nil {
			return nil, p.err
		}
		t, err := p.lex.next()
		if err != nil {
			p.err = err
			return nil, err
		}
		p.ahead[(p.first+p.filled)%lookahead] = t
		p.filled++
	}
	return &p.ahead[(p.first+i)%lookahead], nil
}

// is reports whether the token i places ahead is of one of the kinds. An error
// of the lexer comes up when the token is taken.
func (p *parser) is(i int, kinds ...tokenKind) bool {
	t, err := p.peek(i)
	if err != nil {
		return false
	}
	for _, k := range kinds {
		if t.kind == k {
			return true
		}
	}
	return false
}

func (p *parser) take() (token, error) {
	t, err := p.peek(0)
	if err != nil {
		return token{}, err
	}
	taken := *t
	p.first = (p.first + 1) % lookahead
	p.filled--
	return taken, nil
}

// expect takes a token of the kind.
func (p *parser) expect(kind tokenKind, want string) (token, error) {
	t, err := p.take()
	if err != nil {
		return token{}, err
	}
	if t.kind != kind {
		return token{}, p.unexpected(t, want)
	}
	return t, nil
}

func (p *parser) unexpected(t token, want string) error {
	text := "<EOF>"
	if t.kind != tokEOF {
		text = abridged(p.lex.text[t.pos:t.end], 64)
	}
	return syntaxError(t.pos, "mismatched input '%s' expecting %s", text, want)
}

// count notes a node.
func (p *parser) count() error {
	if p.nodes++; p.nodes > maxNodes {
		return fmt.Errorf("the expression has more than %d terms", maxNodes)
	}
	return nil
}

// nested reads an expression inside a bracket or behind a prefix operator.
func (p *parser) nested(least int) (syntax, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("the expression is nested deeper than %d levels", maxDepth)
	}
	out, err := p.expression(least)
	p.depth--
	return out, err
}

// expression reads an expression whose operators bind at least as tightly as
// least.
func (p *parser) expression(least int) (syntax, error) {
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	var run *chain // the chain that left is, while it grows
	for {
		t, err := p.peek(0)
		if err != nil {
			return nil, err
		}
		if least <= precRange && p.rangeAhead(t.kind) {
			if left, err = p.between(left); err != nil {
				return nil, err
			}
			run = nil
			continue
		}
		prec := t.kind.precedence()
		if t.kind == tokNot && p.is(1, tokIn) {
			prec = precIn
		}
		if prec == 0 || prec < least {
			return left, nil
		}
		next, err := p.link(prec)
		if err != nil {
			return nil, err
		}
		if run == nil || run.rest[0].op.precedence() != prec {
			run = &chain{first: left, span: left.bounds()}
			left = run
		}
		run.rest = append(run.rest, next)
		run.end = next.operand.bounds().end
	}
}

// link reads a binary operator and its right operand.
func (p *parser) link(prec int) (link, error) {
	if err := p.count(); err != nil {
		return link{}, err
	}
	op, err := p.take()
	if err != nil {
		return link{}, err
	}
	out := link{op: op.kind}
	if op.kind == tokNot {
		out.op, out.negated = tokIn, true
		if _, err := p.take(); err != nil {
			return link{}, err
		}
	}
	// A right operand binds tighter: all operators group to the left.
	out.operand, err = p.expression(prec + 1)
	return out, err
}

// rangeAhead reports whether op is the first of a chained range: op field op.
func (p *parser) rangeAhead(op tokenKind) bool {
	switch op {
	case tokLT, tokLE:
		return p.is(1, tokIdent, tokPath, tokStructSub, tokStructIndex) && p.is(2, tokLT, tokLE)
	case tokGT, tokGE:
		return p.is(1, tokIdent, tokPath, tokStructSub, tokStructIndex) && p.is(2, tokGT, tokGE)
	}
	return false
}

func (p *parser) between(left syntax) (syntax, error) {
	if b, ok := left.(*between); ok {
		return nil, fmt.Errorf("lowerbound cannot be a non-const expression: %s", abridged(p.lex.text[b.pos:b.end], 64))
	}
	op1, err := p.take()
	if err != nil {
		return nil, err
	}
	field, err := p.primary()
	if err != nil {
		return nil, err
	}
	op2, err := p.take()
	if err != nil {
		return nil, err
	}
	right, err := p.expression(precRange + 1)
	if err != nil {
		return nil, err
	}
	return &between{
		span: span{left.bounds().pos, right.bounds().end}, left: left, right: right, field: field,
		leftIn: op1.kind == tokLE || op1.kind == tokGE, rightIn: op2.kind == tokLE || op2.kind == tokGE,
		greater: op1.kind == tokGT || op1.kind == tokGE,
	}, nil
}

// operand reads prefix operators and what they apply to.
func (p *parser) operand() (syntax, error) {
	t, err := p.peek(0)
	if err != nil {
		return nil, err
	}
	start := t.pos
	var ops []tokenKind
	for p.is(0, tokAdd, tokSub, tokBitNot, tokNot) {
		op, err := p.take()
		if err != nil {
			return nil, err
		}
		ops = append(ops, op.kind)
	}
	if len(ops) > 0 {
		operand, err := p.nested(precUnary)
		if err != nil {
			return nil, err
		}
		return &unary{span{start, operand.bounds().end}, ops, operand}, p.count()
	}
	if p.is(0, tokExists) {
		if _, err := p.take(); err != nil {
			return nil, err
		}
		operand, err := p.nested(precExists)
		if err != nil {
			return nil, err
		}
		return &existsTest{span{start, operand.bounds().end}, operand}, p.count()
	}
	return p.primary()
}

// primary reads what binds tightest: constants, names, brackets and calls.
func (p *parser) primary() (syntax, error) {
	if err := p.count(); err != nil {
		return nil, err
	}
	t, err := p.take()
	if err != nil {
		return nil, err
	}
	at := span{t.pos, t.end}
	switch t.kind {
	case tokInt, tokFloat, tokBool:
		return &literal{span: at, value: t.value}, nil
	case tokString, tokRawString:
		return &literal{span: at, value: t.value, raw: t.kind == tokRawString}, nil
	case tokBigInt:
		return &literal{span: at, big: true}, nil
	case tokIdent:
		if p.is(0, tokLParen) {
			return p.call(t)
		}
		return p.nullTest(&identifier{at, t.name})
	case tokPath:
		return p.nullTest(&accessPath{at, t.name, t.path, t.quoted})
	case tokMeta:
		return &identifier{at, t.name}, nil
	case tokStructField, tokStructIndex, tokStructSub:
		return &structRef{at, t.name, t.sub, t.kind}, nil
	case tokLBrace:
		return p.placeholder(t)
	case tokLParen:
		return p.parens()
	case tokLBracket:
		return p.list(t)
	case tokContains, tokContainsAll, tokContainsAny, tokArrayLength:
		return p.call(t)
	}
	return p.unsupported(t)
}

// nullTest returns field, or the test for null that follows it.
func (p *parser) nullTest(field syntax) (syntax, error) {
	if !p.is(0, tokIsNull, tokIsNotNull) {
		return field, nil
	}
	t, err := p.take()
	if err != nil {
		return nil, err
	}
	return &nullTest{span{field.bounds().pos, t.end}, field, t.kind == tokIsNotNull}, nil
}

func (p *parser) placeholder(open token) (syntax, error) {
	t, err := p.expect(tokIdent, "Identifier")
	if err != nil {
		return nil, err
	}
	end, err := p.expect(tokRBrace, "'}'")
	return &placeholder{span{open.pos, end.end}, t.name}, err
}

func (p *parser) parens() (syntax, error) {
	inner, err := p.nested(1)
	if err != nil {
		return nil, err
	}
	_, err = p.expect(tokRParen, "')'")
	return inner, err
}

// list reads the rest of a list whose bracket was taken.
func (p *parser) list(open token) (syntax, error) {
	out := &listLiteral{span: span{open.pos, open.end}, values: &List{}}
	for !p.is(0, tokRBracket) { // a comma may trail
		if err := p.element(out); err != nil {
			return nil, err
		}
		if p.is(0, tokRBracket) {
			break
		}
		if _, err := p.expect(tokComma, "{',', ']'}"); err != nil {
			return nil, err
		}
	}
	end, err := p.take()
	out.end = end.end
	return out, err
}

// element reads one element of a list.
func (p *parser) element(out *listLiteral) error {
	if out.items == nil {
		v, ok, err := p.constant()
		if err != nil {
			return err
		}
		if ok {
			out.values.add(v)
			return nil
		}
	}
	item, err := p.nested(1)
	if err != nil {
		return err
	}
	if out.items == nil {
		for i := range out.values.Len() {
			out.items = append(out.items, &literal{span: out.span, value: out.values.At(i)})
		}
		out.values = &List{}
	}
	out.items = append(out.items, item)
	return nil
}

// constant reads a plain constant, perhaps a negative number, if it is a whole
// element of a list.
func (p *parser) constant() (Value, bool, error) {
	sign := 0
	if p.is(0, tokSub) {
		sign = 1
	}
	if !p.is(sign+1, tokComma, tokRBracket) || sign == 0 && !p.is(0, tokInt, tokFloat, tokString, tokRawString, tokBool) ||
		sign == 1 && !p.is(1, tokInt, tokFloat) {
		return Value{}, false, nil
	}
	if sign == 1 {
		if _, err := p.take(); err != nil {
			return Value{}, false, err
		}
	}
	t, err := p.take()
	if err != nil {
		return Value{}, false, err
	}
	switch {
	case sign == 1 && t.kind == tokInt:
		return IntValue(-t.value.Int()), true, nil
	case sign == 1:
		return FloatValue(-t.value.Float()), true, nil
	}
	return t.value, true, nil
}

// call reads the arguments of a function whose name was taken.
func (p *parser) call(fn token) (syntax, error) {
	out := &call{span: span{fn.pos, fn.end}, kind: fn.kind, name: strings.ToLower(fn.name)}
	args, end, err := p.arguments()
	out.args, out.end = args, end
	return out, err
}

// arguments reads (a, b, ...); a comma may trail.
func (p *parser) arguments() (args []syntax, end int, err error) {
	if _, err = p.expect(tokLParen, "'('"); err != nil {
		return nil, 0, err
	}
	for !p.is(0, tokRParen) {
		arg, err := p.nested(1)
		if err != nil {
			return nil, 0, err
		}
		args = append(args, arg)
		if !p.is(0, tokComma) {
			break
		}
		if _, err := p.take(); err != nil {
			return nil, 0, err
		}
	}
	t, err := p.expect(tokRParen, "')'")
	return args, t.end, err
}

// unsupported reads the forms that this version refuses by name.
func (p *parser) unsupported(t token) (syntax, error) {
	out := &refused{span: span{t.pos, t.end}, what: t.name}
	switch t.kind {
	case tokISO, tokInterval:
		out.what = strings.ToUpper(t.name)
		end, err := p.expect(tokString, "StringLiteral")
		out.end = end.end
		return out, err
	case tokTextMatch, tokTextMatchFuzzy, tokPhraseMatch, tokRandomSample, tokElementFilter, tokMatch,
		tokMatchThreshold, tokSpatial, tokSTDWithin, tokSTIsValid:
		return out, p.refusedCall(out)
	}
	return nil, p.unexpected(t, "an operand")
}

// refusedCall reads the arguments of a function that is refused; they may be
// options: name = 3.
func (p *parser) refusedCall(out *refused) error {
	if _, err := p.expect(tokLParen, "'('"); err != nil {
		return err
	}
	for first := true; ; first = false {
		switch {
		case p.is(0, tokIdent, tokMinShouldMatch, tokThreshold) && p.is(1, tokAssign):
			if _, err := p.take(); err != nil {
				return err
			}
			if _, err := p.take(); err != nil {
				return err
			}
			if _, err := p.expect(tokInt, "IntegerConstant"); err != nil {
				return err
			}
		default:
			arg, err := p.nested(1)
			if err != nil {
				return err
			}
			if n, ok := arg.(*identifier); ok && first {
				out.field = n.name
			}
		}
		t, err := p.take()
		if err != nil {
			return err
		}
		if t.kind == tokRParen {
			out.end = t.end
			return nil
		}
		if t.kind != tokComma {
			return p.unexpected(t, "{',', ')'}")
		}
	}
}
