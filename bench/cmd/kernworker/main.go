// Command kernworker times our distance kernels for the driver of bench/kern: it
// reads requests as lines of JSON from standard input and answers each with a
// line on standard output.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/redkite-db/redkite/internal/vec"
)

// group is the rows of a call; the others are where things begin in the memory
// (bench/kern/memory.py).
const (
	group   = 64
	queryAt = 1 << 20
	rowsAt  = 1 << 21
)

type request struct {
	Op        string `json:"op"` // kernels, burst
	Kernels   string `json:"kernels"`
	Element   string `json:"element"`
	Measure   string `json:"measure"`
	Dim       int    `json:"dim"`
	Groups    int    `json:"groups"`
	Scattered bool   `json:"scattered"`
	Repeats   int    `json:"repeats"`
}

type reply struct {
	Kernels     []string `json:"kernels,omitempty"`
	Nanoseconds int64    `json:"nanoseconds,omitempty"`
	Results     []string `json:"results,omitempty"` // of the last group; strings, as JSON has no infinity
	Error       string   `json:"error,omitempty"`
}

func main() {
	name := flag.String("memory", "", "the file that driver and worker map")
	flag.Parse()
	runtime.LockOSThread()
	if err := run(*name, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "kernworker:", err)
		os.Exit(1)
	}
}

func run(name string, in io.Reader, out io.Writer) error {
	memory, err := mapFile(name)
	if err != nil {
		return err
	}
	dec, enc := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read a request: %w", err)
		}
		a, err := answer(memory, &r)
		if err != nil {
			a = reply{Error: err.Error()}
		}
		if err := enc.Encode(a); err != nil {
			return fmt.Errorf("write a reply: %w", err)
		}
	}
}

func mapFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the memory: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("the memory: %w", err)
	}
	memory, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	touch(memory)
	return memory, nil
}

// touch reads every page, so that no timed call is the first to.
func touch(memory []byte) byte {
	sum := byte(0)
	for i := 0; i < len(memory); i += os.Getpagesize() {
		sum += memory[i]
	}
	return sum
}

func answer(memory []byte, r *request) (reply, error) {
	if r.Op == "kernels" {
		var a reply
		for _, k := range vec.All() {
			a.Kernels = append(a.Kernels, k.String())
		}
		return a, nil
	}
	k, ok := vec.Named(r.Kernels)
	measure, known := measures[r.Measure]
	if r.Op != "burst" || !ok || !known || r.Dim < 1 || r.Groups < 1 {
		return reply{}, fmt.Errorf("bad request %+v", *r)
	}
	m, probe, err := bind(memory, r)
	if err != nil {
		return reply{}, err
	}
	at := unsafe.Slice((*uint32)(unsafe.Pointer(&memory[0])), queryAt/4)
	out := make([]float32, group)
	began := time.Now()
	for range r.Repeats {
		for g := range r.Groups {
			if r.Scattered {
				k.IDs(measure, &probe, &m, at[g*group:(g+1)*group], out, 0)
			} else {
				k.Rows(measure, &probe, &m, int(at[g]), out)
			}
		}
	}
	a := reply{Nanoseconds: time.Since(began).Nanoseconds()}
	for _, x := range out {
		a.Results = append(a.Results, strconv.FormatFloat(float64(x), 'g', -1, 32))
	}
	return a, nil
}

var measures = map[string]vec.Measure{
	"L2": vec.MeasureL2, "IP": vec.MeasureIP, "HAMMING": vec.MeasureHamming, "JACCARD": vec.MeasureJaccard,
	"SUBSTRUCTURE": vec.MeasureSubstructure, "SUPERSTRUCTURE": vec.MeasureSuperstructure,
}

// bind makes a matrix of the rows and a probe of the query.
func bind(memory []byte, r *request) (vec.Matrix, vec.Probe, error) {
	rows := memory[rowsAt:]
	floats := unsafe.Slice((*float32)(unsafe.Pointer(&memory[queryAt])), r.Dim)
	switch r.Element {
	case "f32":
		return vec.Floats(r.Dim, unsafe.Slice((*float32)(unsafe.Pointer(&rows[0])), len(rows)/4)), vec.FloatProbe(floats), nil
	case "f16":
		return vec.Packed(vec.Float16s, r.Dim, rows), vec.FloatProbe(floats), nil
	case "bf16":
		return vec.Packed(vec.BFloat16s, r.Dim, rows), vec.FloatProbe(floats), nil
	case "int8":
		return vec.Packed(vec.Int8s, r.Dim, rows), vec.Int8Probe(memory[queryAt : queryAt+r.Dim]), nil
	case "bits":
		return vec.Packed(vec.Bits, r.Dim, rows), vec.BitsProbe(memory[queryAt : queryAt+r.Dim/8]), nil
	default:
		return vec.Matrix{}, vec.Probe{}, fmt.Errorf("element %q", r.Element)
	}
}
