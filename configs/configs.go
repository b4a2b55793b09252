// Package configs holds the settings of a process: every key of Milvus's
// milvus.yaml and a few of Red Kite's own, where their values come from, and
// the typed Config that the other packages are handed.
//
// A key is one of three kinds. An honoured key sets a field of Config. An
// accepted key is known to Milvus and does nothing here: it may stand at
// Milvus's default, or at the value that describes what Red Kite does, and is
// refused with a reason at any other, so that no server starts and ignores
// what it was told. Any other key is an error that names the nearest known
// one.
//
// Values come from, the later the stronger: the built-in defaults, one YAML
// file, the environment, --set, and dedicated flags. Keys are matched without
// regard to case and to the characters "/", "_" and ".", as Milvus matches
// them. Only the strongest value of a key is validated, so that a flag can
// mend a file.
package configs

import "strings"

// Version is the version of Red Kite. The build sets it with -ldflags -X.
var Version = "0.1.0-dev"

// milvusVersion is the version of Milvus whose API is spoken.
const milvusVersion = "3.0.0"

// MilvusVersion is the version that clients are told: that of Milvus whose API
// is spoken, then Red Kite's own as build metadata.
func MilvusVersion() string {
	return milvusVersion + "+redkite." + strings.TrimPrefix(Version, "v")
}
