package expr

import (
	"strconv"
	"strings"
)

// write writes the node as a filter that parses back to it. Terms of And, Or
// and Not that are And or Or themselves are put in brackets.
func write(b *strings.Builder, n Node) {
	switch n := n.(type) {
	case *Const:
		b.WriteString(strconv.FormatBool(n.Value))
	case *And:
		writeTerms(b, n.Terms, " and ")
	case *Or:
		writeTerms(b, n.Terms, " or ")
	case *Not:
		writeNot(b, n.Term)
	case *IsNull:
		n.Ref.write(b)
		b.WriteString(" is null")
	case *Exists:
		b.WriteString("exists ")
		n.Ref.write(b)
	case *Compare:
		n.Ref.write(b)
		writeCompared(b, n.Op, n.Value)
	case *Range:
		n.write(b)
	case *In:
		writeMembers(b, n.Ref, " in ", n.Set.values())
	case *Like:
		n.Ref.write(b)
		b.WriteString(" like ")
		writeQuoted(b, n.Pattern.text)
	case *Regex:
		n.Ref.write(b)
		b.WriteString(" =~ ")
		writeRegex(b, n.Pattern)
	case *ArithCompare:
		b.WriteByte('(')
		n.Ref.write(b)
		b.WriteString(" " + n.Arith.String() + " ")
		n.Operand.write(b)
		b.WriteByte(')')
		writeCompared(b, n.Op, n.Value)
	case *LengthCompare:
		b.WriteString("array_length(")
		n.Ref.write(b)
		b.WriteByte(')')
		writeCompared(b, n.Op, IntValue(n.Value))
	case *Contains:
		n.write(b)
	case *ListEqual:
		writeMembers(b, n.Ref, " == ", n.Values)
	case *CompareFields:
		n.Left.write(b)
		b.WriteString(" " + n.Op.String() + " ")
		n.Right.write(b)
	}
}

func writeTerms(b *strings.Builder, terms []Node, joint string) {
	for i, t := range terms {
		if i > 0 {
			b.WriteString(joint)
		}
		writeTerm(b, t)
	}
}

func writeTerm(b *strings.Builder, n Node) {
	switch n.(type) {
	case *And, *Or:
		b.WriteByte('(')
		write(b, n)
		b.WriteByte(')')
	default:
		write(b, n)
	}
}

// writeNot writes the negation of a term, by its own operator if it has one.
func writeNot(b *strings.Builder, term Node) {
	switch n := term.(type) {
	case *IsNull:
		n.Ref.write(b)
		b.WriteString(" is not null")
	case *In:
		writeMembers(b, n.Ref, " not in ", n.Set.values())
	case *ListEqual:
		writeMembers(b, n.Ref, " != ", n.Values)
	case *Regex:
		n.Ref.write(b)
		b.WriteString(" !~ ")
		writeRegex(b, n.Pattern)
	default:
		b.WriteString("not (")
		write(b, term)
		b.WriteByte(')')
	}
}

func writeCompared(b *strings.Builder, op CompareOp, v Value) {
	b.WriteString(" " + op.String() + " ")
	v.write(b)
}

func writeMembers(b *strings.Builder, r *Ref, op string, l *List) {
	r.write(b)
	b.WriteString(op)
	l.write(b)
}

// write writes a chained range; an empty one, which cannot be written so, as
// its two bounds.
func (r *Range) write(b *strings.Builder) {
	if r.empty() {
		lower, upper := Range{Ref: r.Ref, Lower: r.Lower, LowerIn: r.LowerIn}, Range{Ref: r.Ref, Upper: r.Upper, UpperIn: r.UpperIn}
		b.WriteByte('(')
		writeTerms(b, []Node{lower.simplest(), upper.simplest()}, " and ")
		b.WriteByte(')')
		return
	}
	r.Lower.write(b)
	b.WriteString(lessSign(r.LowerIn))
	r.Ref.write(b)
	b.WriteString(lessSign(r.UpperIn))
	r.Upper.write(b)
}

func lessSign(in bool) string {
	if in {
		return " <= "
	}
	return " < "
}

func (c *Contains) write(b *strings.Builder) {
	b.WriteString([...]string{"json_contains(", "json_contains_any(", "json_contains_all("}[c.Mode])
	c.Ref.write(b)
	b.WriteString(", ")
	if c.Mode == ContainsOne {
		c.Values.At(0).write(b)
	} else {
		c.Values.write(b)
	}
	b.WriteByte(')')
}

// String returns what is read as a filter writes it.
func (r *Ref) String() string {
	var b strings.Builder
	r.write(&b)
	return b.String()
}

func (r *Ref) write(b *strings.Builder) {
	b.WriteString(r.Field.Name)
	if r.Index >= 0 {
		b.WriteString("[" + strconv.Itoa(r.Index) + "]")
	}
	for _, key := range r.Path {
		b.WriteByte('[')
		if isIndex(key) {
			b.WriteString(key)
		} else {
			writeQuoted(b, key)
		}
		b.WriteByte(']')
	}
}

// isIndex reports whether a key can be written as a number.
func isIndex(key string) bool {
	for i := range len(key) {
		if !isDigit(key[i]) {
			return false
		}
	}
	return key == "0" || key != "" && key[0] != '0'
}
