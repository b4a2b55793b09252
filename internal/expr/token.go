package expr

import "strings"

// tokenKind is the lexical class of a token.
type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokInt
	tokBigInt // 9223372036854775808: an integer only after a minus
	tokFloat
	tokBool
	tokString
	tokRawString
	tokIdent
	tokPath        // name["key"][0]
	tokStructField // name[sub]
	tokStructIndex // name[0][sub]
	tokStructSub   // $[sub]
	tokMeta        // $meta

	tokLParen
	tokRParen
	tokLBracket
	tokRBracket
	tokLBrace
	tokRBrace
	tokComma
	tokAssign

	tokLT
	tokLE
	tokGT
	tokGE
	tokEQ
	tokNE
	tokRegex
	tokNotRegex
	tokAdd
	tokSub
	tokMul
	tokDiv
	tokMod
	tokPow
	tokShl
	tokShr
	tokBitAnd
	tokBitOr
	tokBitXor
	tokBitNot
	tokAnd
	tokOr
	tokNot
	tokIsNull
	tokIsNotNull

	tokLike
	tokIn
	tokExists
	tokInterval
	tokISO
	tokMinShouldMatch
	tokThreshold
	tokTextMatch
	tokTextMatchFuzzy
	tokPhraseMatch
	tokRandomSample
	tokElementFilter
	tokMatch          // match_all, match_any
	tokMatchThreshold // match_least, match_most, match_exact
	tokContains
	tokContainsAll
	tokContainsAny
	tokArrayLength
	tokSpatial // st_equals and the like: field, geometry
	tokSTDWithin
	tokSTIsValid
)

// keywords are the words of the language in lower case. A word is a keyword
// in lower case and in upper case; in any other it is a name.
var keywords = map[string]tokenKind{
	"and": tokAnd, "or": tokOr, "not": tokNot, "in": tokIn, "like": tokLike, "exists": tokExists,
	"interval": tokInterval, "iso": tokISO,
	"minimum_should_match": tokMinShouldMatch, "threshold": tokThreshold,
	"text_match": tokTextMatch, "text_match_fuzzy": tokTextMatchFuzzy, "phrase_match": tokPhraseMatch,
	"random_sample": tokRandomSample, "element_filter": tokElementFilter,
	"match_all": tokMatch, "match_any": tokMatch,
	"match_least": tokMatchThreshold, "match_most": tokMatchThreshold, "match_exact": tokMatchThreshold,
	"json_contains": tokContains, "array_contains": tokContains,
	"json_contains_all": tokContainsAll, "array_contains_all": tokContainsAll,
	"json_contains_any": tokContainsAny, "array_contains_any": tokContainsAny,
	"array_length": tokArrayLength,
	"st_equals":    tokSpatial, "st_touches": tokSpatial, "st_overlaps": tokSpatial, "st_crosses": tokSpatial,
	"st_contains": tokSpatial, "st_intersects": tokSpatial, "st_within": tokSpatial,
	"st_dwithin": tokSTDWithin, "st_isvalid": tokSTIsValid,
	"true": tokBool, "false": tokBool,
}

// keyword returns the kind of a word, tokIdent if it is a name.
func keyword(word string) tokenKind {
	if word == "True" || word == "False" {
		return tokBool
	}
	lower := strings.ToLower(word)
	if kind, ok := keywords[lower]; ok && (word == lower || word == strings.ToUpper(word)) {
		return kind
	}
	return tokIdent
}

// token is one token and what it stands for.
type token struct {
	kind     tokenKind
	pos, end int      // bytes of the text
	value    Value    // of a constant
	name     string   // of an identifier or path; of a keyword in lower case
	path     []string // accessors of a path
	quoted   []bool   // which accessors were strings
	sub      string   // sub-field of a struct
}

// Binding powers of the operators, tightest highest. They follow the order of
// the alternatives in Milvus's grammar.
const (
	precOr = iota + 1
	precAnd
	precBitOr
	precBitXor
	precBitAnd
	precEquality
	precRelation
	precRange
	precIn
	precShift
	precAdd
	precMul
	precUnary
	precPow
	precRegex
	precLike
	precExists
)

// precedence returns the binding power of a binary operator, 0 if the kind is
// none.
func (k tokenKind) precedence() int {
	switch k {
	case tokOr:
		return precOr
	case tokAnd:
		return precAnd
	case tokBitOr:
		return precBitOr
	case tokBitXor:
		return precBitXor
	case tokBitAnd:
		return precBitAnd
	case tokEQ, tokNE:
		return precEquality
	case tokLT, tokLE, tokGT, tokGE:
		return precRelation
	case tokIn:
		return precIn
	case tokShl, tokShr:
		return precShift
	case tokAdd, tokSub:
		return precAdd
	case tokMul, tokDiv, tokMod:
		return precMul
	case tokPow:
		return precPow
	case tokRegex, tokNotRegex:
		return precRegex
	case tokLike:
		return precLike
	}
	return 0
}
