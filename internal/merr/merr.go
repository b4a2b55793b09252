// Package merr holds the error codes that Milvus clients know, and turns
// errors into commonpb.Status and back.
package merr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/milvus-io/milvus-proto/go-api/v3/commonpb"
)

// Code is the number that clients see. The values and messages are Milvus's.
type Code struct {
	Number    int32
	Message   string
	Retriable bool
	Input     bool // the caller's mistake: never retriable, flagged as input error
	Legacy    commonpb.ErrorCode
}

// Error is a code with the details of one failure. Compare by code with Is.
type Error struct {
	code  Code
	text  string // whole message
	input bool
	cause error
}

func (e *Error) Error() string { return e.text }
func (e *Error) Unwrap() error { return e.cause }

// Code returns the error's code.
func (e *Error) Code() Code { return e.code }

// Wrap prefixes context, outermost first, and keeps the code: "<context>: <err>".
func Wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	ctx := fmt.Sprintf(format, args...)
	var e *Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", ctx, err)
	}
	c := *e
	c.text, c.cause = ctx+": "+err.Error(), err
	return &c
}

// KV is one bracketed detail of an error: "[key=value]".
type KV struct {
	Key   string
	Value any
}

// With returns "<message>[k=v]...", the grammar of Milvus's field errors.
func (c Code) With(kvs ...KV) error {
	var b strings.Builder
	b.WriteString(c.Message)
	for _, kv := range kvs {
		fmt.Fprintf(&b, "[%s=%v]", kv.Key, kv.Value)
	}
	return &Error{code: c, text: b.String(), input: c.Input}
}

// Msg returns "<text>: <message>", the grammar of Milvus's text errors.
func (c Code) Msg(format string, args ...any) error {
	return &Error{code: c, text: fmt.Sprintf(format, args...) + ": " + c.Message, input: c.Input}
}

// Text returns an error whose whole text is the one given.
func (c Code) Text(format string, args ...any) error {
	return &Error{code: c, text: fmt.Sprintf(format, args...), input: c.Input}
}

// AsInput marks an error as the caller's mistake (user-supplied names that
// do not exist), whatever its code.
func AsInput(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	c := *e
	c.text, c.input, c.cause = err.Error(), true, err
	return &c
}

// Is reports whether err carries the code.
func Is(err error, c Code) bool {
	var e *Error
	return errors.As(err, &e) && e.code.Number == c.Number
}

// NumberOf returns the number that Status.code carries for err; 0 for nil.
func NumberOf(err error) int32 {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.code.Number
	case errors.Is(err, context.Canceled):
		return Canceled.Number
	case errors.Is(err, context.DeadlineExceeded):
		return DeadlineExceeded.Number
	}
	return Unexpected.Number
}

// Status turns an error (nil: success) into what clients read.
func Status(err error) *commonpb.Status {
	if err == nil {
		return &commonpb.Status{}
	}
	st := &commonpb.Status{
		Code:      NumberOf(err),
		Reason:    err.Error(),
		Detail:    err.Error(),
		ErrorCode: commonpb.ErrorCode_UnexpectedError,
	}
	var e *Error
	if errors.As(err, &e) {
		if e.code.Legacy != 0 {
			st.ErrorCode = e.code.Legacy
		}
		st.Retriable = e.code.Retriable && !e.input
		if e.input {
			st.ExtraInfo = map[string]string{"is_input_error": "true"}
		}
	}
	return st
}

// InvalidParameter returns "<text>: invalid parameter[expected=..][actual=..]"
// with the expected and actual parts that Milvus prints.
func InvalidParameter(expected, actual any, format string, args ...any) error {
	err := ParameterInvalid.With(KV{"expected", expected}, KV{"actual", actual})
	if format == "" {
		return err
	}
	return Wrap(err, format, args...)
}

// OutOfRange returns "<text>: invalid parameter[<v> out of range <lo> <= value <= <hi>]".
func OutOfRange(lo, hi, v any, format string, args ...any) error {
	text := fmt.Sprintf("%s[%v out of range %v <= value <= %v]", ParameterInvalid.Message, v, lo, hi)
	return Wrap(ParameterInvalid.Text("%s", text), format, args...)
}

// NotSupported refuses a feature by name: "<what> is not supported by this
// version: invalid parameter".
func NotSupported(format string, args ...any) error {
	return ParameterInvalid.Msg("%s is not supported by this version", fmt.Sprintf(format, args...))
}
