package schema

import (
	"fmt"
	"strings"

	"github.com/redkite-db/redkite/internal/merr"
)

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(c byte) bool   { return c == '_' || isLetter(c) || isDigit(c) }

// each reports whether every byte of s from the one at i on is good.
func each(s string, i int, good func(byte) bool) bool {
	for ; i < len(s); i++ {
		if !good(s[i]) {
			return false
		}
	}
	return true
}

// CheckCollectionName says what is wrong with the name of a collection.
func (l Limits) CheckCollectionName(name string) error { return l.checkEntity(name, "name") }

// CheckAlias says what is wrong with the name of an alias.
func (l Limits) CheckAlias(name string) error { return l.checkEntity(name, "alias") }

func (l Limits) checkEntity(name, kind string) error {
	switch {
	case name == "":
		return merr.ParameterInvalid.Msg("collection %s should not be empty", kind)
	case len(name) > l.NameLength:
		return merr.ParameterInvalid.Msg("Invalid collection %s: %s. the length of a collection %s must be less than %d characters", kind, name, kind, l.NameLength)
	case name[0] != '_' && !isLetter(name[0]):
		return merr.ParameterInvalid.Msg("Invalid collection %s: %s. the first character of a collection %s must be an underscore or letter", kind, name, kind)
	case !each(name, 1, isWord):
		return merr.ParameterInvalid.Msg("Invalid collection %s: %s. collection %s can only contain numbers, letters and underscores", kind, name, kind)
	}
	return nil
}

// CheckDatabaseName says what is wrong with the name of a database.
func (l Limits) CheckDatabaseName(name string) error {
	bad := func(why string) error {
		return merr.Wrap(merr.DatabaseInvalidName.With(merr.KV{Key: "database", Value: name}), "%s", why)
	}
	switch {
	case name == "":
		return bad("database name couldn't be empty")
	case len(name) > l.NameLength:
		return bad(fmt.Sprintf("the length of a database name must be less than %d characters", l.NameLength))
	case name[0] != '_' && !isLetter(name[0]):
		return bad("the first character of a database name must be an underscore or letter")
	case !each(name, 1, isWord):
		return bad("database name can only contain numbers, letters and underscores")
	}
	return nil
}

// CheckPartitionName says what is wrong with the name of a partition. Strict
// checks the characters too: names in reads are only looked up.
func (l Limits) CheckPartitionName(name string, strict bool) error {
	name = strings.TrimSpace(name)
	bad := func(why string) error { return merr.ParameterInvalid.Msg("Invalid partition name: %s. %s", name, why) }
	switch {
	case name == "":
		return bad("Partition name should not be empty.")
	case len(name) > l.NameLength:
		return bad(fmt.Sprintf("The length of a partition name must be less than %d characters.", l.NameLength))
	case !strict:
		return nil
	case !isWord(name[0]):
		return bad("The first character of a partition name must be an underscore or letter.")
	case !each(name, 1, func(c byte) bool { return isWord(c) || c == '-' }):
		return bad("Partition name can only contain numbers, letters and underscores.")
	}
	return nil
}

// CheckIndexName says what is wrong with the name of an index; it may be empty.
func (l Limits) CheckIndexName(name string) error {
	name = strings.TrimSpace(name)
	bad := func(why string) error { return merr.ParameterInvalid.Msg("Invalid index name: %s. %s", name, why) }
	switch {
	case name == "":
		return nil
	case len(name) > l.NameLength:
		return bad(fmt.Sprintf("The length of a index name must be less than %d characters.", l.NameLength))
	case name[0] != '_' && !isLetter(name[0]):
		return bad("The first character of a index name must be an underscore or letter.")
	case !each(name, 1, func(c byte) bool { return isWord(c) || c == '[' || c == ']' }):
		return bad("Index name can only contain numbers, letters, underscores and square brackets.")
	}
	return nil
}

// isKeyword reports whether the filter language keeps the word for itself.
func isKeyword(name string) bool {
	switch name {
	case DynamicName, "like", "exists", "EXISTS", "and", "or", "not", "in",
		"json_contains", "JSON_CONTAINS", "json_contains_all", "JSON_CONTAINS_ALL", "json_contains_any", "JSON_CONTAINS_ANY",
		"array_contains", "ARRAY_CONTAINS", "array_contains_all", "ARRAY_CONTAINS_ALL", "array_contains_any", "ARRAY_CONTAINS_ANY",
		"array_length", "ARRAY_LENGTH", "true", "True", "TRUE", "false", "False", "FALSE",
		"text_match", "TEXT_MATCH", "phrase_match", "PHRASE_MATCH", "random_sample", "RANDOM_SAMPLE":
		return true
	}
	return strings.EqualFold(name, "null")
}

// isSystemField reports whether the server keeps a field of that name for itself.
func isSystemField(name string) bool {
	switch name {
	case "RowID", "Timestamp", "__virtual_pk__", "$namespace_id":
		return true
	}
	return false
}

// CheckFieldName says what is wrong with the name of a field.
func (l Limits) CheckFieldName(name string) error {
	bad := func(why string) error {
		return merr.Wrap(merr.FieldInvalidName.With(merr.KV{Key: "field", Value: name}), "%s", why)
	}
	prefix := "Invalid field name: " + name + ". "
	switch {
	case strings.TrimSpace(name) == "":
		return bad("field name should not be empty")
	case len(name) > l.NameLength:
		return bad(fmt.Sprintf("%sThe length of a field name must be less than %d characters.", prefix, l.NameLength))
	case name[0] != '_' && !isLetter(name[0]):
		return bad(prefix + "The first character of a field name must be an underscore or letter.")
	case !each(name, 1, isWord):
		return bad(prefix + "Field name can only contain numbers, letters, and underscores.")
	case isKeyword(name):
		return bad(prefix + name + " is keyword in milvus.")
	}
	return nil
}
